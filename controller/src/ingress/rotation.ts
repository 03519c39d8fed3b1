/**
 * The ready endpoints of one service in strict round robin, and the endpoints themselves (one object per container, whichever services it is in).
 * pick() registers the request in the same step: no request is ever between "picked" and "in flight".
 */
import type { Endpoint, ServiceEndpoints } from '../model/endpoint-table.ts';
import { AddressPool } from './endpoint-connection.ts';

export class EndpointState {
  readonly id: string;
  podName: string;
  inFlight = 0;
  /** Requests it was picked for, retries of other endpoints' included. */
  requestsTotal = 0;
  /** Whether the table in force contains it. */
  isRouted = true;
  /** By a verdict of the control plane; until the next table that contains it. */
  isUnhealthy = false;
  readonly #pools = new Map<string, AddressPool>();

  constructor(endpoint: Endpoint) {
    this.id = endpoint.id;
    this.podName = endpoint.podName;
  }

  /** One more request is its own from now on. */
  take(): void {
    this.inFlight++;
    this.requestsTotal++;
  }

  pool(host: string, port: number): AddressPool {
    const key = `${host} ${port}`;
    const existing = this.#pools.get(key);
    if (existing !== undefined) return existing;
    const pool = new AddressPool({ host, port });
    this.#pools.set(key, pool);
    return pool;
  }

  sweep(nowMs: number): boolean {
    let hasIdle = false;
    for (const pool of this.#pools.values()) if (pool.sweep(nowMs)) hasIdle = true;
    return hasIdle;
  }

  close(): void {
    for (const pool of this.#pools.values()) pool.close();
  }
}

/** An endpoint as one service sees it. */
export interface Member {
  readonly endpoint: EndpointState;
  /** Tried in order. */
  readonly pools: readonly AddressPool[];
}

export class Rotation {
  readonly key: string;
  isReplacementExpected = false;
  #members: readonly Member[] = [];
  /** Index of the member picked last. */
  #last = -1;

  constructor(key: string) {
    this.key = key;
  }

  get size(): number {
    return this.#members.length;
  }

  get isEmpty(): boolean {
    return this.#members.length === 0;
  }

  /** True while the table says, or its next version will say, whether an endpoint comes: the one in force has some, though none may answer. */
  get mayHold(): boolean {
    return this.#members.length > 0 || this.isReplacementExpected;
  }

  get isAvailable(): boolean {
    return this.#members.some(({ endpoint }) => !endpoint.isUnhealthy);
  }

  /** The cycle goes on behind the endpoint picked last or, when that one left, with the one that would have come next. */
  update(service: ServiceEndpoints, members: readonly Member[]): void {
    const before = this.#members;
    const last = this.#last;
    this.isReplacementExpected = service.isReplacementExpected;
    this.#members = members;
    this.#last = last < 0 || members.length === 0 ? -1 : last % members.length;
    for (let step = 0; last >= 0 && step < before.length; step++) {
      const id = before[(last + step) % before.length]?.endpoint.id;
      const index = members.findIndex(({ endpoint }) => endpoint.id === id);
      if (index < 0) continue;
      this.#last = step === 0 ? index : index - 1;
      return;
    }
  }

  /** Counts the request as in flight at the endpoint it returns. */
  pick(tried: ReadonlySet<string> | undefined): Member | undefined {
    const count = this.#members.length;
    for (let step = 1; step <= count; step++) {
      const index = (this.#last + step) % count;
      const member = this.#members[index];
      if (member === undefined || member.endpoint.isUnhealthy || tried?.has(member.endpoint.id) === true) continue;
      this.#last = index;
      member.endpoint.take();
      return member;
    }
    return undefined;
  }
}

/**
 * What all requests share: the endpoint table in force, the endpoints with their connections, the requests that wait, the counters. A table is
 * applied in one synchronous step, so every request sees either the old or the new one.
 */
import type { Logger } from 'pino';
import type { CounterKey, EndpointTable, FromIngress, ToIngress } from '../model/endpoint-table.ts';
import type { ClientRequest } from './attempt.ts';
import { Exchange } from './exchange.ts';
import { HoldQueue } from './hold-queue.ts';
import type { IngressLimits } from './limits.ts';
import { monotonicMs } from './monotonic-clock.ts';
import { ProbeDesk } from './probe-desk.ts';
import type { Problem } from './problem.ts';
import { RequestCounter } from './request-counter.ts';
import type { RequestTarget } from './request-head.ts';
import { EndpointState, type Member, Rotation } from './rotation.ts';
import { type CompiledRoute, RouteMatcher } from './route-match.ts';

/** Counts reach the control plane within 20 ms of the request. */
const COUNT_DELAY_MS = 10;
const REPORT_DELAY_MS = 1_000;

/** Sends to the control plane, all messages in one write; false when it is away. */
export type Send = (...messages: FromIngress[]) => boolean;

export class DataPlane {
  readonly limits: IngressLimits;
  readonly holds: HoldQueue;
  readonly probes: ProbeDesk;
  readonly stats = { inFlight: 0, requestsTotal: 0, heldTotal: 0, retriedTotal: 0, failedTotal: 0 };
  isClosing = false;
  readonly #logger: Logger;
  readonly #send: Send;
  readonly #runId: string;
  readonly #counter = new RequestCounter();
  /** Those in the table and those that still drain. */
  readonly #endpoints = new Map<string, EndpointState>();
  #rotations = new Map<string, Rotation>();
  #matcher: RouteMatcher | undefined;
  #tableVersion = 0;
  /** In no order: a Map would allocate for every request. */
  readonly #watched: Exchange[] = [];
  /** Counts wait for the first table of a connection: armed counters are sent before it, and must be in force first. */
  #mayReportCounts = false;
  #countTimer: NodeJS.Timeout | undefined;
  #reportTimer: NodeJS.Timeout | undefined;
  #sweepTimer: NodeJS.Timeout | undefined;
  #isDrainDue = false;

  constructor(options: { limits: IngressLimits; logger: Logger; runId: string; send: Send }) {
    this.limits = options.limits;
    this.#logger = options.logger;
    this.#runId = options.runId;
    this.#send = options.send;
    this.holds = new HoldQueue(this.limits);
    this.probes = new ProbeDesk((endpointId, reason) => this.#send({ type: 'probe', endpointId, reason }), this.limits.probeTimeoutMs);
  }

  handle(client: ClientRequest): void {
    this.stats.requestsTotal++;
    this.stats.inFlight++;
    this.#reportSoon();
    new Exchange(this, client).start();
  }

  get hasTable(): boolean {
    return this.#matcher !== undefined;
  }

  get tableVersion(): number {
    return this.#tableVersion;
  }

  match(target: RequestTarget): CompiledRoute | undefined {
    return this.#matcher?.match(target);
  }

  rotation(serviceKey: string): Rotation | undefined {
    return this.#rotations.get(serviceKey);
  }

  count(key: CounterKey): void {
    this.#counter.count(key, monotonicMs());
    this.#countSoon();
  }

  /** The request at this endpoint is over. */
  release(endpoint: EndpointState): void {
    endpoint.inFlight--;
    if (!endpoint.isRouted) this.#drainSoon();
  }

  onExchangeEnd(): void {
    this.stats.inFlight--;
    this.#reportSoon();
  }

  /** Has the exchange looked at about once a second until unwatch(). */
  watch(exchange: Exchange): void {
    if (exchange.watchIndex < 0) exchange.watchIndex = this.#watched.push(exchange) - 1;
    this.#sweepTimer ??= setTimeout(() => this.#sweep(), Math.min(1_000, this.limits.responseTimeoutMs / 2)).unref();
  }

  unwatch(exchange: Exchange): void {
    const index = exchange.watchIndex;
    if (index < 0) return;
    exchange.watchIndex = -1;
    const last = this.#watched.pop();
    if (last === undefined || last === exchange) return;
    this.#watched[index] = last;
    last.watchIndex = index;
  }

  logFailure(problem: Problem, service: string): void {
    this.#logger.debug({ status: problem.status, service }, problem.detail);
  }

  onMessage(message: ToIngress): void {
    switch (message.type) {
      case 'table':
        this.#apply(message.table);
        this.#mayReportCounts = true;
        this.#countSoon();
        break;
      case 'arm':
        this.#counter.arm(message.key, message.armGeneration, message.armedAtMs);
        this.#countSoon();
        break;
      case 'counts-saved':
        this.#counter.saved(message.sequence, monotonicMs());
        break;
      case 'probe-result': {
        const endpoint = this.#endpoints.get(message.endpointId);
        if (!message.isHealthy && endpoint !== undefined) endpoint.isUnhealthy = true;
        this.probes.settle(message.endpointId, message.isHealthy);
      }
    }
  }

  /** A control plane connected: what it should know at once. */
  greeting(): FromIngress[] {
    this.#counter.resend();
    this.#mayReportCounts = false;
    this.#reportSoon();
    return this.hasTable ? [this.#draining(), this.#applied()] : [];
  }

  onControlPlaneGone(): void {
    this.#mayReportCounts = false;
    this.probes.settleAll();
  }

  close(): void {
    for (const endpoint of this.#endpoints.values()) endpoint.close();
    clearTimeout(this.#countTimer);
    clearTimeout(this.#reportTimer);
    clearTimeout(this.#sweepTimer);
  }

  /** @throws TypeError on a malformed table, with nothing changed. */
  #apply(table: EndpointTable): void {
    const matcher = new RouteMatcher(table.routes);
    const endpoints = new Map<string, EndpointState>();
    const services = table.services.map((service) => {
      const members = service.endpoints.map((endpoint): Member => {
        const state = endpoints.get(endpoint.id) ?? this.#endpoints.get(endpoint.id) ?? new EndpointState(endpoint);
        endpoints.set(endpoint.id, state);
        state.podName = endpoint.podName;
        return { endpoint: state, pools: endpoint.addresses.map(({ host, port }) => state.pool(host, port)) };
      });
      return { service, members };
    });

    const rotations = new Map<string, Rotation>();
    for (const { service, members } of services) {
      const rotation = this.#rotations.get(service.key) ?? new Rotation(service.key);
      rotation.update(service, members);
      rotations.set(service.key, rotation);
    }
    for (const [id, endpoint] of this.#endpoints) endpoint.isRouted = endpoints.has(id);
    for (const [id, endpoint] of endpoints) {
      endpoint.isUnhealthy = false;
      this.#endpoints.set(id, endpoint);
    }
    this.#rotations = rotations;
    this.#matcher = matcher;
    this.#tableVersion = table.version;
    // Draining first: an endpoint must not look unrouted and idle for a moment.
    this.#send(this.#draining(), this.#applied());
    this.#logger.info({ version: table.version, endpoints: endpoints.size }, 'endpoint table applied');
    for (const key of this.holds.keys) {
      const rotation = rotations.get(key);
      if (rotation?.isAvailable === true) this.holds.releaseGently(key, rotation.size);
      else if (rotation?.mayHold !== true) this.holds.release(key);
    }
  }

  #applied(): FromIngress {
    const routed = [...this.#endpoints.values()].filter((endpoint) => endpoint.isRouted);
    return { type: 'applied', version: this.#tableVersion, endpointIds: routed.map(({ id }) => id) };
  }

  /** Tells of endpoints that left, and forgets those that are drained. */
  #draining(): FromIngress {
    const inFlight: Record<string, number> = {};
    for (const [id, endpoint] of this.#endpoints) {
      if (endpoint.isRouted) continue;
      inFlight[id] = endpoint.inFlight;
      if (endpoint.inFlight > 0) continue;
      endpoint.close();
      this.#endpoints.delete(id);
    }
    return { type: 'draining', inFlight };
  }

  #drainSoon(): void {
    if (this.#isDrainDue) return;
    this.#isDrainDue = true;
    setImmediate(() => {
      this.#isDrainDue = false;
      this.#send(this.#draining());
    });
  }

  #countSoon(): void {
    if (!this.#mayReportCounts) return;
    this.#countTimer ??= setTimeout(() => {
      this.#countTimer = undefined;
      if (!this.#mayReportCounts) return;
      for (let report = this.#counter.report(); report !== undefined; report = this.#counter.report()) {
        this.#send({ type: 'counts', runId: this.#runId, ...report });
      }
    }, COUNT_DELAY_MS);
  }

  #reportSoon(): void {
    this.#reportTimer ??= setTimeout(() => {
      this.#reportTimer = undefined;
      this.#send({ type: 'report', held: this.holds.size, ...this.stats, requestsByPod: this.#requestsByPod() });
    }, REPORT_DELAY_MS).unref();
  }

  #requestsByPod(): Record<string, number> {
    const requests: Record<string, number> = {};
    for (const { podName, requestsTotal, isRouted } of this.#endpoints.values()) if (isRouted) requests[podName] = requestsTotal;
    return requests;
  }

  /** Runs only while requests are under way or connections idle. */
  #sweep(): void {
    this.#sweepTimer = undefined;
    const nowMs = performance.now();
    for (const exchange of [...this.#watched]) exchange.onTick(nowMs);
    let isBusy = this.#watched.length > 0;
    for (const endpoint of this.#endpoints.values()) if (endpoint.sweep(nowMs)) isBusy = true;
    if (isBusy) this.#sweepTimer = setTimeout(() => this.#sweep(), Math.min(1_000, this.limits.responseTimeoutMs / 2)).unref();
  }
}

/**
 * The ingress process: the real table, rotation, drain reports and counters behind a connection in memory, with requests that arrive, take their
 * time and end. It can be killed and started again, and its connection can be cut.
 */
import { DataPlane } from '../../src/ingress/data-plane.ts';
import { DEFAULT_LIMITS } from '../../src/ingress/limits.ts';
import type { MessageHandlers } from '../../src/ingress/message-socket.ts';
import type { EndpointState } from '../../src/ingress/rotation.ts';
import { isCounted } from '../../src/ingress/route-match.ts';
import type { FromIngress, ToIngress } from '../../src/model/endpoint-table.ts';
import type { IngressPeer } from '../../src/observe/ingress-link.ts';
import { silent } from '../state/fixtures.ts';
import type { Random } from './random.ts';
import type { SimulatedEngine } from './simulated-engine.ts';

export const BOOT_ID = 'boot';

export class SimulatedIngress {
  readonly #random: Random;
  readonly #engine: SimulatedEngine;
  #plane: DataPlane | undefined;
  #run = 0;
  #peer: Connection | undefined;
  /** Requests under way by container. */
  readonly inFlight = new Map<string, number>();
  /** Containers in the table in force. */
  routed: ReadonlySet<string> = new Set();
  requests = 0;
  unserved = 0;

  constructor(random: Random, engine: SimulatedEngine) {
    this.#random = random;
    this.#engine = engine;
    this.start();
  }

  get isUp(): boolean {
    return this.#plane !== undefined;
  }

  start(): void {
    const runId = `run-${++this.#run}`;
    this.#plane = new DataPlane({
      limits: DEFAULT_LIMITS,
      logger: silent,
      runId,
      send: (...messages) => {
        for (const message of messages) if (message.type === 'applied') this.routed = new Set(message.endpointIds);
        return this.#peer?.tell(...messages) ?? false;
      },
    });
  }

  /** kill -9: its requests and its table go with it. */
  kill(): void {
    this.#plane?.close();
    this.#plane = undefined;
    this.inFlight.clear();
    this.routed = new Set();
    this.cutConnection();
  }

  cutConnection(): void {
    this.#peer?.end();
    this.#peer = undefined;
    this.#plane?.onControlPlaneGone();
  }

  /** A control plane connects; a new connection replaces the old one. */
  readonly openPeer = (handlers: MessageHandlers): IngressPeer => {
    const connection = new Connection(handlers, this.#random, (message) => {
      if (this.#peer === connection) this.#plane?.onMessage(message);
    });
    setTimeout(() => {
      if (connection.isEnded) return;
      if (this.#plane === undefined) {
        connection.end();
        return;
      }
      if (this.#peer !== undefined) this.cutConnection();
      this.#peer = connection;
      connection.isAccepted = true;
      connection.tell(
        { type: 'hello', pid: 1, runId: `run-${this.#run}`, bootId: BOOT_ID, tableVersion: this.#plane.tableVersion },
        ...this.#plane.greeting(),
      );
    }, 1);
    return connection;
  };

  /** One client's request, from its arrival to its end. */
  request(host: string): void {
    const plane = this.#plane;
    if (plane === undefined) return;
    this.requests++;
    const target = { host, path: '/' };
    const compiled = plane.match(target);
    if (compiled === undefined) {
      this.unserved++;
      return;
    }
    if (isCounted(compiled.route, target.path)) plane.count(compiled.counterKey);
    const rotation = plane.rotation(compiled.route.serviceKey);
    const tried = new Set<string>();
    for (let member = rotation?.pick(tried); member !== undefined; member = rotation?.pick(tried)) {
      const { endpoint } = member;
      const container = this.#engine.docker.containers.get(endpoint.id);
      if (container?.phase === 'running' && this.#engine.isServing(container)) {
        this.#serve(plane, endpoint);
        return;
      }
      tried.add(endpoint.id);
      plane.release(endpoint);
      if (container?.isAlive === true) plane.probes.ask(endpoint.id, 'HTTP 500', () => undefined);
    }
    this.unserved++;
  }

  #serve(plane: DataPlane, endpoint: EndpointState): void {
    const { id } = endpoint;
    this.inFlight.set(id, (this.inFlight.get(id) ?? 0) + 1);
    const takesMs = this.#random.chance(0.05) ? this.#random.int(500, 5_000) : this.#random.int(2, 200);
    setTimeout(() => {
      if (this.#plane !== plane) return;
      const left = (this.inFlight.get(id) ?? 1) - 1;
      if (left > 0) this.inFlight.set(id, left);
      else this.inFlight.delete(id);
      plane.release(endpoint);
    }, takesMs);
  }
}

/** One connection of a control plane; messages arrive in order, a moment later. */
class Connection implements IngressPeer {
  isAccepted = false;
  isEnded = false;
  readonly #handlers: MessageHandlers;
  readonly #random: Random;
  readonly #onMessage: (message: ToIngress) => void;
  readonly #queues = { up: [] as object[], down: [] as object[] };

  constructor(handlers: MessageHandlers, random: Random, onMessage: (message: ToIngress) => void) {
    this.#handlers = handlers;
    this.#random = random;
    this.#onMessage = onMessage;
  }

  send(...messages: readonly object[]): boolean {
    return this.#pass('up', messages, (message) => this.#onMessage(message as ToIngress));
  }

  tell(...messages: readonly FromIngress[]): boolean {
    return this.#pass('down', messages, (message) => this.#handlers.onMessage(message as Readonly<Record<string, unknown>>));
  }

  close(): void {
    this.end();
  }

  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    setTimeout(() => this.#handlers.onClose(), 0);
  }

  /** Messages sent together arrive together: nothing happens in between. */
  #pass(way: 'up' | 'down', messages: readonly object[], deliver: (message: object) => void): boolean {
    if (this.isEnded) return false;
    const queue = this.#queues[way];
    const isWaiting = queue.length > 0;
    queue.push(...messages);
    if (isWaiting) return true;
    setTimeout(
      () => {
        for (const message of queue.splice(0)) if (!this.isEnded) deliver(message);
      },
      this.#random.int(0, 3),
    );
    return true;
  }
}

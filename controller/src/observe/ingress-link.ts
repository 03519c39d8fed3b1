/**
 * The control plane's end of the control socket. It connects, reconnects, and tells every new connection the newest table and arming, so that
 * either process may restart at any time. What the ingress acknowledged is `observed`; it stays valid while the ingress is away, because that
 * serves on with its last table.
 */
import { connect } from 'node:net';
import { EventEmitter } from 'eventemitter3';
import type { Logger } from 'pino';
import { monotonicMs } from '../ingress/monotonic-clock.ts';
import { MessageSocket } from '../ingress/message-socket.ts';
import type { MessageHandlers } from '../ingress/message-socket.ts';
import type { CounterKey, EndpointTable, FromIngress, ToIngress } from '../model/endpoint-table.ts';
import type { ObservedIngress } from '../model/observed.ts';

type Message<Type extends FromIngress['type']> = Extract<FromIngress, { type: Type }>;

interface IngressLinkEvents {
  connected: [Message<'hello'>];
  disconnected: [];
  observed: [ObservedIngress];
  probe: [endpointId: string, reason: string];
  counts: [Message<'counts'>];
  report: [Message<'report'>];
}

/** An ingress that was killed is back within a moment and has nothing to serve by until it is connected. */
const FIRST_RETRY_MS = 20;
const RETRY_GROWTH = 1.2;
const LAST_RETRY_MS = 1_000;
/** An ingress that accepts but does not say hello is stuck, or none. */
const HELLO_TIMEOUT_MS = 5_000;
/** Counts follow the first table of a connection within this time. */
const COUNTS_LAG_MS = 300;

/** The other end of one connection. */
export type IngressPeer = Pick<MessageSocket, 'send' | 'close'>;

export interface IngressLinkOptions {
  readonly socketPath: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** How a connection is made; over the control socket when absent. */
  readonly openPeer?: (handlers: MessageHandlers) => IngressPeer;
}

export class IngressLink extends EventEmitter<IngressLinkEvents> {
  readonly #openPeer: (handlers: MessageHandlers) => IngressPeer;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  #peer: IngressPeer | undefined;
  #isGreeted = false;
  #runId: string | undefined;
  #appliedAtMs: number | undefined;
  #table: EndpointTable | undefined;
  readonly #armings = new Map<CounterKey, Extract<ToIngress, { type: 'arm' }>>();
  #observed: ObservedIngress = { isConnected: false, routedEndpointIds: new Set(), inFlight: new Map() };
  #retryMs = FIRST_RETRY_MS;
  #retryTimer: NodeJS.Timeout | undefined;

  /** Starts connecting at once. */
  constructor(options: IngressLinkOptions) {
    super();
    this.#openPeer = options.openPeer ?? ((handlers) => new MessageSocket(connect(options.socketPath), handlers));
    this.#logger = options.logger;
    this.#signal = options.signal;
    const close = (): void => {
      clearTimeout(this.#retryTimer);
      this.#peer?.close();
    };
    this.#signal.addEventListener('abort', close, { once: true });
    if (!this.#signal.aborted) this.#connect();
  }

  get observed(): ObservedIngress {
    return this.#observed;
  }

  publish(table: EndpointTable): void {
    this.#table = table;
    this.#expectRouted(table);
    this.#send({ type: 'table', table });
  }

  /** Until the ingress has applied it, the table's endpoints may get requests at any moment: nobody may take them for drained. */
  #expectRouted(table: EndpointTable): void {
    const ids = table.services.flatMap(({ endpoints }) => endpoints.map(({ id }) => id));
    this.#observed = { ...this.#observed, routedEndpointIds: new Set([...this.#observed.routedEndpointIds, ...ids]) };
  }

  /** Counts of everything that arrived before this time (CLOCK_MONOTONIC milliseconds) are known; 0 = the ingress has yet to send them. */
  get countsCompleteUntilMs(): number {
    if (!this.#observed.isConnected || this.#appliedAtMs === undefined) return 0;
    const nowMs = monotonicMs();
    return nowMs - this.#appliedAtMs < COUNTS_LAG_MS ? 0 : nowMs;
  }

  /** @param armedAtMs undefined with a higher generation than before = disarm. */
  arm(key: CounterKey, armGeneration: number, armedAtMs?: number): void {
    const message: ToIngress = { type: 'arm', key, armGeneration, ...(armedAtMs === undefined ? {} : { armedAtMs }) };
    this.#armings.set(key, message);
    this.#send(message);
  }

  countsSaved(sequence: number): void {
    this.#send({ type: 'counts-saved', sequence });
  }

  answerProbe(endpointId: string, isHealthy: boolean): void {
    this.#send({ type: 'probe-result', endpointId, isHealthy });
  }

  #send(...messages: ToIngress[]): void {
    if (this.#isGreeted && messages.length > 0) this.#peer?.send(...messages);
  }

  #connect(): void {
    const helloTimer = setTimeout(() => peer.close(), HELLO_TIMEOUT_MS);
    const peer = this.#openPeer({
      onMessage: (message) => {
        if (!isFromIngress(message)) {
          this.#logger.warn({ type: message['type'] }, 'ingress message dropped');
          return;
        }
        if (message.type === 'hello') {
          clearTimeout(helloTimer);
          this.#greet(message);
        } else if (this.#isGreeted) this.#receive(message);
      },
      onMalformed: (reason) => this.#logger.warn({ reason }, 'ingress message dropped'),
      onClose: () => {
        clearTimeout(helloTimer);
        this.#closed();
      },
    });
    this.#peer = peer;
  }

  #closed(): void {
    this.#peer = undefined;
    if (this.#isGreeted) {
      this.#isGreeted = false;
      this.#logger.warn('ingress disconnected');
      this.#observe({ isConnected: false });
      this.emit('disconnected');
    }
    if (this.#signal.aborted) return;
    this.#retryTimer = setTimeout(() => this.#connect(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * RETRY_GROWTH, LAST_RETRY_MS);
  }

  #greet(hello: Message<'hello'>): void {
    this.#isGreeted = true;
    this.#retryMs = FIRST_RETRY_MS;
    // Another process: its predecessor took its requests and its table with it.
    const isSameRun = this.#runId === hello.runId;
    this.#runId = hello.runId;
    // Arming goes before the table: the ingress counts and reports only with a table.
    this.#send(...this.#armings.values(), ...(this.#table === undefined ? [] : [{ type: 'table', table: this.#table } as const]));
    this.#logger.info({ pid: hello.pid, tableVersion: hello.tableVersion }, 'ingress connected');
    this.#appliedAtMs = undefined;
    if (!isSameRun) this.#observed = { ...this.#observed, routedEndpointIds: new Set(), inFlight: new Map() };
    if (this.#table !== undefined) this.#expectRouted(this.#table);
    this.#observe(isSameRun ? { isConnected: true } : { isConnected: true });
    this.emit('connected', hello);
  }

  #receive(message: FromIngress): void {
    switch (message.type) {
      case 'applied':
        // An answer to an older table says nothing about the newest one's endpoints.
        if (this.#table !== undefined && message.version !== this.#table.version) break;
        // After the table the ingress sends what it has counted and not yet been confirmed.
        if (this.#table !== undefined) this.#appliedAtMs ??= monotonicMs();
        this.#observe({ routedEndpointIds: new Set(message.endpointIds) });
        break;
      case 'draining':
        this.#observe({ inFlight: new Map(Object.entries(message.inFlight)) });
        break;
      case 'probe':
        this.emit('probe', message.endpointId, message.reason);
        break;
      case 'counts':
        this.emit('counts', message);
        break;
      case 'report':
        this.emit('report', message);
        break;
      case 'hello':
        break;
    }
  }

  #observe(change: Partial<ObservedIngress>): void {
    this.#observed = { ...this.#observed, ...change };
    this.emit('observed', this.#observed);
  }
}

function isFromIngress(message: object): message is FromIngress {
  const { type, runId, pid, endpointIds, inFlight, counters, sequence, endpointId, reason } = message as Record<string, unknown>;
  switch (type) {
    case 'hello':
      return typeof runId === 'string' && typeof pid === 'number';
    case 'applied':
      return Array.isArray(endpointIds) && endpointIds.every((id) => typeof id === 'string');
    case 'draining':
      return typeof inFlight === 'object' && inFlight !== null && Object.values(inFlight).every((count) => typeof count === 'number');
    case 'counts':
      return typeof runId === 'string' && typeof sequence === 'number' && Array.isArray(counters);
    case 'probe':
      return typeof endpointId === 'string' && typeof reason === 'string';
    case 'report':
      return typeof inFlight === 'number';
    default:
      return false;
  }
}

/**
 * What the control plane and the ingress tell each other over the control socket: newline-delimited JSON, one message a line.
 * The ingress listens, the control plane connects; a new connection replaces the old one.
 * All times are milliseconds of CLOCK_MONOTONIC, which both processes share on one host until reboot (`bootId` tells).
 */

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Endpoint {
  /** The container id: a replacement on the same host port is another endpoint. */
  readonly id: string;
  /** Pod name, for logs and the `endpoint` field of reports. */
  readonly podName: string;
  /** Tried in order; the next one only when the connection was refused (nothing was sent). */
  readonly addresses: readonly Address[];
}

export interface ServiceEndpoints {
  /** "namespace/name:port" */
  readonly key: string;
  /** Ready ones only, in rotation order. */
  readonly endpoints: readonly Endpoint[];
  /** With no endpoint: true = one is on its way, hold the request; false = answer 503 at once. */
  readonly isReplacementExpected: boolean;
}

export interface Route {
  /** "namespace/name" of the Ingress object. */
  readonly ingress: string;
  /** Lower case, no port; "*.example.org" matches one label; undefined = any host. */
  readonly host?: string;
  readonly path: string;
  readonly pathType: 'Prefix' | 'Exact';
  readonly serviceKey: string;
  /** A request is counted when its path starts with one of these ... */
  readonly countPaths: readonly string[];
  /** ... and matches none of these ("/api/v1/_*": a trailing * matches any rest; otherwise the whole path). */
  readonly uncountedPaths: readonly string[];
}

/** One counter: requests an Ingress routed to a Service. */
export type CounterKey = string; // "<ingress ns/name> <service ns/name>"

export interface EndpointTable {
  /** Grows with every change; unique per control plane run. */
  readonly version: number;
  /** Most specific first is NOT required: the ingress orders them (exact host, longest path, Exact before Prefix). */
  readonly routes: readonly Route[];
  readonly services: readonly ServiceEndpoints[];
}

/** Bucket width of request counts. Sync periods and windows are multiples of it. */
export const COUNT_BUCKET_MS = 100;

/**
 * The counter of one key. `armedAtMs` is stamped by the ingress at the first counted request and aligns the buckets:
 * bucket i holds the requests of [armedAtMs + i * COUNT_BUCKET_MS, armedAtMs + (i + 1) * COUNT_BUCKET_MS).
 */
export interface CounterReport {
  readonly key: CounterKey;
  /** Grows with every disarm; a report with another number than the control plane's is ignored. */
  readonly armGeneration: number;
  readonly armedAtMs: number;
  /** [bucket index, requests in that bucket so far] for buckets not yet acknowledged; idempotent: absolute per bucket and `runId`. */
  readonly buckets: readonly (readonly [number, number])[];
}

/** Control plane -> ingress. */
export type ToIngress =
  | { readonly type: 'table'; readonly table: EndpointTable }
  /** Sets or clears the arming of a counter: `armedAtMs` undefined = disarmed, the next counted request arms it. */
  | { readonly type: 'arm'; readonly key: CounterKey; readonly armGeneration: number; readonly armedAtMs?: number }
  /** Everything reported up to `sequence` is durable at the control plane. */
  | { readonly type: 'counts-saved'; readonly sequence: number }
  /** The answer to a `probe` message. */
  | { readonly type: 'probe-result'; readonly endpointId: string; readonly isHealthy: boolean };

/** Ingress -> control plane. */
export type FromIngress =
  /** First message on every connection. `runId` is unique per ingress process. */
  | { readonly type: 'hello'; readonly pid: number; readonly runId: string; readonly bootId: string; readonly tableVersion: number }
  /** The table `version` is in force: new requests see only it. */
  | { readonly type: 'applied'; readonly version: number; readonly endpointIds: readonly string[] }
  /** Requests in flight of endpoints that are out of the table (0 = drained), sent on each change. */
  | { readonly type: 'draining'; readonly inFlight: Readonly<Record<string, number>> }
  /** Sent within 20 ms of a counted request. */
  | { readonly type: 'counts'; readonly runId: string; readonly sequence: number; readonly counters: readonly CounterReport[] }
  /** A GET/HEAD got `reason` from this endpoint: probe it now, answer with `probe-result`. */
  | { readonly type: 'probe'; readonly endpointId: string; readonly reason: string }
  /** Totals for status and metrics, about once a second while anything changes. */
  | {
      readonly type: 'report';
      readonly inFlight: number;
      readonly held: number;
      readonly requestsTotal: number;
      readonly heldTotal: number;
      readonly retriedTotal: number;
      readonly failedTotal: number;
      /** Pod name -> requests its container got from this ingress process; of the endpoints in the table. */
      readonly requestsByPod: Readonly<Record<string, number>>;
    };

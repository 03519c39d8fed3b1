/** Every bound of the ingress in one place. Times in milliseconds, sizes in bytes. */
export interface IngressLimits {
  /** Longest wait of one request for an endpoint, over all its holds. */
  readonly holdTimeoutMs: number;
  /** Requests waiting at once, over all services. */
  readonly holdLimit: number;
  /** While requests wait although the table has endpoints (all refused the connection): how often those are tried again. */
  readonly holdRecheckMs: number;
  /** Without a response head (or any progress of the request's body) for this long: 504. */
  readonly responseTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Longest wait for a verdict of the control plane: a probe's own deadline is 3 s. */
  readonly probeTimeoutMs: number;
  /** Requests of one client request that reached an endpoint. Bounds the damage of a request that kills whatever serves it. */
  readonly sendLimit: number;
  /** After this long without a response to finish, remaining connections are cut at shutdown. */
  readonly shutdownGraceMs: number;
  /** Before a shutdown closes idle connections, answers say for this long that theirs will be; new ones are still taken. */
  readonly partingMs: number;
}

export const DEFAULT_LIMITS: IngressLimits = {
  holdTimeoutMs: 10_000,
  holdLimit: 1_000,
  holdRecheckMs: 250,
  responseTimeoutMs: 60_000,
  connectTimeoutMs: 2_000,
  probeTimeoutMs: 3_500,
  sendLimit: 16,
  shutdownGraceMs: 10_000,
  partingMs: 1_000,
};

/** Held requests that go to one endpoint at once when it is there, and how soon the next ones follow (2,000 a second): listen queues may be short. */
export const HELD_BURST = 8;
export const HELD_BURST_EVERY_MS = 4;

/** Clients keep connections for 75 s; balancers in front of us commonly use 60 s, and the side that reuses must be the shorter one. */
export const CLIENT_KEEP_ALIVE_MS = 75_000;
/** A client gets this long for its request head. */
export const CLIENT_HEAD_TIMEOUT_MS = 60_000;
/** Request line and headers: a URI of 16 KiB plus cookies fits. */
export const CLIENT_HEAD_SIZE = 65_536;
export const CLIENT_CONNECTIONS = 10_000;
/** Connections that wait to be accepted, also while one ingress replaces another; the kernel's own limit is net.core.somaxconn (4,096). */
export const CLIENT_BACKLOG = 4_096;

/** Node servers close an idle connection after 5 s: ours must be gone before. A `Keep-Alive: timeout=n` answer overrules it. */
export const ENDPOINT_IDLE_MS = 4_000;
/** Requests that must not be repeated only use a connection that was busy this recently, so that it cannot be closing already. */
export const UNSAFE_REUSE_MS = 1_000;
export const ENDPOINT_IDLE_CONNECTIONS = 256;
/** For the answer of an endpoint that stopped reading the request. */
export const READ_AFTER_WRITE_ERROR_MS = 500;
export const RESPONSE_HEAD_SIZE = 131_072;
/** An answer that waits for a verdict: bytes kept of its body before its connection stops being read. */
export const KEPT_BODY_SIZE = 65_536;

/** A table of a thousand endpoints is about 300 KiB. */
export const CONTROL_LINE_LENGTH = 8 * 1024 * 1024;
/** A peer that reads nothing is cut off at this much; on its next connection it gets the newest state anyway. */
export const CONTROL_OUTBOX_SIZE = 8 * 1024 * 1024;

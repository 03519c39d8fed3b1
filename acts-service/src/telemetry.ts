// What happens in this replica, for whoever listens (metrics.ts). Emitting with nobody listening costs next to nothing.
import { EventEmitter } from 'node:events';

export interface RequestEnded {
  readonly method: string;
  /** The route's pattern, never the path: paths hold names. */
  readonly route: string;
  readonly status: number;
  /** The client was gone before the answer was complete. */
  readonly isAborted: boolean;
  readonly ms: number;
}

export interface TelemetryEvents {
  request: [RequestEnded];
  usersCheck: ['known' | 'unknown' | 'failed'];
  thumbnail: ['made' | 'refused' | 'failed'];
  rateLimited: [];
}

export class Telemetry extends EventEmitter<TelemetryEvents> {
  requestsInFlight = 0;
  /** `ok`, or the code of what keeps this replica from serving. */
  health = 'ok';
}

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

/** `refused`: no picture after all; `late`: no turn in time, tried again when it is asked for. */
export type ThumbnailOutcome = 'made' | 'refused' | 'late';

export interface TelemetryEvents {
  request: [RequestEnded];
  usersCheck: ['known' | 'unknown' | 'failed'];
  thumbnail: [ThumbnailOutcome];
  rateLimited: [];
}

export class Telemetry extends EventEmitter<TelemetryEvents> {
  requestsInFlight = 0;
  /** `ok`, or the code of what keeps this replica from serving. */
  health = 'ok';
}

/** What the commands work with; given by the composition root, or by a test. */
import type { Writable } from 'node:stream';

export interface CliContext {
  readonly socketPath: string;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly isTty: boolean;
  /** Colours; default: as `isTty`. The composition root minds NO_COLOR. */
  readonly hasColor?: boolean;
  /** Ends followed logs, e.g. on SIGINT. */
  readonly signal?: AbortSignal;
  /** Wall clock, for ages. */
  readonly now?: () => Date;
}

/** How a command ends other than well. The composition root turns it into the exit code; nothing here exits the process. */
export const EXIT_CODE = { ok: 0, failed: 1, usage: 2, notRunning: 3, notFound: 4 } as const;

export type ExitCode = (typeof EXIT_CODE)[keyof typeof EXIT_CODE];

export const EXIT_CODES_HELP = 'Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 the control plane is not running, 4 no such object';

export class CliError extends Error {
  override readonly name: string = 'CliError';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Somebody else changed the object since it was read. */
export class CliConflict extends CliError {}

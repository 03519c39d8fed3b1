// Every way set-up can fail for a reason a person can act on. The message says what happened and then what to do;
// callers decide by `code`, never by the text.

export type SetUpErrorCode =
  | 'NodeTooOld'
  | 'NotRoot'
  | 'EngineUnreachable'
  | 'EngineInstallFailed'
  | 'EngineStartFailed'
  | 'BaseImageFailed'
  | 'ImageBuildFailed'
  | 'DiskFull'
  | 'PortTaken'
  | 'PortForbidden';

export class SetUpError extends Error {
  override readonly name = 'SetUpError';
  readonly code: SetUpErrorCode;

  constructor(code: SetUpErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The errno name (`ENOENT`) of a system error, or undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What can go wrong with the object store. Callers decide by `code`, never by the message. */

export type StoreErrorCode =
  | 'NotFound'
  | 'AlreadyExists'
  /** The object is not at the expected resourceVersion or uid. */
  | 'Conflict'
  /** A watch asked to resume from before the kept history. */
  | 'Expired'
  /** The change is in force in memory, not yet on disk; writing it is retried. */
  | 'DiskFull'
  | 'WriteFailed'
  /** The state on disk was written by a newer Coxswain. */
  | 'UnsupportedVersion'
  | 'Closed';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The store's error for a failed file operation: EDQUOT is a full disk too. */
export function toWriteError(cause: unknown): StoreError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const detail = cause instanceof Error ? cause.message : String(cause);
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new StoreError('DiskFull', `the disk is full, the state is not saved: ${detail}`, { cause })
    : new StoreError('WriteFailed', `the state could not be saved: ${detail}`, { cause });
}

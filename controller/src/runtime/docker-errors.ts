/** Engine and socket errors as RuntimeErrors. Decides by HTTP status and errno only: Docker's texts change between releases. */
import { RuntimeError, type RuntimeErrorCode } from './container-runtime.ts';

function codeOfStatus(status: number): RuntimeErrorCode {
  if (status === 404) return 'NotFound';
  // 403 is how Docker says that a network has endpoints, or that a container is connected already: the state forbids it.
  if (status === 409 || status === 403) return 'Conflict';
  return status >= 500 ? 'EngineFailure' : 'Invalid';
}

/** Codes of errors that no engine and no socket makes: bugs here, to be seen and not retried. */
function isProgrammerError(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    (error as Error).name === 'AssertionError'
  );
}

/**
 * Ids in the engine's texts, and the name of an endpoint: they differ for each container of a pod, and the same trouble must be told in the same
 * words every time, as one event with a count. Which container it was says the operation.
 */
function withoutIds(text: string): string {
  return text.replaceAll(/ endpoint \S+ \([0-9a-f]{64}\)/g, ' the container').replaceAll(/:? ?\(?\b[0-9a-f]{64}\b\)?/g, '');
}

/** @param doing what was attempted, for people, without an id: "start container" */
export function toRuntimeError(doing: string, error: unknown, signal: AbortSignal): unknown {
  if (error instanceof RuntimeError) return error;
  const { statusCode, json, message } = error as { statusCode?: number; json?: { message?: string } | null; message?: string };
  if (statusCode !== undefined) {
    const reason = json?.message ?? message ?? `HTTP ${statusCode}`;
    return new RuntimeError(codeOfStatus(statusCode), statusCode, `${doing}: ${withoutIds(reason)}`, { cause: error });
  }
  if (signal.aborted) return new RuntimeError('Timeout', 0, `${doing}: no answer in time`, { cause: signal.reason });
  if (isProgrammerError(error)) return error;
  return new RuntimeError('Unreachable', 0, `${doing}: ${message ?? String(error)}`, { cause: error });
}

export function isStatus(error: unknown, ...statuses: readonly number[]): boolean {
  return error instanceof RuntimeError && statuses.includes(error.status);
}

/**
 * One outside call with a deadline: a signal that aborts when time is up or the parent aborts, and leaves nothing behind on the parent.
 * (AbortSignal.any keeps its dependants on a signal that lives as long as the process.)
 */
import { setMaxListeners } from 'node:events';

export async function withDeadline<T>(parent: AbortSignal, timeoutMs: number, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  // One call of the caller may be many of the engine.
  setMaxListeners(0, controller.signal);
  const abort = (): void => controller.abort(parent.reason);
  const timer = setTimeout(() => controller.abort(new DOMException(`no answer within ${timeoutMs} ms`, 'TimeoutError')), timeoutMs);
  if (parent.aborted) abort();
  else parent.addEventListener('abort', abort, { once: true });
  try {
    return await call(controller.signal);
  } finally {
    clearTimeout(timer);
    parent.removeEventListener('abort', abort);
  }
}

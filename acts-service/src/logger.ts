// JSON lines on stdout. What an error carries is logged by choice, not wholesale: PostgreSQL puts rows into `detail`, and rows hold
// names, pictures and password hashes.
import { pino, type Logger } from 'pino';
import type { Role } from './config.ts';
import { limits } from './limits.ts';

export interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: LoggedError;
}

export function createLogger(level: string, role: Role): Logger {
  return pino({ level, base: { role }, serializers: { err: (error: unknown) => loggedError(error) } });
}

export function loggedError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: clipped(String(error)) };
  const { code } = error as { code?: unknown };
  // The frames only: the first lines of a stack repeat the message, however long it is.
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    type: error.name,
    message: clipped(error.message),
    ...(typeof code === 'string' ? { code } : {}),
    ...(frames.length === 0 ? {} : { stack: frames.join('\n') }),
    ...(error.cause === undefined || depth >= limits.loggedCauses ? {} : { cause: loggedError(error.cause, depth + 1) }),
  };
}

function clipped(message: string): string {
  return message.length <= limits.loggedMessageChars ? message : `${message.slice(0, limits.loggedMessageChars)}...`;
}

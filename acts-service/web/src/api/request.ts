// One request to the service: bounded time, bounded retries, errors with the service's own code. Only what is safe is sent twice.
import { parseLossless } from './lossless-json.ts';
import { noteAnswer, noteFailure } from './connection.ts';

/** What went wrong, for people and for code. Status 0: no answer came. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

const attempts = 5;
const firstPauseMs = 250;
const longestPauseMs = 3000;
const timeoutMs = 15_000;

export interface RequestOptions {
  readonly body?: string;
  /** Whether it may be sent again when no answer came: it may have been carried out. 503 says that it was not. */
  readonly isRepeatable?: boolean;
}

/** The parsed answer; undefined for 204. Throws a ServiceError. */
export async function request(method: 'GET' | 'POST' | 'DELETE', path: string, options: RequestOptions = {}): Promise<unknown> {
  const isRepeatable = options.isRepeatable ?? method === 'GET';
  for (let attempt = 1; ; attempt++) {
    try {
      return await sendOnce(method, path, options.body);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      const mayRetry = error.status === 503 || (isRepeatable && isPassing(error.status));
      if (!mayRetry || attempt === attempts || !navigator.onLine) throw error;
    }
    await pause(attempt);
  }
}

/** Doubling, with a random half so that many readers do not come back at once. */
export function pause(attempt: number): Promise<void> {
  const longest = Math.min(longestPauseMs, firstPauseMs * 2 ** (attempt - 1));
  return new Promise((resolve) => setTimeout(resolve, longest * (0.5 + Math.random() / 2)));
}

export function problemOf(status: number, text: string): ServiceError {
  let problem: { code?: unknown; detail?: unknown } = {};
  try {
    problem = JSON.parse(text) as typeof problem;
  } catch {
    // Not from the service: a proxy's own page.
  }
  const code = typeof problem.code === 'string' ? problem.code : `status-${status}`;
  const detail = typeof problem.detail === 'string' ? problem.detail : `the service answered ${status}`;
  return new ServiceError(status, code, detail);
}

export function noAnswer(): ServiceError {
  return new ServiceError(0, 'no-answer', 'the service cannot be reached');
}

function isPassing(status: number): boolean {
  return status === 0 || status === 502 || status === 503 || status === 504;
}

async function sendOnce(method: string, path: string, body: string | undefined): Promise<unknown> {
  const init: RequestInit = { method, signal: AbortSignal.timeout(timeoutMs) };
  if (body !== undefined) Object.assign(init, { body, headers: { 'Content-Type': 'application/json' } });
  let response: Response;
  let text: string;
  try {
    response = await fetch(`/api/v1${path}`, init);
    text = await response.text();
  } catch {
    noteFailure();
    throw noAnswer();
  }
  noteAnswer(response.headers.get('X-Seen-Before') !== null);
  if (!response.ok) throw problemOf(response.status, text);
  return response.status === 204 || text === '' ? undefined : parseLossless(text);
}

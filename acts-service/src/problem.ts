// Errors as clients see them: RFC 9457 problem documents. The status code and `code` are stable, the words are not.
import { STATUS_CODES } from 'node:http';

export interface ProblemOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, detail: string, options: ProblemOptions = {}) {
    super(detail, options.cause === undefined ? {} : { cause: options.cause });
    this.status = status;
    this.code = code;
    this.headers = options.headers ?? {};
  }
}

export const problemType = 'application/problem+json';

export function problemText(problem: Problem): string {
  return JSON.stringify({
    type: 'about:blank',
    title: STATUS_CODES[problem.status] ?? 'Error',
    status: problem.status,
    code: problem.code,
    detail: problem.message,
  });
}

export function badRequest(code: string, detail: string): Problem {
  return new Problem(400, code, detail);
}

export function unavailable(code: string, detail: string, retryAfterSeconds: number, cause?: unknown): Problem {
  return new Problem(503, code, detail, { headers: { 'Retry-After': String(retryAfterSeconds) }, cause });
}

/** Answers that come from the ingress itself: application/problem+json (RFC 9457). */
import { STATUS_CODES, type ServerResponse } from 'node:http';

export interface Problem {
  readonly status: number;
  /** Which endpoint or rule, and why. */
  readonly detail: string;
  /** "namespace/name:port", when the request had found its Service. */
  readonly service?: string;
  readonly retryAfterSeconds?: number;
}

export function sendProblem(response: ServerResponse, problem: Problem): void {
  const { status, detail, service, retryAfterSeconds } = problem;
  const body = JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail, service });
  response.writeHead(status, {
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    ...(retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) }),
  });
  response.end(body);
}

// A plain HTTP client: no retries, no URL normalisation, every answer read whole, and held against the replica's OpenAPI document.
import { request, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { checkAnswer } from './answer-check.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  json(): unknown;
}

export interface CallOptions {
  readonly body?: string | Buffer;
  readonly json?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

export async function call(url: string, method: string, path: string, options: CallOptions = {}): Promise<Answer> {
  const answer = await exchange(url, method, path, options);
  await checkAnswer(url, method, path, answer, (...document) => exchange(...document, { signal: AbortSignal.timeout(5000) }));
  return answer;
}

function exchange(url: string, method: string, path: string, options: CallOptions): Promise<Answer> {
  const body = options.json === undefined ? options.body : JSON.stringify(options.json);
  const { hostname, port } = new URL(url);
  const headers = {
    ...(body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }),
    ...options.headers,
  };
  return new Promise((resolve, reject) => {
    const { signal } = options;
    const outgoing = request({ host: hostname, port, method, path, headers, agent: false, ...(signal && { signal }) }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const text = bytes.toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes, text, json: () => JSON.parse(text) as unknown });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Bytes as they are, for what no client library would send; the answer up to the end of the connection. */
export function callRaw(url: string, bytes: Buffer | string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
    socket.write(bytes);
  });
}

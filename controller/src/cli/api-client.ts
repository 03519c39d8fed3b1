/** The commands' side of the API: JSON requests and text streams over the unix socket, every failure as a CliError. */
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';
import { CliConflict, CliError, EXIT_CODE } from './cli-error.ts';

/** Of a request that should answer at once; applying and planning read Docker and the manifests. */
const REQUEST_TIMEOUT_MS = 60_000;

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export class ApiClient {
  readonly #socketPath: string;
  readonly #stderr: Writable;
  readonly #signal: AbortSignal | undefined;

  /** Warnings of the server go to `stderr`. */
  constructor(options: { readonly socketPath: string; readonly stderr: Writable; readonly signal?: AbortSignal | undefined }) {
    this.#socketPath = options.socketPath;
    this.#stderr = options.stderr;
    this.#signal = options.signal;
  }

  /** The answer is what the API promises for that path; the caller names its type. */
  async get(path: string): Promise<unknown> {
    return await this.send('GET', path);
  }

  /** `body` is sent as a merge patch for PATCH, as JSON otherwise. */
  async send(method: Method, path: string, body?: unknown): Promise<unknown> {
    const deadline = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const signal = this.#signal === undefined ? deadline : AbortSignal.any([deadline, this.#signal]);
    const response = await this.#request(method, path, signal, body);
    const text = await readText(response).catch((error: unknown) => {
      throw this.#toCliError(error);
    });
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw new CliError(EXIT_CODE.failed, `the control plane gave an answer that is not JSON to ${method} ${path}`, { cause: error });
    }
  }

  /** A text answer as it comes, for as long as it comes. */
  async open(path: string): Promise<IncomingMessage> {
    return await this.#request('GET', path, this.#signal);
  }

  async #request(method: Method, path: string, signal: AbortSignal | undefined, body?: unknown): Promise<IncomingMessage> {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const headers = payload === undefined ? {} : { 'Content-Type': type, 'Content-Length': payload.length };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { socketPath: this.#socketPath, method, path, headers, agent: false, ...(signal === undefined ? {} : { signal }) };
      const outgoing = request(options, resolve);
      outgoing.once('error', (error) => reject(this.#toCliError(error)));
      outgoing.end(payload);
    });
    const warning = response.headers['warning'];
    if (warning !== undefined) this.#stderr.write(`Warning: ${/^299 - "(.*)"$/.exec(warning)?.[1] ?? warning}\n`);
    const code = response.statusCode ?? 0;
    if (code >= 200 && code < 300) return response;
    const text = await readText(response);
    if (code === 409) throw new CliConflict(EXIT_CODE.failed, messageOf(text));
    throw new CliError(code === 404 ? EXIT_CODE.notFound : EXIT_CODE.failed, messageOf(text));
  }

  #toCliError(cause: unknown): CliError {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') {
      return new CliError(EXIT_CODE.notRunning, 'control plane is not running: start it with `make up`', { cause });
    }
    if (code === 'EACCES') return new CliError(EXIT_CODE.failed, `you may not use ${this.#socketPath}: run this as its owner`, { cause });
    if (cause instanceof Error && (cause.name === 'TimeoutError' || cause.name === 'AbortError')) {
      return new CliError(EXIT_CODE.failed, 'the control plane did not answer in time', { cause });
    }
    return new CliError(EXIT_CODE.failed, `the control plane went away: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** Of a metav1.Status; any other text stands for itself. */
function messageOf(text: string): string {
  try {
    const status = JSON.parse(text) as { readonly message?: unknown };
    return typeof status.message === 'string' ? status.message : text;
  } catch {
    return text;
  }
}

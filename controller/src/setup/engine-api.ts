// The few Docker API calls that set-up needs, over the unix socket: no docker CLI on a bare machine, and dockerode belongs
// to runtime/. Paths carry no version: the engine answers with its own. Nothing here decides anything.
import { request, type IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { messageOf } from './set-up-error.ts';

const CALL_DEADLINE_MS = 30_000;
const BUILD_DEADLINE_MS = 10 * 60_000;
const PULL_IDLE_MS = 60_000;
const ERROR_BODY_BYTES = 64 * 1024;
const LOG_LINES = 200;

/** `statusCode` 0: the engine accepted the request and reported a failure inside the stream; `log` is what it said before. */
export class EngineApiError extends Error {
  override readonly name = 'EngineApiError';
  readonly statusCode: number;
  readonly log: readonly string[];

  constructor(statusCode: number, message: string, log: readonly string[] = []) {
    super(message);
    this.statusCode = statusCode;
    this.log = log;
  }
}

export interface EngineImage {
  readonly id: string;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface BuildOptions {
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

interface StreamLine {
  readonly stream?: string;
  readonly status?: string;
  readonly error?: string;
}

interface Body {
  readonly stream: Readable;
  /** Rejects if the program that makes the stream failed. */
  readonly done: Promise<void>;
}

export class EngineApi {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** Rejects with the socket's own error (ENOENT, ECONNREFUSED, EACCES) or a TimeoutError. */
  async ping(deadlineMs: number, signal: AbortSignal): Promise<void> {
    await readAll(await this.#send('GET', '/_ping', { signal: withDeadline(signal, deadlineMs) }));
  }

  /** Where the engine keeps images and volumes (`DockerRootDir`). */
  async rootDir(signal: AbortSignal): Promise<string> {
    const answer = (await this.#json('GET', '/info', signal)) as { readonly DockerRootDir: string };
    return answer.DockerRootDir;
  }

  async listImages(label: string, signal: AbortSignal): Promise<readonly EngineImage[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
    const answer = (await this.#json('GET', `/images/json?filters=${filters}`, signal)) as readonly {
      readonly Id: string;
      readonly RepoTags: readonly string[] | null;
      readonly Labels: Readonly<Record<string, string>> | null;
    }[];
    return answer.map((image) => ({ id: image.Id, tags: image.RepoTags ?? [], labels: image.Labels ?? {} }));
  }

  async tagImage(id: string, name: string, signal: AbortSignal): Promise<void> {
    const [repo = name, tag = 'latest'] = name.split(':');
    await this.#json('POST', `/images/${id}/tag?${new URLSearchParams({ repo, tag }).toString()}`, signal);
  }

  /** Removes an image nothing uses. Gone already (404) and still in use (409) both count as done. */
  async removeImageIfUnused(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#json('DELETE', `/images/${id}`, signal);
    } catch (error) {
      if (error instanceof EngineApiError && (error.statusCode === 404 || error.statusCode === 409)) return;
      throw error;
    }
  }

  /** Rejects unless the registry begins to answer within `firstAnswerMs` and then keeps on sending. */
  async pullImage(name: string, firstAnswerMs: number, signal: AbortSignal): Promise<void> {
    const [fromImage = name, tag = 'latest'] = name.split(':');
    const idle = new AbortController();
    let timer = setTimeout(() => idle.abort(new Error(`no answer from a registry within ${firstAnswerMs} ms`)), firstAnswerMs);
    try {
      const path = `/images/create?${new URLSearchParams({ fromImage, tag }).toString()}`;
      const response = await this.#send('POST', path, { signal: AbortSignal.any([signal, idle.signal]) });
      await followStream(response, () => {
        clearTimeout(timer);
        timer = setTimeout(() => idle.abort(new Error('the registry stopped sending')), PULL_IDLE_MS);
      });
    } catch (error) {
      if (idle.signal.aborted) throw idle.signal.reason;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Makes a one-layer image of a tar stream of a root file system. */
  async importImage(name: string, changes: readonly string[], body: Body, signal: AbortSignal): Promise<void> {
    const [repo = name, tag = 'latest'] = name.split(':');
    const query = new URLSearchParams({ fromSrc: '-', repo, tag });
    for (const change of changes) query.append('changes', change);
    await this.#upload(`/images/create?${query.toString()}`, body, signal);
  }

  /** Builds the Dockerfile at the root of the tar stream with the classic builder. */
  async buildImage(body: Body, options: BuildOptions): Promise<void> {
    const query = new URLSearchParams({
      labels: JSON.stringify(options.labels),
      buildargs: JSON.stringify(options.buildArgs),
      rm: 'true',
      forcerm: 'true',
    });
    for (const tag of options.tags) query.append('t', tag);
    await this.#upload(`/build?${query.toString()}`, body, options.signal);
  }

  async #upload(path: string, body: Body, signal: AbortSignal): Promise<void> {
    const stop = withDeadline(signal, BUILD_DEADLINE_MS);
    try {
      const response = await this.#send('POST', path, { signal: stop, body });
      await followStream(response);
    } catch (error) {
      // The engine has said why, or the connection broke: because our own program failed, or the time was up.
      body.stream.destroy();
      if (error instanceof EngineApiError) throw error;
      stop.throwIfAborted();
      await body.done;
      throw error;
    }
  }

  async #json(method: string, path: string, signal: AbortSignal): Promise<unknown> {
    const text = await readAll(await this.#send(method, path, { signal: withDeadline(signal, CALL_DEADLINE_MS) }));
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  }

  async #send(method: string, path: string, options: { readonly signal: AbortSignal; readonly body?: Body }): Promise<IncomingMessage> {
    const { signal, body } = options;
    signal.throwIfAborted();
    const outgoing = request({
      socketPath: this.#socketPath,
      method,
      path,
      signal,
      // The engine closes nothing by itself; one connection a call keeps no handle open when set-up is done.
      agent: false,
      headers: { Host: 'docker', ...(body === undefined ? {} : { 'Content-Type': 'application/x-tar' }) },
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve);
      // A timeout's reason is clearer than the AbortError that node:http makes of it.
      outgoing.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error));
    });
    if (body === undefined) {
      outgoing.end();
    } else {
      // The end is sent only for a stream that is whole: the engine would take half a context for all of it.
      body.stream.pipe(outgoing, { end: false });
      body.done.then(
        () => outgoing.end(),
        (error: unknown) => outgoing.destroy(error as Error),
      );
    }
    const response = await answered;
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) throw new EngineApiError(status, describe(await readAll(response, ERROR_BODY_BYTES)));
    return response;
  }
}

function withDeadline(signal: AbortSignal, deadlineMs: number): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
}

async function readAll(response: IncomingMessage, maxBytes = Infinity): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk as string;
    if (text.length > maxBytes) break;
  }
  return text;
}

function describe(body: string): string {
  try {
    const parsed = JSON.parse(body) as { readonly message?: unknown };
    if (typeof parsed.message === 'string') return parsed.message;
  } catch {
    // Not JSON: show it as it is.
  }
  return body.trim();
}

/** Pull, import and build answer 200 at once and report failure as a line of the stream. */
async function followStream(response: IncomingMessage, onLine?: () => void): Promise<void> {
  const log: string[] = [];
  for await (const text of createInterface({ input: response, crlfDelay: Infinity })) {
    if (text === '') continue;
    onLine?.();
    let line: StreamLine;
    try {
      line = JSON.parse(text) as StreamLine;
    } catch (error) {
      throw new EngineApiError(0, `the engine sent something that is not JSON (${messageOf(error)})`, log);
    }
    const said = (line.stream ?? line.status ?? '').trimEnd();
    if (said !== '') log.push(said);
    if (log.length > LOG_LINES) log.shift();
    if (line.error !== undefined) throw new EngineApiError(0, line.error, log);
  }
}

// A request's body as a JSON value. koa-body collects the bytes (limit, content encoding); reading them is ours, because its JSON
// goes through doubles. Loaded after the process is ready (body-reader.ts): koa-body, ajv and lossless-json cost 150 ms to import.
import type { IncomingMessage } from 'node:http';
import { koaBody } from 'koa-body';
import type { Context, Next } from 'koa';
import { MalformedJson, parseJson } from './json-text.ts';
import { badRequest, Problem } from './problem.ts';

export { readCategory, readUpload, readUser, readVote } from './request-schemas.ts';

export type JsonBody = (ctx: Context) => Promise<unknown>;

type Collect = (ctx: Context, next: Next) => Promise<unknown>;

export interface SlowestBody {
  readonly graceMs: number;
  readonly bytesPerSecond: number;
}

/** Reads and parses a body, losslessly. Rejects with a problem of 400, 408 or 413. @public Loaded by import() after the first health check. */
export function jsonBody(limitBytes: number, slowest: SlowestBody): JsonBody {
  // Only its text parser: multipart would leave files behind in the temporary directory. With no encoding its "text" is the bytes as they came.
  const collect: Collect = koaBody({ json: false, urlencoded: false, multipart: false, text: true, textLimit: limitBytes, encoding: '' });

  return async (ctx) => {
    // Clients label JSON as they please, or not at all; koa-body reads as text what is called text.
    ctx.req.headers['content-type'] = 'text/plain';
    try {
      const collected = collect(ctx, () => Promise.resolve());
      await notTooSlow(ctx.req, slowest, collected);
    } catch (error) {
      if (error instanceof Problem) throw error;
      if (statusOf(error) === 413) throw new Problem(413, 'body-too-large', `the body is larger than ${limitBytes} bytes`);
      throw new Problem(400, 'unreadable-body', 'the body could not be read', { cause: error });
    }
    const body: unknown = ctx.request.body;
    delete ctx.request.body;
    try {
      return parseJson(Buffer.isBuffer(body) ? body : Buffer.alloc(0));
    } catch (error) {
      if (error instanceof MalformedJson) throw badRequest('malformed-json', 'the body is not JSON in UTF-8');
      throw error;
    }
  };
}

/** Rejects with 408 as soon as the sender has fallen behind the slowest pace that is waited for. */
async function notTooSlow<T>(request: IncomingMessage, { graceMs, bytesPerSecond }: SlowestBody, collected: Promise<T>): Promise<T> {
  const { socket } = request;
  const startedAt = performance.now();
  const before = socket.bytesRead;
  let timer: NodeJS.Timeout | undefined;
  const tooSlow = new Promise<never>((_, reject) => {
    timer = setInterval(
      () => {
        const dueBytes = ((performance.now() - startedAt - graceMs) / 1000) * bytesPerSecond;
        if (socket.bytesRead - before >= dueBytes) return;
        // The rest of it would be taken for the next request.
        const headers = { Connection: 'close' };
        reject(new Problem(408, 'body-too-slow', 'the body came too slowly; nothing was stored', { headers }));
      },
      Math.min(1000, graceMs),
    );
  });
  try {
    return await Promise.race([collected, tooSlow]);
  } finally {
    clearInterval(timer);
  }
}

function statusOf(error: unknown): unknown {
  // raw-body says `statusCode`, formidable `httpCode`, http-errors `status`.
  const { status, statusCode, httpCode } = error as { status?: unknown; statusCode?: unknown; httpCode?: unknown };
  return status ?? statusCode ?? httpCode;
}

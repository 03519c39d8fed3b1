// A request's body as a JSON value. koa-body collects the bytes (limit, content encoding); reading them is ours, because its JSON
// goes through doubles. Loaded after the process is ready (body-reader.ts): koa-body, ajv and lossless-json cost 150 ms to import.
import { koaBody } from 'koa-body';
import type { Context } from 'koa';
import { MalformedJson, parseJson } from './json-text.ts';
import { badRequest, Problem } from './problem.ts';

export { readCategory, readUpload, readUser, readVote } from './request-schemas.ts';

export type JsonBody = (ctx: Context) => Promise<unknown>;

/** Reads and parses a body, losslessly. Rejects with a problem of 400 or 413. @public Loaded by import() after the first health check. */
export function jsonBody(limitBytes: number): JsonBody {
  // Only its text parser: multipart would leave files behind in the temporary directory. As `binary` text the bytes arrive unharmed.
  const collect = koaBody({ json: false, urlencoded: false, multipart: false, text: true, textLimit: limitBytes, encoding: 'binary' });

  return async (ctx) => {
    // Clients label JSON as they please, or not at all; koa-body reads as text what is called text.
    ctx.req.headers['content-type'] = 'text/plain';
    try {
      await collect(ctx, () => Promise.resolve());
    } catch (error) {
      if (statusOf(error) === 413) throw new Problem(413, 'body-too-large', `the body is larger than ${limitBytes} bytes`);
      throw new Problem(400, 'unreadable-body', 'the body could not be read', { cause: error });
    }
    const body: unknown = ctx.request.body;
    const bytes = Buffer.from(typeof body === 'string' ? body : '', 'latin1');
    delete ctx.request.body;
    try {
      return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch (error) {
      if (error instanceof MalformedJson || error instanceof TypeError) throw badRequest('malformed-json', 'the body is not JSON in UTF-8');
      throw error;
    }
  };
}

function statusOf(error: unknown): unknown {
  // raw-body says `statusCode`, formidable `httpCode`, http-errors `status`.
  const { status, statusCode, httpCode } = error as { status?: unknown; statusCode?: unknown; httpCode?: unknown };
  return status ?? statusCode ?? httpCode;
}

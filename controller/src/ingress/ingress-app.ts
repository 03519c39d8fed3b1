/**
 * The Koa application in front of the data plane. Its handleRequest leaves out what Koa does for answers of its own: they are written to the raw
 * response here, and the exchange watches the response itself (on-finished alone allocates a tenth of all memory per request).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import Koa, { type Context } from 'koa';

export type RawHandler = (request: IncomingMessage, response: ServerResponse) => void;

export class IngressApp extends Koa {
  constructor(handle: RawHandler) {
    super();
    this.use((ctx) => {
      ctx.respond = false;
      handle(ctx.req, ctx.res);
    });
  }

  /** Called by callback(). */
  handleRequest(ctx: Context, middleware: (ctx: Context) => Promise<void>): Promise<void> {
    return middleware(ctx).catch((error: unknown) => ctx.onerror(error as Error));
  }
}

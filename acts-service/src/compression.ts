// JSON answers compressed for clients that ask for it: lists shrink to a fifth on a phone's connection.
import type { Context, Middleware, Next } from 'koa';
import { Readable, Transform } from 'node:stream';
import { constants } from 'node:zlib';
import { limits } from './limits.ts';
import { loadOnce } from './load-once.ts';

/** A list with the pictures in it: megabytes of base64, of which compression would save a quarter at 30 ms of CPU for each. */
const pictureList = /^\/api\/v1\/categories\/[^/]+\/acts\/?$/;

export function compression(): Middleware {
  const loaded = loadOnce(load);
  return async (ctx: Context, next: Next) => {
    // Who takes no encoding at all, not even none, gets none: koa-compress would throw.
    const isAsked = ctx.get('Accept-Encoding') !== '' && ctx.acceptsEncodings('br', 'gzip', 'identity') !== false;
    if (!isAsked || (pictureList.test(ctx.path) && ctx.query.images !== 'none' && ctx.query.images !== 'thumbnails')) {
      await next();
      return;
    }
    const compress = await loaded();
    await compress(ctx, async () => {
      await next();
      endTogether(ctx);
    });
  };
}

/** koa-compress pipes, which leaves the client waiting for ever when a list fails in the middle; its connection has to break. */
function endTogether(ctx: Context): void {
  const plain: unknown = ctx.body;
  if (!(plain instanceof Readable)) return;
  plain.once('error', (error) => {
    const sent: unknown = ctx.body;
    if (sent !== plain && sent instanceof Transform) sent.destroy(error);
  });
}

/** Imported at the first request that asks: starting quickly matters more. */
async function load(): Promise<Middleware> {
  const { default: compress } = await import('koa-compress');
  return compress({
    filter: (type) => type === 'application/json',
    threshold: limits.compressFromBytes,
    // Cheap levels and small windows: a replica has a fraction of a core and many clients.
    gzip: { level: 3 },
    br: { params: { [constants.BROTLI_PARAM_QUALITY]: 3, [constants.BROTLI_PARAM_LGWIN]: 18 } },
    deflate: false,
  });
}

// Refuses the writes of a client that has had its share of the minute. Reads and the operators' routes are free.
import type { Context, Middleware, Next } from 'koa';
import { clientAddress } from './client-address.ts';
import { loadOnce } from './load-once.ts';
import { Problem } from './problem.ts';
import type { Telemetry } from './telemetry.ts';
import type { WriteLimit } from './write-limit.ts';

const limited = /^\/api\/v1\/[^_]/;

/** `load`: the limiter is slow to import, so it comes with the first write. */
export function limitWrites(load: () => Promise<WriteLimit>, trustProxy: boolean, telemetry: Telemetry): Middleware {
  const limiter = loadOnce(load);

  async function limit(ctx: Context, next: Next): Promise<void> {
    const waitMs = await (await limiter()).admit(clientAddress(ctx.req, trustProxy));
    if (waitMs !== undefined) {
      telemetry.emit('rateLimited');
      const retryAfter = String(Math.ceil(waitMs / 1000));
      throw new Problem(429, 'too-many-writes', 'too many writes from this address', { headers: { 'Retry-After': retryAfter } });
    }
    await next();
  }

  return (ctx: Context, next: Next) =>
    (ctx.method === 'POST' || ctx.method === 'DELETE') && limited.test(ctx.path) ? limit(ctx, next) : next();
}

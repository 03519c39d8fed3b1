// One line for a request that failed or was slow, for every request at `debug`. Never a path, body or name: only the route's pattern.
import type { Context, Next } from 'koa';
import type { Logger } from 'pino';
import { limits } from './limits.ts';
import type { Problem } from './problem.ts';
import type { RouteContext } from './route-table.ts';
import type { RequestEnded, Telemetry } from './telemetry.ts';

/** What is noted on `ctx.state` while a request is worked on. */
export interface RequestFacts {
  /** The label of a request that no route of the router answered. */
  route?: string;
  failure?: Problem;
}

const healthRoute = '/api/v1/_health';

export function requestLog(logger: Logger, telemetry: Telemetry): (ctx: Context, next: Next) => Promise<void> {
  return (ctx, next) => {
    const startedAt = performance.now();
    telemetry.requestsInFlight++;
    // After the last byte, so that a streamed list counts whole; or when the client hung up.
    ctx.res.once('close', () => {
      telemetry.requestsInFlight--;
      const isAborted = !ctx.res.writableFinished;
      const ended = { method: ctx.method, route: routeOf(ctx), status: ctx.res.statusCode, isAborted, ms: performance.now() - startedAt };
      telemetry.emit('request', ended);
      writeLine(logger, ctx, ended);
    });
    return next();
  };
}

function routeOf(ctx: Context): string {
  const pattern = (ctx as Partial<RouteContext>)._matchedRoute;
  return typeof pattern === 'string' ? pattern : ((ctx.state as RequestFacts).route ?? 'unknown');
}

function writeLine(logger: Logger, ctx: Context, { method, route, status, isAborted, ms }: RequestEnded): void {
  // Health is asked every second; health.ts says once what changed.
  const isHealth = route === healthRoute;
  const isFailed = status >= 500 && !isHealth;
  const isSlow = ms >= limits.slowRequestMs && !isHealth;
  if (!isFailed && !isSlow && !logger.isLevelEnabled('debug')) return;
  const { failure } = ctx.state as RequestFacts;
  const line = {
    requestId: ctx.response.get('X-Request-Id'),
    method,
    route,
    status,
    ms: Math.round(ms),
    ...(isAborted ? { isAborted } : {}),
    ...(failure === undefined ? {} : { code: failure.code }),
  };
  if (isFailed) logger.warn({ ...line, ...(failure === undefined ? {} : { err: failure.cause ?? failure }) }, 'request failed');
  else if (isSlow) logger.info(line, 'slow request');
  else logger.debug(line, 'request');
}

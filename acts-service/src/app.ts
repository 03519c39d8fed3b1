// The Koa application of one role: log, count, web app, headers, errors as problem documents, limits, routes - from the outside in.
import cors from '@koa/cors';
import Koa, { type Context, type Middleware } from 'koa';
import type { Logger } from 'pino';
import type { Config, Role } from './config.ts';
import { compression } from './compression.ts';
import { limitWrites } from './limit-writes.ts';
import { hidesCrashRoute } from './operation-routes.ts';
import { Problem, problemText, problemType } from './problem.ts';
import type { RequestCount } from './request-count.ts';
import { requestLog, type RequestFacts } from './request-log.ts';
import { buildRouter, type Route } from './route-table.ts';
import { apiSecurityHeaders } from './security-headers.ts';
import type { Telemetry } from './telemetry.ts';
import type { WebApp } from './web-app.ts';
import type { WriteLimit } from './write-limit.ts';

export interface AppParts {
  readonly config: Config;
  readonly count: RequestCount;
  readonly routes: readonly Route[];
  /** Of the acts role. */
  readonly web: WebApp | undefined;
  readonly writeLimit: () => Promise<WriteLimit>;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
}

/** Which requests `_count` counts, by whole path segments. */
const countedPaths: Readonly<Record<Role, RegExp>> = {
  users: /^\/api\/v1\/users(?:\/|$)/,
  acts: /^\/api\/v1\/(?:categories|acts)(?:\/|$)/,
};

/** What a client does: it hangs up in the middle of an answer. Not an incident. */
const hangUps = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED', 'ECANCELED']);

export function buildApp({ config, count, routes, web, writeLimit, logger, telemetry }: AppParts): Koa {
  const app = new Koa();
  app.on('error', (error: unknown, ctx?: Context) => {
    const level = hangUps.has(String((error as { code?: unknown }).code)) ? 'debug' : 'warn';
    logger[level]({ err: error, requestId: ctx?.response.get('X-Request-Id') }, 'response not finished');
  });
  app.use(requestLog(logger, telemetry));
  app.use(countRequests(count, countedPaths[config.role]));
  app.use(answerProblems());
  if (web !== undefined) app.use(web.middleware);
  app.use(apiHeaders(config.corsOrigins));
  if (config.corsOrigins === '*' || config.corsOrigins.length > 0) app.use(corsHeaders(config.corsOrigins));
  if (config.writesPerMinute > 0) app.use(limitWrites(writeLimit, config.trustProxy, telemetry));
  app.use(compression());
  app.use((ctx, next) => {
    if (hidesCrashRoute(config.faultInjection, ctx.path, ctx.get('X-Forwarded-For'))) throw notFound();
    return next();
  });
  app.use(buildRouter([frontPage(config.role), ...routes]).routes());
  app.use(() => {
    throw notFound();
  });
  return app;
}

const exposedHeaders = 'ETag,Retry-After,Allow,X-Request-Id';

/** What every answer of the API carries. */
function apiHeaders(corsOrigins: Config['corsOrigins']): Middleware {
  const security = apiSecurityHeaders(corsOrigins === '*' || corsOrigins.length > 0);
  const open = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': exposedHeaders };
  const headers = Object.entries({ ...security, ...(corsOrigins === '*' ? open : {}) });
  return (ctx, next) => {
    for (const [name, value] of headers) ctx.res.setHeader(name, value);
    return next();
  };
}

function corsHeaders(allowed: '*' | readonly string[]): Middleware {
  const middleware = cors({
    // With a list the answer depends on who asks; the middleware says so in Vary.
    origin: allowed === '*' ? '*' : (ctx: Context) => allowed.find((origin) => origin === ctx.get('Origin')) ?? '',
    allowMethods: 'GET,HEAD,POST,DELETE',
    exposeHeaders: exposedHeaders,
    maxAge: 600,
    // They stay anyway: errors are answered on the same context.
    keepHeadersOnError: false,
  });
  // For all origins only a preflight takes more than the two fixed headers above.
  return allowed === '*' ? (ctx, next) => (ctx.method === 'OPTIONS' ? (middleware(ctx, next) as Promise<void>) : next()) : middleware;
}

function countRequests(count: RequestCount, counted: RegExp): Middleware {
  return async (ctx, next) => {
    if (!counted.test(ctx.path)) {
      await next();
      return;
    }
    // Written while the request is worked on; the answer waits for both.
    const written = count.add();
    try {
      await next();
    } finally {
      await written;
    }
  };
}

function answerProblems(): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem(500, 'internal-error', 'an error on our side', { cause: error });
      (ctx.state as RequestFacts).failure = problem;
      ctx.set(problem.headers);
      // What was set for the answer that did not come about.
      ctx.remove('ETag');
      ctx.remove('Content-Disposition');
      ctx.set('Cache-Control', 'no-store');
      ctx.status = problem.status;
      ctx.body = problemText(problem);
      ctx.type = problemType;
    }
  };
}

function frontPage(role: Role): Route {
  return {
    path: '/',
    methods: {
      GET(ctx) {
        ctx.body = { service: role, api: '/api/v1', ...(role === 'acts' ? { web: 'not built' } : {}) };
      },
    },
  };
}

function notFound(): Problem {
  return new Problem(404, 'not-found', 'there is nothing at this path');
}

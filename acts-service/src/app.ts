// The Koa application of one role: count, CORS, errors as problem documents, routes - from the outside in.
import cors from '@koa/cors';
import Koa, { type Middleware } from 'koa';
import type { Logger } from 'pino';
import type { Config, Role } from './config.ts';
import { hidesCrashRoute } from './operation-routes.ts';
import { Problem, problemText, problemType } from './problem.ts';
import type { RequestCount } from './request-count.ts';
import { buildRouter, type Route } from './route-table.ts';

export interface AppParts {
  readonly config: Config;
  readonly count: RequestCount;
  readonly routes: readonly Route[];
  readonly logger: Logger;
}

/** Which requests `_count` counts, by whole path segments. */
const countedPaths: Readonly<Record<Role, RegExp>> = {
  users: /^\/api\/v1\/users(?:\/|$)/,
  acts: /^\/api\/v1\/(?:categories|acts)(?:\/|$)/,
};

export function buildApp({ config, count, routes, logger }: AppParts): Koa {
  const app = new Koa();
  // A client that hangs up in the middle of an answer is not an incident.
  app.on('error', (error: unknown) => logger.debug({ err: error }, 'response not finished'));
  app.use(countRequests(count, countedPaths[config.role]));
  app.use(cors({ origin: '*', allowMethods: 'GET,HEAD,POST,DELETE', exposeHeaders: 'ETag,Retry-After,Allow', maxAge: 600 }));
  app.use(answerProblems(logger));
  app.use(async (ctx, next) => {
    if (hidesCrashRoute(config.faultInjection, ctx.path, ctx.get('X-Forwarded-For'))) throw notFound();
    await next();
  });
  app.use(buildRouter([frontPage(config.role), ...routes]).routes());
  app.use(() => {
    throw notFound();
  });
  return app;
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

function answerProblems(logger: Logger): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem(500, 'internal-error', 'an error on our side', { cause: error });
      if (problem.status >= 500) logger.warn({ err: problem.cause ?? problem, code: problem.code, method: ctx.method }, 'request failed');
      ctx.set(problem.headers);
      ctx.remove('ETag');
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
        ctx.body = { service: role, api: '/api/v1' };
      },
    },
  };
}

function notFound(): Problem {
  return new Problem(404, 'not-found', 'there is nothing at this path');
}

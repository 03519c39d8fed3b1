// Routes as tables, and what the contract says of every one of them: a known path with a wrong method is 405 with Allow, decided before
// anything looks at a body, and a specific path shadows a wildcard for all methods (`DELETE /acts/upvote` is 405).
import Router, { type RouterContext } from '@koa/router';
import { Problem } from './problem.ts';

export type RouteContext = RouterContext;
export type Handler = (ctx: RouteContext) => Promise<void> | void;

export interface Route {
  readonly path: string;
  readonly methods: Readonly<Partial<Record<'GET' | 'POST' | 'DELETE', Handler>>>;
}

/** Earlier routes win over later ones. */
export function buildRouter(routes: readonly Route[]): Router {
  const router = new Router({ sensitive: true });
  for (const { path, methods } of routes) {
    for (const [method, handler] of Object.entries(methods)) router.register(path, [method], (ctx) => handler(ctx));
    const allow = ['OPTIONS', ...Object.keys(methods), ...('GET' in methods ? ['HEAD'] : [])].join(', ');
    router.all(path, (ctx) => {
      if (ctx.method !== 'OPTIONS') {
        throw new Problem(405, 'method-not-allowed', `this path takes ${allow}`, { headers: { Allow: allow } });
      }
      ctx.set('Allow', allow);
      ctx.status = 204;
    });
  }
  return router;
}

/** A `:parameter` of the path, still percent-encoded: the router's own decoding lets bad encodings through. */
export function segment(ctx: RouteContext, index: number): string {
  return ctx.captures?.[index] ?? '';
}

// What operators and the control plane ask of a replica: `_count`, `_health`, `_crash`.
import type { FaultInjection } from './config.ts';
import type { Health } from './health.ts';
import { healthDetails } from './health-reason.ts';
import { Problem } from './problem.ts';
import type { RequestCount } from './request-count.ts';
import type { RouteContext, Route } from './route-table.ts';

export interface Operations {
  readonly count: RequestCount;
  readonly health: Health;
  readonly faultInjection: FaultInjection;
  /** Throws the answer when it is too late for that. */
  readonly crash: () => void;
}

export function operationRoutes({ count, health, faultInjection, crash }: Operations): Route[] {
  const routes: Route[] = [
    {
      path: '/api/v1/_count',
      methods: {
        async GET(ctx) {
          ctx.type = 'json';
          ctx.set('Cache-Control', 'no-store');
          ctx.body = `[${await count.read()}]`;
        },
        async DELETE(ctx) {
          await count.reset();
          ctx.body = {};
        },
      },
    },
    {
      path: '/api/v1/_health',
      methods: {
        async GET(ctx) {
          ctx.set('Cache-Control', 'no-store');
          const { code, cause } = await health.check();
          if (code !== 'ok') throw new Problem(500, code, healthDetails[code], { cause });
          empty(ctx);
        },
      },
    },
  ];
  if (faultInjection !== 'off') {
    const crashRoute: Route = {
      path: '/api/v1/_crash',
      methods: {
        POST(ctx) {
          crash();
          empty(ctx);
        },
      },
    };
    routes.push(crashRoute);
  }
  return routes;
}

/** `direct`: a request that came through a proxy does not see the route at all. */
export function hidesCrashRoute(faultInjection: FaultInjection, path: string, forwardedFor: string): boolean {
  return faultInjection === 'direct' && forwardedFor !== '' && /^\/api\/v1\/_crash\/?$/.test(path);
}

function empty(ctx: RouteContext): void {
  ctx.status = 200;
  ctx.body = '';
  ctx.remove('Content-Type');
}

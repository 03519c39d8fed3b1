// What operators and the control plane ask of a replica: `_count`, `_health`, `_crash`.
import type { DatabaseProbe } from './database-probe.ts';
import type { FaultInjection } from './config.ts';
import { Problem } from './problem.ts';
import type { RequestCount } from './request-count.ts';
import type { RouteContext, Route } from './route-table.ts';

export interface Operations {
  readonly count: RequestCount;
  readonly probe: DatabaseProbe;
  readonly memoryPressure: () => string | undefined;
  readonly isStopping: () => boolean;
  readonly faultInjection: FaultInjection;
  readonly crash: () => void;
}

export function operationRoutes({ count, probe, memoryPressure, isStopping, faultInjection, crash }: Operations): Route[] {
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
          if (isStopping()) throw new Problem(500, 'stopping', 'this process is shutting down');
          const pressure = memoryPressure();
          if (pressure !== undefined) throw new Problem(500, 'out-of-memory', pressure);
          try {
            await probe.check();
          } catch (cause) {
            throw new Problem(500, 'database-unavailable', 'the database cannot be read and written', { cause });
          }
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
          empty(ctx);
          crash();
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

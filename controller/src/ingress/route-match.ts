/** Which route of the table a request takes: exact host, then "*.host", then any; Exact path before Prefix; the longest path first. */
import type { CounterKey, Route } from '../model/endpoint-table.ts';
import type { RequestTarget } from './request-head.ts';

export interface CompiledRoute {
  readonly route: Route;
  /** The path without trailing slashes: a Prefix matches it and everything below it. */
  readonly prefix: string;
  readonly counterKey: CounterKey;
}

export class RouteMatcher {
  readonly #byHost = new Map<string, CompiledRoute[]>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const host = route.host?.toLowerCase() ?? '';
      const colon = route.serviceKey.lastIndexOf(':');
      const service = colon < 0 ? route.serviceKey : route.serviceKey.slice(0, colon);
      const compiled = { route, prefix: route.path.replace(/\/+$/, ''), counterKey: `${route.ingress} ${service}` };
      const others = this.#byHost.get(host);
      if (others === undefined) this.#byHost.set(host, [compiled]);
      else others.push(compiled);
    }
    for (const ofHost of this.#byHost.values()) ofHost.sort(bySpecificity);
  }

  match(target: RequestTarget): CompiledRoute | undefined {
    return (
      find(this.#byHost.get(target.host === '' ? '-' : target.host), target.path) ??
      find(this.#byHost.get(`*${target.host.slice(Math.max(target.host.indexOf('.'), 0))}`), target.path) ??
      find(this.#byHost.get(''), target.path)
    );
  }
}

function bySpecificity(a: CompiledRoute, b: CompiledRoute): number {
  if (a.route.pathType !== b.route.pathType) return a.route.pathType === 'Exact' ? -1 : 1;
  return b.route.path.length - a.route.path.length;
}

function find(routes: readonly CompiledRoute[] | undefined, path: string): CompiledRoute | undefined {
  return routes?.find(({ route, prefix }) => {
    if (route.pathType === 'Exact') return path === route.path;
    return path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === 47);
  });
}

export function isCounted(route: Route, path: string): boolean {
  return (
    route.countPaths.some((prefix) => path.startsWith(prefix)) &&
    !route.uncountedPaths.some((pattern) => (pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern))
  );
}

// `GET /openapi.json`: what this role answers. Built at the first request, since starting must not wait for it.
import type { Role } from './config.ts';
import type { Route } from './route-table.ts';

interface Published {
  readonly text: string;
  /** Weak: the answer may be compressed or not. */
  readonly etag: string;
}

/** Describes itself as well as the routes it is given. */
export function openApiRoute(role: Role, routes: readonly Route[]): Route {
  let published: Promise<Published> | undefined;
  const own: Route = {
    path: '/openapi.json',
    methods: {
      async GET(ctx) {
        const { text, etag } = await (published ??= publish(role, [...routes, own]));
        ctx.status = 200;
        ctx.etag = etag;
        ctx.set('Cache-Control', 'no-cache');
        if (ctx.fresh) {
          ctx.status = 304;
          return;
        }
        ctx.type = 'json';
        ctx.body = text;
      },
    },
  };
  return own;
}

async function publish(role: Role, routes: readonly Route[]): Promise<Published> {
  const [{ openApiDocument }, { createHash }] = await Promise.all([import('./openapi-document.ts'), import('node:crypto')]);
  const text = JSON.stringify(openApiDocument(role, routes));
  return { text, etag: `W/"${createHash('sha256').update(text).digest('base64url')}"` };
}

// Serves the web app at `/`: GET and HEAD of its files, everything else goes on to the API.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Context, Next } from 'koa';
import { loadOnce } from './load-once.ts';
import { Problem } from './problem.ts';
import type { RequestFacts } from './request-log.ts';
import type { Encoding, WebFile } from './web-files.ts';

const allow = 'OPTIONS, GET, HEAD';

/** Beside the sources when they run as they are, one further up when they are compiled. */
export function defaultWebRoot(): string {
  const besideSources = fileURLToPath(new URL('../web/dist', import.meta.url));
  return existsSync(besideSources) ? besideSources : fileURLToPath(new URL('../../web/dist', import.meta.url));
}

export class WebApp {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  readonly load = loadOnce(async () => (await import('./web-files.ts')).loadWebFiles(this.#root));

  readonly middleware = (ctx: Context, next: Next): Promise<void> =>
    // The API's requests pay nothing for the web app.
    ctx.path.startsWith('/api/') ? (next() as Promise<void>) : this.#serve(ctx, next);

  async #serve(ctx: Context, next: Next): Promise<void> {
    const { byPath, headers } = await this.load();
    const file = byPath.get(ctx.path);
    if (file === undefined) {
      await next();
      return;
    }
    (ctx.state as RequestFacts).route = 'web';
    ctx.set(headers);
    if (ctx.method === 'OPTIONS') {
      ctx.set('Allow', allow);
      ctx.status = 204;
      return;
    }
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      throw new Problem(405, 'method-not-allowed', `this path takes ${allow}`, { headers: { Allow: allow } });
    }
    await sendFile(ctx, file);
  }
}

async function sendFile(ctx: Context, file: WebFile): Promise<void> {
  const encoding = chosenEncoding(ctx, file);
  ctx.status = 200;
  ctx.set('Cache-Control', file.cacheControl);
  if (file.encodings.length > 1) ctx.vary('Accept-Encoding');
  ctx.etag = file.etag(encoding);
  if (ctx.fresh) {
    ctx.status = 304;
    return;
  }
  ctx.body = await file.bytes(encoding);
  if (encoding !== 'identity') ctx.set('Content-Encoding', encoding);
  ctx.type = file.extension;
}

function chosenEncoding(ctx: Context, file: WebFile): Encoding {
  // A client that says nothing takes "anything"; plain is what it surely reads.
  const accepted = ctx.get('Accept-Encoding') === '' ? [] : ctx.acceptsEncodings();
  // The smallest first, whatever the order in which the client names them.
  return file.encodings.find((encoding) => accepted.includes(encoding)) ?? 'identity';
}

// Reads request bodies. Large ones wait their turn before a byte of them is read, so that uploads hold a bounded part of the replica's
// memory however many come at once. The door to json-body.ts, which is slow to import: a replica must be ready before it can read its
// first upload, since healing time is what starting costs.
import type { Context } from 'koa';
import type * as JsonBodyModule from './json-body.ts';
import { limits } from './limits.ts';
import { loadOnce } from './load-once.ts';
import { unavailable } from './problem.ts';
import { Semaphore, type Release } from './semaphore.ts';

type Reader = 'readCategory' | 'readUpload' | 'readUser' | 'readVote';
type Value<K extends Reader> = ReturnType<(typeof JsonBodyModule)[K]>;

export interface BodyBounds {
  /** In memory at once, over all connections; at least one body of the limit fits. */
  readonly bodiesBytes: number;
  readonly waiting: number;
  readonly waitMs: number;
  /** The slowest sender that is waited for. */
  readonly graceMs: number;
  readonly bytesPerSecond: number;
}

const defaultBounds: BodyBounds = {
  bodiesBytes: limits.bodiesBytes,
  waiting: limits.bodiesWaiting,
  waitMs: limits.bodyWaitMs,
  graceMs: limits.bodyGraceMs,
  bytesPerSecond: limits.bodyBytesPerSecond,
};

export class BodyReader {
  readonly #limitBytes: number;
  readonly #bounds: BodyBounds;
  readonly #memory: Semaphore;
  #collect: JsonBodyModule.JsonBody | undefined;

  constructor(limitBytes: number, bounds: BodyBounds = defaultBounds) {
    this.#limitBytes = limitBytes;
    this.#bounds = bounds;
    this.#memory = new Semaphore({ capacity: Math.max(bounds.bodiesBytes, limitBytes), waiting: bounds.waiting, waitMs: bounds.waitMs });
  }

  readonly load = loadOnce(() => import('./json-body.ts'));

  /** The validated body, or a Problem. */
  async read<K extends Reader>(ctx: Context, reader: K): Promise<Value<K>> {
    return this.use(ctx, reader, (value) => Promise.resolve(value));
  }

  /** As read, and the body counts as held in memory until the work with it is done. */
  async use<K extends Reader, T>(ctx: Context, reader: K, work: (value: Value<K>) => Promise<T>): Promise<T> {
    const release = await this.#reserve(ctx);
    try {
      const module = await this.load();
      this.#collect ??= module.jsonBody(this.#limitBytes, this.#bounds);
      return await work(module[reader](await this.#collect(ctx)) as Value<K>);
    } finally {
      release();
    }
  }

  async #reserve(ctx: Context): Promise<Release> {
    const { 'content-length': length, 'content-encoding': encoding } = ctx.req.headers;
    const isPlain = length !== undefined && (encoding === undefined || encoding === 'identity');
    const bytes = isPlain ? Number(length) : this.#limitBytes;
    // Too large is refused before it is read.
    if (bytes <= limits.smallBodyBytes || bytes > this.#limitBytes) return () => undefined;
    const release = await this.#memory.acquire(bytes);
    if (release !== undefined) return release;
    const detail = 'too much is being uploaded at the moment; nothing was stored';
    throw unavailable('uploads-busy', detail, limits.retryAfterSeconds);
  }
}

// Does our own pool still hand out connections? The probe has a connection of its own and cannot tell. Requests that wait while others
// get through are overload, which is healthy; requests that wait while no connection comes back at all are not.
import type { Knex } from 'knex';
import { limits } from './limits.ts';
import { withinTime } from './within-time.ts';

/** The part of tarn's pool that is used here. */
interface Pool {
  on(event: 'createSuccess' | 'acquireSuccess' | 'destroyRequest', listener: (eventId: number, connection: object) => void): unknown;
  on(event: 'createFail', listener: (eventId: number, error: Error) => void): unknown;
  on(event: 'release', listener: (connection: object) => void): unknown;
  numUsed(): number;
  numFree(): number;
  numPendingAcquires(): number;
}

export class PoolStuck extends Error {
  override readonly name = 'PoolStuck';
}

export class PoolWatch {
  readonly #knex: Knex;
  readonly #pool: Pool;
  readonly #acquiredAt = new WeakMap<object, number>();
  readonly #connections = new Set<object>();
  #progress = 0;
  #onProgress: (() => void) | undefined;
  #createError: Error | undefined;
  /** The progress at which the pool was found stuck. */
  #stuckAt: number | undefined;

  constructor(knex: Knex) {
    this.#knex = knex;
    this.#pool = (knex.client as { pool: Pool }).pool;
    this.#pool.on('createSuccess', (_, connection) => {
      this.#createError = undefined;
      this.#connections.add(connection);
      this.#progressed();
    });
    this.#pool.on('destroyRequest', (_, connection) => this.#connections.delete(connection));
    this.#pool.on('createFail', (_, error) => (this.#createError = error));
    this.#pool.on('acquireSuccess', (_, connection) => this.#acquiredAt.set(connection, performance.now()));
    this.#pool.on('release', (connection) => {
      const heldMs = performance.now() - (this.#acquiredAt.get(connection) ?? 0);
      // Held until the statement was cancelled: the next one on it fares no better.
      if (heldMs < 0.95 * limits.statementTimeoutMs) this.#progressed();
    });
  }

  get used(): number {
    return this.#pool.numUsed();
  }

  get waiting(): number {
    return this.#pool.numPendingAcquires();
  }

  /** Rejects with what keeps requests from a connection, at the latest after `withinMs`. Watches that long only when it has to. */
  async check(withinMs: number): Promise<void> {
    if (this.#stuckAt !== undefined && this.#stuckAt !== this.#progress) this.#stuckAt = undefined;
    const hasNone = this.#pool.numUsed() + this.#pool.numFree() === 0;
    if (this.#stuckAt !== undefined || (this.#createError !== undefined && hasNone)) {
      // Nobody may be asking any more, so whether it works again has to be tried.
      await withinTime(withinMs, this.#knex.raw('SELECT 1'), () => new PoolStuck('no connection could be had'));
      this.#stuckAt = undefined;
      this.#createError = undefined;
    } else if (this.waiting > 0 && !(await this.#progressWithin(withinMs)) && this.waiting > 0) {
      this.#stuckAt = this.#progress;
      throw new PoolStuck('requests wait for a connection and none came back');
    }
  }

  /** Has every open connection replaced when it is next asked for: a session keeps what the server told it at its start. */
  retireConnections(): void {
    // knex closes what carries this mark instead of handing it out.
    for (const connection of this.#connections) Object.assign(connection, { __knex__disposed: 'retired' });
  }

  #progressed(): void {
    this.#progress++;
    this.#onProgress?.();
  }

  #progressWithin(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      // A turn later: what came back while this process was held up itself is read in between.
      const timer = setTimeout(() => setImmediate(() => resolve(false)), ms);
      this.#onProgress = () => {
        clearTimeout(timer);
        this.#onProgress = undefined;
        resolve(true);
      };
    });
  }
}

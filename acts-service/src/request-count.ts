// `_count`: every request to the role's routes, over all replicas, exact once the response has arrived. A row updated per request
// would cost 40 % of the throughput; increments that meet while a statement is under way share the next one.
import type { Knex } from 'knex';
import type { Role } from './config.ts';
import { inDatabase } from './database.ts';
import { limits } from './limits.ts';

export class RequestCount {
  readonly #knex: Knex;
  readonly #table: string;
  readonly #onLost: (requests: number, error: unknown) => void;
  #waiting = 0;
  /** The batch that gathers while #writing is under way. */
  #next: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(knex: Knex, role: Role, onLost: (requests: number, error: unknown) => void) {
    this.#knex = knex;
    this.#table = `${role}_request_count`;
    this.#onLost = onLost;
  }

  /** Counts one request; resolves, and never rejects, when it is in the database or known to be lost. */
  add(): Promise<void> {
    this.#waiting++;
    this.#next ??= this.#writing.then(() => {
      this.#next = undefined;
      const batch = this.#waiting;
      this.#waiting = 0;
      this.#writing = this.#write(batch);
      return this.#writing;
    });
    return this.#next;
  }

  /** Resolves when all that was added is written. */
  settled(): Promise<void> {
    return this.#next ?? this.#writing;
  }

  /** The total as decimal digits. */
  async read(): Promise<string> {
    const rows = await inDatabase(() => this.#knex<{ id: number; total: string }>(this.#table).where({ id: 1 }).pluck('total'));
    return rows[0] ?? '0';
  }

  async reset(): Promise<void> {
    await inDatabase(() => this.#knex(this.#table).where({ id: 1 }).update({ total: 0 }));
  }

  async #write(batch: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the count took too long')), limits.countTimeoutMs);
    });
    const written = this.#knex.raw(
      'INSERT INTO ?? AS counted (id, total) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET total = counted.total + EXCLUDED.total',
      [this.#table, batch],
    );
    try {
      await Promise.race([written, timeout]);
    } catch (error) {
      this.#onLost(batch, error);
    } finally {
      clearTimeout(timer);
    }
  }
}

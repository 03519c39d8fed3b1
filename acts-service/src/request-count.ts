// `_count`: every request to the role's routes, over all replicas, exact once the response has arrived. A row updated per request
// would cost 40 % of the throughput, so requests are counted in batches; and a row for all would make the replicas wait for each other's
// commits, so each batch under way anywhere has, most likely, a row of its own. The count is their sum.
import { randomInt } from 'node:crypto';
import type { Knex } from 'knex';
import { Batches } from './batches.ts';
import type { Role } from './config.ts';
import { inDatabase } from './database.ts';
import { limits } from './limits.ts';
import { runPrepared } from './prepared.ts';
import { withinTime } from './within-time.ts';

export class RequestCount {
  readonly #knex: Knex;
  readonly #table: string;
  readonly #onLost: (requests: number, error: unknown) => void;
  readonly #firstRow = randomInt(limits.countRows);
  readonly #batches: Batches<{ requests: number }, void>;

  constructor(knex: Knex, role: Role, onLost: (requests: number, error: unknown) => void) {
    this.#knex = knex;
    this.#table = `${role}_request_count`;
    this.#onLost = onLost;
    this.#batches = new Batches(
      limits.countLanes,
      () => ({ requests: 0 }),
      ({ requests }, lane) => this.#write(requests, lane),
    );
  }

  /** Counts one request; resolves, and never rejects, when it is in the database or known to be lost. */
  add(): Promise<void> {
    const { content, result } = this.#batches.join();
    content.requests++;
    return result;
  }

  /** Resolves when all that was added is written. */
  settled(): Promise<void> {
    return this.#batches.settled();
  }

  /** The total as decimal digits. */
  async read(): Promise<string> {
    const [row] = await runPrepared<{ total: string }>(
      this.#knex,
      { name: 'read-count', text: `SELECT coalesce(sum(total), 0) AS total FROM ${this.#table}` },
      [],
    );
    return row?.total ?? '0';
  }

  async reset(): Promise<void> {
    await inDatabase(() => this.#knex(this.#table).update({ total: 0 }));
  }

  async #write(requests: number, lane: number): Promise<void> {
    const statement = {
      name: 'count',
      text: `INSERT INTO ${this.#table} AS counted (id, total) VALUES ($1, $2)
             ON CONFLICT (id) DO UPDATE SET total = counted.total + EXCLUDED.total`,
    };
    const written = runPrepared(this.#knex, statement, [1 + ((this.#firstRow + lane) % limits.countRows), requests]);
    try {
      await withinTime(limits.countTimeoutMs, written, () => new Error('the count took too long'));
    } catch (error) {
      this.#onLost(requests, error);
    }
  }
}

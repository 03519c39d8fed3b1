// Categories in PostgreSQL.
import type { Knex } from 'knex';
import { inDatabase, queryRows } from './database.ts';
import type { RowKey, RowReader } from './json-list.ts';
import { limits } from './limits.ts';
import type { LockingWrites } from './locking-writes.ts';
import { nameDigest } from './name.ts';
import { wholeList, wholeListOf } from './whole-list.ts';

interface CategoryRow {
  readonly id: string;
  readonly name: string;
  readonly name_digest: Buffer;
}

/** Made by PostgreSQL, as text: a JavaScript object would treat `__proto__` and `1` as special. */
const pair = `to_json(name)::text || ':' || act_count`;
const wholeCategories = wholeListOf('categories', pair);

export class CategoryRepository {
  readonly #knex: Knex;
  readonly #writes: LockingWrites;

  constructor(knex: Knex, writes: LockingWrites) {
    this.#knex = knex;
    this.#writes = writes;
  }

  /** False when the name is taken. */
  async add(name: string): Promise<boolean> {
    const row = { name, name_digest: nameDigest(name) };
    const added = await inDatabase(() =>
      this.#knex<CategoryRow>('categories').insert(row).onConflict('name_digest').ignore().returning('id'),
    );
    return added.length === 1;
  }

  /** Its acts go with it, all at once or not at all. False when there is no such category. */
  remove(name: string): Promise<boolean> {
    const removal = async (transaction: Knex.Transaction): Promise<boolean> => {
      const [category] = await transaction<CategoryRow>('categories')
        .where({ name_digest: nameDigest(name) })
        .forUpdate()
        .select('id');
      if (category === undefined) return false;
      await removeActs(transaction, category.id);
      await transaction<CategoryRow>('categories').where({ id: category.id }).delete();
      return true;
    };
    return this.#writes.run(() => inDatabase(() => this.#knex.transaction(removal)));
  }

  async exists(name: string): Promise<boolean> {
    return (
      (
        await inDatabase(() =>
          this.#knex<CategoryRow>('categories')
            .where({ name_digest: nameDigest(name) })
            .pluck('id'),
        )
      ).length === 1
    );
  }

  /** The whole list as pairs without braces, empty when there is none; undefined when it is longer than fits. */
  whole(): Promise<string | undefined> {
    return wholeList(this.#knex, wholeCategories);
  }

  keys(): Promise<RowKey[]> {
    return inDatabase(() => this.#knex('categories').select<RowKey[]>('id', this.#knex.raw('octet_length(name) AS bytes')).orderBy('id'));
  }

  readonly reader: RowReader = {
    rows: async (ids) => {
      const sql = `SELECT ${pair} AS text FROM categories WHERE id = ANY (?) ORDER BY id`;
      return (await queryRows<{ text: string }>(this.#knex, sql, [[...ids]])).map(({ text }) => text);
    },
  };
}

/**
 * In statements of bounded work: a picture of 8 MB is 4,000 rows to PostgreSQL, and no statement may take longer than its timeout. Votes
 * lock acts by seq, so all are locked by seq first.
 */
async function removeActs(transaction: Knex.Transaction, categoryId: string): Promise<void> {
  await transaction.raw('SELECT count(*) FROM (SELECT 1 FROM acts WHERE category_id = ? ORDER BY seq FOR UPDATE) AS held', [categoryId]);
  let [performedAt, seq]: readonly string[] = ['infinity', '0'];
  while (performedAt !== undefined && seq !== undefined) {
    const { rows } = await transaction.raw<{ rows: { performed_at: string; seq: string }[] }>(
      `WITH gone AS (
         DELETE FROM acts WHERE seq IN (
           SELECT seq FROM acts WHERE category_id = ? AND (performed_at, seq) < (?::timestamp, ?::bigint)
            ORDER BY performed_at DESC, seq DESC LIMIT ?)
         RETURNING performed_at, seq)
       SELECT performed_at::text, seq FROM gone ORDER BY gone.performed_at, seq LIMIT 1`,
      [categoryId, performedAt, seq, limits.actsPerDeletion],
    );
    [performedAt, seq] = [rows[0]?.performed_at, rows[0]?.seq];
  }
}

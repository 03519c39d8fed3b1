// Categories in PostgreSQL.
import type { Knex } from 'knex';
import { inDatabase } from './database.ts';
import type { ReadRows, RowKey } from './json-list.ts';
import { nameDigest } from './name.ts';

interface CategoryRow {
  readonly id: string;
  readonly name: string;
  readonly name_digest: Buffer;
}

export class CategoryRepository {
  readonly #knex: Knex;

  constructor(knex: Knex) {
    this.#knex = knex;
  }

  /** False when the name is taken. */
  async add(name: string): Promise<boolean> {
    const row = { name, name_digest: nameDigest(name) };
    const added = await inDatabase(() =>
      this.#knex<CategoryRow>('categories').insert(row).onConflict('name_digest').ignore().returning('id'),
    );
    return added.length === 1;
  }

  /** Its acts go with it, by the foreign key. False when there is no such category. */
  async remove(name: string): Promise<boolean> {
    return (
      (await inDatabase(() =>
        this.#knex<CategoryRow>('categories')
          .where({ name_digest: nameDigest(name) })
          .delete(),
      )) === 1
    );
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

  keys(): Promise<RowKey[]> {
    return inDatabase(() => this.#knex('categories').select<RowKey[]>('id', this.#knex.raw('octet_length(name) AS bytes')).orderBy('id'));
  }

  /** `"name":count` pairs, as text: a JavaScript object would treat `__proto__` and `1` as special. */
  readonly readRows: ReadRows = async (ids) => {
    const counted = await inDatabase(() =>
      this.#knex
        .raw<{ rows: { name: string; total: string }[] }>(
          `SELECT name, (SELECT count(*) FROM acts WHERE category_id = categories.id) AS total
             FROM categories WHERE id = ANY (?) ORDER BY id`,
          [[...ids]],
        )
        .then(({ rows }) => rows),
    );
    return counted.map(({ name, total }) => `${JSON.stringify(name)}:${total}`);
  };
}

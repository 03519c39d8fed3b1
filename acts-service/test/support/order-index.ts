// The invariants of migration 0003's order index: what is stored about a category's acts is what is there.
import { expect } from 'chai';
import { sql, type TestDatabase } from './postgres.ts';

interface CategoryFacts {
  readonly id: string;
  readonly stored: number;
  readonly present: number;
  readonly blocks: number;
  readonly in_blocks: number;
  readonly largest: number;
  readonly wrong: number;
  readonly oldest: string;
}

/** Throws unless counts and blocks agree with the acts. Returns how many blocks each category has, by the category's age. */
export async function checkOrderIndex(database: TestDatabase): Promise<number[]> {
  const orphans = await sql(database, 'SELECT seq FROM acts WHERE category_id NOT IN (SELECT id FROM categories)');
  expect(orphans, 'acts without a category').to.deep.equal([]);
  const categories = await sql<CategoryFacts>(
    database,
    `WITH bounds AS (
       SELECT b.*, lead(performed_at, 1, 'infinity') OVER keys AS upper_at, lead(seq, 1, 0) OVER keys AS upper_seq
         FROM act_blocks b WINDOW keys AS (PARTITION BY category_id ORDER BY performed_at, seq)),
     counted AS (
       SELECT bounds.*, (SELECT count(*) FROM acts a WHERE a.category_id = bounds.category_id
                            AND (a.performed_at, a.seq) >= (bounds.performed_at, bounds.seq)
                            AND (a.performed_at, a.seq) < (upper_at, upper_seq)) AS present FROM bounds)
     SELECT c.id, c.act_count::int AS stored, (SELECT count(*) FROM acts WHERE category_id = c.id)::int AS present,
            count(b.seq)::int AS blocks, coalesce(sum(b.act_count), 0)::int AS in_blocks, coalesce(max(b.act_count), 0) AS largest,
            (count(*) FILTER (WHERE b.act_count <> b.present))::int AS wrong, min(b.performed_at)::text AS oldest
       FROM categories c LEFT JOIN counted b ON b.category_id = c.id GROUP BY c.id ORDER BY c.id`,
  );
  for (const category of categories) {
    const { present } = category;
    expect(category).to.include({ stored: present, in_blocks: present, wrong: 0, oldest: '-infinity' });
    expect(category.largest).to.be.at.most(1024);
  }
  return categories.map(({ blocks }) => blocks);
}

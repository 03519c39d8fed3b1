// What the benchmarks read: categories and acts, written by SQL since a hundred thousand uploads would take longer than the measuring.
import { randomBytes } from 'node:crypto';
import { nameDigest } from '../src/name.ts';
import type { DurablePostgres } from './durable-postgres.ts';

let nextActId = 1;

export interface CategoryContent {
  readonly acts: number;
  readonly imageBytes: number;
  /** Default: the first that is not taken. */
  readonly firstActId?: number;
}

/** Acts with times spread over years, with many ties, not in the order of arrival. Returns the first act's id; the others follow it. */
export async function fillCategory(postgres: DurablePostgres, name: string, content: CategoryContent): Promise<number> {
  const [category] = await postgres.query<{ id: string }>('INSERT INTO categories (name, name_digest) VALUES ($1, $2) RETURNING id', [
    name,
    nameDigest(name),
  ]);
  const first = content.firstActId ?? nextActId;
  nextActId = first + content.acts;
  const batch = Math.max(1, Math.min(5000, Math.floor(32_000_000 / content.imageBytes)));
  for (let done = 0; done < content.acts; done += batch) {
    const image = randomBytes(content.imageBytes);
    const tail = image.toString('base64').slice(-4);
    await postgres.query(
      `INSERT INTO acts (act_id, category_id, username, performed_at, caption, image, image_tail, image_digest)
       SELECT (i + $1)::text, $2, 'user ' || i % 50, timestamp '2019-01-01' + (i * 7919 % 40000) * interval '1 hour',
              'carried the bags of neighbour number ' || i, $3, $4, sha256($3)
         FROM generate_series($5::bigint, $6::bigint) AS i`,
      [first, category?.id, image, tail, done, Math.min(done + batch, content.acts) - 1],
    );
  }
  return first;
}

/** As autovacuum leaves a table that has been there for a while. */
export async function settle(postgres: DurablePostgres): Promise<void> {
  await postgres.query('VACUUM (ANALYZE)');
  await postgres.query('CHECKPOINT');
}

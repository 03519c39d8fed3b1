// Acts in PostgreSQL. Every change is one statement, so it survives any interleaving of replicas. Locks are taken in one order everywhere:
// the category's row, then acts by seq. Counting and ordering is done by the triggers of migration 0003.
import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import { actHead, actTexts, imageSlice, pageKeys, wholePage, type ListedImages } from './act-list-sql.ts';
import type { ActRange } from './act-range.ts';
import type { StoredImage } from './base64-image.ts';
import { queryRows } from './database.ts';
import type { RowKey } from './json-list.ts';
import { limits } from './limits.ts';
import type { LockingWrites } from './locking-writes.ts';
import { nameDigest } from './name.ts';
import { thumbnailType } from './picture-type.ts';
import { runPrepared, type Prepared } from './prepared.ts';
import { VoteBatches } from './vote-batches.ts';

export interface NewAct {
  readonly actId: string;
  readonly username: string;
  /** `YYYY-MM-DD HH:MM:SS` */
  readonly performedAt: string;
  readonly caption: string;
  readonly categoryName: string;
  readonly image: StoredImage;
  /** The media type of a real picture; empty: examined, and no picture; undefined: not examined. */
  readonly pictureType: string | undefined;
  readonly thumbnail: Buffer | undefined;
}

/** A part of a category's acts, newest first, and how many acts there are in all: both from one snapshot. */
export interface ActPage<T> {
  readonly total: number;
  /** Undefined when there is nothing to answer with: no acts, not that many, or too many for one answer (act-range.ts says which). */
  readonly acts: T | undefined;
}

export class ActRepository {
  readonly #knex: Knex;
  readonly #writes: LockingWrites;
  readonly #votes: VoteBatches;

  constructor(knex: Knex, writes: LockingWrites) {
    this.#knex = knex;
    this.#writes = writes;
    this.#votes = new VoteBatches(knex);
  }

  /** False when the id is taken or the category unknown. */
  async add(act: NewAct): Promise<boolean> {
    const digest = createHash('sha256').update(act.image.bytes).digest();
    // The lock comes before the act's seq is drawn, so in a category seq is the order of arrival; and a deletion of the category at the
    // same instant takes the act with it or comes first.
    const added = await this.#write<{ seq: string }>(
      `WITH category AS MATERIALIZED (SELECT id FROM categories WHERE name_digest = ? FOR NO KEY UPDATE)
       INSERT INTO acts (act_id, category_id, username, performed_at, caption, image, image_tail, image_digest,
                         picture_type, thumbnail, thumbnail_type)
       SELECT ?::text, id, ?::text, ?::timestamp, ?::text, ?::bytea, ?::text, ?::bytea, ?::text, ?::bytea, ?::text
         FROM category
       ON CONFLICT (act_id) DO NOTHING RETURNING seq`,
      [
        ...[nameDigest(act.categoryName), act.actId, act.username, act.performedAt, act.caption, act.image.bytes, act.image.tail, digest],
        ...[act.pictureType ?? null, act.thumbnail ?? null, act.thumbnail === undefined ? null : thumbnailType],
      ],
    );
    return added.length === 1;
  }

  /** False when there is no such act. */
  upvote(actId: string): Promise<boolean> {
    return this.#votes.add(actId);
  }

  /** False when there is no such act. */
  async remove(actId: string): Promise<boolean> {
    const removed = await this.#write(
      `WITH category AS MATERIALIZED (
         SELECT id FROM categories WHERE id = (SELECT category_id FROM acts WHERE act_id = ?) FOR NO KEY UPDATE)
       DELETE FROM acts USING category WHERE act_id = ? AND category_id = category.id RETURNING seq`,
      [actId, actId],
    );
    return removed.length === 1;
  }

  async count(): Promise<string> {
    return (
      (await queryRows<{ total: string }>(this.#knex, 'SELECT coalesce(sum(act_count), 0) AS total FROM categories', []))[0]?.total ?? '0'
    );
  }

  /** How many acts a category has; undefined when it is unknown. */
  async countIn(categoryName: string): Promise<number | undefined> {
    const sql = 'SELECT act_count AS total FROM categories WHERE name_digest = ?';
    const [row] = await queryRows<{ total: string }>(this.#knex, sql, [nameDigest(categoryName)]);
    return row === undefined ? undefined : Number(row.total);
  }

  /** The acts as one JSON text without its brackets; undefined also when that is longer than fits. Undefined: an unknown category. */
  page(categoryName: string, range: ActRange | undefined, images: ListedImages): Promise<ActPage<string> | undefined> {
    return this.#page<string>(wholePage[images], categoryName, range, [limits.listBatchBytes]);
  }

  pageKeys(categoryName: string, range: ActRange | undefined, images: ListedImages): Promise<ActPage<readonly RowKey[]> | undefined> {
    return this.#page<readonly RowKey[]>(pageKeys[images], categoryName, range, []);
  }

  /** Acts as JSON texts, in the order of the keys, without those that are gone. */
  async readRows(seqs: readonly string[], images: ListedImages): Promise<string[]> {
    return (await runPrepared<{ text: string }>(this.#knex, actTexts[images], [[...seqs]])).map(({ text }) => text);
  }

  /** The JSON text of one act in parts, none when it is gone. Rejects when it goes in between. No connection is held from part to part. */
  async *readInParts(seq: string): AsyncGenerator<string> {
    const [act] = await runPrepared<{ head: string; image_bytes: number; tail: string }>(this.#knex, actHead, [seq]);
    if (act === undefined) return;
    yield act.head;
    for (let at = 0; at < act.image_bytes; at += limits.imageSliceBytes) {
      const length = Math.min(limits.imageSliceBytes, act.image_bytes - at);
      const [slice] = await runPrepared<{ text: string }>(this.#knex, imageSlice, [seq, at + 1, length]);
      if (slice === undefined) throw new Error('the act was deleted while its picture was sent');
      yield slice.text;
    }
    yield `${act.tail}"}`;
  }

  async #page<T>(
    statement: Prepared,
    categoryName: string,
    range: ActRange | undefined,
    more: readonly number[],
  ): Promise<ActPage<T> | undefined> {
    const values = [nameDigest(categoryName), range?.start ?? 1, range?.end ?? null, ...more];
    const [row] = await runPrepared<{ total: string; answer: T | null }>(this.#knex, statement, values);
    return row === undefined ? undefined : { total: Number(row.total), acts: row.answer ?? undefined };
  }

  #write<T>(sql: string, bindings: readonly Knex.RawBinding[]): Promise<T[]> {
    return this.#writes.run(() => queryRows<T>(this.#knex, sql, bindings));
  }
}

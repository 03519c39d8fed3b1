// Acts in PostgreSQL. Every change is one statement, so it survives any interleaving of replicas.
import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import type { ActRange } from './act-range.ts';
import { encodeImage, type StoredImage } from './base64-image.ts';
import { inDatabase } from './database.ts';
import type { RowKey } from './json-list.ts';
import { limits } from './limits.ts';
import { nameDigest } from './name.ts';
import { timestampFormat } from './timestamp.ts';

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
  readonly thumbnail: Thumbnail | undefined;
}

export interface Thumbnail {
  readonly bytes: Buffer;
  readonly type: string;
}

export interface StoredPicture {
  readonly digest: Buffer;
  /** As in NewAct. */
  readonly type: string | undefined;
  readonly bytes: Buffer;
}

export interface ActPage {
  readonly total: number;
  /** Newest first; at most one more than an answer may hold. */
  readonly keys: readonly RowKey[];
}

interface ActRow {
  readonly act_id: string;
  readonly username: string;
  readonly performed_at: string;
  readonly caption: string;
  readonly category_name: string;
  readonly upvotes: string;
  readonly image?: Buffer;
  readonly image_tail?: string;
}

export class ActRepository {
  readonly #knex: Knex;

  constructor(knex: Knex) {
    this.#knex = knex;
  }

  /** False when the id is taken or the category unknown. */
  async add(act: NewAct): Promise<boolean> {
    const digest = createHash('sha256').update(act.image.bytes).digest();
    // The category's row is locked against deletion until the act is in: a delete at the same instant takes the act with it or comes first.
    const added = await this.#rows<{ seq: string }>(
      `INSERT INTO acts (act_id, category_id, username, performed_at, caption, image, image_tail, image_digest,
                         picture_type, thumbnail, thumbnail_type)
       SELECT ?::text, id, ?::text, ?::timestamp, ?::text, ?::bytea, ?::text, ?::bytea, ?::text, ?::bytea, ?::text
         FROM categories WHERE name_digest = ? FOR KEY SHARE
       ON CONFLICT (act_id) DO NOTHING RETURNING seq`,
      [
        ...[act.actId, act.username, act.performedAt, act.caption, act.image.bytes, act.image.tail, digest],
        ...[act.pictureType ?? null, act.thumbnail?.bytes ?? null, act.thumbnail?.type ?? null, nameDigest(act.categoryName)],
      ],
    );
    return added.length === 1;
  }

  /** False when there is no such act. */
  async upvote(actId: string): Promise<boolean> {
    return (await inDatabase(() => this.#knex('acts').where({ act_id: actId }).increment('upvotes', 1))) === 1;
  }

  /** False when there is no such act. */
  async remove(actId: string): Promise<boolean> {
    return (await inDatabase(() => this.#knex('acts').where({ act_id: actId }).delete())) === 1;
  }

  async count(): Promise<string> {
    return (await this.#rows<{ total: string }>('SELECT count(*) AS total FROM acts', []))[0]?.total ?? '0';
  }

  /** How many acts a category has; undefined when it is unknown. */
  async countIn(categoryName: string): Promise<number | undefined> {
    const [row] = await this.#rows<{ total: string }>(
      'SELECT (SELECT count(*) FROM acts WHERE category_id = c.id) AS total FROM categories c WHERE name_digest = ?',
      [nameDigest(categoryName)],
    );
    return row === undefined ? undefined : Number(row.total);
  }

  /** The category's size and the asked part of its acts, both from one snapshot; undefined when it is unknown. */
  async page(categoryName: string, range: ActRange | undefined, withImages: boolean): Promise<ActPage | undefined> {
    const [start, end] = range === undefined ? [1, limits.actsPerAnswer] : [range.start, range.end];
    const [row] = await this.#rows<{ total: string; keys: RowKey[] | null }>(
      `SELECT (SELECT count(*) FROM acts WHERE category_id = c.id) AS total,
              (SELECT json_agg(k) FROM (
                 SELECT seq::text AS id,
                        octet_length(caption) + octet_length(username) + octet_length(c.name) + ${withImages ? 'octet_length(image)' : '0'} AS bytes
                   FROM acts WHERE category_id = c.id
                  ORDER BY performed_at DESC, seq DESC OFFSET ? LIMIT ?) k) AS keys
         FROM categories c WHERE name_digest = ?`,
      [start - 1, Math.min(end - start + 1, limits.actsPerAnswer), nameDigest(categoryName)],
    );
    return row === undefined ? undefined : { total: Number(row.total), keys: row.keys ?? [] };
  }

  /** Acts as JSON texts, in the order of the keys; `images=none` leaves `imgB64` out. */
  async readRows(seqs: readonly string[], withImages: boolean): Promise<string[]> {
    const rows = await this.#rows<ActRow>(
      `SELECT act_id, username, to_char(performed_at, '${timestampFormat}') AS performed_at, caption, c.name AS category_name, upvotes
              ${withImages ? ', image, image_tail' : ''}
         FROM unnest(?::bigint[]) WITH ORDINALITY AS asked (seq, place)
         JOIN acts USING (seq) JOIN categories c ON c.id = category_id ORDER BY place`,
      [[...seqs]],
    );
    return rows.map(actText);
  }

  async imageDigest(actId: string): Promise<Buffer | undefined> {
    return (await this.#rows<{ digest: Buffer }>('SELECT image_digest AS digest FROM acts WHERE act_id = ?', [actId]))[0]?.digest;
  }

  /** Everything from one row version: an id may be deleted and reused between two reads. */
  async picture(actId: string): Promise<StoredPicture | undefined> {
    const sql = 'SELECT image_digest AS digest, picture_type AS type, image AS bytes FROM acts WHERE act_id = ?';
    const [row] = await this.#rows<{ digest: Buffer; type: string | null; bytes: Buffer }>(sql, [actId]);
    return row === undefined ? undefined : { ...row, type: row.type ?? undefined };
  }

  /** Undefined also when the act has none. The digest is the original picture's. */
  async thumbnail(actId: string): Promise<(Thumbnail & { readonly digest: Buffer }) | undefined> {
    const sql =
      'SELECT image_digest AS digest, thumbnail AS bytes, thumbnail_type AS type FROM acts WHERE act_id = ? AND thumbnail IS NOT NULL';
    return (await this.#rows<Thumbnail & { digest: Buffer }>(sql, [actId]))[0];
  }

  /** For an act of an earlier version; nothing happens when it is gone, has another picture now or was examined meanwhile. */
  async setExamined(actId: string, digest: Buffer, type: string, thumbnail: Thumbnail | undefined): Promise<void> {
    await this.#rows(
      `UPDATE acts SET picture_type = ?, thumbnail = ?, thumbnail_type = ? WHERE act_id = ? AND image_digest = ? AND picture_type IS NULL`,
      [type, thumbnail?.bytes ?? null, thumbnail?.type ?? null, actId, digest],
    );
  }

  #rows<T>(sql: string, bindings: readonly Knex.RawBinding[]): Promise<T[]> {
    return inDatabase(async () => (await this.#knex.raw<{ rows: T[] }>(sql, bindings)).rows);
  }
}

function actText(row: ActRow): string {
  // Written by hand because actId is a number of up to 1,000 digits.
  const image = row.image === undefined ? '' : `,"imgB64":"${encodeImage({ bytes: row.image, tail: row.image_tail ?? '' })}"`;
  return (
    `{"actId":${row.act_id},"username":${JSON.stringify(row.username)},"timestamp":"${row.performed_at}",` +
    `"caption":${JSON.stringify(row.caption)},"upvotes":${row.upvotes},"categoryName":${JSON.stringify(row.category_name)}${image}}`
  );
}

// Pictures and thumbnails in PostgreSQL. Large originals are read in parts, so that a client that takes its time holds one part of one
// in memory and no connection. Read by `seq` once found: an actId may be deleted and used again between two parts.
import type { Knex } from 'knex';
import { queryRows } from './database.ts';
import type { Examined } from './picture-examiner.ts';
import { thumbnailType } from './picture-type.ts';

export interface StoredPicture {
  readonly seq: string;
  readonly digest: Buffer;
  /** The media type of a real picture; empty: examined, and no picture; null: not examined yet. */
  readonly type: string | null;
  readonly bytes: number;
}

export class PictureRepository {
  readonly #knex: Knex;

  constructor(knex: Knex) {
    this.#knex = knex;
  }

  async find(actId: string): Promise<StoredPicture | undefined> {
    const sql = 'SELECT seq, image_digest AS digest, picture_type AS type, octet_length(image) AS bytes FROM acts WHERE act_id = ?';
    return (await queryRows<StoredPicture>(this.#knex, sql, [actId]))[0];
  }

  /** Part of the original, from the zero-based offset; undefined when the act is gone. */
  async part(seq: string, offset: number, bytes: number): Promise<Buffer | undefined> {
    const sql = 'SELECT substring(image FROM ?::int FOR ?::int) AS part FROM acts WHERE seq = ?';
    return (await queryRows<{ part: Buffer }>(this.#knex, sql, [offset + 1, bytes, seq]))[0]?.part;
  }

  async thumbnail(seq: string): Promise<Buffer | undefined> {
    return (
      (await queryRows<{ thumbnail: Buffer | null }>(this.#knex, 'SELECT thumbnail FROM acts WHERE seq = ?', [seq]))[0]?.thumbnail ??
      undefined
    );
  }

  async setExamined(seq: string, { type, thumbnail }: Examined): Promise<void> {
    await queryRows(
      this.#knex,
      'UPDATE acts SET picture_type = ?, thumbnail = ?, thumbnail_type = ? WHERE seq = ? AND picture_type IS NULL',
      [type ?? '', thumbnail ?? null, thumbnail === undefined ? null : thumbnailType, seq],
    );
  }
}

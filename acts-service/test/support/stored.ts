// All that clients have stored, to see that a refused request has changed nothing.
import pg from 'pg';
import type { TestDatabase } from './postgres.ts';

export interface Watcher {
  /** Counts and password hashes aside. One text for one state. */
  stored(): Promise<string>;
  close(): Promise<void>;
}

export async function watchDatabase(database: TestDatabase): Promise<Watcher> {
  const client = new pg.Client(database);
  await client.connect();
  return {
    async stored() {
      const { rows } = await client.query<{ stored: string }>(
        `SELECT concat_ws('|', (SELECT json_agg(name ORDER BY id) FROM users), (SELECT json_agg(name ORDER BY id) FROM categories),
                          (SELECT json_agg(acts ORDER BY seq) FROM acts)) AS stored`,
      );
      return rows[0]?.stored ?? '';
    },
    close: () => client.end(),
  };
}

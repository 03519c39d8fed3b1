// Replicas for tests, in this process. Each has its own port, pool, count and gate, as containers would.
import { readConfig, type Config } from '../../src/config.ts';
import { startReplica, type Replica } from '../../src/replica.ts';
import type { TestDatabase } from './postgres.ts';

const started = new Set<Replica>();

// Suites stop their own; this is for those whose `before` failed half way, which would keep the run from ending.
after('replicas are stopped', () => Promise.all([...started].map((replica) => replica.stop())));

export interface TestReplica extends Replica {
  readonly url: string;
}

export function testConfig(role: 'users' | 'acts', database: TestDatabase, env: Record<string, string> = {}): Config {
  const result = readConfig({ ...testEnv(role, database), ...env });
  if ('errors' in result) throw new Error(result.errors.join('; '));
  return result.config;
}

export function testEnv(role: 'users' | 'acts', database: TestDatabase): Record<string, string> {
  return {
    ROLE: role,
    PORT: '0',
    PGHOST: database.host,
    PGPORT: String(database.port),
    PGUSER: database.user,
    PGPASSWORD: database.password,
    PGDATABASE: database.database,
    USERS_URL: 'http://127.0.0.1:9',
    LOG_LEVEL: 'silent',
    METRICS_PORT: 'off',
  };
}

/** Ready to serve. */
export async function startTestReplica(
  role: 'users' | 'acts',
  database: TestDatabase,
  env: Record<string, string> = {},
): Promise<TestReplica> {
  const replica = await startReplica(testConfig(role, database, env));
  started.add(replica);
  await replica.ready;
  return { ...replica, url: `http://127.0.0.1:${replica.port}` };
}

export interface TestSystem {
  readonly users: TestReplica;
  readonly acts: TestReplica;
  readonly database: TestDatabase;
  stop(): Promise<void>;
}

/** Both roles on one database, as the smallest deployment has them. */
export async function startSystem(database: TestDatabase, env: Record<string, string> = {}): Promise<TestSystem> {
  const users = await startTestReplica('users', database, env);
  const acts = await startTestReplica('acts', database, { USERS_URL: users.url, ...env });
  const stop = async (): Promise<void> => {
    await Promise.all([users.stop(), acts.stop()]);
  };
  return { users, acts, database, stop };
}

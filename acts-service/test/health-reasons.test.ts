import { expect } from 'chai';
import pg from 'pg';
import { databaseReason } from '../src/health-reason.ts';
import { call } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { addCategory, addUser } from './support/fixtures.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { isReady, startProcess, type ServiceProcess } from './support/process.ts';
import { startTestReplica, testEnv, type TestReplica } from './support/replicas.ts';
import { startStallingProxy, type StallingProxy } from './support/stalling-proxy.ts';

const health = '/api/v1/_health';

async function codeOf(url: string): Promise<unknown> {
  const answer = await call(url, 'GET', health);
  return answer.status === 200 ? 'ok' : (answer.json() as { code: unknown }).code;
}

function becomes(url: string, code: string, deadlineMs = 2000): Promise<void> {
  return eventually(async () => {
    expect(await codeOf(url)).to.equal(code);
  }, deadlineMs);
}

async function endSessions({ database, ...rest }: TestDatabase): Promise<void> {
  const statement = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()';
  await sql({ ...rest, database: 'postgres' }, statement, [database]);
}

/** A session that holds a lock until it is released. */
async function lock(database: TestDatabase, table: string): Promise<{ release(): Promise<void> }> {
  const client = new pg.Client(database);
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  return { release: () => client.end() };
}

describe('health tells', () => {
  let database: TestDatabase;
  let proxy: StallingProxy;
  let replica: TestReplica;
  beforeEach(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
    proxy = await startStallingProxy(database.port);
    replica = await startTestReplica('users', { ...database, port: proxy.port });
    expect(await codeOf(replica.url)).to.equal('ok');
  });
  afterEach(async () => {
    proxy.thaw();
    await replica.stop();
    await proxy.close();
  });

  it('a dead database, and is back by itself', async () => {
    await proxy.kill();
    await becomes(replica.url, 'database-unreachable');
    proxy = await eventually(() => startStallingProxy(database.port, proxy.port));
    await becomes(replica.url, 'ok');
  });

  it('a frozen one, and is back by itself', async () => {
    proxy.freeze();
    await becomes(replica.url, 'database-timeout');
    proxy.thaw();
    await becomes(replica.url, 'ok');
  });

  it('a read-only one, and writes again when it does, also on the connections opened meanwhile', async function () {
    this.timeout(20_000);
    const server = { ...database, database: 'postgres' };
    await sql(server, `ALTER DATABASE ${database.database} SET default_transaction_read_only = on`);
    await endSessions(database);
    await becomes(replica.url, 'database-read-only');
    // All four connections of the pool are opened now, and will be read-only for ever.
    const refused = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => addUser(replica.url, name)));
    expect(refused.map(({ status }) => status)).to.deep.equal(Array(6).fill(503));
    await sql(server, `ALTER DATABASE ${database.database} RESET default_transaction_read_only`);
    await becomes(replica.url, 'ok');
    const added = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => addUser(replica.url, name)));
    expect(added.map(({ status }) => status)).to.deep.equal(Array(6).fill(201));
  });

  it('one that has run out of connections, also when only the pool has none', async function () {
    this.timeout(20_000);
    const role = `limited_${database.database}`;
    await sql(database, `CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD 'x'`);
    const limited = await startTestReplica('acts', { ...database, user: role, password: 'x' });
    try {
      await becomes(limited.url, 'ok');
      await sql(database, `GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`);
      await sql(database, `ALTER ROLE ${role} NOSUPERUSER CONNECTION LIMIT 0`);
      expect(await codeOf(limited.url), 'with the sessions it has').to.equal('ok');
      await sql(database, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1`, [role]);
      await becomes(limited.url, 'database-connections-exhausted');
      // One: the probe gets it, and nothing is left for requests.
      await sql(database, `ALTER ROLE ${role} CONNECTION LIMIT 1`);
      await becomes(limited.url, 'ok');
      expect((await call(limited.url, 'GET', '/api/v1/acts/count')).status).to.equal(503);
      await becomes(limited.url, 'database-connections-exhausted');
      await sql(database, `ALTER ROLE ${role} CONNECTION LIMIT 10`);
      await becomes(limited.url, 'ok');
      expect((await call(limited.url, 'GET', '/api/v1/acts/count')).status).to.equal(200);
    } finally {
      await limited.stop();
    }
  });

  it('a password that no longer holds', async () => {
    const role = `changed_${database.database}`;
    await sql(database, `CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD 'x'`);
    const locked = await startTestReplica('acts', { ...database, user: role, password: 'x' });
    try {
      await sql(database, `ALTER ROLE ${role} PASSWORD 'y'`);
      await sql(database, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1`, [role]);
      await becomes(locked.url, 'database-refused');
    } finally {
      await locked.stop();
    }
  });

  it('a pool of which nothing comes back while requests wait, and is back by itself', async function () {
    this.timeout(20_000);
    const held = await lock(database, 'users');
    const stuck = Array.from({ length: 5 }, () => call(replica.url, 'GET', '/api/v1/users'));
    await becomes(replica.url, 'pool-stuck');
    // Nobody waits any more once they have given up; it is no better for that.
    await eventually(async () => {
      expect((await stuck[4])?.status).to.equal(503);
    });
    expect(await codeOf(replica.url)).to.equal('pool-stuck');
    await held.release();
    await becomes(replica.url, 'ok');
    expect((await Promise.all(stuck)).map(({ status }) => status)).to.deep.equal([204, 204, 204, 204, 503]);
  });

  it('nothing of mere overload: requests wait, and get through', async function () {
    this.timeout(20_000);
    await addUser(replica.url, 'alice');
    // Each statement takes a third of a second, so the last of these waits for more than the health check would.
    await sql(database, `CREATE FUNCTION slow() RETURNS trigger AS 'BEGIN PERFORM pg_sleep(0.3); RETURN OLD; END' LANGUAGE plpgsql`);
    await sql(database, 'CREATE TRIGGER slow BEFORE DELETE ON users FOR EACH STATEMENT EXECUTE FUNCTION slow()');
    const requests = Array.from({ length: 24 }, () => call(replica.url, 'DELETE', '/api/v1/users/nobody'));
    const load = { isDone: false };
    const done = Promise.all(requests).then((answers) => {
      load.isDone = true;
      return answers;
    });
    const codes = new Set<unknown>();
    while (!load.isDone) codes.add(await codeOf(replica.url));
    expect([...codes]).to.deep.equal(['ok']);
    expect(new Set((await done).map(({ status }) => status))).to.deep.equal(new Set([400]));
  });
});

describe('the log of health', () => {
  it('says once what is wrong and once that it is over, however often health is asked', async function () {
    this.timeout(30_000);
    const database = await freshDatabase();
    let proxy = await startStallingProxy(database.port);
    const replica: ServiceProcess = await startProcess({ ...testEnv('acts', { ...database, port: proxy.port }), LOG_LEVEL: 'info' });
    try {
      await isReady(replica);
      await proxy.kill();
      await becomes(replica.url, 'database-unreachable');
      for (let asked = 0; asked < 20; asked++) expect(await codeOf(replica.url)).to.equal('database-unreachable');
      proxy = await eventually(() => startStallingProxy(database.port, proxy.port));
      await becomes(replica.url, 'ok');
      await addCategory(replica.url, 'trees');
      const lines = await eventually(() => {
        const parsed = replica
          .output()
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Record<string, unknown>);
        const told = parsed.filter(({ msg }) => msg === 'cannot serve' || msg === 'can serve again');
        expect(told).to.have.lengthOf.at.least(2);
        return told;
      });
      expect(lines.map(({ level, code, previous }) => [level, code, previous])).to.deep.equal([
        [40, 'database-unreachable', 'ok'],
        [30, 'ok', 'database-unreachable'],
      ]);
      expect(lines[0]).to.have.nested.property('err.message');
    } finally {
      replica.child.kill('SIGKILL');
      await replica.exited;
      await proxy.close();
    }
  });
});

describe('the reason of a failure', () => {
  const cases: [error: unknown, code: string][] = [
    [{ code: '25006' }, 'database-read-only'],
    [{ code: '53300' }, 'database-connections-exhausted'],
    [{ code: '53100' }, 'database-full'],
    [{ code: '57P03' }, 'database-unreachable'],
    [{ code: '57P01' }, 'database-unreachable'],
    [{ code: '57014' }, 'database-timeout'],
    [{ code: '28P01' }, 'database-refused'],
    [{ code: '3D000' }, 'database-refused'],
    [{ code: '42P01' }, 'database-unavailable'],
    [{ code: 'ECONNREFUSED' }, 'database-unreachable'],
    [new Error('Connection terminated unexpectedly'), 'database-unreachable'],
  ];
  for (const [error, code] of cases) {
    it(`of ${(error as { code?: string }).code ?? 'a connection that ended'} is ${code}`, () => {
      expect(databaseReason(error)).to.equal(code);
    });
  }
});

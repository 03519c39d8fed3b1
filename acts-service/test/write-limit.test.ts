import { expect } from 'chai';
import type { IncomingMessage } from 'node:http';
import { clientAddress } from '../src/client-address.ts';
import { call, type Answer } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { addCategory } from './support/fixtures.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { isReady, startProcess } from './support/process.ts';
import { startTestReplica, testEnv, type TestReplica } from './support/replicas.ts';

describe('the limit of writes', () => {
  let database: TestDatabase;
  const replicas: TestReplica[] = [];
  beforeEach(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
  });
  afterEach(async () => {
    await Promise.all(replicas.splice(0).map((replica) => replica.stop()));
  });

  async function start(limit: number, count = 1, env: Record<string, string> = {}): Promise<TestReplica[]> {
    const settings = { WRITE_LIMIT_PER_MINUTE: String(limit), TRUST_PROXY: 'true', ...env };
    for (let index = 0; index < count; index++) replicas.push(await startTestReplica('acts', database, settings));
    return replicas;
  }

  const vote = (replica: TestReplica, client: string): Promise<Answer> =>
    call(replica.url, 'POST', '/api/v1/acts/upvote', { body: '[1]', headers: { 'X-Forwarded-For': client } });

  /** 400: let through, there is no such act. */
  async function letThrough(answers: Promise<Answer>[]): Promise<number> {
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    for (const status of statuses) expect(status).to.be.oneOf([400, 429]);
    return statuses.filter((status) => status === 400).length;
  }

  it('is shared by all replicas, to the last write when it is small', async () => {
    const [one, two] = (await start(20, 2)) as [TestReplica, TestReplica];
    const storm = Array.from({ length: 30 }, (_, index) => vote(index % 2 === 0 ? one : two, '10.0.0.1'));
    expect(await letThrough(storm)).to.equal(20);
    const refused = await vote(two, '10.0.0.1');
    expect(refused.json()).to.include({ status: 429, code: 'too-many-writes' });
    expect(Number(refused.headers['retry-after'])).to.be.within(1, 60);
    expect((await vote(one, '10.0.0.2')).status, 'another client').to.equal(400);
  });

  it('is never exceeded when it is leased in lots, and falls short by a few in a hundred at most', async function () {
    this.timeout(30_000);
    const [one, two] = (await start(1000, 2)) as [TestReplica, TestReplica];
    const clients = Array.from({ length: 20 }, async (_, client) => {
      let through = 0;
      for (let index = 0; index < 60; index++) through += await letThrough([vote((client + index) % 2 === 0 ? one : two, '10.0.0.1')]);
      return through;
    });
    const total = (await Promise.all(clients)).reduce((sum, through) => sum + through, 0);
    expect(total).to.be.within(980, 1000);
    const [row] = await sql<{ points: number }>(database, 'SELECT points FROM acts_write_limits');
    expect(row?.points).to.be.within(1000, 1100);
  });

  it('takes a statement for many writes, not for each', async () => {
    const [replica] = (await start(60_000)) as [TestReplica];
    for (let write = 0; write < 40; write++) await vote(replica, '10.0.0.1');
    expect(await sql(database, 'SELECT key, points FROM acts_write_limits')).to.deep.equal([{ key: 'acts:10.0.0.1', points: 50 }]);
  });

  it('leaves reads and the operators’ routes alone, and is off at 0', async () => {
    const [replica] = (await start(1)) as [TestReplica];
    expect(await letThrough([vote(replica, '10.0.0.1'), vote(replica, '10.0.0.1')])).to.equal(1);
    const client = { headers: { 'X-Forwarded-For': '10.0.0.1' } };
    expect((await call(replica.url, 'GET', '/api/v1/acts/count', client)).status).to.equal(200);
    expect((await call(replica.url, 'DELETE', '/api/v1/_count', client)).status).to.equal(200);
    expect((await call(replica.url, 'DELETE', '/api/v1/acts/1', client)).status).to.equal(429);
    const [, unlimited] = (await start(0)) as [TestReplica, TestReplica];
    expect(await letThrough([vote(unlimited, '10.0.0.1'), vote(unlimited, '10.0.0.1')])).to.equal(2);
  });

  it('believes X-Forwarded-For only behind a proxy', async () => {
    const [replica] = (await start(2, 1, { TRUST_PROXY: 'false' })) as [TestReplica];
    expect(await letThrough(['1', '2', '3', '4'].map((last) => vote(replica, `10.0.0.${last}`)))).to.equal(2);
  });

  it('goes on locally when the shared table cannot be used, says so once, and adds no failure', async function () {
    this.timeout(30_000);
    const env = { ...testEnv('acts', database), LOG_LEVEL: 'warn', WRITE_LIMIT_PER_MINUTE: '100' };
    const replica = await startProcess(env);
    try {
      await isReady(replica);
      await sql(database, 'DROP TABLE acts_write_limits');
      const statuses: number[] = [];
      for (let write = 0; write < 110; write++) statuses.push((await addCategory(replica.url, `c${write}`)).status);
      expect(statuses).to.deep.equal([...Array<number>(100).fill(201), ...Array<number>(10).fill(429)]);
      await eventually(() => expect(replica.output()).to.include('shared write limit'));
      expect(replica.output().match(/shared write limit/g)).to.have.lengthOf(1);
    } finally {
      replica.child.kill('SIGKILL');
      await replica.exited;
    }
  });

  it('waits for a table that is locked for half a second at most', async () => {
    const [replica] = (await start(1000)) as [TestReplica];
    const locked = sql(database, 'BEGIN; LOCK TABLE acts_write_limits IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1.5); COMMIT');
    await eventually(async () => {
      const locks = await sql(
        database,
        `SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'acts_write_limits'::regclass`,
      );
      expect(locks).to.have.lengthOf(1);
    });
    const startedAt = performance.now();
    expect((await vote(replica, '10.0.0.1')).status).to.equal(400);
    expect(performance.now() - startedAt).to.be.below(1300);
    await locked;
  });
});

describe('the client of a request', () => {
  const address = (remoteAddress: string, forwarded?: string): string =>
    clientAddress({ socket: { remoteAddress }, headers: { 'x-forwarded-for': forwarded } } as unknown as IncomingMessage, true);

  const cases: [name: string, remote: string, forwarded: string | undefined, client: string][] = [
    ['an address as it is', '10.1.2.3', undefined, '10.1.2.3'],
    ['an IPv4 address that the socket writes as IPv6', '::ffff:10.1.2.3', undefined, '10.1.2.3'],
    ['the last entry of X-Forwarded-For', '10.1.2.3', '1.1.1.1, 2.2.2.2', '2.2.2.2'],
    ['not what a client has made up before it', '10.1.2.3', 'nonsense,3.3.3.3', '3.3.3.3'],
    ['the socket when the last entry is no address', '10.1.2.3', '3.3.3.3, unknown', '10.1.2.3'],
    ['the /64 of an IPv6 address', '2001:db8:1:2:3:4:5:6', undefined, '2001:db8:1:2::/64'],
    ['the same for another address of that network', '10.1.2.3', '2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
    ['the /64 with zeros left out at the start', '::1', undefined, '0:0:0:0::/64'],
    ['and in the middle', '2001:db8::7', undefined, '2001:db8:0:0::/64'],
    ['and with a zone', 'fe80::1%eth0', undefined, 'fe80:0:0:0::/64'],
  ];
  for (const [name, remote, forwarded, client] of cases) {
    it(`is ${name}`, () => {
      expect(address(remote, forwarded)).to.equal(client);
    });
  }
});

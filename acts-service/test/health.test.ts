import { expect } from 'chai';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryPressure, type MemorySources } from '../src/memory-pressure.ts';
import { startReplica } from '../src/replica.ts';
import { call } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { startTestReplica, testConfig, type TestReplica } from './support/replicas.ts';
import { startStallingProxy, type StallingProxy } from './support/stalling-proxy.ts';

const health = '/api/v1/_health';
/** The service's own deadline is 850 ms, the contract's a second; the rest is for a machine that is busy with other tests. */
const slackMs = 1400;

describe('_health', () => {
  let database: TestDatabase;
  let proxy: StallingProxy;
  let replica: TestReplica;
  beforeEach(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
    proxy = await startStallingProxy(database.port);
    replica = await startTestReplica('acts', { ...database, port: proxy.port });
  });
  afterEach(async () => {
    proxy.thaw();
    await replica.stop();
    await proxy.close();
  });

  const status = async (): Promise<number> => (await call(replica.url, 'GET', health)).status;
  const becomes = (expected: number, deadlineMs: number): Promise<void> =>
    eventually(async () => {
      expect(await status()).to.equal(expected);
    }, deadlineMs);

  it('is 200 with nothing in it', async () => {
    const answer = await call(replica.url, 'GET', health);
    expect([answer.status, answer.text, answer.headers['content-length']]).to.deep.equal([200, '', '0']);
  });

  it('is 500 within a second when the database freezes, and 200 within a second after', async () => {
    for (let round = 0; round < 2; round++) {
      expect(await status()).to.equal(200);
      proxy.freeze();
      const startedAt = performance.now();
      const answers = await Promise.all([status(), status(), call(replica.url, 'GET', '/api/v1/_health')]);
      expect(performance.now() - startedAt).to.be.within(500, slackMs);
      expect(answers.slice(0, 2)).to.deep.equal([500, 500]);
      // Now with no connection at all: opening one hangs as well.
      const again = performance.now();
      expect(await status()).to.equal(500);
      expect(performance.now() - again).to.be.below(slackMs);
      proxy.thaw();
      await becomes(200, slackMs);
    }
  });

  it('is 500 when the database is gone, and 200 within a second of its return', async () => {
    await proxy.kill();
    await becomes(500, slackMs);
    proxy = await startStallingProxyOn(proxy.port, database.port);
    await becomes(200, slackMs);
    expect((await call(replica.url, 'GET', '/api/v1/acts/count')).text, 'the pool recovers as well').to.equal('[0]');
  });

  it('leaves no row behind and does not wait for another replica in the middle of its own check', async () => {
    await Promise.all([1, 2, 3].map(status));
    expect(await sql(database, 'SELECT * FROM acts_health_probe')).to.deep.equal([]);
    // Another replica's uncommitted write.
    const other = sql(database, 'BEGIN; INSERT INTO acts_health_probe VALUES (gen_random_uuid()); SELECT pg_sleep(0.5); ROLLBACK');
    await eventually(async () => {
      const rows = await sql(
        database,
        `SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE relname = 'acts_health_probe'`,
      );
      expect(rows).to.not.deep.equal([]);
    });
    expect(await status()).to.equal(200);
    await other;
  });

  it('requests get 503 with Retry-After while the database cannot be used', async () => {
    await proxy.kill();
    for (const [method, path] of [
      ['GET', '/acts/count'],
      ['GET', '/categories'],
      ['DELETE', '/acts/1'],
      ['GET', '/_count'],
    ] as const) {
      const answer = await call(replica.url, method, `/api/v1${path}`);
      expect([answer.status, answer.headers['retry-after'], answer.headers['content-type']], path).to.deep.equal([
        503,
        '1',
        'application/problem+json',
      ]);
    }
    expect((await call(replica.url, 'GET', '/api/v1/acts')).status, 'what needs no database').to.equal(405);
  });

  it('requests to a frozen database end in 503 as well, once nobody hands out connections', async () => {
    proxy.freeze();
    // More than the pool has connections: the last of these wait for one in vain.
    const held = Array.from({ length: 4 }, () => call(replica.url, 'GET', '/api/v1/_count'));
    const answer = await call(replica.url, 'GET', '/api/v1/_count');
    expect([answer.status, answer.headers['retry-after']]).to.deep.equal([503, '1']);
    proxy.thaw();
    await Promise.all(held);
    expect((await call(replica.url, 'GET', '/api/v1/_count')).status).to.equal(200);
  });
});

describe('starting', () => {
  it('listens before the database is there, health says 500, and all is well once it comes', async function () {
    this.timeout(30_000);
    const database = await freshDatabase();
    const proxy = await startStallingProxy(database.port);
    await proxy.kill();
    const replica = await startReplica(testConfig('users', { ...database, port: proxy.port }));
    const url = `http://127.0.0.1:${replica.port}`;
    const back: StallingProxy[] = [];
    try {
      const starting = await call(url, 'GET', health);
      expect([starting.status, starting.json()]).to.deep.include.members([500]);
      const early = await call(url, 'GET', '/api/v1/users');
      expect([early.status, early.headers['retry-after']]).to.deep.equal([503, '1']);
      back.push(await startStallingProxyOn(proxy.port, database.port));
      await eventually(async () => {
        expect((await call(url, 'GET', health)).status).to.equal(200);
      });
      expect((await call(url, 'GET', '/api/v1/users')).status).to.equal(204);
    } finally {
      await replica.stop();
      for (const server of back) await server.close();
    }
  });
});

describe('memory pressure', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'cgroup-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const roomyHeap = { used_heap_size: 10, heap_size_limit: 100 };
  const sources = (overrides: Partial<MemorySources> = {}): MemorySources => ({
    heap: () => roomyHeap,
    cgroupRoot: root,
    membership: join(root, 'self'),
    ...overrides,
  });
  const write = async (directory: string, files: Record<string, string>): Promise<void> => {
    await mkdir(join(root, directory), { recursive: true });
    for (const [name, content] of Object.entries(files)) await writeFile(join(root, directory, name), `${content}\n`);
  };

  it('is a heap above 95 % of its limit', () => {
    expect(memoryPressure(sources({ heap: () => ({ used_heap_size: 95, heap_size_limit: 100 }) }))()).to.equal(undefined);
    expect(memoryPressure(sources({ heap: () => ({ used_heap_size: 96, heap_size_limit: 100 }) }))()).to.match(/heap/);
  });

  it('is a v2 cgroup above 95 % of its limit, droppable page cache aside', async () => {
    await write('', { 'memory.max': '1000', 'memory.current': '960', 'memory.stat': 'anon 1\ninactive_file 0' });
    const pressure = memoryPressure(sources());
    expect(pressure()).to.match(/cgroup/);
    await write('', { 'memory.stat': 'anon 1\ninactive_file 500' });
    expect(pressure()).to.equal(undefined);
    await write('', { 'memory.max': 'max', 'memory.stat': '' });
    expect(pressure()).to.equal(undefined);
  });

  it('is found in the process’s own v2 cgroup when the whole tree is visible', async () => {
    await writeFile(join(root, 'self'), '0::/docker/abc\n');
    await write('docker/abc', { 'memory.max': '1000', 'memory.current': '990', 'memory.stat': '' });
    expect(memoryPressure(sources())()).to.match(/cgroup/);
  });

  it('is a v1 cgroup above 95 % of its limit, at its own path or at the root', async () => {
    await writeFile(join(root, 'self'), '5:memory:/docker/abc\n4:cpu,cpuacct:/\n');
    await write('memory', { 'memory.limit_in_bytes': '1000', 'memory.usage_in_bytes': '960', 'memory.stat': 'total_inactive_file 0' });
    expect(memoryPressure(sources())()).to.match(/cgroup/);
    await write('memory/docker/abc', { 'memory.limit_in_bytes': '9223372036854771712', 'memory.usage_in_bytes': '960' });
    expect(memoryPressure(sources())()).to.equal(undefined);
  });

  it('is nothing where there are no cgroups', () => {
    expect(memoryPressure(sources())()).to.equal(undefined);
  });
});

describe('_health of a process that was held up itself', () => {
  it('reads the answer that is there before it gives up', async function () {
    this.timeout(30_000);
    const replica = await startTestReplica('acts', await freshDatabase());
    const statuses: number[] = [];
    try {
      for (let round = 0; round < 3; round++) {
        const answer = call(replica.url, 'GET', health);
        // The first opens the connection.
        if (round > 0) {
          // Lets the request in, and the check out.
          for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
          for (const endsAt = performance.now() + 1000; performance.now() < endsAt;);
        }
        statuses.push((await answer).status);
      }
    } finally {
      await replica.stop();
    }
    expect(statuses).to.deep.equal([200, 200, 200]);
  });
});

async function startStallingProxyOn(port: number, targetPort: number): Promise<StallingProxy> {
  return eventually(() => startStallingProxy(targetPort, port));
}

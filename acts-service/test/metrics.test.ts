import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import { connect } from 'node:net';
import { call } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { addCategory, addUser, upload } from './support/fixtures.ts';
import { freePort } from './support/free-port.ts';
import { picture } from './support/pictures.ts';
import { freshDatabase } from './support/postgres.ts';
import { isReady, startProcess } from './support/process.ts';
import { startTestReplica, testEnv, type TestReplica } from './support/replicas.ts';

function scrape(port: number, path = '/metrics'): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    get({ port, path, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    }).on('error', reject);
  });
}

describe('metrics', () => {
  let system: { readonly users: TestReplica; readonly acts: TestReplica };
  let port: number;
  before(async function () {
    this.timeout(30_000);
    port = await freePort();
    const database = await freshDatabase();
    const users = await startTestReplica('users', database);
    const acts = await startTestReplica('acts', database, {
      USERS_URL: users.url,
      METRICS_PORT: String(port),
      WRITE_LIMIT_PER_MINUTE: '8',
    });
    system = { users, acts };
    await eventually(() => scrape(port));
  });
  after(() => Promise.all([system.users.stop(), system.acts.stop()]));

  const value = async (series: string): Promise<number> => {
    const { text } = await scrape(port);
    // Labels come in any order.
    const parts = (name: string): string => name.split(/[{},]/).sort().join();
    const line = text.split('\n').find((candidate) => parts(candidate.replace(/ [^ ]*$/, '')) === parts(series));
    return line === undefined ? 0 : Number(line.replace(/^.* /, ''));
  };
  const requests = (route: string, method: string, status: string): Promise<number> =>
    value(`http_requests_total{route="${route}",method="${method}",status="${status}",role="acts"}`);

  it('count requests by the pattern of their route, what is unknown as one, and hold no name', async () => {
    await addUser(system.users.url, 'alice');
    await addCategory(system.acts.url, 'secret-trees');
    await upload(system.acts.url, { categoryName: 'secret-trees' });
    await upload(system.acts.url, { categoryName: 'secret-trees', username: 'bob', actId: 2 });
    const imgB64 = (await picture('jpeg')).toString('base64');
    await upload(system.acts.url, { categoryName: 'secret-trees', actId: 3, imgB64 });
    await call(system.acts.url, 'GET', '/api/v1/categories/secret-trees/acts');
    await call(system.acts.url, 'GET', '/api/v1/categories/secret-none/acts');
    for (const path of ['/x1', '/x2', '/api/v1/x3']) await call(system.acts.url, 'GET', path);
    await call(system.acts.url, 'PROPFIND', '/api/v1/acts/count');
    await eventually(async () => {
      expect(await requests('/api/v1/categories/:category/acts', 'GET', '2xx')).to.equal(1);
    });
    expect(await requests('/api/v1/categories/:category/acts', 'GET', '4xx')).to.equal(1);
    expect(await requests('unknown', 'GET', '4xx')).to.equal(3);
    expect(await requests('/api/v1/acts/count', 'other', '4xx')).to.equal(1);
    expect(await value('users_checks_total{outcome="known",role="acts"}')).to.equal(2);
    expect(await value('thumbnails_total{outcome="made",role="acts"}')).to.equal(1);
    expect(await value('users_checks_total{outcome="unknown",role="acts"}')).to.equal(1);
    expect(await value('http_request_duration_seconds_count{route="/api/v1/acts",method="POST",role="acts"}')).to.equal(3);
    const { text } = await scrape(port);
    expect(text).to.not.match(/secret|alice|bob|x1/);
  });

  it('tell the process, the pool, health and what was refused', async () => {
    const statuses = new Set<number>();
    for (let write = 0; write < 9; write++) statuses.add((await call(system.acts.url, 'DELETE', '/api/v1/acts/5')).status);
    expect([...statuses]).to.deep.equal([400, 429]);
    const refused = await value('writes_refused_total{role="acts"}');
    await call(system.acts.url, 'GET', '/api/v1/_health');
    expect(refused).to.be.at.least(1);
    expect(await value('health_state{code="ok",role="acts"}')).to.equal(1);
    expect(await value('health_state{code="pool-stuck",role="acts"}')).to.equal(0);
    const { text } = await scrape(port);
    for (const name of ['nodejs_eventloop_lag_seconds', 'nodejs_heap_size_used_bytes', 'http_requests_in_flight', 'database_pool']) {
      expect(text).to.match(new RegExp(`^${name}\\{`, 'm'));
    }
    expect(await value('http_requests_in_flight{role="acts"}')).to.equal(0);
  });

  it('are at /metrics and nowhere else', async () => {
    expect((await scrape(port, '/')).status).to.equal(404);
    expect((await call(system.acts.url, 'GET', '/metrics')).status).to.equal(404);
  });
});

describe('a process with metrics', () => {
  it('serves without them when their port is taken, and says so', async function () {
    this.timeout(30_000);
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, resolve));
    const { port } = blocker.address() as { port: number };
    const replica = await startProcess({ ...testEnv('users', await freshDatabase()), LOG_LEVEL: 'warn', METRICS_PORT: String(port) });
    try {
      await isReady(replica);
      await eventually(() => expect(replica.output()).to.include('METRICS_PORT').and.to.include('EADDRINUSE'));
      expect((await call(replica.url, 'GET', '/api/v1/users')).status).to.equal(204);
    } finally {
      replica.child.kill('SIGKILL');
      await replica.exited;
      await new Promise((resolve) => blocker.close(resolve));
    }
  });

  it('is not kept alive by a scraper', async function () {
    this.timeout(30_000);
    const port = await freePort();
    const replica = await startProcess({ ...testEnv('users', await freshDatabase()), METRICS_PORT: String(port) });
    await isReady(replica);
    await eventually(() => scrape(port));
    const scraper = connect(port, '127.0.0.1');
    await once(scraper, 'connect');
    scraper.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.1\r\n');
    await once(scraper, 'data');
    const startedAt = performance.now();
    replica.child.kill('SIGTERM');
    expect(await replica.exited).to.equal(0);
    expect(performance.now() - startedAt).to.be.below(3000);
    scraper.destroy();
  });
});

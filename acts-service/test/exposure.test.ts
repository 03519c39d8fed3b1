// What a replica shows and takes when it stands in the open: headers, other origins, slow clients, errors, compression.
import { expect } from 'chai';
import { gunzipSync } from 'node:zlib';
import { connect } from 'node:net';
import { call, callRaw } from './support/client.ts';
import { actFields, addCategory, addUser, upload } from './support/fixtures.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { startSystem, startTestReplica, type TestReplica, type TestSystem } from './support/replicas.ts';

describe('a replica in the open', () => {
  let database: TestDatabase;
  let system: TestSystem;
  let url: string;
  before(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
    system = await startSystem(database);
    url = system.acts.url;
    await addUser(system.users.url, 'alice');
    await addCategory(url, 'trees');
    for (let actId = 1; actId <= 20; actId++) await upload(url, { actId });
  });
  after(() => system.stop());

  it('says of every answer of the API that it is data', async () => {
    for (const [path, status] of [
      ['/api/v1/acts/count', 200],
      ['/api/v1/acts/1/image', 200],
      ['/api/v1/nothing', 404],
      ['/api/v1/acts', 405],
    ] as const) {
      const answer = await call(url, 'GET', path);
      expect([answer.status, answer.headers['x-content-type-options']], path).to.deep.equal([status, 'nosniff']);
      expect(answer.headers['content-security-policy'], path).to.include("default-src 'none'");
      expect(answer.headers['cross-origin-resource-policy'], path).to.equal('cross-origin');
      expect(answer.headers, path).to.not.have.any.keys('x-powered-by', 'server');
    }
  });

  it('lets an error be kept by nobody', async () => {
    expect((await call(url, 'GET', '/api/v1/acts/99/image')).headers['cache-control']).to.equal('no-store');
  });

  it('tells nothing of an error on our side', async () => {
    const broken = await freshDatabase();
    const replica = await startTestReplica('acts', broken);
    try {
      await sql(broken, 'ALTER TABLE categories RENAME TO elsewhere');
      const answer = await call(replica.url, 'GET', '/api/v1/categories');
      expect(answer.json()).to.deep.equal({
        type: 'about:blank',
        title: 'Internal Server Error',
        status: 500,
        code: 'internal-error',
        detail: 'an error on our side',
      });
      expect(JSON.stringify(answer.headers)).to.not.include('categories');
    } finally {
      await replica.stop();
    }
  });

  describe('compresses', () => {
    const list = '/api/v1/categories/trees/acts?start=1&end=20';
    const asking = { headers: { 'Accept-Encoding': 'gzip' } };

    it('a list without pictures, for those who ask', async () => {
      const plain = await call(url, 'GET', `${list}&images=none`);
      const gzip = await call(url, 'GET', `${list}&images=none`, asking);
      expect([plain.headers['content-encoding'], gzip.headers['content-encoding']]).to.deep.equal([undefined, 'gzip']);
      expect(gunzipSync(gzip.bytes).toString()).to.equal(plain.text);
      expect(gzip.headers.vary).to.include('Accept-Encoding');
      expect(gzip.bytes.length).to.be.below(plain.bytes.length / 4);
    });

    it('no list with pictures, no picture, nothing small', async () => {
      for (const path of [list, '/api/v1/acts/1/image', '/api/v1/acts/count']) {
        const answer = await call(url, 'GET', path, asking);
        expect([answer.status, answer.headers['content-encoding']], path).to.deep.equal([200, undefined]);
      }
      expect((await call(url, 'GET', list, asking)).json()).to.have.lengthOf(20);
    });
  });

  describe('with other origins', () => {
    const preflight = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' };
    const from = (origin: string, extra: Record<string, string> = {}) => ({ headers: { Origin: origin, ...extra } });

    it('listed lets in those and nobody else, and says that it depends on who asks', async () => {
      const replica = await startTestReplica('acts', database, { CORS_ORIGINS: 'https://a.example, http://b.example:8080' });
      try {
        for (const origin of ['https://a.example', 'http://b.example:8080']) {
          const answer = await call(replica.url, 'GET', '/api/v1/acts/count', from(origin));
          expect([answer.headers['access-control-allow-origin'], answer.headers.vary]).to.deep.equal([origin, 'Origin']);
          const asked = await call(replica.url, 'OPTIONS', '/api/v1/acts', from(origin, preflight));
          expect(asked.headers).to.include({ 'access-control-allow-origin': origin, 'access-control-allow-headers': 'content-type' });
        }
        for (const origin of ['https://evil.example', 'https://a.example.evil.example', 'null']) {
          const answer = await call(replica.url, 'GET', '/api/v1/acts/count', from(origin));
          expect([answer.headers['access-control-allow-origin'], answer.headers.vary], origin).to.deep.equal([undefined, 'Origin']);
          const asked = await call(replica.url, 'OPTIONS', '/api/v1/acts', from(origin, preflight));
          expect(asked.headers, origin).to.not.have.any.keys('access-control-allow-origin', 'access-control-allow-methods');
        }
      } finally {
        await replica.stop();
      }
    });

    it('off lets in none, not even their <img>', async () => {
      const replica = await startTestReplica('acts', database, { CORS_ORIGINS: 'off' });
      try {
        const answer = await call(replica.url, 'GET', '/api/v1/acts/1/image', from('https://a.example'));
        expect([
          answer.status,
          answer.headers['access-control-allow-origin'],
          answer.headers['cross-origin-resource-policy'],
        ]).to.deep.equal([200, undefined, 'same-origin']);
      } finally {
        await replica.stop();
      }
    });
  });

  describe('with slow clients', () => {
    let replica: TestReplica;
    before(async () => {
      replica = await startTestReplica('acts', database, { REQUEST_TIMEOUT_MS: '300' });
    });
    after(() => replica.stop());

    it('cuts a head that does not end with 408', async () => {
      expect(await callRaw(replica.url, 'GET /api/v1/acts/count HTTP/1.1\r\nHost: x\r\n')).to.match(/^HTTP\/1.1 408 /);
    });

    it('cuts a body that does not end with 408, and stores nothing', async () => {
      const [before] = await sql<{ n: string }>(database, 'SELECT count(*) AS n FROM acts');
      const json = JSON.stringify(actFields({ actId: 77 }));
      const answer = await callRaw(
        replica.url,
        `POST /api/v1/acts HTTP/1.1\r\nHost: x\r\nContent-Length: ${json.length}\r\n\r\n${json.slice(0, -1)}`,
      );
      expect(answer).to.match(/^HTTP\/1.1 408 /);
      expect(await sql(database, 'SELECT count(*) AS n FROM acts')).to.deep.equal([before]);
    });

    it('lets an idle keep-alive connection be', async () => {
      const { hostname, port } = new URL(replica.url);
      const socket = connect(Number(port), hostname);
      const request = 'GET /api/v1/acts/count HTTP/1.1\r\nHost: x\r\n\r\n';
      const next = (): Promise<string> => new Promise((resolve) => socket.once('data', (chunk) => resolve(chunk.toString())));
      socket.write(request);
      expect(await next()).to.match(/^HTTP\/1.1 200 /);
      // Longer than a request may take: the slow one beside it is cut meanwhile.
      await callRaw(replica.url, 'GET / HTTP/1.1\r\n');
      socket.write(request);
      expect(await next()).to.match(/^HTTP\/1.1 200 /);
      socket.destroy();
    });
  });
});

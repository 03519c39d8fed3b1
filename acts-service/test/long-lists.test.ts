import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { eventually } from './support/eventually.ts';
import { addCategory } from './support/fixtures.ts';
import { freePort } from './support/free-port.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { isReady, startProcess, type ServiceProcess } from './support/process.ts';
import { startTestReplica, testEnv, type TestReplica } from './support/replicas.ts';
import { startStallingProxy } from './support/stalling-proxy.ts';

const fill = (database: TestDatabase, from: number, to: number, imageBytes: number): Promise<unknown> =>
  sql(
    database,
    `INSERT INTO acts (act_id, category_id, username, performed_at, caption, image, image_tail, image_digest)
     SELECT k::text, c.id, 'alice', '2019-01-01', 'c', decode(repeat('00', $3), 'hex'), 'AAAA', ''
       FROM generate_series($1::int, $2::int) k, categories c`,
    [from, to, imageBytes],
  );

async function list(url: string, path = '/api/v1/categories/big/acts', headers = {}): Promise<IncomingMessage> {
  const outgoing = request(`${url}${path}`, { agent: false, headers });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return response;
}

describe('a list of large pictures', () => {
  describe('in a process of its own', () => {
    let replica: ServiceProcess;
    afterEach(async () => {
      replica.child.kill('SIGKILL');
      await replica.exited;
    });

    it('is streamed in bounded memory, to four clients that stop reading now and then', async function () {
      this.timeout(60_000);
      const pictures = 12;
      const database = await freshDatabase();
      replica = await startProcess(testEnv('acts', database));
      await isReady(replica);
      await addCategory(replica.url, 'big');
      await fill(database, 1, pictures, 6_000_000);
      const peakMb = async (): Promise<number> =>
        Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${String(replica.child.pid)}/status`, 'utf8'))?.[1]) / 1024;
      const before = await peakMb();
      const read = async (): Promise<number> => {
        let bytes = 0;
        for await (const chunk of (await list(replica.url)) as AsyncIterable<Buffer>) {
          bytes += chunk.length;
          if (bytes % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        return bytes;
      };
      for (const bytes of await Promise.all([read(), read(), read(), read()])) {
        expect(bytes).to.be.within(pictures * 8_000_000, pictures * 8_000_200);
      }
      // 400 MB went through. A replica takes 100 MB at rest and may take 256.
      expect((await peakMb()) - before).to.be.below(156);
    });
  });

  describe('while acts go', () => {
    let database: TestDatabase;
    let acts: TestReplica;
    before(async function () {
      this.timeout(30_000);
      database = await freshDatabase();
      acts = await startTestReplica('acts', database);
      await addCategory(acts.url, 'big');
    });
    after(() => acts.stop());
    beforeEach(async () => {
      await sql(database, 'TRUNCATE acts');
      await fill(database, 1, 2, 10);
      // More than fits into the buffers between the replica and a client that does not read.
      await fill(database, 3, 3, 60_000_000);
    });

    it('one that goes before its turn is left out', async function () {
      this.timeout(30_000);
      const response = await list(acts.url);
      await sql(database, `DELETE FROM acts WHERE act_id = '2'`);
      const chunks: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
      const listed = JSON.parse(Buffer.concat(chunks).toString()) as { actId: number; imgB64: string }[];
      expect(listed.map(({ actId, imgB64 }) => [actId, imgB64.length])).to.deep.equal([
        [3, 80_000_000],
        [1, 16],
      ]);
    });

    it('one that goes in the middle of its picture breaks the connection: nobody takes half an answer for a whole one', async function () {
      this.timeout(30_000);
      const response = await list(acts.url);
      await sql(database, `DELETE FROM acts WHERE act_id = '3'`);
      let bytes = 0;
      let failure: unknown;
      try {
        for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length;
      } catch (error) {
        failure = error;
      }
      expect(bytes).to.be.within(1, 79_999_999);
      expect(failure).to.include({ code: 'ECONNRESET' });
    });
  });
});

describe('a compressed list', () => {
  it('breaks the connection when the database goes in the middle of it', async function () {
    this.timeout(30_000);
    const database = await freshDatabase();
    const proxy = await startStallingProxy(database.port);
    const users = await startTestReplica('users', { ...database, port: proxy.port });
    try {
      // Names that do not shrink, more of them than fit into the buffers on the way.
      await sql(
        database,
        `INSERT INTO users (name, name_digest, password_salt, password_hash)
         SELECT (SELECT string_agg(md5(k::text || part::text), '') FROM generate_series(1, 3000) part), sha256(k::text::bytea), '', ''
           FROM generate_series(1, 200) k`,
      );
      const response = await list(users.url, '/api/v1/users', { 'Accept-Encoding': 'gzip' });
      expect(response.headers['content-encoding']).to.equal('gzip');
      await proxy.kill();
      const failure: unknown = await response.toArray().catch((error: unknown) => error);
      expect(failure).to.include({ code: 'ECONNRESET' });
    } finally {
      await users.stop();
      await proxy.close();
    }
  });
});

describe('a client that stops taking its answer', () => {
  it('is cut off', async function () {
    this.timeout(30_000);
    const database = await freshDatabase();
    const metrics = await freePort();
    const acts = await startTestReplica('acts', database, { REQUEST_TIMEOUT_MS: '200', METRICS_PORT: String(metrics) });
    try {
      await addCategory(acts.url, 'big');
      await fill(database, 1, 4, 8_000_000);
      const response = await list(acts.url);
      await eventually(async () => {
        const scraped = await fetch(`http://127.0.0.1:${metrics}/metrics`);
        expect(await scraped.text()).to.match(/^http_requests_in_flight\{.*\} 0$/m);
      });
      const failure: unknown = await response.toArray().catch((error: unknown) => error);
      expect(failure).to.include({ code: 'ECONNRESET' });
    } finally {
      await acts.stop();
    }
  });
});

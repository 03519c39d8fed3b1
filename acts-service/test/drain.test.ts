// Stopping and riding out: nothing that was begun is lost, and nothing is left behind.
import { expect } from 'chai';
import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { call } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { actBody, addCategory, upload } from './support/fixtures.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { isReady, startProcess, type ServiceProcess } from './support/process.ts';
import { startTestReplica, testEnv } from './support/replicas.ts';
import { startStallingProxy } from './support/stalling-proxy.ts';

describe('a replica that is told to stop', () => {
  const processes: ServiceProcess[] = [];
  let database: TestDatabase;
  let users: Server;
  let replica: ServiceProcess;
  beforeEach(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
    users = createServer((_, response) => response.end('["alice"]'));
    await new Promise<void>((resolve) => users.listen(0, '127.0.0.1', resolve));
    const usersUrl = `http://127.0.0.1:${(users.address() as AddressInfo).port}`;
    replica = await startProcess({ ...testEnv('acts', database), USERS_URL: usersUrl });
    processes.push(replica);
    await isReady(replica);
    await addCategory(replica.url, 'trees');
  });
  afterEach(async () => {
    for (const { child, exited } of processes.splice(0)) {
      child.kill('SIGKILL');
      await exited;
    }
    users.closeAllConnections();
    await new Promise((resolve) => users.close(resolve));
  });

  const stopsListening = (): Promise<void> =>
    eventually(async () => {
      const failure = await call(replica.url, 'GET', '/').catch((error: unknown) => error);
      expect((failure as { code?: string }).code).to.equal('ECONNREFUSED');
    });

  it('takes the rest of an upload that is still arriving', async () => {
    const body = actBody({ imgB64: 'A'.repeat(400_000) });
    const socket = connect(Number(new URL(replica.url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.write(`POST /api/v1/acts HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 200_000)}`);
    await eventually(async () => {
      const [row] = await sql<{ total: string }>(database, 'SELECT sum(total) AS total FROM acts_request_count');
      expect(row?.total, 'the upload has been begun').to.equal('2');
    });
    replica.child.kill('SIGTERM');
    await stopsListening();
    socket.write(body.slice(200_000));
    await once(socket, 'close');
    expect(answer).to.match(/^HTTP\/1.1 201 /);
    expect(await replica.exited).to.equal(0);
    expect(await sql(database, 'SELECT act_id FROM acts')).to.deep.equal([{ act_id: '1' }]);
  });

  it('sends the rest of a list to a client that reads slowly', async function () {
    this.timeout(20_000);
    for (let actId = 1; actId <= 12; actId++) await upload(replica.url, { actId, imgB64: 'A'.repeat(4_000_000) });
    // Not read: the list is far larger than what sockets and streams hold.
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(`${replica.url}/api/v1/categories/trees/acts`, { agent: false }, resolve).on('error', reject).end();
    });
    replica.child.kill('SIGTERM');
    await stopsListening();
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    expect(JSON.parse(Buffer.concat(chunks).toString())).to.have.lengthOf(12);
    expect(await replica.exited).to.equal(0);
  });

  it('sends keep-alive clients elsewhere, failing none of their requests', async () => {
    const agent = new Agent({ keepAlive: true });
    const seen = new Set<string | undefined>();
    const cut: string[] = [];
    /** False when there was no connection to be had, or none that was ever accepted: no request was begun. */
    const ask = (): Promise<boolean> =>
      new Promise((resolve) => {
        const outgoing = request(`${replica.url}/api/v1/acts/count`, { agent }, (response) => {
          seen.add(response.headers.connection);
          if (response.statusCode !== 200) cut.push(`answered ${response.statusCode}`);
          response.resume().on('end', () => resolve(true));
        });
        outgoing.on('error', (error: NodeJS.ErrnoException) => {
          if (outgoing.reusedSocket) cut.push(String(error.code));
          resolve(false);
        });
        outgoing.end();
      });
    const client = async (): Promise<void> => {
      while (await ask()) if (!replica.child.killed) replica.child.kill('SIGTERM');
    };
    await Promise.all(Array.from({ length: 8 }, client));
    expect(await replica.exited).to.equal(0);
    expect([...seen].sort()).to.deep.equal(['close', 'keep-alive']);
    expect(cut).to.deep.equal([]);
    agent.destroy();
  });
});

describe('a restart of the database', () => {
  it('is 503 with Retry-After while it lasts; all connections are new after it, and none is left over', async function () {
    this.timeout(30_000);
    const database = await freshDatabase();
    let proxy = await startStallingProxy(database.port);
    const replica = await startTestReplica('acts', { ...database, port: proxy.port });
    const sessions = (): Promise<{ pid: number }[]> =>
      sql(database, 'SELECT pid FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()', [database.database]);
    const load = { isOver: false };
    const answers = new Set<string>();
    const client = async (): Promise<void> => {
      while (!load.isOver) {
        const { status, headers } = await call(replica.url, 'GET', '/api/v1/acts/count');
        answers.add(`${status} ${headers['retry-after'] ?? '-'}`);
      }
    };
    try {
      const clients = Array.from({ length: 8 }, client);
      await eventually(() => expect([...answers]).to.deep.equal(['200 -']));
      const before = await sessions();
      for (let round = 0; round < 3; round++) {
        await sql({ ...database, database: 'postgres' }, 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [
          database.database,
        ]);
        await proxy.kill();
        await eventually(async () => {
          expect((await call(replica.url, 'GET', '/api/v1/_health')).status).to.equal(500);
        });
        proxy = await eventually(() => startStallingProxy(database.port, proxy.port));
        const returnedAt = performance.now();
        await eventually(async () => {
          expect((await call(replica.url, 'GET', '/api/v1/_health')).status).to.equal(200);
        });
        expect(performance.now() - returnedAt, 'back within a second').to.be.below(1500);
      }
      await eventually(async () => {
        expect((await call(replica.url, 'GET', '/api/v1/acts/count')).status).to.equal(200);
      });
      load.isOver = true;
      await Promise.all(clients);
      expect([...answers].sort()).to.deep.equal(['200 -', '503 1']);
      const after = await sessions();
      expect(after.length, 'four for requests and one for health').to.be.within(1, 5);
      expect(after.filter(({ pid }) => before.some((old) => old.pid === pid))).to.deep.equal([]);
    } finally {
      load.isOver = true;
      await replica.stop();
      await proxy.close();
    }
  });
});

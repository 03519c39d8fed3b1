import { expect } from 'chai';
import { once } from 'node:events';
import { Agent, createServer, request, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { call } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { actBody, addCategory, upload } from './support/fixtures.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { isReady, startProcess, type ServiceProcess } from './support/process.ts';
import { startTestReplica, testEnv } from './support/replicas.ts';

describe('_crash', () => {
  let database: TestDatabase;
  before(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
  });
  const crash = '/api/v1/_crash';
  const forwarded = { headers: { 'X-Forwarded-For': '10.0.0.1' } };

  it('answers 200 once; from then on everything in this process is 500, and other replicas live on', async () => {
    const [victim, other] = [
      await startTestReplica('acts', database, { ACTS_FAULT_INJECTION: 'any' }),
      await startTestReplica('acts', database),
    ];
    try {
      const answer = await call(victim.url, 'POST', crash, forwarded);
      expect([answer.status, answer.text]).to.deep.equal([200, '']);
      const paths = ['/api/v1/_health', '/api/v1/_count', crash, '/api/v1/acts/count', '/api/v1/nothing', '/', '/nothing'];
      for (const path of paths) {
        for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS', 'PUT']) {
          expect((await call(victim.url, method, path)).status, `${method} ${path}`).to.equal(500);
        }
      }
      expect((await call(victim.url, 'POST', '/api/v1/acts', { body: 'x'.repeat(100_000) })).status).to.equal(500);
      const expecting = { headers: { Expect: 'what nobody knows' } };
      expect((await call(victim.url, 'GET', '/api/v1/acts/count', expecting)).status).to.equal(500);
      expect((await call(other.url, 'GET', '/api/v1/acts/count', expecting)).status).to.equal(200);
      await call(other.url, 'DELETE', '/api/v1/_count');
      expect((await call(other.url, 'GET', '/api/v1/_health')).status).to.equal(200);
      expect((await call(other.url, 'GET', '/api/v1/_count')).text, 'a crashed process counts nothing').to.equal('[0]');
    } finally {
      await Promise.all([victim.stop(), other.stop()]);
    }
  });

  it('answers 200 to one of several at once', async () => {
    const replica = await startTestReplica('acts', database, { ACTS_FAULT_INJECTION: 'any' });
    try {
      // The first to ask for compression wait for its import, all past the gate.
      const options = { headers: { 'Accept-Encoding': 'gzip' } };
      const answers = await Promise.all([1, 2, 3].map(() => call(replica.url, 'POST', crash, options)));
      expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 500, 500]);
    } finally {
      await replica.stop();
    }
  });

  it('is 404 by default', async () => {
    const replica = await startTestReplica('users', database);
    try {
      for (const method of ['GET', 'POST', 'DELETE']) expect((await call(replica.url, method, crash)).status).to.equal(404);
      expect((await call(replica.url, 'GET', '/api/v1/_health')).status).to.equal(200);
    } finally {
      await replica.stop();
    }
  });

  it('with `direct` is 404 through a proxy and works without one', async () => {
    const replica = await startTestReplica('users', database, { ACTS_FAULT_INJECTION: 'direct' });
    try {
      for (const path of [crash, `${crash}/`]) expect((await call(replica.url, 'POST', path, forwarded)).status).to.equal(404);
      expect((await call(replica.url, 'GET', crash)).status).to.equal(405);
      expect((await call(replica.url, 'GET', '/api/v1/_health')).status).to.equal(200);
      expect((await call(replica.url, 'POST', crash)).status).to.equal(200);
      expect((await call(replica.url, 'GET', '/api/v1/_health')).status).to.equal(500);
    } finally {
      await replica.stop();
    }
  });
});

describe('a process', () => {
  const processes: ServiceProcess[] = [];
  let database: TestDatabase;
  let usersStub: Server;
  let askedFor: ServerResponse[];
  let autoAnswer: boolean;
  beforeEach(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
    askedFor = [];
    autoAnswer = false;
    usersStub = createServer((_, response) => {
      if (autoAnswer) response.end('["alice"]');
      else askedFor.push(response);
    });
    await new Promise<void>((resolve) => usersStub.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    for (const { child, exited } of processes.splice(0)) {
      child.kill('SIGKILL');
      await exited;
    }
    usersStub.closeAllConnections();
    await new Promise((resolve) => usersStub.close(resolve));
  });

  async function start(env: Record<string, string> = {}): Promise<ServiceProcess> {
    const usersUrl = `http://127.0.0.1:${(usersStub.address() as AddressInfo).port}`;
    const replica = await startProcess({ ...testEnv('acts', database), USERS_URL: usersUrl, ...env });
    processes.push(replica);
    return replica;
  }

  it('reports everything that is wrong with its environment at once, and exits with 1', async () => {
    const replica = await startProcess({ ROLE: 'boss', PORT: 'x' });
    processes.push(replica);
    // startProcess replaces PORT, so it is right; the others are not.
    expect(await replica.exited).to.equal(1);
    expect(replica.output()).to.include('ROLE must be one of users, acts, not "boss"').and.to.include('PGHOST').and.to.include('PGUSER');
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`on ${signal} takes no new connection, finishes the request in flight, and exits with 0`, async () => {
      const replica = await start();
      await isReady(replica);
      await addCategory(replica.url, 'trees');
      const inFlight = upload(replica.url);
      await eventually(() => expect(askedFor).to.have.lengthOf(1));
      replica.child.kill(signal);
      await eventually(async () => {
        const failure = await call(replica.url, 'GET', '/').catch((error: unknown) => error);
        expect((failure as { code?: string }).code).to.equal('ECONNREFUSED');
      });
      expect(replica.child.exitCode).to.equal(null);
      askedFor[0]!.end('["alice"]');
      expect((await inFlight).status).to.equal(201);
      expect(await replica.exited).to.equal(0);
    });
  }

  it('is not kept alive by idle keep-alive connections', async () => {
    const replica = await start();
    await isReady(replica);
    const agent = new Agent({ keepAlive: true, maxSockets: 5 });
    const { port } = new URL(replica.url);
    await Promise.all(
      Array.from(
        { length: 5 },
        () =>
          new Promise((resolve, reject) =>
            request({ port, agent }, (response) => response.resume().on('end', resolve))
              .on('error', reject)
              .end(),
          ),
      ),
    );
    const startedAt = performance.now();
    replica.child.kill('SIGTERM');
    expect(await replica.exited).to.equal(0);
    // The grace time is 8 s.
    expect(performance.now() - startedAt).to.be.below(3000);
    agent.destroy();
  });

  it('is not kept alive by a connection that never sent anything', async () => {
    const replica = await start();
    await isReady(replica);
    const socket = connect(Number(new URL(replica.url).port), '127.0.0.1');
    await once(socket, 'connect');
    // The server has accepted it once it has answered on a later one.
    await call(replica.url, 'GET', '/');
    const startedAt = performance.now();
    replica.child.kill('SIGTERM');
    expect(await replica.exited).to.equal(0);
    expect(performance.now() - startedAt).to.be.below(3000);
    socket.destroy();
  });

  it('cuts a request that does not end when the grace time does', async () => {
    const replica = await start({ SHUTDOWN_GRACE_MS: '300' });
    await isReady(replica);
    const socket = connect(Number(new URL(replica.url).port), '127.0.0.1');
    const cut = new Promise((resolve) => socket.on('error', resolve).on('close', resolve));
    socket.write('POST /api/v1/acts HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{');
    await eventually(async () => {
      const [row] = await sql<{ total: string }>(database, 'SELECT sum(total) AS total FROM acts_request_count');
      expect(row?.total).to.equal('1');
    });
    replica.child.kill('SIGTERM');
    expect(await replica.exited).to.equal(0);
    await cut;
  });

  it('can be stopped while it waits for a database that is not there', async () => {
    const replica = await start({ PGPORT: '9' });
    await eventually(async () => {
      expect((await call(replica.url, 'GET', '/api/v1/_health')).status).to.equal(500);
    });
    replica.child.kill('SIGTERM');
    expect(await replica.exited).to.equal(0);
  });

  it('stopped under load: what was answered 201 is stored, what was refused is not, and the count is exact', async () => {
    autoAnswer = true;
    const replica = await start();
    await isReady(replica);
    await addCategory(replica.url, 'trees');
    let nextId = 0;
    const created: number[] = [];
    const unanswered: number[] = [];
    const client = async (): Promise<void> => {
      for (;;) {
        const actId = ++nextId;
        try {
          const { status } = await call(replica.url, 'POST', '/api/v1/acts', { body: actBody({ actId }) });
          expect(status).to.equal(201);
          created.push(actId);
        } catch (error) {
          if ((error as { code?: string }).code === undefined) throw error;
          unanswered.push(actId);
          return;
        }
        if (created.length === 100) replica.child.kill('SIGTERM');
      }
    };
    await Promise.all(Array.from({ length: 16 }, client));
    expect(await replica.exited).to.equal(0);
    const rows = await sql<{ act_id: string }>(database, 'SELECT act_id FROM acts');
    // Whoever got no answer never got a connection: nothing was begun for them.
    expect(rows.map(({ act_id }) => Number(act_id)).sort((a, b) => a - b)).to.deep.equal(created.sort((a, b) => a - b));
    const [count] = await sql<{ total: string }>(database, 'SELECT sum(total) AS total FROM acts_request_count');
    expect(count?.total).to.equal(String(created.length + 1));
  });
});

import { expect } from 'chai';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loggedError } from '../src/logger.ts';
import { Telemetry } from '../src/telemetry.ts';
import { firstAnswer, usersCheck } from '../src/users-check.ts';
import { call } from './support/client.ts';
import { addCategory, addUser, upload } from './support/fixtures.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { startTestReplica, type TestReplica } from './support/replicas.ts';

describe('the users check of an upload', () => {
  let database: TestDatabase;
  let acts: TestReplica;
  let stub: Server;
  let answer: RequestListener;
  const seen: IncomingMessage[] = [];
  before(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
    stub = createServer((request, response) => {
      seen.push(request);
      answer(request, response);
    });
    await new Promise<void>((resolve) => stub.listen(0, '127.0.0.1', resolve));
    const port = (stub.address() as AddressInfo).port;
    acts = await startTestReplica('acts', database, { USERS_URL: `http://localhost:${port}`, SERVICE_ORIGIN: 'http://acts.example:8000' });
    await addCategory(acts.url, 'trees');
  });
  after(async () => {
    await acts.stop();
    stub.closeAllConnections();
    await new Promise((resolve) => stub.close(resolve));
  });
  beforeEach(async () => {
    seen.length = 0;
    await sql(database, 'TRUNCATE acts');
  });

  const reply =
    (status: number, body = ''): RequestListener =>
    (_, response) =>
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(body);
  const stored = async (): Promise<string> => (await call(acts.url, 'GET', '/api/v1/acts/count')).text;

  it('is GET /api/v1/users with an Origin that names this service', async () => {
    answer = reply(200, '["alice"]');
    expect((await upload(acts.url)).status).to.equal(201);
    expect(seen.map(({ method, url, headers }) => [method, url, headers.origin])).to.deep.equal([
      ['GET', '/api/v1/users', 'http://acts.example:8000'],
    ]);
  });

  it('tells the log nothing of an answer that is not JSON: it holds names', async () => {
    answer = reply(200, '["alice", bob]');
    const url = `http://127.0.0.1:${(stub.address() as AddressInfo).port}`;
    const failure: unknown = await usersCheck(url, url, new Telemetry())('alice', 'id').catch((error: unknown) => error);
    expect(failure).to.include({ code: 'users-unavailable' });
    expect(JSON.stringify(loggedError(failure))).to.not.match(/alice|bob/);
  });

  it('is never cached', async () => {
    answer = reply(200, '["alice"]');
    expect((await upload(acts.url, { actId: 1 })).status).to.equal(201);
    answer = reply(200, '["bob"]');
    expect((await upload(acts.url, { actId: 2 })).json()).to.include({ status: 400, code: 'unknown-user' });
    answer = reply(204);
    expect((await upload(acts.url, { actId: 3 })).status, '204: there are no users').to.equal(400);
  });

  it('asks again after a failure, and goes on when that helps', async () => {
    const replies = [reply(500), reply(503), reply(200, '["alice"]')];
    answer = (request, response) => replies.shift()?.(request, response);
    expect((await upload(acts.url)).status).to.equal(201);
    expect(seen.length).to.equal(3);
  });

  const failures: Record<string, RequestListener> = {
    'answers 500': reply(500),
    'answers 404': reply(404),
    'answers no JSON': reply(200, '<html>'),
    'answers something else than names': reply(200, '{"alice":1}'),
    'hangs up': (request) => request.socket.destroy(),
    'never answers': () => undefined,
  };
  for (const [name, failure] of Object.entries(failures)) {
    it(`is 503 with Retry-After when users ${name}, and nothing is stored`, async () => {
      answer = failure;
      const refused = await upload(acts.url);
      expect([refused.status, refused.headers['retry-after']]).to.deep.equal([503, '1']);
      expect(refused.json()).to.include({ code: 'users-unavailable' });
      expect(await stored()).to.equal('[0]');
    });
  }

  it('is 503 when nobody listens or the name does not resolve', async () => {
    for (const usersUrl of ['http://127.0.0.1:9', 'http://nowhere.invalid']) {
      const lonely = await startTestReplica('acts', database, { USERS_URL: usersUrl });
      try {
        expect((await upload(lonely.url)).status).to.equal(503);
        expect((await upload(lonely.url, { actId: '1.5' })).status, 'a bad upload stays 400').to.equal(400);
      } finally {
        await lonely.stop();
      }
    }
    expect(await stored()).to.equal('[0]');
  });

  it('finds one user among many, with a name of megabytes', async () => {
    const users = await startTestReplica('users', await freshDatabase());
    const busy = await startTestReplica('acts', database, { USERS_URL: users.url });
    try {
      const long = 'ü'.repeat(1_000_000);
      for (const name of ['"', 'a', long, '__proto__']) await addUser(users.url, name);
      for (const [actId, username] of [long, '__proto__', '"'].entries()) {
        expect((await upload(busy.url, { actId, username })).status).to.equal(201);
      }
    } finally {
      await Promise.all([users.stop(), busy.stop()]);
    }
  });
});

describe('asking several addresses', () => {
  const never = (): Promise<string> => new Promise(() => undefined);

  it('takes the next one as soon as one fails', async () => {
    const asked: string[] = [];
    const result = await firstAnswer(['dead', 'alive', 'unneeded'], (address) => {
      asked.push(address);
      return address === 'dead' ? Promise.reject(new Error('refused')) : Promise.resolve(address);
    });
    expect([result, asked]).to.deep.equal(['alive', ['dead', 'alive']]);
  });

  it('does not wait for one that is paused, and hangs up on it afterwards', async () => {
    let paused: AbortSignal | undefined;
    const result = await firstAnswer(
      ['paused', 'alive'],
      (address, signal) => {
        if (address === 'alive') return Promise.resolve(address);
        paused = signal;
        return never();
      },
      10,
    );
    expect([result, paused?.aborted]).to.deep.equal(['alive', true]);
  });

  it('fails with the last reason when all fail', async () => {
    const failure = await firstAnswer(['a', 'b'], (address) => Promise.reject(new Error(address))).catch((error: unknown) => error);
    expect((failure as Error).message).to.equal('b');
    expect(await firstAnswer([], never).catch((error: unknown) => (error as Error).message)).to.equal('no address');
  });
});

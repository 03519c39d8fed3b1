import { expect } from 'chai';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { limits } from '../src/limits.ts';
import { loggedError } from '../src/logger.ts';
import { requestId } from '../src/request-id.ts';
import { call } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { addCategory, addUser, password, upload } from './support/fixtures.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { isReady, startProcess, type ServiceProcess } from './support/process.ts';
import { startTestReplica, testEnv } from './support/replicas.ts';

type Line = Record<string, unknown>;

function linesOf(replica: ServiceProcess): Line[] {
  const complete = replica.output().split('\n').slice(0, -1);
  return complete.map((line) => JSON.parse(line) as Line);
}

describe('logs', () => {
  const started: ServiceProcess[] = [];
  let database: TestDatabase;
  before(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
  });
  afterEach(async () => {
    for (const { child, exited } of started.splice(0)) {
      child.kill('SIGKILL');
      await exited;
    }
  });

  async function start(role: 'users' | 'acts', env: Record<string, string>): Promise<ServiceProcess> {
    const replica = await startProcess({ ...testEnv(role, database), ...env });
    started.push(replica);
    await isReady(replica);
    return replica;
  }

  it('at debug say of each request its id, route, status and time, and never what was in it', async function () {
    this.timeout(30_000);
    const users = await start('users', { LOG_LEVEL: 'debug' });
    const acts = await start('acts', { LOG_LEVEL: 'debug', USERS_URL: users.url });
    const image = Buffer.from('a private picture').toString('base64');
    await addUser(users.url, 'very-private-name');
    await addCategory(acts.url, 'private-trees');
    await upload(acts.url, { username: 'very-private-name', categoryName: 'private-trees', caption: 'private words', imgB64: image });
    // A statement that fails with all of it in its values.
    await sql(database, `ALTER TABLE users ADD CONSTRAINT never CHECK (name <> 'private-row')`);
    await sql(database, `ALTER TABLE acts ADD CONSTRAINT never CHECK (caption <> 'private row')`);
    expect((await addUser(users.url, 'private-row')).status).to.equal(500);
    const failed = { actId: 2, username: 'very-private-name', categoryName: 'private-trees', caption: 'private row', imgB64: image };
    expect((await upload(acts.url, failed)).status).to.equal(500);
    await call(users.url, 'DELETE', '/api/v1/users/very-private-name', { headers: { 'X-Request-Id': 'from-outside.1' } });
    const line = await eventually(() => {
      const found = linesOf(users).find((candidate) => candidate.requestId === 'from-outside.1');
      if (found === undefined) throw new Error('no such line yet');
      return found;
    });
    expect(line).to.include({ level: 20, role: 'users', method: 'DELETE', route: '/api/v1/users/:username', status: 200 });
    expect(line.ms).to.be.a('number');
    await eventually(() => {
      for (const replica of [users, acts]) {
        const failure = linesOf(replica).find(({ msg }) => msg === 'request failed');
        expect(failure).to.include({ level: 40, status: 500, code: 'internal-error' });
        expect(failure).to.have.nested.property('err.code', '23514');
      }
    });
    for (const secret of ['private-name', 'private-row', 'private row', 'private-trees', 'private words', password, image]) {
      expect(users.output() + acts.output(), secret).to.not.include(secret);
    }
    expect(users.output() + acts.output()).to.not.match(/private|[0-9a-f]{64}/);
  });

  it('at info say what failed and nothing of what did not, not even health every second', async function () {
    this.timeout(30_000);
    const acts = await start('acts', { LOG_LEVEL: 'info' });
    await addCategory(acts.url, 'trees');
    const before = linesOf(acts).length;
    await call(acts.url, 'GET', '/api/v1/categories');
    await call(acts.url, 'GET', '/api/v1/nothing');
    const refused = await upload(acts.url, { actId: 10 });
    expect(refused.status).to.equal(503);
    const added = await eventually(() => {
      // On a busy machine the first requests of a process may take a second and say so.
      const lines = linesOf(acts)
        .slice(before)
        .filter(({ msg, ms }) => msg !== 'slow request' || Number(ms) < limits.slowRequestMs);
      expect(lines).to.have.lengthOf.at.least(1);
      return lines;
    });
    const id = refused.headers['x-request-id'];
    expect(added.map(({ msg, requestId: logged, code, route }) => ({ msg, logged, code, route }))).to.deep.equal([
      { msg: 'request failed', logged: id, code: 'users-unavailable', route: '/api/v1/acts' },
    ]);
  });

  it('say what was slow', async function () {
    this.timeout(30_000);
    const acts = await start('acts', { LOG_LEVEL: 'info' });
    const locked = sql(database, 'BEGIN; LOCK TABLE categories IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1.3); COMMIT');
    await eventually(async () => {
      const locks = await sql(database, `SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'categories'::regclass`);
      expect(locks).to.have.lengthOf(1);
    });
    await call(acts.url, 'GET', '/api/v1/categories');
    await locked;
    const line = await eventually(() => {
      // The first request of a process, the description that each answer is held against, may be slow as well.
      const found = linesOf(acts).find(({ msg, route }) => msg === 'slow request' && route === '/api/v1/categories');
      if (found === undefined) throw new Error('no such line yet');
      return found;
    });
    expect(line).to.include({ level: 30, status: 200 });
    expect(line.ms).to.be.at.least(1000);
  });
});

describe('request ids', () => {
  it('are taken over when they are fit to be logged, else made', () => {
    for (const id of ['a', '7f3c-12', 'trace:1/2+3=', 'x'.repeat(128)]) expect(requestId(id)).to.equal(id);
    for (const id of [undefined, '', 'a b', 'a\nb', '{"a":1}', 'a,b', 'x'.repeat(129), 'ä', ['a', 'b']]) {
      expect(requestId(id)).to.match(/^[0-9a-f]{12}-[0-9a-z]+$/);
    }
    expect(requestId(undefined)).to.not.equal(requestId(undefined));
  });

  it('are answered with everything, errors included, and go along to the users role', async function () {
    this.timeout(30_000);
    const seen: unknown[] = [];
    const stub: Server = createServer((request, response) => {
      seen.push(request.headers['x-request-id']);
      response.end('["alice"]');
    });
    await new Promise<void>((resolve) => stub.listen(0, '127.0.0.1', resolve));
    const usersUrl = `http://127.0.0.1:${(stub.address() as AddressInfo).port}`;
    const acts = await startTestReplica('acts', await freshDatabase(), { USERS_URL: usersUrl, ACTS_FAULT_INJECTION: 'any' });
    const headers = { 'X-Request-Id': 'abc-1' };
    const answered = async (method: string, path: string): Promise<unknown> =>
      (await call(acts.url, method, path, { headers })).headers['x-request-id'];
    try {
      for (const path of ['/', '/nothing', '/api/v1/acts', '/api/v1/acts/count', '/api/v1/_health']) {
        expect(await answered('GET', path), path).to.equal('abc-1');
      }
      await upload(acts.url).then(({ headers: own }) => expect(seen).to.deep.equal([own['x-request-id']]));
      await answered('POST', '/api/v1/_crash');
      expect(await answered('GET', '/api/v1/acts/count'), 'crashed').to.equal('abc-1');
    } finally {
      await acts.stop();
      await new Promise((resolve) => stub.close(resolve));
    }
  });
});

describe('errors in the log', () => {
  it('are type, message, code, frames and causes, cut where they get long, and nothing else they carry', () => {
    const cause = Object.assign(new Error(`row: ${'x'.repeat(10_000)}`), {
      code: '23505',
      detail: 'Key (name)=(alice) exists',
      parameters: ['s'],
    });
    const logged = loggedError(new TypeError('outer', { cause }));
    expect(logged).to.include({ type: 'TypeError', message: 'outer' });
    expect(logged.cause).to.have.all.keys('type', 'message', 'code', 'stack');
    expect(logged.cause?.code).to.equal('23505');
    expect(JSON.stringify(logged)).to.not.include('alice').and.to.not.include('x'.repeat(500));
    expect(logged.cause?.stack).to.match(/^\s+at /);
  });

  it('end, even when they are their own cause', () => {
    const error = new Error('round');
    error.cause = error;
    expect(JSON.stringify(loggedError(error)).length).to.be.below(20_000);
  });
});

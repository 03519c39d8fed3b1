import { expect } from 'chai';
import { call } from './support/client.ts';
import { actBody, addCategory, addUser, upload } from './support/fixtures.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { startTestReplica, type TestReplica } from './support/replicas.ts';

describe('_count', () => {
  let database: TestDatabase;
  let users: TestReplica;
  let replicas: TestReplica[];
  before(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
    users = await startTestReplica('users', database);
    replicas = await Promise.all([1, 2, 3].map(() => startTestReplica('acts', database, { USERS_URL: users.url })));
  });
  after(() => Promise.all([users, ...replicas].map((replica) => replica.stop())));
  beforeEach(async () => {
    await call(users.url, 'DELETE', '/api/v1/_count');
    await call(replicas[0]!.url, 'DELETE', '/api/v1/_count');
  });

  const count = async (replica: TestReplica): Promise<string> => (await call(replica.url, 'GET', '/api/v1/_count')).text;

  it('is [0] in a new database, and DELETE resets it: 200 and {}', async () => {
    const fresh = await freshDatabase();
    const replica = await startTestReplica('users', fresh);
    try {
      expect(await count(replica)).to.equal('[0]');
      await call(replica.url, 'GET', '/api/v1/users');
      expect(await count(replica)).to.equal('[1]');
      const reset = await call(replica.url, 'DELETE', '/api/v1/_count');
      expect([reset.status, reset.text]).to.deep.equal([200, '{}']);
      expect(await count(replica)).to.equal('[0]');
    } finally {
      await replica.stop();
    }
  });

  it('counts every request to the role, failures included, and nothing else', async () => {
    const [acts] = replicas as [TestReplica];
    const counted: [string, string][] = [
      ['GET', '/categories'], ['POST', '/categories'], ['PUT', '/categories'], ['DELETE', '/categories/none'], ['GET', '/categories/none/acts'],
      ['GET', '/categories/a/b/c/d'], ['DELETE', '/categories/%zz'], ['POST', '/acts'], ['GET', '/acts'], ['GET', '/acts/count'], ['DELETE', '/acts/x'],
      ['HEAD', '/acts/1/image'], ['OPTIONS', '/acts'], ['GET', '/acts?x=1'], ['GET', '/acts/'],
    ]; // prettier-ignore
    const uncounted: [string, string][] = [
      ['GET', '/_count'], ['PUT', '/_count'], ['GET', '/_health'], ['POST', '/_crash'], ['GET', '/users'], ['GET', '/actsx'], ['GET', '/'], ['GET', '/category'],
    ]; // prettier-ignore
    for (const [index, [method, path]] of counted.entries()) {
      await call(acts.url, method, `/api/v1${path}`);
      expect(await count(acts), `${method} ${path}`).to.equal(`[${index + 1}]`);
    }
    for (const [method, path] of uncounted) await call(acts.url, method, `/api/v1${path}`);
    expect(await count(acts)).to.equal(`[${counted.length}]`);
  });

  it('each role counts its own; the users check of an upload is a request to users', async () => {
    await addUser(users.url, 'alice');
    await addCategory(replicas[0]!.url, 'trees');
    await upload(replicas[0]!.url);
    expect(await count(users)).to.equal('[2]');
    expect(await count(replicas[0]!)).to.equal('[2]');
  });

  it('includes a request on any replica once its response has arrived', async () => {
    for (let round = 1; round <= 30; round++) {
      await call(replicas[round % 3]!.url, 'GET', '/api/v1/acts/count');
      expect(await count(replicas[(round + 1) % 3]!)).to.equal(`[${round}]`);
    }
  });

  it('is exact under a storm on all replicas, with every kind of answer', async () => {
    let sent = 0;
    const client = async (index: number): Promise<void> => {
      const replica = replicas[index % 3]!;
      for (let round = 0; round < 20; round++) {
        sent++;
        if (round % 4 === 0) await call(replica.url, 'POST', '/api/v1/acts', { body: 'x' });
        else if (round % 4 === 1) await call(replica.url, 'DELETE', '/api/v1/acts');
        else if (round % 4 === 2) await call(replica.url, 'GET', '/api/v1/categories');
        else await call(replica.url, 'POST', '/api/v1/acts', { body: actBody({ username: 'nobody' }) });
      }
    };
    await Promise.all(Array.from({ length: 24 }, (_, index) => client(index)));
    for (const replica of replicas) expect(await count(replica)).to.equal(`[${sent}]`);
  });

  it('a request that cannot be counted gets its own answer all the same', async () => {
    const [acts] = replicas as [TestReplica];
    await sql(database, 'ALTER TABLE acts_request_count RENAME TO hidden');
    try {
      expect((await call(acts.url, 'GET', '/api/v1/acts/count')).status).to.equal(200);
      expect((await call(acts.url, 'DELETE', '/api/v1/acts')).status).to.equal(405);
    } finally {
      await sql(database, 'ALTER TABLE hidden RENAME TO acts_request_count');
    }
    expect(await count(acts)).to.equal('[0]');
    await call(acts.url, 'GET', '/api/v1/acts/count');
    expect(await count(acts)).to.equal('[1]');
  });
});

import { expect } from 'chai';
import { call } from './support/client.ts';
import { addUser, password } from './support/fixtures.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { startTestReplica, type TestReplica } from './support/replicas.ts';

describe('users', () => {
  let database: TestDatabase;
  let users: TestReplica;
  before(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
    users = await startTestReplica('users', database);
  });
  after(() => users.stop());
  beforeEach(() => sql(database, 'TRUNCATE users'));

  const names = async (): Promise<unknown> => (await call(users.url, 'GET', '/api/v1/users')).json();

  it('POST creates a user: 201 and {}', async () => {
    const answer = await addUser(users.url, 'alice');
    expect([answer.status, answer.text]).to.deep.equal([201, '{}']);
    expect(answer.headers['content-type']).to.match(/^application\/json/);
    expect(await names()).to.deep.equal(['alice']);
  });

  it('POST of a taken name is 400', async () => {
    await addUser(users.url, 'alice');
    const answer = await addUser(users.url, 'alice');
    expect(answer.status).to.equal(400);
    expect(answer.json()).to.include({ status: 400, code: 'user-exists' });
    expect((await addUser(users.url, 'Alice')).status, 'names are case-sensitive').to.equal(201);
  });

  it('POST takes hex digits of either case', async () => {
    const answer = await call(users.url, 'POST', '/api/v1/users', { json: { username: 'a', password: password.toUpperCase() } });
    expect(answer.status).to.equal(201);
  });

  const refused: Record<string, unknown> = {
    'no username': { password },
    'no password': { username: 'a' },
    'an empty username': { username: '', password },
    'a username that is a number': { username: 1, password },
    'a username with NUL': { username: 'a\0b', password },
    'a username with a lone surrogate': { username: '\ud800', password },
    'a password that is null': { username: 'a', password: null },
    'a password of 39 digits': { username: 'a', password: password.slice(1) },
    'a password of 41 digits': { username: 'a', password: `${password}0` },
    'a password with a newline after it': { username: 'a', password: `${password}\n` },
    'a password with a letter that is no hex digit': { username: 'a', password: `g${password.slice(1)}` },
    'an array': [{ username: 'a', password }],
    'a string': 'a',
    null: null,
    'fields inherited by __proto__': JSON.parse(`{"__proto__":{"username":"a","password":"${password}"}}`) as unknown,
  };
  for (const [name, json] of Object.entries(refused)) {
    it(`POST with ${name} is 400 and stores nothing`, async () => {
      const answer = await call(users.url, 'POST', '/api/v1/users', { body: JSON.stringify(json) });
      expect(answer.status).to.equal(400);
      expect((await call(users.url, 'GET', '/api/v1/users')).status).to.equal(204);
    });
  }

  it('GET is 204 without users, and lists them in order of arrival otherwise', async () => {
    const none = await call(users.url, 'GET', '/api/v1/users');
    expect([none.status, none.text]).to.deep.equal([204, '']);
    for (const name of ['zoe', 'al', 'bo']) await addUser(users.url, name);
    expect(await names()).to.deep.equal(['zoe', 'al', 'bo']);
  });

  it('GET lists more users than one batch holds', async () => {
    await sql(
      database,
      `INSERT INTO users (name, name_digest, password_salt, password_hash)
       SELECT 'u' || n, sha256(('u' || n)::bytea), '', '' FROM generate_series(1, 1234) n`,
    );
    expect(await names()).to.deep.equal(Array.from({ length: 1234 }, (_, index) => `u${index + 1}`));
  });

  it('DELETE removes a user: 200 and {}, then 400', async () => {
    await addUser(users.url, 'a/b c%é');
    const path = `/api/v1/users/${encodeURIComponent('a/b c%é')}`;
    const first = await call(users.url, 'DELETE', path);
    expect([first.status, first.text]).to.deep.equal([200, '{}']);
    expect((await call(users.url, 'DELETE', path)).json()).to.include({ status: 400, code: 'unknown-user' });
  });

  it('DELETE takes a body it does not need', async () => {
    await addUser(users.url, 'alice');
    expect((await call(users.url, 'DELETE', '/api/v1/users/alice', { body: 'not json' })).status).to.equal(200);
  });

  it('never stores a password as it came', async () => {
    await addUser(users.url, 'alice');
    const [row] = await sql<{ row: string }>(database, 'SELECT users::text AS row FROM users');
    expect(row?.row).to.not.include(password).and.to.not.include(Buffer.from(password).toString('hex'));
  });

  it('names of up to the body limit work', async () => {
    const long = 'ü'.repeat(3_000_000);
    expect((await addUser(users.url, long)).status).to.equal(201);
    expect((await addUser(users.url, long)).status).to.equal(400);
    expect((await addUser(users.url, `${long}x`)).status).to.equal(201);
    expect(await names()).to.deep.equal([long, `${long}x`]);
  });

  it('a role answers 404 to what the other role has', async () => {
    expect((await call(users.url, 'GET', '/api/v1/categories')).status).to.equal(404);
  });
});

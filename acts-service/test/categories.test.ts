import { expect } from 'chai';
import { call } from './support/client.ts';
import { addCategory, addUser, upload } from './support/fixtures.ts';
import { freshDatabase, sql } from './support/postgres.ts';
import { startSystem, type TestSystem } from './support/replicas.ts';

describe('categories', () => {
  let system: TestSystem;
  let url: string;
  before(async function () {
    this.timeout(30_000);
    system = await startSystem(await freshDatabase());
    url = system.acts.url;
    await addUser(system.users.url, 'alice');
  });
  after(() => system.stop());
  beforeEach(() => sql(system.database, 'TRUNCATE categories, acts CASCADE'));

  it('POST creates a category: 201 and {}; a duplicate is 400', async () => {
    const answer = await addCategory(url, 'trees');
    expect([answer.status, answer.text]).to.deep.equal([201, '{}']);
    expect((await addCategory(url, 'trees')).json()).to.include({ status: 400, code: 'category-exists' });
    expect((await addCategory(url, 'Trees')).status).to.equal(201);
  });

  for (const body of [
    '[]',
    '["a","b"]',
    '[1]',
    '[null]',
    '[""]',
    '["a\\u0000"]',
    '["\\udc00"]',
    '{"0":"a"}',
    '"a"',
    '["a"',
    '',
    '[["a"]]',
    '[“a”]',
  ]) {
    it(`POST of ${body || 'nothing'} is 400 and stores nothing`, async () => {
      expect((await call(url, 'POST', '/api/v1/categories', { body })).status).to.equal(400);
      expect((await call(url, 'GET', '/api/v1/categories')).status).to.equal(204);
    });
  }

  it('GET is 204 without categories, and name -> number of acts otherwise', async () => {
    expect((await call(url, 'GET', '/api/v1/categories')).status).to.equal(204);
    await addCategory(url, 'trees');
    await addCategory(url, 'rivers');
    await upload(url, { actId: 1 });
    await upload(url, { actId: 2 });
    expect((await call(url, 'GET', '/api/v1/categories')).json()).to.deep.equal({ trees: 2, rivers: 0 });
  });

  it('names that objects treat as special are names like any other', async () => {
    const names = ['__proto__', 'constructor', 'toString', '1', '0', 'hasOwnProperty', '"', '\\', '\u2028', '😀'];
    for (const name of names) expect((await addCategory(url, name)).status, name).to.equal(201);
    const { text } = await call(url, 'GET', '/api/v1/categories');
    expect(text).to.equal(`{${names.map((name) => `${JSON.stringify(name)}:0`).join(',')}}`);
    for (const name of names) {
      expect((await call(url, 'DELETE', `/api/v1/categories/${encodeURIComponent(name)}`)).status, name).to.equal(200);
    }
    expect((await call(url, 'GET', '/api/v1/categories')).status).to.equal(204);
  });

  it('DELETE takes its acts along, and only its own: 200 and {}, then 400', async () => {
    await addCategory(url, 'trees');
    await addCategory(url, 'rivers');
    await upload(url, { actId: 1, categoryName: 'trees' });
    await upload(url, { actId: 2, categoryName: 'rivers' });
    const first = await call(url, 'DELETE', '/api/v1/categories/trees');
    expect([first.status, first.text]).to.deep.equal([200, '{}']);
    expect((await call(url, 'DELETE', '/api/v1/categories/trees')).json()).to.include({ status: 400, code: 'unknown-category' });
    expect((await call(url, 'GET', '/api/v1/acts/count')).text).to.equal('[1]');
    expect((await upload(url, { actId: 1, categoryName: 'rivers' })).status, 'its ids are free again').to.equal(201);
  });

  it('GET size is [n], 204 for an empty category, 400 for an unknown one', async () => {
    await addCategory(url, 'trees');
    const size = '/api/v1/categories/trees/acts/size';
    expect((await call(url, 'GET', size)).status).to.equal(204);
    await upload(url);
    expect((await call(url, 'GET', size)).text).to.equal('[1]');
    expect((await call(url, 'GET', '/api/v1/categories/none/acts/size')).status).to.equal(400);
  });
});

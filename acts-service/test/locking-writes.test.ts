import { expect } from 'chai';
import pg from 'pg';
import { call } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { addCategory, addUser, upload } from './support/fixtures.ts';
import { freshDatabase, sql } from './support/postgres.ts';
import { startSystem, type TestSystem } from './support/replicas.ts';

describe('writes that wait for a category', () => {
  let system: TestSystem;
  before(async function () {
    this.timeout(30_000);
    system = await startSystem(await freshDatabase());
    await addUser(system.users.url, 'alice');
    await addCategory(system.acts.url, 'trees');
    for (let actId = 1; actId <= 8; actId++) await upload(system.acts.url, { actId });
  });
  after(() => system.stop());

  it('leave room for everything else, and all go through when it is free', async () => {
    const { url } = system.acts;
    // As the deletion of a large category holds it.
    const holder = new pg.Client(system.database);
    await holder.connect();
    await holder.query('BEGIN; SELECT id FROM categories FOR UPDATE');
    const deletions = Array.from({ length: 8 }, (_, index) => call(url, 'DELETE', `/api/v1/acts/${index + 1}`));
    await eventually(async () => {
      const waiting = await sql(
        system.database,
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      expect(waiting.length).to.be.greaterThan(0);
    });
    // Longer than a stuck pool is put up with.
    const startedAt = performance.now();
    while (performance.now() - startedAt < 1200) {
      expect((await call(url, 'GET', '/api/v1/_health')).text).to.equal('');
      expect((await call(url, 'GET', '/api/v1/categories/trees/acts/size')).json()).to.deep.equal([8]);
    }
    await holder.query('ROLLBACK');
    await holder.end();
    expect((await Promise.all(deletions)).map(({ status }) => status)).to.deep.equal(Array(8).fill(200));
  });
});

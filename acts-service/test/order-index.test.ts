import { expect } from 'chai';
import { migrations } from '../migrations/index.ts';
import { openDatabase } from '../src/database.ts';
import { migrateToLatest } from '../src/migrate.ts';
import { call } from './support/client.ts';
import { checkOrderIndex } from './support/order-index.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { startTestReplica, type TestReplica } from './support/replicas.ts';

describe('the order index', () => {
  let database: TestDatabase;
  let acts: TestReplica;
  before(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
    acts = await startTestReplica('acts', database);
  });
  after(() => acts.stop());
  beforeEach(async () => {
    await sql(database, 'TRUNCATE acts, categories CASCADE');
    await sql(
      database,
      `INSERT INTO categories (name, name_digest) SELECT name, sha256(name::bytea) FROM unnest('{trees,rivers}'::text[]) name`,
    );
  });

  /** Acts from..to, their times all over 50 days, so that there are ties and no order of arrival. */
  const fill = (from: number, to: number, category = 'trees'): Promise<unknown> =>
    sql(
      database,
      `INSERT INTO acts (act_id, category_id, username, performed_at, caption, image, image_tail, image_digest)
       SELECT k::text, c.id, 'alice', timestamp '2019-01-01' + k * 7919 % 50 * interval '1 day', 'c', 'hello', 'bG8=', ''
         FROM generate_series($1::int, $2::int) k, categories c WHERE c.name = $3 ON CONFLICT DO NOTHING`,
      [from, to, category],
    );
  const insertAct = `
    INSERT INTO acts (act_id, category_id, username, performed_at, caption, image, image_tail, image_digest)
    SELECT k::text, c.id, 'alice', timestamp '2019-01-01' + k * 7919 % 50 * interval '1 day', 'c', 'hello', 'bG8=', ''
      FROM categories c WHERE c.name = 'trees'`;
  /** A statement for each k. */
  const oneByOne = (range: string, statement: string): string => `DO $$ BEGIN FOR k IN ${range} LOOP ${statement}; END LOOP; END $$`;
  const ids = async (start: number, end: number): Promise<string[]> => {
    const answer = await call(acts.url, 'GET', `/api/v1/categories/trees/acts?start=${start}&end=${end}`);
    return (answer.json() as { actId: number }[]).map(({ actId }) => String(actId));
  };

  it('finds every place of a category of many blocks', async () => {
    await fill(1, 5000);
    expect(await checkOrderIndex(database)).to.deep.equal([9, 1]);
    const order = (await sql<{ act_id: string }>(database, 'SELECT act_id FROM acts ORDER BY performed_at DESC, seq DESC')).map(
      (row) => row.act_id,
    );
    for (const start of [1, 2, 500, 512, 513, 1024, 1025, 2500, 4488, 4489, 4981]) {
      expect(await ids(start, start + 19), String(start)).to.deep.equal(order.slice(start - 1, start + 19));
    }
    expect(await ids(5000, 5000)).to.deep.equal(order.slice(-1));
    expect((await call(acts.url, 'GET', '/api/v1/categories/trees/acts?start=4990&end=5001')).status).to.equal(400);
  });

  it('stays exact while acts come one by one and in crowds, in any order, and go again', async () => {
    await sql(database, oneByOne('1..1300', insertAct));
    await fill(1, 1400);
    await fill(2000, 4500);
    await fill(1200, 2300, 'rivers');
    const [trees] = await checkOrderIndex(database);
    expect(trees).to.be.within(4, 9);
    for (const modulus of [2, 3, 5]) {
      await sql(database, 'DELETE FROM acts WHERE act_id::int % $1 = 0', [modulus]);
      await checkOrderIndex(database);
    }
    await sql(database, oneByOne('1..600', 'DELETE FROM acts WHERE act_id = k::text'));
    await checkOrderIndex(database);
    await sql(database, 'DELETE FROM acts');
    expect(await checkOrderIndex(database), 'blocks of nothing').to.deep.equal([1, 1]);
  });

  it('gathers what many deletions leave of many blocks', async () => {
    await fill(1, 20_000);
    expect((await checkOrderIndex(database))[0]).to.be.at.least(20);
    await sql(database, 'DELETE FROM acts WHERE act_id::int % 100 <> 0');
    expect((await checkOrderIndex(database))[0]).to.equal(1);
  });

  it('is undone with its transaction', async () => {
    await fill(1, 1000);
    await sql(database, 'BEGIN; DELETE FROM acts WHERE act_id::int < 900; ROLLBACK');
    await checkOrderIndex(database);
    expect((await call(acts.url, 'GET', '/api/v1/categories/trees/acts/size')).text).to.equal('[1000]');
  });

  it('is made for the acts of an earlier version, and the version before finds them again', async function () {
    this.timeout(30_000);
    const older = await freshDatabase();
    const knex = openDatabase(older);
    try {
      await migrateToLatest(knex, 'acts');
      const newest = migrations.acts.findIndex(({ name }) => name === '0003-order-index');
      const after = migrations.acts.slice(newest).reverse();
      await knex.transaction(async (transaction) => {
        for (const migration of after) await migration.down?.(transaction);
      });
      await sql(older, `INSERT INTO categories (name, name_digest) SELECT k::text, sha256(k::text::bytea) FROM generate_series(1, 3) k`);
      await sql(
        older,
        `INSERT INTO acts (act_id, category_id, username, performed_at, caption, image, image_tail, image_digest)
         SELECT k::text, 1 + k % 2, 'alice', timestamp '2019-01-01' + k * 7919 % 50 * interval '1 day', 'c', '', '', ''
           FROM generate_series(1, 3000) k`,
      );
      await knex.transaction(async (transaction) => {
        for (const migration of [...after].reverse()) await migration.up(transaction);
      });
      expect(await checkOrderIndex(older)).to.deep.equal([2, 2, 1]);
    } finally {
      await knex.destroy();
    }
  });

  it('lets go of a category of 20,000 acts in seconds, and of nothing when that fails half way', async function () {
    this.timeout(30_000);
    await fill(1, 20_000);
    await fill(20_001, 20_010, 'rivers');
    await sql(
      database,
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$;
       CREATE TRIGGER refuse BEFORE DELETE ON acts FOR EACH ROW WHEN (OLD.act_id = '19999') EXECUTE FUNCTION refuse()`,
    );
    expect((await call(acts.url, 'DELETE', '/api/v1/categories/trees')).status).to.equal(503);
    expect((await call(acts.url, 'GET', '/api/v1/acts/count')).text).to.equal('[20010]');
    await checkOrderIndex(database);
    await sql(database, 'DROP FUNCTION refuse CASCADE');
    expect((await call(acts.url, 'DELETE', '/api/v1/categories/trees')).status).to.equal(200);
    expect((await call(acts.url, 'GET', '/api/v1/acts/count')).text).to.equal('[10]');
    expect(await checkOrderIndex(database)).to.deep.equal([1]);
  });
});

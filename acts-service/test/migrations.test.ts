import { expect } from 'chai';
import type { Knex } from 'knex';
import { migrations } from '../migrations/index.ts';
import { openDatabase } from '../src/database.ts';
import { migrateDown, migrateToLatest } from '../src/migrate.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';

describe('migrations', () => {
  let database: TestDatabase;
  const open: Knex[] = [];
  beforeEach(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
  });
  afterEach(() => Promise.all(open.splice(0).map((knex) => knex.destroy())));

  function migrator(): Knex {
    const knex = openDatabase(database);
    open.push(knex);
    return knex;
  }

  const columns = async (): Promise<string[]> => {
    const rows = await sql<{ name: string }>(
      database,
      `SELECT table_name || '.' || column_name || ' ' || data_type AS name FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name NOT LIKE '%migrations%' ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  };

  it('go up, down to nothing, and up to the same again, for both roles', async () => {
    const knex = migrator();
    await migrateToLatest(knex, 'users');
    await migrateToLatest(knex, 'acts');
    const first = await columns();
    expect(first).to.include.members([
      'users.name text',
      'acts.image bytea',
      'acts_health_probe.probe uuid',
      'users_request_count.total bigint',
    ]);
    await migrateDown(knex, 'acts');
    expect((await columns()).filter((name) => !name.startsWith('users'))).to.deep.equal([]);
    await migrateDown(knex, 'users');
    expect(await columns()).to.deep.equal([]);
    await migrateToLatest(knex, 'acts');
    await migrateToLatest(knex, 'users');
    expect(await columns()).to.deep.equal(first);
  });

  it('ten replicas of each role may start at once', async () => {
    const roles = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 'users' : 'acts'));
    await Promise.all(roles.map((role) => migrateToLatest(migrator(), role)));
    expect((await sql(database, 'SELECT name FROM acts_migrations')).length).to.equal(migrations.acts.length);
    expect((await sql(database, 'SELECT total FROM acts_request_count')).length).to.equal(1);
  });

  it('a lock that a killed migrator left behind is no obstacle', async () => {
    await migrateToLatest(migrator(), 'acts');
    await migrateDown(migrator(), 'acts');
    await sql(database, 'UPDATE acts_migrations_lock SET is_locked = 1');
    await migrateToLatest(migrator(), 'acts');
    expect(await columns()).to.include('acts.image bytea');
  });

  it('a replica killed in the middle leaves nothing half done, and the next one waits no longer than its death', async () => {
    const victim = migrator();
    const begun = new Promise<number>((resolve, reject) => {
      void victim
        .transaction(async (transaction) => {
          await transaction.raw('SELECT pg_advisory_xact_lock(5717002)');
          await transaction.raw('CREATE TABLE categories (half int)');
          const { rows } = await transaction.raw<{ rows: { pid: number }[] }>('SELECT pg_backend_pid() AS pid');
          resolve(rows[0]!.pid);
          await transaction.raw('SELECT pg_sleep(60)');
        })
        .catch(reject);
    });
    const pid = await begun;
    const next = migrateToLatest(migrator(), 'acts');
    await sql(database, 'SELECT pg_terminate_backend($1)', [pid]);
    await next;
    expect(await columns())
      .to.include('categories.name text')
      .and.to.not.include('categories.half integer');
  });

  it('an older image starts on a newer database', async () => {
    const knex = migrator();
    await migrateToLatest(knex, 'acts');
    await sql(database, `INSERT INTO acts_migrations (name, batch, migration_time) VALUES ('9999-from-the-future', 2, now())`);
    await migrateToLatest(knex, 'acts');
  });
});

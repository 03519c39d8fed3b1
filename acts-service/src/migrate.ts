// Brings a role's tables up to date. Any number of replicas may do this at once, and any of them may be killed at any point: one
// transaction does everything, behind an advisory lock that PostgreSQL frees with the connection.
import type { Knex } from 'knex';
import { migrations, type Migration } from '../migrations/index.ts';
import type { Role } from './config.ts';

/** Any constant will do as long as no one else in the database uses it; one per role, so that roles do not wait for each other. */
const advisoryLock = { users: 5_717_001, acts: 5_717_002 } as const;

export async function migrateToLatest(knex: Knex, role: Role): Promise<void> {
  if (await isUpToDate(knex, role)) return;
  await locked(knex, role, (transaction, config) => transaction.migrate.latest(config));
}

export async function migrateDown(knex: Knex, role: Role): Promise<void> {
  await locked(knex, role, (transaction, config) => transaction.migrate.rollback(config, true));
}

/** One query instead of knex's dozen: this is on the way of every start. Newer migrations than ours do not matter (a rollback of the image). */
async function isUpToDate(knex: Knex, role: Role): Promise<boolean> {
  const table = historyTable(role);
  const exists = await knex.raw<{ rows: { found: boolean }[] }>('SELECT to_regclass(?) IS NOT NULL AS found', [table]);
  if (exists.rows[0]?.found !== true) return false;
  const done = new Set(await knex<{ name: string }>(table).pluck('name'));
  return migrations[role].every((migration) => done.has(migration.name));
}

async function locked(knex: Knex, role: Role, work: (transaction: Knex, config: Knex.MigratorConfig) => Promise<unknown>): Promise<void> {
  const config: Knex.MigratorConfig = {
    tableName: historyTable(role),
    migrationSource: new StaticSource(migrations[role]),
    disableMigrationsListValidation: true,
  };
  await knex.transaction(async (transaction) => {
    await transaction.raw('SELECT pg_advisory_xact_lock(?)', [advisoryLock[role]]);
    // knex's own lock is a row. Ours is never committed; one left by its command line tool is stale, as we hold the real lock.
    await transaction.migrate.forceFreeMigrationsLock(config);
    await work(transaction, config);
  });
}

function historyTable(role: Role): string {
  return `${role}_migrations`;
}

class StaticSource implements Knex.MigrationSource<Migration> {
  readonly #list: readonly Migration[];

  constructor(list: readonly Migration[]) {
    this.#list = list;
  }

  getMigrations(): Promise<Migration[]> {
    return Promise.resolve([...this.#list]);
  }

  getMigrationName(migration: Migration): string {
    return migration.name;
  }

  getMigration(migration: Migration): Promise<Knex.Migration> {
    return Promise.resolve(migration);
  }
}

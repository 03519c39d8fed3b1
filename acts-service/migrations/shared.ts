// Tables each role has for itself: what `_count` and `_health` need.
import type { Knex } from 'knex';

export async function createOperationTables(knex: Knex, role: string): Promise<void> {
  await knex.schema.createTable(`${role}_request_count`, (table) => {
    table.specificType('id', 'smallint').primary();
    table.bigint('total').notNullable();
  });
  await knex(`${role}_request_count`).insert({ id: 1, total: 0 });
  // Written to by every health check and rolled back. No index: nothing for two replicas to wait on.
  await knex.schema.createTable(`${role}_health_probe`, (table) => {
    table.uuid('probe').notNullable();
  });
}

export async function dropOperationTables(knex: Knex, role: string): Promise<void> {
  await knex.schema.dropTable(`${role}_health_probe`);
  await knex.schema.dropTable(`${role}_request_count`);
}

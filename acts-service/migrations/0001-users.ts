import type { Knex } from 'knex';
import { createOperationTables, dropOperationTables } from './shared.ts';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('users', (table) => {
    table.specificType('id', 'bigint GENERATED ALWAYS AS IDENTITY').primary();
    table.text('name').notNullable();
    table.binary('name_digest').notNullable().unique();
    table.binary('password_salt').notNullable();
    table.binary('password_hash').notNullable();
  });
  await createOperationTables(knex, 'users');
}

export async function down(knex: Knex): Promise<void> {
  await dropOperationTables(knex, 'users');
  await knex.schema.dropTable('users');
}

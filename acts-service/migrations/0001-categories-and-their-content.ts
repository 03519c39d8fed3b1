import type { Knex } from 'knex';
import { createOperationTables, dropOperationTables } from './shared.ts';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('categories', (table) => {
    table.specificType('id', 'bigint GENERATED ALWAYS AS IDENTITY').primary();
    table.text('name').notNullable();
    table.binary('name_digest').notNullable().unique();
  });
  await knex.schema.createTable('acts', (table) => {
    // Arrival order: breaks ties between equal timestamps.
    table.specificType('seq', 'bigint GENERATED ALWAYS AS IDENTITY').primary();
    // Decimal digits, one spelling per value (src/act-id.ts). "C": compared as bytes, whatever the database's locale.
    table.specificType('act_id', 'text COLLATE "C"').notNullable().unique();
    table.bigint('category_id').notNullable().references('id').inTable('categories').onDelete('CASCADE');
    table.text('username').notNullable();
    table.specificType('performed_at', 'timestamp(0) without time zone').notNullable();
    table.text('caption').notNullable();
    table.bigint('upvotes').notNullable().defaultTo(0);
    table.binary('image').notNullable();
    table.text('image_tail').notNullable();
    table.binary('image_digest').notNullable();
  });
  // Pictures are compressed already; and lengths are read without the bytes.
  await knex.raw('ALTER TABLE acts ALTER COLUMN image SET STORAGE EXTERNAL');
  await knex.raw('CREATE INDEX acts_newest_first ON acts (category_id, performed_at DESC, seq DESC)');
  await createOperationTables(knex, 'acts');
}

export async function down(knex: Knex): Promise<void> {
  await dropOperationTables(knex, 'acts');
  await knex.schema.dropTable('acts');
  await knex.schema.dropTable('categories');
}

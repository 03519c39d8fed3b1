import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('acts', (table) => {
    // The media type of a real picture; empty: examined, and no picture; null: uploaded before this version, not examined yet.
    table.text('picture_type');
    table.binary('thumbnail');
    table.text('thumbnail_type');
  });
  await knex.raw('ALTER TABLE acts ALTER COLUMN thumbnail SET STORAGE EXTERNAL');
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('acts', (table) => {
    table.dropColumns('picture_type', 'thumbnail', 'thumbnail_type');
  });
}

// The writes that each client has had in its current minute, in the shape that rate-limiter-flexible reads and writes. One table a role.
import type { Knex } from 'knex';

export function writeLimits(role: 'users' | 'acts'): Knex.Migration {
  const table = `${role}_write_limits`;
  return {
    async up(knex) {
      await knex.schema.createTable(table, (columns) => {
        // In this order: the library names no columns when it inserts.
        columns.specificType('key', 'varchar(255)').primary();
        columns.integer('points').notNullable().defaultTo(0);
        columns.bigInteger('expire');
      });
      // Worthless after a crash, so it need not survive one.
      await knex.raw('ALTER TABLE ?? SET UNLOGGED', [table]);
    },
    async down(knex) {
      await knex.schema.dropTable(table);
    },
  };
}

// A table as one JSON list in one statement, when it is short enough to be held in memory (json-list.ts is for those that are not).
import type { Knex } from 'knex';
import { limits } from './limits.ts';
import { runPrepared, type Prepared } from './prepared.ts';

/** Of a table with id and name; `row` is the SQL of a row's JSON text. */
export function wholeListOf(table: string, row: string): Prepared {
  return {
    name: `all-${table}`,
    text: `
SELECT CASE WHEN bytes <= $1 THEN (SELECT coalesce(string_agg(${row}, ',' ORDER BY id), '') FROM ${table}) END AS text
  FROM (SELECT coalesce(sum(octet_length(name)), 0) AS bytes FROM ${table}) AS size`,
  };
}

/** The rows' texts, joined: empty when there are none, undefined when the names alone are longer than fits. */
export async function wholeList(knex: Knex, list: Prepared): Promise<string | undefined> {
  const [row] = await runPrepared<{ text: string | null }>(knex, list, [limits.listBatchBytes]);
  return row?.text ?? undefined;
}

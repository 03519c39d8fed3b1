// The pool, and what a failing database means to a client: 503 while it cannot be used, 500 only for a mistake of ours.
import { Socket } from 'node:net';
import knexModule, { type Knex } from 'knex';
import type { Client } from 'pg';
import type { DatabaseAddress } from './config.ts';
import { limits } from './limits.ts';
import { Problem, unavailable } from './problem.ts';

const { knex } = knexModule;

export function openDatabase(address: DatabaseAddress): Knex {
  return knex({
    client: 'pg',
    connection: {
      ...address,
      connectionTimeoutMillis: limits.connectTimeoutMs,
      statement_timeout: limits.statementTimeoutMs,
      // Compiling a statement takes longer than any of ours runs.
      options: '-c jit=off',
      keepAlive: true,
    },
    // min 0: knex would otherwise keep connections that died with a restarted server.
    pool: { min: 0, max: limits.poolConnections, afterCreate: dropWhenSilent },
    acquireConnectionTimeout: limits.acquireTimeoutMs,
    // knex prints what it also throws; errors are reported once, at the edge.
    log: { warn: ignore, error: ignore, deprecate: ignore, debug: ignore },
  });
}

function ignore(): void {
  return;
}

/** A server that vanished (paused, unplugged) never closes its sockets; without this its connections would fill the pool for ever. */
function dropWhenSilent(client: Client, done: (error: Error | null, client: Client) => void): void {
  const { stream } = client.connection;
  if (stream instanceof Socket) stream.setTimeout(limits.connectionSilenceMs, () => stream.destroy());
  done(null, client);
}

/** SQLSTATE classes that blame the statement, not the server: data exception, integrity, syntax or missing table. */
const ourMistake = new Set(['22', '23', '42']);

/** SQLSTATEs of a transaction that PostgreSQL ended, without a trace, for the sake of another one: deadlock, serialization failure. */
const worthAnotherTry = new Set<unknown>(['40P01', '40001']);

/** Runs one transaction or statement; every failure that is the database's turns into 503 with Retry-After. */
export async function inDatabase<T>(work: () => PromiseLike<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt < limits.deadlockAttempts && worthAnotherTry.has((error as { code?: unknown }).code)) continue;
      if (error instanceof Problem || isOurMistake(error)) throw error;
      throw unavailable('database-unavailable', 'the database cannot be used at the moment', limits.retryAfterSeconds, error);
    }
  }
}

/** The rows of one statement, `?` for its values. */
export function queryRows<T>(knex: Knex, sql: string, bindings: readonly Knex.RawBinding[]): Promise<T[]> {
  return inDatabase(async () => (await knex.raw<{ rows: T[] }>(sql, bindings)).rows);
}

function isOurMistake(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  // SQLSTATEs have five characters; a system error code such as ECONNREFUSED is longer, a pool timeout has none.
  if (typeof code === 'string' && code.length === 5) return ourMistake.has(code.slice(0, 2));
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

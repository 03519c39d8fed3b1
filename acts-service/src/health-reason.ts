// Which of the ways a database can fail this is, by codes, never by words: an operator does something else about each.
import { ProbeTimeout } from './database-probe.ts';
import { PoolStuck } from './pool-watch.ts';

export type HealthCode =
  | 'ok'
  | 'stopping'
  | 'out-of-memory'
  | 'database-read-only'
  | 'database-connections-exhausted'
  | 'database-timeout'
  | 'database-unreachable'
  | 'database-refused'
  | 'database-full'
  | 'pool-stuck'
  | 'database-unavailable';

export const healthDetails: Readonly<Record<HealthCode, string>> = {
  ok: 'this process can serve',
  stopping: 'this process is shutting down',
  'out-of-memory': 'this process is nearly out of memory',
  'database-read-only': 'the database takes no writes',
  'database-connections-exhausted': 'the database has no connection left for this process',
  'database-timeout': 'the database did not answer in time',
  'database-unreachable': 'the database cannot be reached',
  'database-refused': 'the database does not let this process in',
  'database-full': 'the database has run out of disk or memory',
  'pool-stuck': 'no connection of this process comes back while requests wait for one',
  'database-unavailable': 'the database cannot be read and written',
};

/** PostgreSQL's SQLSTATEs; whole codes before their classes. */
const bySqlState: Readonly<Record<string, HealthCode>> = {
  '25006': 'database-read-only',
  '53300': 'database-connections-exhausted',
  // Our own statement timeout.
  '57014': 'database-timeout',
  '3D000': 'database-refused',
  '28': 'database-refused',
  '53': 'database-full',
  // Shutting down, crashed, starting up; connection exceptions.
  '57': 'database-unreachable',
  '08': 'database-unreachable',
};

/** Of the system calls underneath. */
const unreachable = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT']);

export function databaseReason(error: unknown): HealthCode {
  if (error instanceof ProbeTimeout) return 'database-timeout';
  if (error instanceof PoolStuck) return 'pool-stuck';
  const { code } = error as { code?: unknown };
  // pg gives a connection that ended under it no code at all.
  if (typeof code !== 'string') return 'database-unreachable';
  if (unreachable.has(code)) return 'database-unreachable';
  return bySqlState[code] ?? bySqlState[code.slice(0, 2)] ?? 'database-unavailable';
}

// The load generators, both written in C so that they take as little as possible of the two cores: wrk for HTTP, pgbench for SQL.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Database } from './durable-postgres.ts';

const run = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), 'acts-bench-'));

export interface HttpLoad {
  readonly requestsPerSecond: number;
  readonly requests: number;
  /** Answers other than 2xx and 3xx, and broken connections. */
  readonly failures: number;
}

/** wrk with 32 connections. `script` is its Lua, for other methods and bodies. */
export async function wrk(url: string, seconds: number, script = ''): Promise<HttpLoad> {
  const file = join(directory, 'wrk.lua');
  writeFileSync(file, script);
  const { stdout } = await installed('wrk', 'wrk', ['-t1', '-c32', `-d${seconds}s`, '-s', file, url]);
  const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? 0);
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)?.slice(1).map(Number) ?? [];
  return {
    requestsPerSecond: number(/Requests\/sec:\s+([\d.]+)/),
    requests: number(/(\d+) requests in/),
    failures: number(/Non-2xx or 3xx responses: (\d+)/) + socketErrors.reduce((sum, count) => sum + count, 0),
  };
}

/** Transactions per second of one statement, prepared, from 32 clients. */
export async function pgbench({ host, port, user, password, database }: Database, script: string, seconds: number): Promise<number> {
  const file = join(directory, 'pgbench.sql');
  writeFileSync(file, script);
  const args = ['-n', '-M', 'prepared', '-c', '32', '-j', '2', '-T', String(seconds), '-f', file];
  const { stdout } = await installed(pgbenchPath(), 'postgresql', [...args, '-h', host, '-p', String(port), '-U', user, database], {
    PGPASSWORD: password,
  });
  return Number(/tps = ([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN);
}

/** Debian keeps it outside PATH; the wrapper that is in PATH wants a cluster of its own. */
function pgbenchPath(): string {
  try {
    const [version] = readdirSync('/usr/lib/postgresql').sort().reverse();
    if (version !== undefined) return `/usr/lib/postgresql/${version}/bin/pgbench`;
  } catch {
    // Not Debian's packages.
  }
  return 'pgbench';
}

async function installed(command: string, debianPackage: string, args: readonly string[], env: Record<string, string> = {}) {
  try {
    return await run(command, args, { env: { ...process.env, ...env } });
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
    throw new Error(`${command} is not installed: apt-get install ${debianPackage}`, { cause: error });
  }
}

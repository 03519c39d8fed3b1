/** Which build of Coxswain a process runs: `up` restarts a control plane that was started from an earlier one. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** When the newest of the compiled files was written, RFC 3339 with milliseconds. */
export function buildOf(compiledDir: string): string {
  const files = readdirSync(compiledDir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));
  const newest = files.reduce((latest, name) => Math.max(latest, statSync(join(compiledDir, name)).mtimeMs), 0);
  return new Date(newest).toISOString();
}

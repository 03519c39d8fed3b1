// A process under measurement: started here, ended here, its CPU time and memory read from /proc.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../test/support/eventually.ts';

const ticksPerSecond = 100;

export interface MeasuredProcess {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Resolves when `path` answers 200. */
export async function startMeasured(
  args: readonly string[],
  env: Record<string, string>,
  port: number,
  path: string,
): Promise<MeasuredProcess> {
  const child = spawn(process.execPath, args, { env: { PATH: process.env.PATH, ...env, PORT: String(port) }, stdio: 'inherit' });
  // Whatever becomes of the measuring, nothing is left running.
  process.once('exit', () => child.kill('SIGKILL'));
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => {
    if (child.exitCode !== null) return;
    const { status } = await fetch(url + path);
    if (status !== 200) throw new Error(`${path} answers ${status}`);
  }, 20_000);
  if (child.exitCode !== null || child.pid === undefined) throw new Error(`${args.join(' ')} ended with ${child.exitCode ?? '?'}`);
  return { url, pid: child.pid, stop: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const late = delay(10_000, 'late' as const, { ref: false });
  if ((await Promise.race([exited, late])) === 'late') child.kill('SIGKILL');
}

/** User and system CPU time of a process and of its direct children (PostgreSQL's backends), in ms. */
export function cpuMs(pid: number): number {
  return [pid, ...childrenOf(pid)].reduce((sum, one) => sum + ownCpuMs(one), 0);
}

/** Resident memory in MB, now. */
export function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024;
}

function ownCpuMs(pid: number): number {
  try {
    const fields = afterName(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1000;
  } catch {
    // Ended between the listing and the reading.
    return 0;
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => {
      try {
        return Number(afterName(readFileSync(`/proc/${candidate}/stat`, 'utf8'))[1]) === pid;
      } catch {
        return false;
      }
    });
}

/** The fields behind the name, which may hold blanks: state is [0], the parent [1], user time [11], system time [12]. */
function afterName(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** The supervisor as seen from a command: whether it runs, starting it in the background, stopping it. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CliError, EXIT_CODE } from '../cli/cli-error.ts';

const STOP_DEADLINE_MS = 30_000;
const POLL_MS = 50;
/** Connections are refused meanwhile. */
const ORPHAN_POLL_MS = 5;

export interface SupervisorPlace {
  readonly home: string;
  /** main.js: how the process is recognised, so that a recycled pid is never taken for it. */
  readonly script: string;
}

export function logDirectoryOf(home: string): string {
  return join(home, 'log');
}

/** Its pid, undefined when it does not run. */
export function findSupervisor({ home, script }: SupervisorPlace): number | undefined {
  return findProcess(join(home, 'supervisor.pid'), script, 'supervise');
}

function findProcess(pidFile: string, script: string, argument: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return command.includes(script) && command.includes(argument) ? pid : undefined;
  } catch {
    return undefined;
  }
}

export function startSupervisor({ home, script }: SupervisorPlace, environment: NodeJS.ProcessEnv): void {
  mkdirSync(logDirectoryOf(home), { recursive: true, mode: 0o700 });
  const log = openSync(join(logDirectoryOf(home), 'supervisor.log'), 'a', 0o600);
  const child = spawn(process.execPath, [script, 'supervise'], { detached: true, stdio: ['ignore', log, log], env: environment, cwd: '/' });
  closeSync(log);
  child.unref();
}

/** The ingress last: until it ends, it serves. */
const CHILDREN = [
  ['control-plane', 'run'],
  ['ingress', 'ingress'],
] as const;

interface Orphan {
  readonly name: string;
  readonly pid: number;
  readonly isRunning: () => boolean;
}

function findOrphans(place: SupervisorPlace): readonly Orphan[] {
  if (findSupervisor(place) !== undefined) return [];
  return CHILDREN.flatMap(([name, argument]) => {
    const find = (): number | undefined => findProcess(join(place.home, `${name}.pid`), place.script, argument);
    const pid = find();
    return pid === undefined ? [] : [{ name, pid, isRunning: () => find() === pid }];
  });
}

/** A control plane or an ingress runs on although its supervisor was killed. */
export function hasOrphans(place: SupervisorPlace): boolean {
  return findOrphans(place).length > 0;
}

/**
 * Ends a control plane and an ingress whose supervisor was killed: nobody would restart them, and they hold the lock and the port.
 * Containers are not touched; the next control plane adopts them.
 */
export async function stopOrphans(place: SupervisorPlace): Promise<readonly string[]> {
  const found = findOrphans(place);
  for (const { name, pid, isRunning } of found) {
    process.kill(pid, 'SIGTERM');
    const deadline = Date.now() + STOP_DEADLINE_MS;
    while (isRunning()) {
      if (Date.now() > deadline)
        throw new CliError(
          EXIT_CODE.failed,
          `the ${name} (pid ${pid}), left by a supervisor that was killed, did not stop within ${STOP_DEADLINE_MS / 1000} s`,
        );
      await pause(ORPHAN_POLL_MS);
    }
  }
  return found.map(({ name }) => name);
}

/** Ends the control plane and the ingress; their supervisor starts both again, from what is on the disk now. Requests under way are finished. */
export function restartProcesses(place: SupervisorPlace): void {
  for (const [name, argument] of CHILDREN) {
    const pid = findProcess(join(place.home, `${name}.pid`), place.script, argument);
    if (pid !== undefined) process.kill(pid, 'SIGTERM');
  }
}

/** Resolves when it is gone. */
export async function stopSupervisor(place: SupervisorPlace): Promise<boolean> {
  const pid = findSupervisor(place);
  if (pid === undefined) return false;
  process.kill(pid, 'SIGTERM');
  const deadline = Date.now() + STOP_DEADLINE_MS;
  while (findSupervisor(place) === pid) {
    if (Date.now() > deadline)
      throw new CliError(
        EXIT_CODE.failed,
        `the supervisor (pid ${pid}) did not stop within ${STOP_DEADLINE_MS / 1000} s; see ${logDirectoryOf(place.home)}`,
      );
    await pause(POLL_MS);
  }
  return true;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The last lines of a log, for an error message. */
export async function logTail(home: string, name: string, lines = 8): Promise<string> {
  try {
    const path = join(logDirectoryOf(home), `${name}.log`);
    const file = await open(path);
    await file.close();
    return (await readFile(path, 'utf8')).trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}

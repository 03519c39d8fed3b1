/**
 * Keeps the control plane and the ingress running: starts both, restarts either when it ends, stops both when asked to.
 * It knows nothing of Docker or the state and holds no request: as little as possible that can fail.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { closeSync, copyFileSync, openSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT_FATAL } from './exit-codes.ts';

export interface SupervisedProcess {
  /** Names the pid and log files: `control-plane.pid`, `control-plane.log`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** An open file that it finds as its number 3 (INHERITED_FD). */
  readonly inheritedFd?: number;
}

/** After stdin, stdout and stderr. */
export const INHERITED_FD = 3;

export interface SupervisorOptions {
  readonly processes: readonly SupervisedProcess[];
  /** For pid files. */
  readonly home: string;
  readonly logDirectory: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

const RESTART_FIRST_MS = 50;
const RESTART_MOST_MS = 5_000;
/** A process that ran this long is restarted at once: connections wait for it. */
const STABLE_MS = 1_000;
const STOP_GRACE_MS = 15_000;
const LOG_MOST_BYTES = 10 * 1024 * 1024;
const LOG_CHECK_MS = 60_000;

/** Resolves when every process has ended after the signal, or when one says that it cannot run. Returns the exit code. */
export async function supervise(options: SupervisorOptions): Promise<number> {
  const stopAll = new AbortController();
  const signal = AbortSignal.any([options.signal, stopAll.signal]);
  const pidFile = join(options.home, 'supervisor.pid');
  const turning = setInterval(() => {
    for (const { name } of options.processes) turnOver(options.logDirectory, name);
  }, LOG_CHECK_MS);
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o644 });
  const codes = await Promise.all(
    options.processes.map(async (supervised) => {
      const code = await keepRunning(supervised, options, signal);
      if (code !== 0) stopAll.abort();
      return code;
    }),
  );
  clearInterval(turning);
  rmSync(pidFile, { force: true });
  return codes.find((code) => code !== 0) ?? 0;
}

async function keepRunning(supervised: SupervisedProcess, options: SupervisorOptions, signal: AbortSignal): Promise<number> {
  let delayMs = RESTART_FIRST_MS;
  while (!signal.aborted) {
    const startedAt = Date.now();
    const code = await runOnce(supervised, options, signal);
    if (code === EXIT_FATAL) return EXIT_FATAL;
    const wasStable = Date.now() - startedAt >= STABLE_MS;
    delayMs = wasStable ? RESTART_FIRST_MS : Math.min(delayMs * 2, RESTART_MOST_MS);
    if (!wasStable) await pause(delayMs, signal);
  }
  return 0;
}

async function runOnce(supervised: SupervisedProcess, options: SupervisorOptions, signal: AbortSignal): Promise<number> {
  const { name, command, args, inheritedFd } = supervised;
  const log = openLog(options.logDirectory, name);
  const stdio: StdioOptions = ['ignore', log, log, ...(inheritedFd === undefined ? [] : [inheritedFd])];
  const child = spawn(command, args, { env: options.environment, stdio });
  closeSync(log);
  const pidFile = join(options.home, `${name}.pid`);
  if (child.pid !== undefined) writeFileSync(pidFile, `${child.pid}\n`, { mode: 0o644 });
  const code = await ended(child, signal);
  rmSync(pidFile, { force: true });
  return code;
}

function ended(child: ChildProcess, signal: AbortSignal): Promise<number> {
  return new Promise((resolve) => {
    let killer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      child.kill('SIGTERM');
      killer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    };
    const finish = (code: number): void => {
      clearTimeout(killer);
      signal.removeEventListener('abort', stop);
      resolve(code);
    };
    child.once('error', () => finish(1));
    child.once('exit', (code) => finish(code ?? 1));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

/** A log that has grown large is copied away and cut; the process goes on appending. One older log is kept. */
function turnOver(directory: string, name: string): void {
  const path = join(directory, `${name}.log`);
  try {
    if (statSync(path).size <= LOG_MOST_BYTES) return;
    copyFileSync(path, `${path}.1`);
    truncateSync(path);
  } catch {
    // There is no log yet, or no room for a copy: the next turn tries again.
  }
}

function openLog(directory: string, name: string): number {
  turnOver(directory, name);
  return openSync(join(directory, `${name}.log`), 'a', 0o600);
}

/** Ends early, and without leaving a listener behind, when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

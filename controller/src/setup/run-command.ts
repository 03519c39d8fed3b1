// Runs a program to its end, keeping only the tail of what it says. The program gets its own process group, so that
// Ctrl-C reaches us and not dpkg in the middle of a package; we pass it on once, through the AbortSignal.
import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

const KEPT_OUTPUT_CHARS = 64 * 1024;
const TAIL_LINES = 12;

export interface CommandOptions {
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  readonly cwd?: string;
}

/** `exitCode` is null when a signal ended the program or when it could not be started (then `cause` says why). */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly exitCode: number | null;
  readonly tail: string;

  constructor(what: string, exitCode: number | null, output: string, options?: { readonly cause?: unknown }) {
    const tail = lastLines(output);
    super(tail === '' ? what : `${what}\n${tail}`, options);
    this.exitCode = exitCode;
    this.tail = tail;
  }
}

export function lastLines(output: string, count = TAIL_LINES): string {
  return output.trimEnd().split('\n').slice(-count).join('\n');
}

/** Resolves to standard output (its last 64 KiB); rejects with CommandFailed unless the program ends with 0. */
export async function runCommand(command: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const running = start(command, args, options, 'collect');
  await running.done;
  return running.stdout();
}

/** A program whose standard output is a stream. Await `done` too: a stream that ended may have come from one that failed. */
export function streamCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions,
): { readonly stream: Readable; readonly done: Promise<void> } {
  const running = start(command, args, options, 'stream');
  return { stream: running.stream, done: running.done };
}

function start(command: string, args: readonly string[], options: CommandOptions, mode: 'collect' | 'stream') {
  options.signal.throwIfAborted();
  const child = spawn(command, args, { cwd: options.cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let stdout = '';
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-KEPT_OUTPUT_CHARS)));
  if (mode === 'collect') {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-KEPT_OUTPUT_CHARS);
      said = (said + text).slice(-KEPT_OUTPUT_CHARS);
    });
  }
  const stop = AbortSignal.any([options.signal, AbortSignal.timeout(options.deadlineMs)]);
  const killGroup = () => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGTERM');
    } catch {
      // Already gone.
    }
  };
  stop.addEventListener('abort', killGroup, { once: true });
  const done = new Promise<void>((resolve, reject) => {
    child.once('error', (cause) => reject(new CommandFailed(`${command} could not be started`, null, '', { cause })));
    child.once('close', (exitCode, signalName) => {
      stop.removeEventListener('abort', killGroup);
      if (exitCode === 0) resolve();
      else if (options.signal.aborted) reject(options.signal.reason as Error);
      else if (stop.aborted) reject(new CommandFailed(`${command} did not end within ${options.deadlineMs / 1000} s`, null, said));
      else reject(new CommandFailed(`${command} ended with ${exitCode ?? signalName ?? 'no exit code'}`, exitCode, said));
    });
  });
  // A caller that fails on the stream first must not leave this one unhandled.
  done.catch(() => undefined);
  return { stream: child.stdout, done, stdout: () => stdout };
}

// A plain user's PATH (and root's after `su`) lacks the sbin directories, where dockerd lives.
const PROGRAM_DIRS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export async function findProgram(name: string): Promise<string | undefined> {
  for (const dir of PROGRAM_DIRS) {
    const path = join(dir, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}

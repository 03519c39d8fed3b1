// Finds a Docker engine, and installs and starts one when there is none. dockerd outlives us: own session, output to a file.
// Never stops or restarts an engine, and never touches one that answers.
import { spawn } from 'node:child_process';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineApi } from './engine-api.ts';
import type { EngineState } from './plan-set-up.ts';
import { CommandFailed, findProgram, lastLines, runCommand } from './run-command.ts';
import { errnoOf, messageOf, SetUpError } from './set-up-error.ts';

const PING_DEADLINE_MS = 2_000;
const START_DEADLINE_MS = 60_000;
const START_POLL_MS = 100;
const INSTALL_DEADLINE_MS = 10 * 60_000;
const HEARTBEAT_MS = 10_000;
const NOT_INTERACTIVE = ['DEBIAN_FRONTEND=noninteractive', 'NEEDRESTART_MODE=l'];

export interface EnginePlace {
  readonly socketPath: string;
  readonly pidFile: string;
  readonly execRoot: string;
  readonly logFile: string;
  /** Only for a private engine (a test's). */
  readonly extraArguments: readonly string[];
}

export const STANDARD_ENGINE: EnginePlace = {
  socketPath: '/var/run/docker.sock',
  pidFile: '/var/run/docker.pid',
  execRoot: '/var/run/docker',
  logFile: '/var/log/dockerd.log',
  extraArguments: [],
};

type Progress = (line: string) => void;

/** Throws EngineUnreachable when something is on the socket but will not talk to us. */
export async function observeEngine(socketPath: string, signal: AbortSignal): Promise<EngineState> {
  try {
    await new EngineApi(socketPath).ping(PING_DEADLINE_MS, signal);
    return 'reachable';
  } catch (cause) {
    signal.throwIfAborted();
    const errno = errnoOf(cause);
    if (errno === 'EACCES' || errno === 'EPERM') {
      throw new SetUpError(
        'EngineUnreachable',
        `This user may not use the Docker engine on ${socketPath}. Run "sudo make up", or join its group (sudo usermod -aG docker "$USER") and log in again.`,
        { cause },
      );
    }
    if (errno !== 'ENOENT' && errno !== 'ECONNREFUSED') {
      throw new SetUpError(
        'EngineUnreachable',
        `Something listens on ${socketPath} but does not answer as a Docker engine (${messageOf(cause)}). ` +
          'See its log (journalctl -u docker, or /var/log/dockerd.log), restart it, then run "make up" again.',
        { cause },
      );
    }
    return (await findProgram('dockerd')) === undefined ? 'absent' : 'stopped';
  }
}

/** apt-get update and install. Called only when there is no dockerd; upgrades nothing that is installed. */
export async function installEngine(progress: Progress, signal: AbortSignal): Promise<void> {
  if ((await findProgram('apt-get')) === undefined) {
    throw new SetUpError(
      'EngineInstallFailed',
      'Docker is not installed and this is no Debian or Ubuntu machine, the only ones where "make up" can install it. Install Docker, then run "make up" again.',
    );
  }
  const options = { signal, deadlineMs: INSTALL_DEADLINE_MS };
  const startedAt = performance.now();
  progress('engine: installing docker.io with apt-get (first time only)');
  const heartbeat = setInterval(
    () => progress(`engine: still installing (${Math.round((performance.now() - startedAt) / 1000)} s)`),
    HEARTBEAT_MS,
  );
  try {
    // Finishes what an interrupted apt-get left half done; otherwise nothing.
    await runCommand('env', [...NOT_INTERACTIVE, 'dpkg', '--configure', '-a'], options);
    // One broken third-party source fails the whole update although Debian's arrived: the install tells.
    const update = await runCommand('env', [...NOT_INTERACTIVE, 'apt-get', '-q', 'update'], options).catch((error: unknown) => {
      if (error instanceof CommandFailed) return error;
      throw error;
    });
    const install = [
      '-q',
      '-y',
      '--no-install-recommends',
      '--no-upgrade',
      '-o',
      'DPkg::Lock::Timeout=120',
      'install',
      'docker.io',
      'iptables',
    ];
    await runCommand('env', [...NOT_INTERACTIVE, 'apt-get', ...install], options).catch((error: unknown) => {
      throw update instanceof CommandFailed && error instanceof CommandFailed
        ? new CommandFailed(error.message, error.exitCode, `${error.tail}\n${update.tail}`)
        : error;
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw new SetUpError(
      'EngineInstallFailed',
      `Docker could not be installed: ${messageOf(cause)}\n` +
        'Check that this machine reaches a package mirror (apt-get update), or install Docker yourself, then run "make up" again.',
      { cause },
    );
  } finally {
    clearInterval(heartbeat);
  }
  progress(`engine: installed (${Math.round((performance.now() - startedAt) / 1000)} s)`);
}

/** Starts the engine, by systemd where that runs the machine, and resolves once it answers. */
export async function startEngine(place: EnginePlace, progress: Progress, signal: AbortSignal): Promise<void> {
  if (await isProcess(await readPid(place.pidFile), 'dockerd')) {
    progress('engine: dockerd is starting');
    await waitUntilReachable(place, signal, () => undefined);
    return;
  }
  if (place === STANDARD_ENGINE && (await isProcess(1, 'systemd'))) {
    progress('engine: starting docker with systemctl');
    await runCommand('systemctl', ['start', 'docker'], { signal, deadlineMs: START_DEADLINE_MS }).catch((cause: unknown) => {
      signal.throwIfAborted();
      throw startFailed(`systemctl start docker failed: ${messageOf(cause)}`, 'journalctl -u docker', cause);
    });
    await waitUntilReachable(place, signal, () => undefined);
    return;
  }
  progress(`engine: starting dockerd (log: ${place.logFile})`);
  await removeStalePid(place.pidFile, 'dockerd');
  await removeStalePid(join(place.execRoot, 'containerd/containerd.pid'), 'containerd');
  await mountCgroups(signal);
  await chooseIptables(progress, signal);
  await spawnDockerd(place, signal);
}

async function spawnDockerd(place: EnginePlace, signal: AbortSignal): Promise<void> {
  const program = await findProgram('dockerd');
  if (program === undefined) throw startFailed('dockerd is not installed', 'apt-get install docker.io', undefined);
  const args = ['-H', `unix://${place.socketPath}`, '--pidfile', place.pidFile, '--exec-root', place.execRoot, ...place.extraArguments];
  const log = await open(place.logFile, 'a');
  let exit: string | undefined;
  try {
    const child = spawn(program, args, { detached: true, cwd: '/', stdio: ['ignore', log.fd, log.fd] });
    child.once('error', (error) => (exit = error.message));
    child.once('exit', (code, signalName) => (exit = `dockerd ended with ${code ?? signalName ?? 'no exit code'}`));
    child.unref();
  } finally {
    await log.close();
  }
  await waitUntilReachable(place, signal, () => exit);
}

async function waitUntilReachable(place: EnginePlace, signal: AbortSignal, exitOf: () => string | undefined): Promise<void> {
  const api = new EngineApi(place.socketPath);
  const deadline = performance.now() + START_DEADLINE_MS;
  for (;;) {
    try {
      await api.ping(PING_DEADLINE_MS, signal);
      return;
    } catch (cause) {
      signal.throwIfAborted();
      const exit = exitOf() ?? (performance.now() > deadline ? `it did not answer within ${START_DEADLINE_MS / 1000} s` : undefined);
      if (exit !== undefined) {
        const tail = lastLines(await readFile(place.logFile, 'utf8').catch(() => ''));
        throw startFailed(`${exit}\n${tail}`, place.logFile, cause);
      }
    }
    await delay(START_POLL_MS, undefined, { signal });
  }
}

function startFailed(what: string, where: string, cause: unknown): SetUpError {
  return new SetUpError(
    'EngineStartFailed',
    `The Docker engine could not be started: ${what}\nRepair it (see ${where}), then run "make up" again.`,
    { cause },
  );
}

/** A pid file that survived a crash names some other process by now, and dockerd then refuses to start (or waits for a containerd that is none). */
async function removeStalePid(pidFile: string, command: string): Promise<void> {
  if (!(await isProcess(await readPid(pidFile), command))) await rm(pidFile, { force: true });
}

async function readPid(pidFile: string): Promise<number | undefined> {
  const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10);
  return Number.isNaN(pid) ? undefined : pid;
}

async function isProcess(pid: number | undefined, command: string): Promise<boolean> {
  if (pid === undefined) return false;
  return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim() === command;
}

/** Without systemd nobody may have mounted them, and dockerd needs them. */
async function mountCgroups(signal: AbortSignal): Promise<void> {
  if (/ cgroup2? /.test(await readFile('/proc/mounts', 'utf8'))) return;
  await runCommand('mount', ['-t', 'cgroup2', 'cgroup2', '/sys/fs/cgroup'], { signal, deadlineMs: START_DEADLINE_MS });
}

/** Debian's default iptables needs nf_tables in the kernel; where that is missing the older one works. */
async function chooseIptables(progress: Progress, signal: AbortSignal): Promise<void> {
  const works = async (program: string) => {
    try {
      await runCommand(program, ['-t', 'nat', '-L', '-n'], { signal, deadlineMs: 10_000 });
      return true;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  };
  const legacy = await findProgram('iptables-legacy');
  if (legacy === undefined || (await works((await findProgram('iptables')) ?? 'iptables')) || !(await works(legacy))) return;
  progress('engine: this kernel has no nf_tables; using iptables-legacy');
  await runCommand('update-alternatives', ['--set', 'iptables', legacy], { signal, deadlineMs: 10_000 });
}

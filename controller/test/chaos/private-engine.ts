/**
 * A Docker engine of a test's own, which may be stopped and killed at will: dockerd in a network namespace of its own (its bridge, its published
 * ports and its iptables rules meet nobody else's), with its own data, sockets and containerd. Whatever must reach its containers runs in that
 * namespace too: see `inside`. Needs root. `remove` leaves nothing behind.
 */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DockerRuntime } from '../../src/runtime/docker-runtime.ts';
import { eventually } from '../eventually.ts';
import { ensureTestImage, findBusybox } from '../runtime/test-image.ts';
import { removeByForce } from '../runtime/remove-by-force.ts';

const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 60_000;

export interface PrivateEngineOptions {
  /** Containers outlive dockerd. */
  readonly isLiveRestore: boolean;
}

export class PrivateEngine {
  readonly root: string;
  readonly socketPath: string;
  readonly runtime: DockerRuntime;
  readonly #options: PrivateEngineOptions;
  readonly #holder: ChildProcess;
  #daemon: ChildProcess | undefined;

  private constructor(options: PrivateEngineOptions) {
    this.#options = options;
    this.root = mkdtempSync(join(tmpdir(), 'coxswain-engine-'));
    this.socketPath = join(this.root, 'docker.sock');
    this.runtime = new DockerRuntime({ socketPath: this.socketPath });
    mkdirSync(join(this.root, 'exec'));
    writeFileSync(join(this.root, 'daemon.json'), '{}');
    // A namespace lives as long as somebody is in it.
    this.#holder = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' });
  }

  /** Running, with the test image. */
  static async make(options: PrivateEngineOptions): Promise<PrivateEngine> {
    const engine = new PrivateEngine(options);
    try {
      const own = networkNamespaceOf(process.pid);
      await eventually(() => networkNamespaceOf(engine.#holder.pid ?? 0) !== own, 10_000);
      const [command, ...args] = engine.inside(findBusybox(), 'ip', 'link', 'set', 'lo', 'up') as [string, ...string[]];
      execFileSync(command, args);
      await engine.start();
      await ensureTestImage(engine.socketPath);
      return engine;
    } catch (error) {
      await engine.remove();
      throw error;
    }
  }

  /** The command line that runs this one in the engine's network namespace. */
  inside(...command: readonly string[]): readonly string[] {
    return ['nsenter', `--net=/proc/${this.#holder.pid ?? 0}/ns/net`, ...command];
  }

  get pid(): number {
    return this.#daemon?.pid ?? 0;
  }

  /** Resolves once it answers. */
  async start(): Promise<void> {
    const log = openSync(join(this.root, 'dockerd.log'), 'a');
    const [command, ...args] = this.inside('dockerd', ...this.#daemonArguments()) as [string, ...string[]];
    this.#daemon = spawn(command, args, { stdio: ['ignore', log, log], cwd: '/' });
    closeSync(log);
    const daemon = this.#daemon;
    await eventually(async () => {
      if (daemon.exitCode !== null) throw new Error(`dockerd ended with ${daemon.exitCode}: ${this.logTail()}`);
      await this.runtime.describe(AbortSignal.timeout(2_000));
    }, START_DEADLINE_MS);
  }

  /** SIGTERM, and waits for its end. Without live-restore it stops its containers first. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /**
   * Its containerd dies with it, a moment later. A dockerd that is started before that, or before the dead one was reaped, takes it for a
   * running one and waits in vain.
   */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
    await eventually(() => !this.#isContainerdAlive(), 10_000);
    rmSync(join(this.root, 'exec/containerd/containerd.pid'), { force: true });
  }

  /** Frozen: it accepts connections and says nothing. */
  freeze(): void {
    this.#daemon?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#daemon?.kill('SIGCONT');
  }

  logTail(): string {
    return readFileSync(join(this.root, 'dockerd.log'), 'utf8').split('\n').slice(-15).join('\n');
  }

  async remove(): Promise<void> {
    this.thaw();
    const isRunning = this.#daemon?.exitCode === null && this.#daemon.signalCode === null;
    // With live-restore containers would outlive it.
    if (isRunning) await this.#removeContainers().catch(() => undefined);
    if (isRunning) await this.stop();
    this.runtime.close();
    for (const pid of this.#leftProcesses()) kill(pid);
    this.#holder.kill('SIGKILL');
    await eventually(() => this.#leftProcesses().length === 0, 10_000);
    for (const mount of mountsUnder(this.root)) execFileSync('umount', ['--lazy', mount]);
    // A mount namespace that ends takes a moment to let go of its mounts.
    await eventually(() => rmSync(this.root, { recursive: true, force: true }), 10_000);
  }

  #daemonArguments(): readonly string[] {
    const containerdNamespace = `coxswain-test-${this.#holder.pid ?? 0}`;
    return [
      ...['--config-file', join(this.root, 'daemon.json'), '-H', `unix://${this.socketPath}`],
      ...['--data-root', join(this.root, 'data'), '--exec-root', join(this.root, 'exec'), '--pidfile', join(this.root, 'docker.pid')],
      // A containerd of the system, if one runs, is shared: there the names must not meet.
      ...['--containerd-namespace', containerdNamespace, '--containerd-plugins-namespace', `${containerdNamespace}-plugins`],
      ...(this.#options.isLiveRestore ? ['--live-restore'] : []),
    ];
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => daemon.once('exit', () => resolve()));
    daemon.kill(signal);
    const killer = setTimeout(() => daemon.kill('SIGKILL'), STOP_DEADLINE_MS);
    await ended;
    clearTimeout(killer);
  }

  #isContainerdAlive(): boolean {
    try {
      const pid = readFileSync(join(this.root, 'exec/containerd/containerd.pid'), 'utf8').trim();
      return !readFileSync(`/proc/${pid}/status`, 'utf8').includes('State:\tZ');
    } catch {
      return false;
    }
  }

  async #removeContainers(): Promise<void> {
    const all = await this.runtime.listContainers([], AbortSignal.timeout(10_000));
    await Promise.all(all.map(({ id }) => removeByForce(this.runtime, id, AbortSignal.timeout(30_000))));
  }

  /** containerd, its shims, docker-proxy: all have a path or a name of this engine in their command line. And what runs on its images. */
  #leftProcesses(): readonly number[] {
    const marks = [this.root, `coxswain-test-${this.#holder.pid ?? 0}`];
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((name) => {
        const line = commandLineOf(name);
        const isEngine = /^\S*(dockerd|containerd|containerd-shim\S*|docker-proxy|runc)\0/.test(line);
        return (isEngine && marks.some((mark) => line.includes(mark))) || rootOf(name).includes(this.root);
      })
      .map(Number);
  }
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** How the process's root directory is mounted. */
function rootOf(pid: string): string {
  try {
    const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n');
    return mounts.find((line) => line.split(' ')[4] === '/') ?? '';
  } catch {
    return '';
  }
}

function networkNamespaceOf(pid: number): string {
  return execFileSync('readlink', [`/proc/${pid}/ns/net`], { encoding: 'utf8' });
}

/** The innermost first. */
function mountsUnder(root: string): readonly string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${root}/`))
    .sort((a, b) => b.length - a.length);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

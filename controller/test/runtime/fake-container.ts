/** One container of the fake engine: its states and what its program does. Knows neither clock nor engine. */
import type { ContainerPhase, ContainerResources, ObservedContainer } from '../../src/model/observed.ts';
import type { ContainerSpec } from '../../src/model/operation.ts';
import type { ExecResult, ListedContainer } from '../../src/runtime/container-runtime.ts';

/** What the process in a container does from one start on. */
export interface FakeProgram {
  /** Milliseconds after the start from which it answers probes; for the prober's fake, not used here. */
  readonly bootMs?: number;
  /** It ends by itself. */
  readonly exitAfterMs?: number;
  readonly exitCode?: number;
  /** SIGTERM does nothing. */
  readonly isIgnoringStop?: boolean;
  /** How long it takes to end after SIGTERM, and its code then. */
  readonly stopAfterMs?: number;
  readonly stopExitCode?: number;
  /** Bytes that it cannot do without: no limit below them. */
  readonly memoryInUse?: number;
  /** What it writes at its start. */
  readonly logs?: readonly string[];
  readonly exec?: (command: readonly string[]) => ExecResult;
}

const LOG_LINES_KEPT = 1000;

export class FakeContainer {
  readonly id: string;
  readonly spec: ContainerSpec;
  readonly imageId: string;
  phase: ContainerPhase = 'created';
  program: FakeProgram = {};
  /** How often it was started: tells a timer of an earlier run that it is stale. */
  run = 0;
  startedAtMs = 0;
  finishedAtMs = 0;
  exitCode = 0;
  isOomKilled = false;
  error = '';
  resources: ContainerResources;
  readonly logs: string[] = [];
  readonly #addresses = new Map<string, string>();
  readonly #aliases = new Map<string, readonly string[]>();
  readonly #endListeners: (() => void)[] = [];
  readonly #followers = new Set<{ onLine(line: string): void; onEnd(): void }>();

  constructor(id: string, spec: ContainerSpec, imageId: string) {
    this.id = id;
    this.spec = spec;
    this.imageId = imageId;
    const { memoryBytes, nanoCpus, cpuShares } = spec;
    this.resources = { memoryBytes, nanoCpus, cpuShares };
    this.connect(spec.network, spec.networkAliases, '');
  }

  get isAlive(): boolean {
    return this.phase === 'running' || this.phase === 'paused';
  }

  get networkNames(): readonly string[] {
    return [...this.#addresses.keys()];
  }

  get hostPorts(): readonly number[] {
    return this.spec.ports.flatMap((port) => port.hostPort ?? []);
  }

  aliasesIn(network: string): readonly string[] {
    return this.#aliases.get(network) ?? [];
  }

  connect(network: string, aliases: readonly string[], address: string): void {
    this.#addresses.set(network, address);
    this.#aliases.set(network, aliases);
  }

  start(wallNowMs: number, program: FakeProgram, addressIn: (network: string) => string): void {
    this.phase = 'running';
    this.program = program;
    this.run++;
    this.startedAtMs = wallNowMs;
    this.finishedAtMs = 0;
    this.exitCode = 0;
    this.isOomKilled = false;
    this.error = '';
    for (const network of this.networkNames) this.#addresses.set(network, addressIn(network));
    for (const line of program.logs ?? []) this.log(line);
  }

  /** A start that the engine refused. Docker leaves the phase, and a code of 128. */
  fail(error: string): void {
    this.error = error;
    this.exitCode = 128;
  }

  end(wallNowMs: number, exitCode: number, isOomKilled: boolean): void {
    this.phase = 'exited';
    this.finishedAtMs = wallNowMs;
    this.exitCode = exitCode;
    this.isOomKilled = isOomKilled;
    for (const network of this.networkNames) this.#addresses.set(network, '');
    for (const follower of this.#followers) follower.onEnd();
    this.#followers.clear();
    for (const onEnd of this.#endListeners.splice(0)) onEnd();
  }

  onceEnded(onEnd: () => void): void {
    this.#endListeners.push(onEnd);
  }

  log(line: string): void {
    this.logs.push(line);
    if (this.logs.length > LOG_LINES_KEPT) this.logs.shift();
    for (const follower of this.#followers) follower.onLine(line);
  }

  /** Until the container ends or the signal aborts. */
  follow(onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const follower = { onLine, onEnd: resolve };
      this.#followers.add(follower);
      signal.addEventListener('abort', () => this.#followers.delete(follower), { once: true });
    });
  }

  list(): ListedContainer {
    const {
      startedAtMs,
      finishedAtMs,
      exitCode,
      isOomKilled: _isOomKilled,
      error: _error,
      resources: _resources,
      ...listed
    } = this.inspect();
    return { ...listed, status: `${this.phase} ${startedAtMs} ${finishedAtMs} ${exitCode}` };
  }

  inspect(): ObservedContainer {
    return {
      id: this.id,
      name: this.spec.name,
      image: this.spec.image,
      imageId: this.imageId,
      phase: this.phase,
      labels: this.spec.labels,
      startedAtMs: this.startedAtMs,
      finishedAtMs: this.finishedAtMs,
      exitCode: this.exitCode,
      isOomKilled: this.isOomKilled,
      error: this.error,
      resources: this.resources,
      networks: Object.fromEntries(this.#addresses),
    };
  }
}

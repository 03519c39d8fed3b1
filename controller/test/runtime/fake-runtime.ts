/**
 * A Docker engine in memory, for the simulation: the same answers as DockerRuntime (contract.ts holds both to that), on an injected clock, with
 * programmable containers and faults at every call. What it does not model is written where it is left out.
 */
import type { ContainerResources, ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume } from '../../src/model/observed.ts';
import type { ContainerSpec } from '../../src/model/operation.ts';
import { systemClock, type Clock } from '../../src/runtime/clock.ts';
import {
  RuntimeError,
  type ContainerRuntime,
  type EngineDescription,
  type ExecResult,
  type ListedContainer,
  type LogOptions,
  type RuntimeErrorCode,
  type RuntimeEvent,
} from '../../src/runtime/container-runtime.ts';
import { FakeContainer, type FakeProgram } from './fake-container.ts';

type Labels = Readonly<Record<string, string>>;
export type CallName = keyof ContainerRuntime;

/**
 * - none: the call goes through
 * - before: it fails and nothing happened
 * - after: it happened, the answer is lost
 * - hang: it never answers; only its signal ends it
 */
export type Fault = 'none' | 'before' | 'after' | 'hang';

export interface FakeRuntimeOptions {
  readonly clock?: Clock;
  /** The wall clock, milliseconds since the epoch: what containers are stamped with. */
  readonly wallNow?: () => number;
  /** How a container behaves, asked at each start. */
  readonly program?: (spec: ContainerSpec) => FakeProgram;
  readonly fault?: (callName: CallName, args: readonly unknown[]) => Fault;
  /** How long each call takes on the clock; 0 answers in a microtask. */
  readonly latencyMs?: (callName: CallName) => number;
  /** Image references on the host, and those a pull brings. */
  readonly images?: readonly string[];
  /** Whom the images run as; default root. */
  readonly imageUser?: string;
  readonly registry?: readonly string[];
  /** Host ports that somebody else holds. */
  readonly takenHostPorts?: readonly number[];
}

interface FakeNetwork {
  readonly id: string;
  readonly name: string;
  readonly labels: Labels;
  readonly index: number;
  nextHost: number;
}

interface Watcher {
  readonly labels: readonly string[];
  readonly onEvent: (event: RuntimeEvent) => void;
  readonly onConnect: () => void;
}

export class FakeRuntime implements ContainerRuntime {
  /** For assertions and for doing things behind the control plane's back (`crash`, `docker rm`). By id. */
  readonly containers = new Map<string, FakeContainer>();
  readonly networks = new Map<string, FakeNetwork>();
  readonly volumes = new Map<string, Labels>();
  /** Reference -> image id. */
  readonly images = new Map<string, string>();
  readonly #watchers = new Set<Watcher>();
  readonly #clock: Clock;
  readonly #options: FakeRuntimeOptions;
  readonly #takenHostPorts: Set<number>;
  #nextId = 1;

  constructor(options: FakeRuntimeOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#takenHostPorts = new Set(options.takenHostPorts);
    for (const reference of options.images ?? []) this.addImage(reference);
  }

  // ---- outside hands

  addImage(reference: string): string {
    const id = `sha256:${this.#newId()}`;
    this.images.set(reference, id);
    this.#emit({ type: 'image', action: 'tag', id: reference });
    return id;
  }

  /** The process ends by itself. */
  crash(containerId: string, exitCode: number, isOomKilled = false): void {
    const container = this.containers.get(containerId);
    if (container?.isAlive !== true) return;
    if (isOomKilled) this.#emitOf(container, 'oom');
    this.#end(container, exitCode, isOomKilled);
  }

  /** dockerd restarts without live-restore: everything stops, every watcher is disconnected and comes back. */
  restartEngine(): void {
    for (const container of this.containers.values()) if (container.isAlive) container.end(this.#wallNow(), 0, false);
    this.disconnectWatchers();
  }

  /** As after a lost event stream: what happened in between was missed. */
  disconnectWatchers(): void {
    for (const watcher of this.#watchers) this.#clock.setTimer(0, () => this.#watchers.has(watcher) && watcher.onConnect());
  }

  findByName(name: string): FakeContainer | undefined {
    for (const container of this.containers.values()) if (container.spec.name === name) return container;
    return undefined;
  }

  takeHostPort(port: number): void {
    this.#takenHostPorts.add(port);
  }

  freeHostPort(port: number): void {
    this.#takenHostPorts.delete(port);
  }

  // ---- the port

  async describe(signal: AbortSignal): Promise<EngineDescription> {
    return await this.#call('describe', [], signal, () => ({
      id: 'FAKE',
      version: '0.0.0',
      apiVersion: '1.41',
      cpus: 2,
      memoryBytes: 2 ** 33,
      operatingSystem: 'fake',
    }));
  }

  async listContainers(labels: readonly string[], signal: AbortSignal): Promise<readonly ListedContainer[]> {
    return await this.#call('listContainers', [labels], signal, () =>
      [...this.containers.values()].filter((container) => isLabelled(container.spec.labels, labels)).map((container) => container.list()),
    );
  }

  async inspectContainer(containerId: string, signal: AbortSignal): Promise<ObservedContainer> {
    return await this.#call('inspectContainer', [containerId], signal, () => this.#container(containerId).inspect());
  }

  async listNetworks(labels: readonly string[], signal: AbortSignal): Promise<readonly ObservedNetwork[]> {
    return await this.#call('listNetworks', [labels], signal, () =>
      [...this.networks.values()]
        .filter((network) => isLabelled(network.labels, labels))
        .map((network) => ({ id: network.id, name: network.name, labels: network.labels })),
    );
  }

  async listVolumes(labels: readonly string[], signal: AbortSignal): Promise<readonly ObservedVolume[]> {
    return await this.#call('listVolumes', [labels], signal, () =>
      [...this.volumes].filter(([, present]) => isLabelled(present, labels)).map(([name, present]) => ({ name, labels: present })),
    );
  }

  async readEnvironment(containerId: string, signal: AbortSignal): Promise<readonly string[]> {
    return await this.#call('readEnvironment', [containerId], signal, () => [...this.#container(containerId).spec.env]);
  }

  async findImage(reference: string, signal: AbortSignal): Promise<ObservedImage | undefined> {
    return await this.#call('findImage', [reference], signal, () => {
      const id = this.images.get(reference);
      return id === undefined ? undefined : { id, user: this.#options.imageUser ?? '', isBuiltHere: false };
    });
  }

  async createContainer(spec: ContainerSpec, signal: AbortSignal): Promise<string> {
    return await this.#call('createContainer', [spec], signal, () => {
      const imageId = this.images.get(spec.image);
      if (imageId === undefined) throw refusal('NotFound', 404, `no such image: ${spec.image}`);
      if (this.findByName(spec.name)) throw refusal('Conflict', 409, `the name ${spec.name} is taken`);
      const container = new FakeContainer(this.#newId(), spec, imageId);
      this.containers.set(container.id, container);
      this.#emitOf(container, 'create');
      return container.id;
    });
  }

  async startContainer(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#call('startContainer', [containerId], signal, () => {
      const container = this.#container(containerId);
      if (container.phase === 'running') return;
      if (container.phase === 'paused') throw refusal('Conflict', 409, 'a paused container cannot be started');
      for (const network of container.networkNames) {
        if (!this.networks.has(network)) throw refusal('NotFound', 404, `network ${network} not found`);
      }
      const taken = container.hostPorts.find((port) => this.#isPortTaken(port));
      if (taken !== undefined) {
        container.fail(`port ${taken} is already allocated`);
        throw refusal('EngineFailure', 500, container.error);
      }
      const program = this.#options.program?.(container.spec) ?? {};
      container.start(this.#wallNow(), program, (network) => this.#newAddress(network));
      this.#emitOf(container, 'start');
      const run = container.run;
      if (program.exitAfterMs !== undefined) {
        this.#clock.setTimer(program.exitAfterMs, () => container.run === run && this.#end(container, program.exitCode ?? 0, false));
      }
    });
  }

  /** As at the engine: 0 leaves a value as it is. A limit below what the program says it uses is refused. */
  async updateResources(containerId: string, wanted: ContainerResources, signal: AbortSignal): Promise<void> {
    await this.#call('updateResources', [containerId, wanted], signal, () => {
      const container = this.#container(containerId);
      const { memoryBytes, nanoCpus, cpuShares } = container.resources;
      if (wanted.memoryBytes > 0 && wanted.memoryBytes < 6 * 2 ** 20) throw refusal('Invalid', 400, 'the least memory limit is 6MB');
      if (wanted.memoryBytes > 0 && container.isAlive && wanted.memoryBytes < (container.program.memoryInUse ?? 0))
        throw refusal('EngineFailure', 500, 'device or resource busy');
      container.resources = {
        memoryBytes: wanted.memoryBytes || memoryBytes,
        nanoCpus: wanted.nanoCpus || nanoCpus,
        cpuShares: wanted.cpuShares || cpuShares,
      };
      this.#emitOf(container, 'update');
    });
  }

  async stopContainer(containerId: string, graceMs: number, signal: AbortSignal): Promise<void> {
    await this.#call('stopContainer', [containerId, graceMs], signal, async () => {
      const container = this.containers.get(containerId);
      if (container?.isAlive !== true) return;
      this.#emitOf(container, 'kill');
      const graceRoundedMs = Math.ceil(graceMs / 1000) * 1000;
      const stopMs = container.program.isIgnoringStop === true ? Infinity : (container.program.stopAfterMs ?? 0);
      const isKilled = stopMs > graceRoundedMs;
      // The engine goes on stopping when the caller has given up waiting, and answers early when the container ends otherwise.
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.setTimer(Math.min(stopMs, graceRoundedMs), () =>
          this.#end(container, isKilled ? 137 : (container.program.stopExitCode ?? 143), false),
        );
        container.onceEnded(() => {
          cancel();
          resolve();
        });
      });
      this.#emitOf(container, 'stop');
    });
  }

  async killContainer(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#call('killContainer', [containerId], signal, () => {
      const container = this.containers.get(containerId);
      if (container?.isAlive !== true) return;
      this.#emitOf(container, 'kill');
      this.#end(container, 137, false);
    });
  }

  async removeContainer(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#call('removeContainer', [containerId], signal, () => {
      const container = this.containers.get(containerId);
      if (container === undefined) return;
      if (container.isAlive) throw new RuntimeError('Conflict', 409, `the container ${containerId} runs`);
      this.containers.delete(containerId);
      this.#emitOf(container, 'destroy');
    });
  }

  async pauseContainer(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#call('pauseContainer', [containerId], signal, () => {
      const container = this.#container(containerId);
      if (container.phase !== 'running') throw refusal('Conflict', 409, 'only a running container can be paused');
      container.phase = 'paused';
      this.#emitOf(container, 'pause');
    });
  }

  async unpauseContainer(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#call('unpauseContainer', [containerId], signal, () => {
      const container = this.#container(containerId);
      if (container.phase !== 'paused') return;
      container.phase = 'running';
      this.#emitOf(container, 'unpause');
    });
  }

  /** `sinceSeconds` and `isTimestamped` are not modelled. */
  async readLogs(containerId: string, options: LogOptions, onChunk: (chunk: Uint8Array) => void, signal: AbortSignal): Promise<void> {
    await this.#call('readLogs', [containerId, options], signal, async () => {
      const container = this.#container(containerId);
      for (const line of options.tailLines === 0 ? [] : container.logs.slice(-(options.tailLines ?? 0))) {
        onChunk(Buffer.from(`${line}\n`));
      }
      if (options.isFollowing === true && container.isAlive) await container.follow((line) => onChunk(Buffer.from(`${line}\n`)), signal);
    });
  }

  async exec(containerId: string, command: readonly string[], signal: AbortSignal): Promise<ExecResult> {
    return await this.#call('exec', [containerId, command], signal, () => {
      const container = this.#container(containerId);
      if (container.phase !== 'running') throw refusal('Conflict', 409, `container is ${container.phase}`);
      return container.program.exec?.(command) ?? { exitCode: 0, output: '' };
    });
  }

  async createNetwork(name: string, labels: Labels, signal: AbortSignal): Promise<string> {
    return await this.#call('createNetwork', [name, labels], signal, () => {
      const present = this.networks.get(name);
      if (present && !isLabelled(present.labels, toPairs(labels))) throw refusal('Conflict', 409, `network ${name} is there`);
      if (present) return present.id;
      const network = { id: this.#newId(), name, labels, index: this.#nextId, nextHost: 2 };
      this.networks.set(name, network);
      this.#emit({ type: 'network', action: 'create', id: network.id });
      return network.id;
    });
  }

  async removeNetwork(name: string, signal: AbortSignal): Promise<void> {
    await this.#call('removeNetwork', [name], signal, () => {
      const network = this.networks.get(name);
      if (network === undefined) return;
      for (const container of this.containers.values()) {
        if (container.isAlive && container.networkNames.includes(name)) throw refusal('Conflict', 403, `network ${name} has endpoints`);
      }
      this.networks.delete(name);
      this.#emit({ type: 'network', action: 'destroy', id: network.id });
    });
  }

  async connectNetwork(network: string, containerId: string, aliases: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#call('connectNetwork', [network, containerId, aliases], signal, () => {
      const container = this.#container(containerId);
      const target = this.networks.get(network);
      if (target === undefined) throw refusal('NotFound', 404, `network ${network} not found`);
      if (container.networkNames.includes(network)) return;
      container.connect(network, aliases, container.isAlive ? this.#newAddress(network) : '');
      this.#emit({ type: 'network', action: 'connect', id: target.id, containerId });
    });
  }

  async createVolume(name: string, labels: Labels, signal: AbortSignal): Promise<void> {
    await this.#call('createVolume', [name, labels], signal, () => {
      const present = this.volumes.get(name);
      if (present && !isLabelled(present, toPairs(labels))) throw refusal('Conflict', 409, `volume ${name} is there`);
      if (present) return;
      this.volumes.set(name, labels);
      this.#emit({ type: 'volume', action: 'create', id: name });
    });
  }

  async removeVolume(name: string, signal: AbortSignal): Promise<void> {
    await this.#call('removeVolume', [name], signal, () => {
      for (const container of this.containers.values()) {
        if (container.spec.mounts.some((mount) => mount.type === 'volume' && mount.source === name)) {
          throw refusal('Conflict', 409, `volume ${name} is in use`);
        }
      }
      if (this.volumes.delete(name)) this.#emit({ type: 'volume', action: 'destroy', id: name });
    });
  }

  async pullImage(reference: string, signal: AbortSignal): Promise<void> {
    await this.#call('pullImage', [reference], signal, () => {
      if (this.#options.registry?.includes(reference) !== true) throw refusal('EngineFailure', 500, `cannot pull ${reference}`);
      this.addImage(reference);
    });
  }

  async removeImage(reference: string, signal: AbortSignal): Promise<void> {
    await this.#call('removeImage', [reference], signal, () => {
      for (const { spec } of this.containers.values())
        if (spec.image === reference) throw refusal('Conflict', 409, `image ${reference} is in use`);
      if (this.images.delete(reference)) this.#emit({ type: 'image', action: 'untag', id: reference });
    });
  }

  async watchEvents(
    labels: readonly string[],
    onEvent: (event: RuntimeEvent) => void,
    onConnect: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const watcher = { labels, onEvent, onConnect };
    if (signal.aborted) return;
    this.#watchers.add(watcher);
    onConnect();
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    this.#watchers.delete(watcher);
  }

  // ---- inside

  #container(containerId: string): FakeContainer {
    const container = this.containers.get(containerId);
    if (container === undefined) throw refusal('NotFound', 404, `no such container: ${containerId}`);
    return container;
  }

  #end(container: FakeContainer, exitCode: number, isOomKilled: boolean): void {
    container.end(this.#wallNow(), exitCode, isOomKilled);
    this.#emitOf(container, 'die');
  }

  #isPortTaken(port: number): boolean {
    if (this.#takenHostPorts.has(port)) return true;
    for (const container of this.containers.values()) if (container.isAlive && container.hostPorts.includes(port)) return true;
    return false;
  }

  #newAddress(network: string): string {
    const target = this.networks.get(network);
    if (target === undefined) return '';
    const host = target.nextHost++;
    return `172.${16 + (target.index % 240)}.${(host >> 8) & 255}.${host & 255}`;
  }

  #newId(): string {
    return (this.#nextId++).toString(16).padStart(12, '0').padEnd(64, '0');
  }

  #wallNow(): number {
    return (this.#options.wallNow ?? Date.now)();
  }

  #emitOf(container: FakeContainer, action: string): void {
    this.#emit({ type: 'container', action, id: container.id }, container.spec.labels);
  }

  #emit(event: RuntimeEvent, labels?: Labels): void {
    for (const watcher of this.#watchers) {
      if (labels && !isLabelled(labels, watcher.labels)) continue;
      this.#clock.setTimer(0, () => this.#watchers.has(watcher) && watcher.onEvent(event));
    }
  }

  /** Every call: latency, fault, effect, fault; ends at once with its signal, though the effect may go on. */
  async #call<T>(name: CallName, args: readonly unknown[], signal: AbortSignal, effect: () => T | Promise<T>): Promise<T> {
    const fault = this.#options.fault?.(name, args) ?? 'none';
    const latencyMs = this.#options.latencyMs?.(name) ?? 0;
    const perform = async (): Promise<T> => {
      if (latencyMs > 0) await new Promise<void>((resolve) => this.#clock.setTimer(latencyMs, resolve));
      else await Promise.resolve();
      if (fault === 'before') throw new RuntimeError('EngineFailure', 500, `${name}: injected failure`);
      if (fault === 'hang') return await new Promise<never>(() => undefined);
      const result = await effect();
      if (fault === 'after') throw new RuntimeError('Unreachable', 0, `${name}: injected lost reply`);
      return result;
    };
    const timeout = (): RuntimeError => new RuntimeError('Timeout', 0, `${name}: no answer in time`);
    if (signal.aborted) throw timeout();
    let giveUp: (() => void) | undefined;
    const aborted = new Promise<never>((_resolve, reject) => {
      giveUp = () => reject(timeout());
      signal.addEventListener('abort', giveUp, { once: true });
    });
    try {
      return await Promise.race([perform(), aborted]);
    } finally {
      if (giveUp) signal.removeEventListener('abort', giveUp);
    }
  }
}

function refusal(code: RuntimeErrorCode, status: number, message: string): RuntimeError {
  return new RuntimeError(code, status, message);
}

function toPairs(labels: Labels): string[] {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`);
}

function isLabelled(present: Labels, wanted: readonly string[]): boolean {
  return wanted.every((pair) => {
    const [key, value] = pair.split(/=(.*)/s, 2) as [string, string | undefined];
    return key in present && (value === undefined || present[key] === value);
  });
}

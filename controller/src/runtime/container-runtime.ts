/**
 * The port to the container engine: one method is one engine call. `DockerRuntime` implements it over dockerode, the simulation's
 * fake implements it in memory, and one contract suite (test/runtime/) holds both to the same behaviour.
 * Every method takes an AbortSignal with a deadline and rejects with `RuntimeError`; status codes decide its code, never message text.
 */
import type { ContainerSpec } from '../model/operation.ts';
import type { ContainerResources, ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume } from '../model/observed.ts';

export type RuntimeErrorCode =
  /** 404: the container, image, network or volume is not there. */
  | 'NotFound'
  /** 409: a name is taken, or the state does not allow it. Observe again. */
  | 'Conflict'
  /** 400: the engine refuses the request as such. */
  | 'Invalid'
  /** 5xx: the engine tried and failed (a port is taken, a mount failed, ...). */
  | 'EngineFailure'
  /** No answer: socket missing, connection refused or reset. The effect is unknown. */
  | 'Unreachable'
  /** The deadline passed or the caller gave up. The effect is unknown. */
  | 'Timeout';

export class RuntimeError extends Error {
  readonly code: RuntimeErrorCode;
  /** HTTP status, 0 when there was no answer. */
  readonly status: number;
  constructor(code: RuntimeErrorCode, status: number, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'RuntimeError';
    this.code = code;
    this.status = status;
  }
}

export interface EngineDescription {
  /** GET /info `ID`: unique per engine. */
  readonly id: string;
  readonly version: string;
  readonly apiVersion: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly operatingSystem: string;
}

/** One thing that happened at the engine. Source: GET /events. */
export interface RuntimeEvent {
  readonly type: 'container' | 'network' | 'volume' | 'image';
  /** "start", "die", "destroy", "pause", "oom", "create", "connect", ... */
  readonly action: string;
  /** Container id, network id, volume name or image reference. */
  readonly id: string;
  /** Of a network's "connect" and "disconnect": which container. */
  readonly containerId?: string;
}

export interface ExecResult {
  readonly exitCode: number;
  /** Last 4 KiB of stdout and stderr, interleaved. */
  readonly output: string;
}

export interface ListedContainer extends Omit<
  ObservedContainer,
  'startedAtMs' | 'finishedAtMs' | 'exitCode' | 'isOomKilled' | 'error' | 'resources'
> {
  /** Docker's status text, e.g. "Up 3 seconds (Paused)"; only ever compared with itself to see a change. */
  readonly status: string;
}

export interface LogOptions {
  readonly tailLines?: number;
  /** Seconds since the epoch. */
  readonly sinceSeconds?: number;
  readonly isTimestamped?: boolean;
  readonly isFollowing?: boolean;
}

export interface ContainerRuntime {
  describe(signal: AbortSignal): Promise<EngineDescription>;

  /** All containers, whatever their state, that carry every given label ("key=value"). One call. */
  listContainers(labels: readonly string[], signal: AbortSignal): Promise<readonly ListedContainer[]>;
  /** Rejects with NotFound when it is gone. */
  inspectContainer(containerId: string, signal: AbortSignal): Promise<ObservedContainer>;
  listNetworks(labels: readonly string[], signal: AbortSignal): Promise<readonly ObservedNetwork[]>;
  listVolumes(labels: readonly string[], signal: AbortSignal): Promise<readonly ObservedVolume[]>;
  /** The environment a container was created with, "NAME=value": where generated secrets are recovered from. */
  readEnvironment(containerId: string, signal: AbortSignal): Promise<readonly string[]>;
  /** The image of a reference, undefined when it is not on this host. */
  findImage(reference: string, signal: AbortSignal): Promise<ObservedImage | undefined>;

  /** Resolves with the container id. */
  createContainer(spec: ContainerSpec, signal: AbortSignal): Promise<string>;
  /** Already started is success. */
  startContainer(containerId: string, signal: AbortSignal): Promise<void>;
  /** Changes the limits of a container as it runs; 0 leaves one as it is. EngineFailure where the kernel refuses. */
  updateResources(containerId: string, resources: ContainerResources, signal: AbortSignal): Promise<void>;
  /** SIGTERM or the image's STOPSIGNAL, SIGKILL after `graceMs` (rounded up to seconds). Already stopped or gone is success. */
  stopContainer(containerId: string, graceMs: number, signal: AbortSignal): Promise<void>;
  /** SIGKILL, resolves when the engine has answered. Not running or gone is success. */
  killContainer(containerId: string, signal: AbortSignal): Promise<void>;
  /**
   * With its anonymous volumes. Gone is success; a running or paused one is refused (Conflict): a request of a control plane that died may arrive
   * after its successor has started the container.
   */
  removeContainer(containerId: string, signal: AbortSignal): Promise<void>;
  pauseContainer(containerId: string, signal: AbortSignal): Promise<void>;
  /** Not paused is success. */
  unpauseContainer(containerId: string, signal: AbortSignal): Promise<void>;
  /** Bytes as written by the container (stdout and stderr demultiplexed and interleaved). */
  readLogs(containerId: string, options: LogOptions, onChunk: (chunk: Uint8Array) => void, signal: AbortSignal): Promise<void>;
  exec(containerId: string, command: readonly string[], signal: AbortSignal): Promise<ExecResult>;

  /** A bridge network; one of the same name already there is success when it carries these labels, else Conflict. Resolves with its id. */
  createNetwork(name: string, labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<string>;
  removeNetwork(name: string, signal: AbortSignal): Promise<void>;
  /** Already connected is success. */
  connectNetwork(network: string, containerId: string, aliases: readonly string[], signal: AbortSignal): Promise<void>;
  createVolume(name: string, labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
  removeVolume(name: string, signal: AbortSignal): Promise<void>;
  pullImage(reference: string, signal: AbortSignal): Promise<void>;
  /** Takes the name away, and the image with it when it has no other. Conflict when a container uses it; gone is success. */
  removeImage(reference: string, signal: AbortSignal): Promise<void>;

  /**
   * Engine events of containers with these labels (and of networks and volumes), until the signal aborts. Reconnects by itself with
   * backoff; `onConnect` is called at each (re)connection: events may have been missed, so relist.
   */
  watchEvents(labels: readonly string[], onEvent: (event: RuntimeEvent) => void, onConnect: () => void, signal: AbortSignal): Promise<void>;
}

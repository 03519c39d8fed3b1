/**
 * Operations -> the engine: one function for each verb, one call each, with a deadline. It starts what the plan asks for as far as its
 * slots allow (the rest comes again with the next plan), never waits inside the loop, and remembers failures until a success.
 */
import type { Logger } from 'pino';
import { LABEL } from '../model/annotations.ts';
import type { OperationFailure } from '../model/observed.ts';
import { formatOperation, formatResources } from '../model/operation.ts';
import type { Operation, OperationOf, Verb } from '../model/operation.ts';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';
import { RuntimeError } from '../runtime/container-runtime.ts';
import { withDeadline } from '../runtime/deadline.ts';
import { runHook } from './run-hook.ts';
import { nodeHostFiles } from './host-files.ts';
import type { HostFiles } from './host-files.ts';

export interface OperationOutcome {
  readonly operation: Operation;
  /** Of a CreateContainer that succeeded. */
  readonly containerId: string | undefined;
  readonly failure: OperationFailure | undefined;
  readonly durationMs: number;
}

export interface ExecutorOptions {
  readonly runtime: ContainerRuntime;
  /** The real ones when absent. */
  readonly hostFiles?: HostFiles;
  readonly now: () => number;
  /** Operations that run at once; Docker itself serialises much of its work. */
  readonly concurrency: number;
  readonly callTimeoutMs: number;
  readonly pullTimeoutMs: number;
  readonly logDirectory: string;
  readonly logger: Logger;
  readonly onOutcome: (outcome: OperationOutcome) => void;
  readonly signal: AbortSignal;
}

type Execution<V extends Verb> = (operation: OperationOf<V>, signal: AbortSignal) => Promise<string | undefined>;
/** What nobody asks about any more is forgotten when there is so much of it: failures, written directories. */
const REMEMBERED_MOST = 2_000;
const LONG_VERBS: ReadonlySet<Verb> = new Set<Verb>(['StopContainer', 'RunPreStop', 'PullImage']);
const LONG_MOST = 64;

export class Executor {
  readonly #options: ExecutorOptions;
  readonly #busy = new Set<string>();
  readonly #running = new Set<Operation>();
  readonly #failures = new Map<string, OperationFailure>();
  readonly #writtenDirectories = new Set<string>();
  readonly #doneOnce = new Set<string>();
  #longRunning = 0;
  readonly #idle: (() => void)[] = [];
  readonly #executions: { readonly [V in Verb]: Execution<V> };

  constructor(options: ExecutorOptions) {
    this.#options = options;
    const { runtime, hostFiles = nodeHostFiles } = options;
    const nothing = (): undefined => undefined;
    this.#executions = {
      PullImage: ({ image }, signal) => runtime.pullImage(image, signal).then(nothing),
      RemoveImage: ({ image }, signal) => runtime.removeImage(image, signal).then(nothing),
      CreateNetwork: ({ network, labels }, signal) => runtime.createNetwork(network, labels, signal).then(nothing),
      RemoveNetwork: ({ network }, signal) => runtime.removeNetwork(network, signal).then(nothing),
      CreateVolume: ({ volume, labels }, signal) => runtime.createVolume(volume, labels, signal).then(nothing),
      RemoveVolume: ({ volume }, signal) => runtime.removeVolume(volume, signal).then(nothing),
      WriteFiles: async ({ directory, files }) => {
        // Its name carries a digest of its content and it got there by one rename: what is there is complete, and may be mounted.
        if (!hostFiles.hasDirectory(directory)) await hostFiles.writeFiles(directory, files);
        this.#writtenDirectories.add(directory);
        // A forgotten one is written again, which finds it there.
        for (const oldest of this.#writtenDirectories) {
          if (this.#writtenDirectories.size <= REMEMBERED_MOST) break;
          this.#writtenDirectories.delete(oldest);
        }
        return undefined;
      },
      CreateContainer: ({ spec }, signal) => runtime.createContainer(spec, signal),
      StartContainer: ({ containerId }, signal) => runtime.startContainer(containerId, signal).then(nothing),
      UpdateResources: ({ containerId, resources }, signal) => runtime.updateResources(containerId, resources, signal).then(nothing),
      UnpauseContainer: ({ containerId }, signal) => runtime.unpauseContainer(containerId, signal).then(nothing),
      ConnectNetwork: ({ network, containerId, aliases }, signal) =>
        runtime.connectNetwork(network, containerId, aliases, signal).then(nothing),
      RunPreStop: ({ containerId, hook }, signal) => runHook(runtime, containerId, hook, signal).then(nothing),
      StopContainer: ({ containerId, graceMs }, signal) => runtime.stopContainer(containerId, graceMs, signal).then(nothing),
      KillContainer: ({ containerId }, signal) => runtime.killContainer(containerId, signal).then(nothing),
      SaveLogs: ({ containerId, podUid, ending }, signal) =>
        hostFiles.saveLogs(runtime, options.logDirectory, containerId, podUid, ending, signal).then(nothing),
      RemoveContainer: ({ containerId }, signal) => runtime.removeContainer(containerId, signal).then(nothing),
    };
  }

  get busySubjects(): ReadonlySet<string> {
    return this.#busy;
  }
  get running(): ReadonlySet<Operation> {
    return this.#running;
  }
  get failures(): ReadonlyMap<string, OperationFailure> {
    return this.#failures;
  }
  get doneOnce(): ReadonlySet<string> {
    return this.#doneOnce;
  }
  get writtenDirectories(): ReadonlySet<string> {
    return this.#writtenDirectories;
  }

  /** Nothing that failed waits any more. */
  forgetFailures(): void {
    this.#failures.clear();
  }

  /** The files of a pod are gone with it. */
  forgetDirectories(prefix: string): void {
    for (const directory of this.#writtenDirectories) if (directory.startsWith(prefix)) this.#writtenDirectories.delete(directory);
  }

  /** Starts as many operations as there are free slots, in order. Returns those it started. */
  start(operations: readonly Operation[]): readonly Operation[] {
    const started: Operation[] = [];
    for (const operation of operations) {
      if (this.#busy.has(operation.subject)) continue;
      // What waits for others (a grace period, a registry) has slots of its own: a heal never queues behind it.
      const isLong = LONG_VERBS.has(operation.verb);
      const running = isLong ? this.#longRunning : this.#busy.size - this.#longRunning;
      if (running >= (isLong ? LONG_MOST : this.#options.concurrency)) continue;
      this.#busy.add(operation.subject);
      this.#running.add(operation);
      if (isLong) this.#longRunning++;
      started.push(operation);
      void this.#run(operation);
    }
    return started;
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    if (this.#busy.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async #run(operation: Operation): Promise<void> {
    const { now, logger, onOutcome, signal } = this.#options;
    const startedAtMs = now();
    let containerId: string | undefined;
    let failure: OperationFailure | undefined;
    try {
      containerId = await withDeadline(signal, this.#timeoutMs(operation), (deadline) => this.#execute(operation, deadline));
      this.#failures.delete(operation.subject);
    } catch (error) {
      failure = this.#remember(operation, error);
    }
    this.#busy.delete(operation.subject);
    this.#running.delete(operation);
    if (LONG_VERBS.has(operation.verb)) this.#longRunning--;
    this.#noteDone(operation, failure);
    const durationMs = now() - startedAtMs;
    const entry = { verb: operation.verb, resource: operation.resource, cause: operation.cause, ms: Math.round(durationMs) };
    if (failure === undefined) logger.info(entry, formatOperation(operation));
    else logger.warn({ ...entry, code: failure.code, error: failure.message }, `${formatOperation(operation)} FAILED`);
    onOutcome({ operation, containerId, failure, durationMs });
    if (this.#busy.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #noteDone(operation: Operation, failure: OperationFailure | undefined): void {
    // A hook that was begun is done, however it ended.
    if (operation.verb === 'RunPreStop' && failure?.code !== 'Unreachable') this.#doneOnce.add(`RunPreStop ${operation.containerId}`);
    if (failure !== undefined) return;
    if (operation.verb === 'SaveLogs') this.#doneOnce.add(`SaveLogs ${operation.containerId}`);
    if (operation.verb === 'UpdateResources')
      this.#doneOnce.add(`UpdateResources ${operation.containerId} ${formatResources(operation.resources)}`);
    if (operation.verb === 'PullImage') this.#doneOnce.add(`PullImage ${operation.forContainer}`);
    if (operation.verb === 'CreateContainer') {
      const { [LABEL.podUid]: uid = '', [LABEL.restartCount]: restartCount = '' } = operation.spec.labels;
      this.#doneOnce.delete(`PullImage ${uid}/${restartCount}`);
    }
    if (operation.verb === 'RemoveContainer') {
      this.#doneOnce.delete(`SaveLogs ${operation.containerId}`);
      this.#doneOnce.delete(`RunPreStop ${operation.containerId}`);
    }
    for (const oldest of this.#doneOnce) {
      if (this.#doneOnce.size <= REMEMBERED_MOST) break;
      this.#doneOnce.delete(oldest);
    }
  }

  #execute(operation: Operation, signal: AbortSignal): Promise<string | undefined> {
    // The map is exhaustive over verbs by its type; this is the one place that forgets which verb belongs to which function.
    const execution = this.#executions[operation.verb] as Execution<Verb>;
    return execution(operation, signal);
  }

  #timeoutMs(operation: Operation): number {
    const { callTimeoutMs, pullTimeoutMs } = this.#options;
    if (operation.verb === 'PullImage') return pullTimeoutMs;
    if (operation.verb === 'StopContainer') return operation.graceMs + callTimeoutMs;
    if (operation.verb === 'RunPreStop') return operation.timeoutMs;
    return callTimeoutMs;
  }

  #remember(operation: Operation, error: unknown): OperationFailure {
    const previous = this.#failures.get(operation.subject);
    const isFirst = operation.verb === 'PullImage' && operation.isFirst;
    const count = previous?.verb === operation.verb && !isFirst ? previous.count + 1 : 1;
    const code = error instanceof RuntimeError ? error.code : 'Failed';
    const failure = {
      verb: operation.verb,
      code,
      message: error instanceof Error ? error.message : String(error),
      count,
      lastAtMs: this.#options.now(),
    };
    this.#failures.delete(operation.subject);
    this.#failures.set(operation.subject, failure);
    for (const subject of this.#failures.keys()) {
      if (this.#failures.size <= REMEMBERED_MOST) break;
      this.#failures.delete(subject);
    }
    return failure;
  }
}

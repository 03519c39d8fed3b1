/**
 * The control loop: wake (an event, a probe result, a file, an API write) or the 1 s resync -> observe -> reconcile -> check -> execute ->
 * publish. One pass at a time; nothing in it waits for long work, which is started and then seen as observed state.
 */
import { EventEmitter } from 'eventemitter3';
import type { Logger } from 'pino';
import { deepEqual } from '../model/deep-equal.ts';
import type { EndpointTable } from '../model/endpoint-table.ts';
import type { Pod } from '../model/objects.ts';
import type { ObservedContainer, ObservedImage, ObservedIngress, ObservedProbes, ObservedState } from '../model/observed.ts';
import type { Operation } from '../model/operation.ts';
import type { Executor, OperationOutcome } from '../execute/executor.ts';
import type { Observer } from '../observe/observer.ts';
import type { ProbeTarget } from '../observe/prober.ts';
import { networkName } from '../reconcile/container-spec.ts';
import { isProbed } from '../reconcile/health.ts';
import { reconcile } from '../reconcile/reconcile.ts';
import type { Memory, ObjectChange, ObjectMaps, Plan, World } from '../reconcile/world.ts';
import type { ObjectStore } from '../state/object-store.ts';
import { StoreError } from '../state/store-error.ts';
import type { EventRecorder } from './event-recorder.ts';
import { EngineLook } from './engine-look.ts';
import { CONTROL_LIMITS } from './limits.ts';
import { operationEvent } from './operation-events.ts';
import { checkPlan } from './plan-check.ts';
import { PulledImages } from './pulled-images.ts';

export interface LoopPorts {
  readonly store: ObjectStore;
  readonly observer: Observer;
  readonly executor: Executor;
  readonly events: EventRecorder;
  readonly prober: {
    readonly probes: ReadonlyMap<string, ObservedProbes>;
    sync(targets: readonly ProbeTarget[]): void;
    probeNow(containerId: string): Promise<boolean>;
  };
  /** The last lines of containers that ended; see crash-logs.ts. */
  readonly crashLogs: { readonly tails: ReadonlyMap<string, string>; want(containerIds: readonly string[]): void };
  readonly ingress: { readonly observed: ObservedIngress; publish(table: EndpointTable): void };
  /** Runs before reconciliation with the newest counts; returns when it wants to run again (monotonic milliseconds). */
  readonly autoscale: (nowMs: number) => number | undefined;
}

export interface LoopOptions {
  readonly instance: string;
  readonly volumeDir: string;
  readonly teardown: World['teardown'];
  /** Monotonic and wall clock, milliseconds. */
  readonly now: () => number;
  readonly wallNow: () => number;
  readonly isRemovalAllowed: () => boolean;
  readonly logger: Logger;
}

export interface LoopStatistics {
  readonly passes: number;
  readonly lastPassMs: number;
  readonly lastReconcileMs: number;
  readonly lastError: string | undefined;
  readonly isEngineReachable: boolean;
  /** In the loop's clock. */
  readonly engineUnreachableSinceMs: number | undefined;
}

interface LoopEvents {
  wake: [reason: string];
  /** Latency: milliseconds from when the pass was called for (a wake, or the time it was due) until its plan was carried out or begun. */
  pass: [plan: Plan, latencyMs: number];
}

const NO_MEMORY: Memory = { pods: new Map(), deployments: new Map() };

export class ControlLoop {
  /** 'wake' may be emitted by anyone; 'pass' tells of each finished pass. */
  readonly bus = new EventEmitter<LoopEvents>();
  readonly #ports: LoopPorts;
  readonly #options: LoopOptions;
  #memory = NO_MEMORY;
  #isWoken = true;
  #wakeUp: (() => void) | undefined;
  /** When the next pass was first called for; undefined = not yet. */
  #calledForAtMs: number | undefined;
  #lastResyncMs = -Infinity;
  #tableVersion: number;
  #publishedTable: Plan['endpointTable'] | undefined;
  #isSettled = false;
  /** When the engine was first seen by this loop: what comes before the first pass is no time in which anything could be probed. */
  #firstSeenAtMs: number | undefined;
  readonly #engine: EngineLook;
  /** Operations that ended after the newest look at the engine began, by subject: what they did is not seen yet. Failed ones are undefined. */
  readonly #unobserved = new Map<string, Operation | undefined>();
  readonly #probing = new Set<string>();
  readonly #probeTargets = new WeakMap<ObservedContainer, ProbeTarget>();
  #statistics: LoopStatistics = {
    passes: 0,
    lastPassMs: 0,
    lastReconcileMs: 0,
    lastError: undefined,
    isEngineReachable: false,
    engineUnreachableSinceMs: undefined,
  };
  #lastPlan: Plan | undefined;
  readonly #pulled: PulledImages;

  constructor(ports: LoopPorts, options: LoopOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#pulled = new PulledImages(ports.store);
    this.#engine = new EngineLook({
      look: (signal) => this.#look(signal),
      patienceMs: CONTROL_LIMITS.lookPatienceMs,
      now: options.now,
      onLateEnd: () => this.wake(),
    });
    // Versions of a later run are higher than those of an earlier one: the ingress lives on over restarts of the control plane.
    this.#tableVersion = options.wallNow() * 1000;
    this.bus.on('wake', () => this.wake());
  }

  get statistics(): LoopStatistics {
    return this.#statistics;
  }
  get lastPlan(): Plan | undefined {
    return this.#lastPlan;
  }
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** The table is sent again with the next pass, though nothing in it may have changed. */
  republish(): void {
    this.#publishedTable = undefined;
  }

  wake(): void {
    this.#isWoken = true;
    this.#calledForAtMs = Math.min(this.#calledForAtMs ?? Infinity, this.#options.now());
    this.#wakeUp?.();
  }

  /** What `onOutcome` of the executor calls. */
  noteOutcome(outcome: OperationOutcome): void {
    const { operation, containerId } = outcome;
    this.#unobserved.set(operation.subject, outcome.failure === undefined ? operation : undefined);
    if (containerId === undefined) this.#ports.observer.touch(operation.subject);
    else this.#ports.observer.expect(containerId);
    const pod = this.#podNamed(operation.resource);
    if (operation.verb === 'RemoveImage') {
      const event = operationEvent(outcome, { apiVersion: 'v1', kind: 'Node', name: 'localhost' });
      if (event !== undefined) this.#ports.events.record(event);
    }
    if (pod !== undefined) {
      const { name, namespace, uid } = pod.metadata;
      const event = operationEvent(outcome, {
        kind: 'Pod',
        name,
        ...(namespace !== undefined && { namespace }),
        ...(uid !== undefined && { uid }),
      });
      if (event !== undefined) this.#ports.events.record(event);
    }
    this.#pulled.note(outcome);
    this.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#wakeUp?.();
    signal.addEventListener('abort', stop);
    try {
      while (!signal.aborted) {
        const wakeAtMs = await this.pass(signal);
        await this.#sleep(wakeAtMs, signal);
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** One pass. Returns when the next one is due at the latest (monotonic milliseconds). */
  async pass(signal: AbortSignal): Promise<number> {
    const { now: clock, logger } = this.#options;
    const startedAtMs = clock();
    const calledForAtMs = Math.min(this.#calledForAtMs ?? startedAtMs, startedAtMs);
    this.#calledForAtMs = undefined;
    this.#isWoken = false;
    if (startedAtMs - this.#lastResyncMs >= CONTROL_LIMITS.resyncMs) {
      this.#lastResyncMs = startedAtMs;
      this.#ports.observer.resyncDue();
    }
    const resyncAtMs = this.#lastResyncMs + CONTROL_LIMITS.resyncMs;
    const isSighted = await this.#engine.take(signal);
    if (signal.aborted) return resyncAtMs;
    this.#noteReachability();
    // What was never seen is unknown, not absent.
    if (!this.#engine.hasSeen) return clock() + CONTROL_LIMITS.resyncMs;
    const scaleAtMs = this.#options.teardown === 'none' ? this.#ports.autoscale(clock()) : undefined;
    const world = this.#world();
    const reconcileStartedMs = clock();
    const plan = this.#reconcile(world);
    if (plan === undefined) return resyncAtMs;
    const reconcileMs = clock() - reconcileStartedMs;
    const { operations, violations } = checkPlan(world, plan);
    for (const violation of violations) logger.error({ violation }, 'the plan broke an invariant; the operation is not carried out');
    this.#memory = plan.memory;
    this.#apply(plan.changes);
    for (const event of plan.events.slice(0, CONTROL_LIMITS.eventsPerPassMost)) this.#ports.events.record(event);
    // Without a look at the engine nothing is done to it: probes, routes and objects go by what was seen last.
    if (isSighted) this.#ports.executor.start(operations);
    this.#probe(plan);
    this.#ports.crashLogs.want(plan.logsWanted);
    this.#publish(plan);
    this.#lastPlan = plan;
    if (!isSighted) return clock() + CONTROL_LIMITS.resyncMs;
    const passes = this.#statistics.passes + 1;
    this.#statistics = {
      passes,
      lastPassMs: clock() - startedAtMs,
      lastReconcileMs: reconcileMs,
      lastError: undefined,
      isEngineReachable: true,
      engineUnreachableSinceMs: undefined,
    };
    this.bus.emit('pass', plan, clock() - calledForAtMs);
    // A change of objects may call for more (a new ReplicaSet for its pods, ...): look again at once until nothing changes any more.
    if (plan.changes.some(({ type }) => type !== 'status')) this.wake();
    return Math.min(resyncAtMs, plan.wakeAtMs ?? Infinity, scaleAtMs ?? Infinity);
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { observer } = this.#ports;
    const ended = [...this.#unobserved.keys()];
    const references = this.#imageReferences();
    await observer.refresh(references, signal);
    // An object declared while the engine was asked may name an image nobody has looked for: unknown is not absent.
    const now = this.#imageReferences();
    if (now.size > references.size || [...now].some((reference) => !references.has(reference))) await observer.refresh(now, signal);
    this.#pulled.learn(now, observer.images);
    for (const subject of ended) if (!observer.isPending(subject)) this.#unobserved.delete(subject);
  }

  #noteReachability(): void {
    const { unreachableSinceMs, lastError } = this.#engine;
    const { isEngineReachable, passes, engineUnreachableSinceMs } = this.#statistics;
    if (unreachableSinceMs === undefined) {
      // What failed while it was going away need not wait out its pauses.
      if (engineUnreachableSinceMs !== undefined) this.#ports.executor.forgetFailures();
      return;
    }
    if (isEngineReachable || (passes === 0 && engineUnreachableSinceMs === undefined))
      this.#options.logger.error({ err: lastError }, 'the container engine does not answer; nothing is changed until it does');
    this.#statistics = {
      ...this.#statistics,
      lastError: lastError instanceof Error ? lastError.message : String(lastError),
      isEngineReachable: false,
      engineUnreachableSinceMs: unreachableSinceMs,
    };
  }

  /** A defect in a decision must not take the healing of everything else with it: it is told, and the next pass tries again. */
  #reconcile(world: World): Plan | undefined {
    try {
      return reconcile(world);
    } catch (error) {
      this.#options.logger.error({ err: error }, 'reconciliation failed; nothing is changed in this pass');
      this.#statistics = { ...this.#statistics, lastError: error instanceof Error ? error.message : String(error) };
      return undefined;
    }
  }

  /** What every dry run starts from: the very world of the next pass. `images` are references that were looked for just now. */
  dryRunWorld(images: ReadonlyMap<string, ObservedImage>): World {
    const world = this.#world();
    return { ...world, observed: { ...world.observed, images: new Map([...world.observed.images, ...images]) } };
  }

  /** Operations whose effects are not seen yet: running, or just ended. */
  get underway(): readonly Operation[] {
    return [...this.#ports.executor.running, ...[...this.#unobserved.values()].filter((operation) => operation !== undefined)];
  }

  /** References of images that are named and not known to be there. */
  unknownImages(objects: Pick<ObjectMaps, 'Deployment' | 'Pod'>): readonly string[] {
    return [...imageReferences(objects)].filter((reference) => !this.#ports.observer.images.has(reference));
  }

  #world(): World {
    const { instance, volumeDir, teardown, now, wallNow, isRemovalAllowed } = this.#options;
    return {
      nowMs: now(),
      wallMs: wallNow(),
      instance,
      volumeDir,
      teardown,
      isRemovalAllowed: isRemovalAllowed(),
      isReadinessKnown: this.#isSettled,
      memory: this.#memory,
      objects: objectMaps(this.#ports.store),
      observed: this.#observed(),
    };
  }

  #observed(): ObservedState {
    const { observer, executor, prober, ingress, crashLogs } = this.#ports;
    return {
      containers: observer.containers,
      networks: observer.networks,
      volumes: observer.volumes,
      images: observer.images,
      pulledImages: this.#pulled.ids,
      probes: prober.probes,
      ingress: ingress.observed,
      logTails: crashLogs.tails,
      busySubjects: this.#unobserved.size === 0 ? executor.busySubjects : new Set([...executor.busySubjects, ...this.#unobserved.keys()]),
      failures: executor.failures,
      writtenDirectories: executor.writtenDirectories,
      doneOnce: executor.doneOnce,
    };
  }

  #imageReferences(): ReadonlySet<string> {
    const { store } = this.#ports;
    return new Set([...imageReferences({ Deployment: store.list('Deployment'), Pod: store.list('Pod') }), ...this.#pulled.ids.keys()]);
  }

  #apply(changes: readonly ObjectChange[]): void {
    const { store } = this.#ports;
    for (const change of changes) {
      try {
        if (change.type === 'create') store.create(change.object);
        else if (change.type === 'update') store.update(change.object);
        else if (change.type === 'status') store.updateStatus(change.object);
        else store.delete(change.kind, change.key);
      } catch (error) {
        // Someone changed the object between the snapshot and now: the next pass sees what is true.
        if (!(error instanceof StoreError)) throw error;
        this.#options.logger.debug({ err: error }, 'a change came too late');
      }
    }
  }

  #probe(plan: Plan): void {
    const { store, prober, observer } = this.#ports;
    const targets: ProbeTarget[] = [];
    for (const { containerId, podKey, startedAfterMs } of plan.probeTargets) {
      const target = this.#probeTarget(store.get('Pod', podKey), observer.containers.get(containerId), startedAfterMs);
      if (target !== undefined) targets.push(target);
    }
    prober.sync(targets);
    for (const containerId of plan.probeNow) {
      if (this.#probing.has(containerId)) continue;
      this.#probing.add(containerId);
      void prober.probeNow(containerId).finally(() => {
        this.#probing.delete(containerId);
        this.wake();
      });
    }
  }

  /** The same object while nothing about the container changed: the prober compares by identity first. */
  #probeTarget(pod: Pod | undefined, observed: ObservedContainer | undefined, startedAfterMs = -Infinity): ProbeTarget | undefined {
    const container = pod?.spec.containers[0];
    if (pod === undefined || container === undefined || observed === undefined) return undefined;
    const known = this.#probeTargets.get(observed);
    if (known !== undefined) return known;
    const { startupProbe, readinessProbe, livenessProbe } = container;
    if (startupProbe === undefined && readinessProbe === undefined && livenessProbe === undefined) return undefined;
    const { instance, now, wallNow } = this.#options;
    const target: ProbeTarget = {
      containerId: observed.id,
      podName: pod.metadata.name,
      address: observed.networks[networkName(instance, pod.metadata.namespace ?? 'default')] ?? '',
      ports: container.ports ?? [],
      // The wall clock may have been set since: a container that looks an hour old would be held to have outlived its startup probe.
      startedAtMs: Math.max(now() - Math.max(0, wallNow() - observed.startedAtMs), startedAfterMs),
      ...(startupProbe !== undefined && { startup: startupProbe }),
      ...(readinessProbe !== undefined && { readiness: readinessProbe }),
      ...(livenessProbe !== undefined && { liveness: livenessProbe }),
    };
    this.#probeTargets.set(observed, target);
    return target;
  }

  /** After a start the ingress keeps its table until the adopted containers have been probed: being unknown is not being unready. */
  #publish(plan: Plan): void {
    const { prober, ingress } = this.#ports;
    if (!this.#isSettled) {
      this.#firstSeenAtMs ??= this.#options.now();
      const isAllProbed = plan.probeTargets.every(({ containerId, podKey }) =>
        isProbed(this.#ports.store.get('Pod', podKey)?.spec.containers[0], prober.probes.get(containerId)),
      );
      this.#isSettled = isAllProbed || this.#options.now() - this.#firstSeenAtMs > CONTROL_LIMITS.settleMs;
      if (!this.#isSettled) return;
      // Decisions waited for it, too.
      this.wake();
    }
    if (deepEqual(plan.endpointTable, this.#publishedTable)) return;
    this.#publishedTable = plan.endpointTable;
    this.#tableVersion++;
    ingress.publish({ version: this.#tableVersion, ...plan.endpointTable });
  }

  #podNamed(resource: string): Pod | undefined {
    if (!resource.startsWith('pod/')) return undefined;
    const [name, namespace] = splitOnce(resource.slice('pod/'.length), '.');
    return (
      this.#ports.store.get('Pod', `default/${resource.slice('pod/'.length)}`) ??
      this.#ports.store.get('Pod', `${namespace ?? 'default'}/${name}`)
    );
  }

  async #sleep(untilMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isWoken || signal.aborted) {
      // Passes never starve the rest of the process: requests, probes and timers get their turn, longer after long passes.
      await new Promise<void>((resolve) => setTimeout(resolve, Math.min(this.#statistics.lastPassMs / 4, 100)));
      return;
    }
    const waitMs = Math.max(0, untilMs - this.#options.now());
    this.#calledForAtMs = untilMs;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeUp = undefined;
  }
}

function splitOnce(text: string, separator: string): readonly [string, string | undefined] {
  const index = text.lastIndexOf(separator);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

function imageReferences({ Deployment: deployments, Pod: pods }: Pick<ObjectMaps, 'Deployment' | 'Pod'>): ReadonlySet<string> {
  const references = new Set<string>();
  for (const { spec } of deployments.values()) for (const { image } of spec.template.spec.containers) references.add(image);
  for (const { spec } of pods.values()) for (const { image } of spec.containers) references.add(image);
  return references;
}

function objectMaps(store: ObjectStore): ObjectMaps {
  return {
    Deployment: store.list('Deployment'),
    ReplicaSet: store.list('ReplicaSet'),
    Pod: store.list('Pod'),
    Service: store.list('Service'),
    Ingress: store.list('Ingress'),
    EndpointSlice: store.list('EndpointSlice'),
    HorizontalPodAutoscaler: store.list('HorizontalPodAutoscaler'),
    ConfigMap: store.list('ConfigMap'),
    Secret: store.list('Secret'),
    PersistentVolumeClaim: store.list('PersistentVolumeClaim'),
    Event: store.list('Event'),
    Namespace: store.list('Namespace'),
    Node: store.list('Node'),
  };
}

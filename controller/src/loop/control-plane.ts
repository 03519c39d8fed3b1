/**
 * The control plane put together: store, manifests, observation, probes, ingress link, autoscaling and the loop, each told of what concerns it.
 * Wiring only; what is decided here is the order of starting and stopping.
 */
import { setMaxListeners } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from 'node:net';
import type { Logger } from 'pino';
import { startApiServer } from '../api/api-server.ts';
import { Executor } from '../execute/executor.ts';
import { monotonicNow, monotonicClock } from './monotonic.ts';
import { ManifestDirectory } from '../manifest/manifest-directory.ts';
import { readManifestSchemas } from '../manifest/manifest-schemas.ts';
import type { ManifestSchemas } from '../manifest/manifest-schemas.ts';
import type { ManifestSnapshot } from '../manifest/manifest-snapshot.ts';
import { LABEL } from '../model/annotations.ts';
import type { Deployment, Pod } from '../model/objects.ts';
import type { ObservedContainer } from '../model/observed.ts';
import { IngressLink } from '../observe/ingress-link.ts';
import { Observer } from '../observe/observer.ts';
import { Prober } from '../observe/prober.ts';
import type { World } from '../reconcile/world.ts';
import type { ContainerRuntime, EngineDescription } from '../runtime/container-runtime.ts';
import { ObjectStore } from '../state/object-store.ts';
import type { StateReport } from '../state/state-files.ts';
import { Autoscaling } from './autoscaling.ts';
import { ControlLoop } from './control-loop.ts';
import { EventRecorder } from './event-recorder.ts';
import { GeneratedSecrets } from './generated-secrets.ts';
import { lockInstance } from './instance-lock.ts';
import { CONTROL_LIMITS } from './limits.ts';
import { ManifestApplier } from './manifest-applier.ts';
import { ControlPlanePortImplementation } from './control-plane-port-implementation.ts';

export interface ControlPlaneOptions {
  readonly runtime: ContainerRuntime;
  readonly instance: string;
  readonly home: string;
  readonly manifestDirectory: string;
  readonly ingressAddress: string;
  readonly version: string;
  readonly teardown: World['teardown'];
  readonly isHostPathAllowed: boolean;
  readonly isPrivilegedAllowed: boolean;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Everything that runs, for the port of the API. */
export interface ControlPlaneParts {
  readonly options: ControlPlaneOptions;
  readonly store: ObjectStore;
  readonly stateReports: readonly StateReport[];
  readonly engine: EngineDescription;
  readonly loop: ControlLoop;
  readonly observer: Observer;
  readonly applier: ManifestApplier;
  readonly manifests: ManifestDirectory;
  /** Compiled once: for the files and for what comes over the API. */
  readonly schemas: ManifestSchemas;
  readonly autoscaling: Autoscaling;
  readonly link: IngressLink;
  readonly events: EventRecorder;
  readonly startedAt: Date;
}

/** `down` could not finish; what is left is named. */
export class TeardownError extends Error {
  readonly code = 'TeardownFailed';
  constructor(reasons: readonly string[]) {
    super(`not everything could be removed, run the command again:\n${reasons.map((reason) => `  ${reason}`).join('\n')}`);
  }
}

/** Runs until the signal aborts (or, taking the instance down, until nothing is left). */
export async function runControlPlane(options: ControlPlaneOptions): Promise<void> {
  const { runtime, instance, home, logger, signal, teardown } = options;
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const engine = await runtime.describe(AbortSignal.any([signal, AbortSignal.timeout(10_000)]));
  const lock = await lockInstance(instance, engine.id, { pid: process.pid, home, since: new Date().toISOString() });
  // Many wait for the end of this one signal: that is no leak.
  setMaxListeners(0, signal);
  const stopping = new AbortController();
  const running = AbortSignal.any([signal, stopping.signal]);
  setMaxListeners(0, running);
  const closers: (() => Promise<unknown>)[] = [() => closeLock(lock)];
  try {
    const { store, reports } = await ObjectStore.open({ directory: join(home, 'state'), logger });
    closers.push(() => store.close());
    const parts = assemble(options, engine, store, reports, running);
    const watching = parts.observer.watch(running);
    closers.push(
      () => Promise.allSettled([watching]),
      () => parts.manifests.stop(),
    );
    if (teardown === 'none') closers.push(await serve(parts, running));
    else endWhenGone(parts, stopping);
    logger.info({ instance, engine: engine.version, pid: process.pid, teardown }, 'control plane started');
    await parts.loop.run(running);
    if (stopping.signal.reason instanceof TeardownError) throw stopping.signal.reason;
    if (teardown !== 'none' && signal.aborted) throw new TeardownError(['it was interrupted']);
  } finally {
    // Whatever was begun ends, also when the start failed half-way: a process that lives on would hold the lock and do nothing.
    stopping.abort();
    for (const close of closers.reverse()) await close();
    logger.info('control plane stopped');
  }
}

/** Manifests, API and counts, for as long as the signal lasts. Returns what ends them. */
async function serve(parts: ControlPlaneParts, signal: AbortSignal): Promise<() => Promise<unknown>> {
  const { options, store, loop, autoscaling } = parts;
  const { logger, version, home } = options;
  await takeManifests(parts);
  const port = new ControlPlanePortImplementation(parts);
  const api = await startApiServer({ store, port, logger, version, socketPath: join(home, 'api.sock') });
  loop.bus.on('pass', () => port.noteClaims());
  const saving = saveCounts(parts, signal);
  return async () => {
    await api.close();
    await saving;
    autoscaling.save(monotonicNow());
  };
}

/** A teardown is over when nothing of the instance is left, or when too long nothing could be done about the rest. */
function endWhenGone({ options, loop, observer }: ControlPlaneParts, stopping: AbortController): void {
  const giveUpAtMs = monotonicNow() + CONTROL_LIMITS.teardownMs;
  loop.bus.on('pass', ({ operations, waits }) => {
    if (monotonicNow() > giveUpAtMs) stopping.abort(new TeardownError(waits.map(({ resource, text }) => `${resource}: ${text}`)));
    if (operations.length > 0 || observer.containers.size > 0 || observer.networks.size > 0) return;
    if (options.teardown === 'purge' && observer.volumes.size > 0) return;
    stopping.abort();
  });
}

function assemble(
  options: ControlPlaneOptions,
  engine: EngineDescription,
  store: ObjectStore,
  stateReports: readonly StateReport[],
  signal: AbortSignal,
): ControlPlaneParts {
  const { runtime, instance, home, logger, teardown } = options;
  const wallNow = (): number => Date.now();
  const events = new EventRecorder(store, wallNow);
  const observer = new Observer({ runtime, instance, callTimeoutMs: CONTROL_LIMITS.callTimeoutMs, logger, onEvent: () => loop.wake() });
  const link = new IngressLink({ socketPath: join(home, 'ingress.sock'), logger, signal });
  const prober = new Prober({ runtime, signal, clock: monotonicClock, onChange: () => loop.wake() });
  const executor = new Executor({
    runtime,
    now: monotonicNow,
    concurrency: CONTROL_LIMITS.concurrency,
    callTimeoutMs: CONTROL_LIMITS.callTimeoutMs,
    pullTimeoutMs: CONTROL_LIMITS.pullTimeoutMs,
    logDirectory: join(home, 'logs'),
    logger,
    signal,
    onOutcome: (outcome) => loop.noteOutcome(outcome),
  });
  const autoscaling = new Autoscaling({
    store,
    events,
    wallNow,
    logger,
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    countsCompleteUntilMs: () => link.countsCompleteUntilMs,
    arm: (key, generation, armedAtMs) => link.arm(key, generation, armedAtMs),
  });
  const schemas = readManifestSchemas();
  const { isHostPathAllowed, isPrivilegedAllowed } = options;
  const manifests = new ManifestDirectory({ directory: options.manifestDirectory, schemas, isHostPathAllowed, isPrivilegedAllowed });
  const secrets = new GeneratedSecrets({
    directory: join(home, 'secrets'),
    runtime,
    containers: () => observer.containers.values(),
    logger,
  });
  const applier = new ManifestApplier({
    store,
    secrets,
    events,
    logger,
    runningReplicas: (deployment) => countRunning(observer, deployment),
    runningRestart: (deployment) => restartOf(observer, deployment),
  });
  const loop = new ControlLoop(
    { store, observer, executor, events, prober, ingress: link, autoscale: (nowMs) => autoscaling.evaluate(nowMs) },
    {
      instance,
      volumeDir: join(home, 'volumes'),
      teardown,
      now: monotonicNow,
      wallNow,
      isRemovalAllowed: () => teardown !== 'none' || applier.isRemovalAllowed,
      logger,
    },
  );
  connectIngress(link, prober, observer, autoscaling, loop);
  store.changes.on('change', ({ type, object }) => {
    if (type === 'DELETED' && object.kind === 'Pod') dropFiles(object, join(home, 'volumes'), executor, logger);
    // What is declared comes back, whoever deleted it.
    if (type === 'DELETED' && applier.isDeclared(object)) void applier.reapply().then(() => loop.wake());
    // What people and manifests change; what the loop itself writes needs no waking.
    if (object.kind !== 'Pod' && object.kind !== 'Event' && object.kind !== 'ReplicaSet') loop.wake();
  });
  return {
    options,
    store,
    stateReports,
    engine,
    loop,
    observer,
    applier,
    manifests,
    schemas,
    autoscaling,
    link,
    events,
    startedAt: new Date(),
  };
}

/** The files of its configMap and secret volumes go with the pod: Secrets do not stay on disk for ever. */
function dropFiles({ metadata }: Pod, volumeDir: string, executor: Executor, logger: Logger): void {
  const directory = join(volumeDir, `${metadata.namespace ?? 'default'}.${metadata.name}`);
  executor.forgetDirectories(`${directory}/`);
  rm(directory, { recursive: true, force: true }).catch((error: unknown) =>
    logger.warn({ err: error, directory }, 'the files of a pod could not be removed'),
  );
}

function connectIngress(link: IngressLink, prober: Prober, observer: Observer, autoscaling: Autoscaling, loop: ControlLoop): void {
  link.on('connected', () => {
    autoscaling.armAll();
    loop.wake();
  });
  link.on('observed', () => loop.wake());
  link.on('probe', (endpointId) => {
    // A container without probes is well as long as it runs: there is nothing to ask it.
    const isProbed = prober.probes.has(endpointId);
    const answer = isProbed ? prober.probeNow(endpointId) : Promise.resolve(observer.containers.get(endpointId)?.phase === 'running');
    void answer.then((isHealthy) => {
      // The ingress leaves an unhealthy endpoint alone until the next table that has it: there must be one, whatever thresholds say.
      if (!isHealthy) loop.republish();
      loop.wake();
      link.answerProbe(endpointId, isHealthy);
    });
  });
  link.on('counts', ({ runId, counters }) => {
    let isArmed = false;
    for (const report of counters) isArmed = autoscaling.counted.take(runId, report) || isArmed;
    if (isArmed) {
      autoscaling.armAll();
      loop.wake();
    }
  });
}

/** The first snapshot is taken before the first pass: what runs is compared with what is declared, not with nothing. */
async function takeManifests(parts: ControlPlaneParts): Promise<void> {
  const { manifests, applier, loop, options, observer } = parts;
  await observer.refresh([], AbortSignal.timeout(CONTROL_LIMITS.callTimeoutMs));
  await applier.apply(await manifests.readNow());
  let last = Promise.resolve();
  const take = (snapshot: ManifestSnapshot): void => {
    last = last
      .then(() => applier.apply(snapshot))
      .then(
        () => loop.wake(),
        (error: unknown) => options.logger.error({ err: error }, 'the manifests could not be applied'),
      );
  };
  manifests.on('snapshot', take);
  manifests.start();
}

function runningOf(observer: Observer, deployment: Deployment): readonly ObservedContainer[] {
  return [...observer.containers.values()].filter(
    ({ labels, phase }) =>
      labels[LABEL.owner] === `Deployment/${deployment.metadata.name}` &&
      labels[LABEL.namespace] === (deployment.metadata.namespace ?? 'default') &&
      (phase === 'running' || phase === 'paused' || phase === 'restarting'),
  );
}

function countRunning(observer: Observer, deployment: Deployment): number {
  return new Set(runningOf(observer, deployment).map(({ labels }) => labels[LABEL.podUid])).size;
}

/** The newest one: RFC 3339 in UTC sorts by time. */
function restartOf(observer: Observer, deployment: Deployment): string | undefined {
  return runningOf(observer, deployment)
    .flatMap(({ labels }) => labels[LABEL.restartedAt] ?? [])
    .sort()
    .at(-1);
}

/** Counts become durable a moment after they were reported, and are acknowledged then: what is lost with this process is reported again. */
async function saveCounts({ link, autoscaling, store }: ControlPlaneParts, signal: AbortSignal): Promise<void> {
  let newest = 0;
  link.on('counts', ({ sequence }) => (newest = sequence));
  while (!signal.aborted) {
    await sleep(CONTROL_LIMITS.countSaveMs, undefined, { signal }).catch(() => undefined);
    const sequence = newest;
    if (!autoscaling.save(monotonicNow())) continue;
    try {
      await store.flushed();
      link.countsSaved(sequence);
    } catch {
      // The store has told that it cannot save, and tries again; until then the ingress keeps what it reported.
    }
  }
}

function closeLock(lock: Server): Promise<void> {
  return new Promise((resolve) => lock.close(() => resolve()));
}

/**
 * The parts of the control plane that decide and act, each told of what concerns it. Everything outside of them (engine, ingress, files, probes,
 * randomness) comes in, so that the simulation runs these very parts. Wiring only.
 */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Executor } from '../execute/executor.ts';
import type { HostFiles } from '../execute/host-files.ts';
import { LABEL } from '../model/annotations.ts';
import type { Deployment, Pod } from '../model/objects.ts';
import type { IngressLink } from '../observe/ingress-link.ts';
import { Observer } from '../observe/observer.ts';
import type { ProbeRunner } from '../observe/probe-runner.ts';
import { Prober } from '../observe/prober.ts';
import type { World } from '../reconcile/world.ts';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';
import type { ObjectStore } from '../state/object-store.ts';
import type { StateFileSystem } from '../state/state-file-system.ts';
import { Autoscaling } from './autoscaling.ts';
import { ControlLoop } from './control-loop.ts';
import { CrashLogs } from './crash-logs.ts';
import { EventRecorder } from './event-recorder.ts';
import { GeneratedSecrets } from './generated-secrets.ts';
import { runningContainers, runningReplicas } from './keep-running.ts';
import { CONTROL_LIMITS } from './limits.ts';
import { ManifestApplier } from './manifest-applier.ts';
import { monotonicClock, monotonicNow } from './monotonic.ts';

export interface ControlPartsOptions {
  readonly instance: string;
  readonly home: string;
  readonly teardown: World['teardown'];
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** What the parts touch. */
export interface Outside {
  readonly runtime: ContainerRuntime;
  readonly store: ObjectStore;
  readonly link: IngressLink;
  readonly hostFiles: HostFiles;
  /** Where generated Secrets are kept. */
  readonly secretFiles: StateFileSystem;
  readonly generatePassword: () => string;
  /** Of this boot of the machine: times of CLOCK_MONOTONIC mean nothing in another. */
  readonly bootId: string;
  /** What sends the probes; over the network when absent. */
  readonly probeRunner?: ProbeRunner;
}

export interface ControlParts {
  readonly store: ObjectStore;
  readonly loop: ControlLoop;
  readonly observer: Observer;
  readonly executor: Executor;
  readonly applier: ManifestApplier;
  readonly autoscaling: Autoscaling;
  readonly link: IngressLink;
  readonly events: EventRecorder;
}

export function assembleControlParts(options: ControlPartsOptions, outside: Outside): ControlParts {
  const { instance, home, logger, teardown, signal } = options;
  const { runtime, store, link, hostFiles } = outside;
  const wallNow = (): number => Date.now();
  const events = new EventRecorder(store, wallNow);
  const observer = new Observer({ runtime, instance, callTimeoutMs: CONTROL_LIMITS.lookTimeoutMs, logger, onEvent: () => loop.wake() });
  const prober = new Prober({
    runtime,
    signal,
    clock: monotonicClock,
    onChange: () => loop.wake(),
    ...(outside.probeRunner !== undefined && { runner: outside.probeRunner }),
  });
  const executor = new Executor({
    runtime,
    hostFiles,
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
    bootId: outside.bootId,
    countsCompleteUntilMs: () => link.countsCompleteUntilMs,
    arm: (key, generation, armedAtMs) => link.arm(key, generation, armedAtMs),
  });
  const secrets = new GeneratedSecrets({
    directory: join(home, 'secrets'),
    runtime,
    containers: () => observer.containers.values(),
    fileSystem: outside.secretFiles,
    generatePassword: outside.generatePassword,
    logger,
  });
  const applier = new ManifestApplier({
    store,
    secrets,
    events,
    logger,
    runningReplicas: (deployment) => runningReplicas(deployment, observer.containers.values()),
    runningRestart: (deployment) => restartOf(observer, deployment),
  });
  const crashLogs = new CrashLogs({ runtime, signal, onRead: () => loop.wake() });
  const loop = new ControlLoop(
    { store, observer, executor, events, prober, crashLogs, ingress: link, autoscale: (nowMs) => autoscaling.evaluate(nowMs) },
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
  // Once, when the first pass has made pods of what runs: files of pods that an earlier life could not remove.
  loop.bus.once('pass', () => void dropForgottenFiles(store, observer, join(home, 'volumes'), hostFiles, logger));
  store.changes.on('change', ({ type, object }) => {
    if (type === 'DELETED' && object.kind === 'Pod') dropFiles(object, join(home, 'volumes'), executor, hostFiles, logger);
    // What is declared comes back, whoever deleted it.
    if (type === 'DELETED' && applier.isDeclared(object)) void applier.reapply().then(() => loop.wake());
    // What people and manifests change; what the loop itself writes needs no waking.
    if (object.kind !== 'Pod' && object.kind !== 'Event' && object.kind !== 'ReplicaSet') loop.wake();
  });
  return { store, loop, observer, executor, applier, autoscaling, link, events };
}

/** Counts become durable a moment after they were reported, and are acknowledged then: what is lost with this process is reported again. */
export async function saveCounts({ link, autoscaling, store }: ControlParts, signal: AbortSignal): Promise<void> {
  let newest = 0;
  link.on('counts', ({ sequence }) => (newest = sequence));
  while (!signal.aborted) {
    await pause(CONTROL_LIMITS.countSaveMs, signal);
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

/** Ends early with the signal. */
function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** Pods made after the directory was listed cannot be in the list. */
async function dropForgottenFiles(
  store: ObjectStore,
  observer: Observer,
  volumeDir: string,
  hostFiles: HostFiles,
  logger: Logger,
): Promise<void> {
  const names = await hostFiles.listNames(volumeDir);
  const living = new Set([...store.list('Pod').values()].map(({ metadata }) => `${metadata.namespace ?? 'default'}.${metadata.name}`));
  for (const { labels } of observer.containers.values()) living.add(`${labels[LABEL.namespace] ?? 'default'}.${labels[LABEL.pod] ?? ''}`);
  for (const name of names) {
    if (living.has(name)) continue;
    logger.info({ directory: name }, 'files of a pod that is gone are removed');
    await hostFiles
      .remove(join(volumeDir, name))
      .catch((error: unknown) => logger.warn({ err: error, directory: name }, 'they could not be removed'));
  }
}

/** The files of its configMap and secret volumes go with the pod: Secrets do not stay on disk for ever. */
function dropFiles({ metadata }: Pod, volumeDir: string, executor: Executor, hostFiles: HostFiles, logger: Logger): void {
  const directory = join(volumeDir, `${metadata.namespace ?? 'default'}.${metadata.name}`);
  executor.forgetDirectories(`${directory}/`);
  hostFiles.remove(directory).catch((error: unknown) => logger.warn({ err: error, directory }, 'the files of a pod could not be removed'));
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

/** The newest one: RFC 3339 in UTC sorts by time. */
function restartOf(observer: Observer, deployment: Deployment): string | undefined {
  return runningContainers(deployment, [...observer.containers.values()])
    .flatMap(({ labels }) => labels[LABEL.restartedAt] ?? [])
    .sort()
    .at(-1);
}

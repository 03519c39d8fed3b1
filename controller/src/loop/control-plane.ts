/**
 * The control plane put together: store, manifests, observation, probes, ingress link, autoscaling and the loop, each told of what concerns it.
 * Wiring only; what is decided here is the order of starting and stopping.
 */
import { setMaxListeners } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Server } from 'node:net';
import type { Logger } from 'pino';
import { startApiServer } from '../api/api-server.ts';
import { nodeHostFiles } from '../execute/host-files.ts';
import type { HostFiles } from '../execute/host-files.ts';
import { ManifestDirectory } from '../manifest/manifest-directory.ts';
import { readManifestSchemas } from '../manifest/manifest-schemas.ts';
import type { ManifestSchemas } from '../manifest/manifest-schemas.ts';
import type { ManifestSnapshot } from '../manifest/manifest-snapshot.ts';
import { IngressLink } from '../observe/ingress-link.ts';
import type { World } from '../reconcile/world.ts';
import type { ContainerRuntime, EngineDescription } from '../runtime/container-runtime.ts';
import { ObjectStore } from '../state/object-store.ts';
import { generatePassword } from '../state/secret-files.ts';
import { nodeFileSystem } from '../state/state-file-system.ts';
import type { StateFileSystem } from '../state/state-file-system.ts';
import type { StateReport } from '../state/state-files.ts';
import { assembleControlParts, saveCounts } from './control-parts.ts';
import type { ControlParts } from './control-parts.ts';
import { ControlPlanePortImplementation } from './control-plane-port-implementation.ts';
import { lockInstance } from './instance-lock.ts';
import { keepRunning } from './keep-running.ts';
import { CONTROL_LIMITS } from './limits.ts';
import { monotonicNow } from './monotonic.ts';
import { stepped, steppedFileSystem, steppedHostFiles, steppedRuntime } from './steps.ts';
import type { OnStep } from './steps.ts';

export interface ControlPlaneOptions {
  readonly runtime: ContainerRuntime;
  readonly instance: string;
  readonly home: string;
  readonly manifestDirectory: string;
  readonly ingressAddress: string;
  readonly version: string;
  readonly build: string;
  readonly teardown: World['teardown'];
  readonly isHostPathAllowed: boolean;
  readonly isPrivilegedAllowed: boolean;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Told of every effect on the outside: fault injection only. */
  readonly onStep?: OnStep;
}

/** Everything that runs, for the port of the API. */
export interface ControlPlaneParts extends ControlParts {
  readonly options: ControlPlaneOptions;
  readonly stateReports: readonly StateReport[];
  readonly engine: EngineDescription;
  readonly manifests: ManifestDirectory;
  /** Compiled once: for the files and for what comes over the API. */
  readonly schemas: ManifestSchemas;
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
  const ports = outsideOf(options);
  try {
    const { store, reports } = await ObjectStore.open({ directory: join(home, 'state'), logger, fileSystem: ports.stateFiles });
    closers.push(() => store.close());
    const parts = assemble(options, ports, { engine, store, stateReports: reports, signal: running });
    const watching = parts.observer.watch(running);
    closers.push(
      () => Promise.allSettled([watching]),
      () => parts.manifests.stop(),
    );
    if (teardown === 'none') closers.push(await serve(parts, running));
    else endWhenGone(parts, stopping);
    logger.info({ instance, engine: engine.version, pid: process.pid, teardown }, 'control plane started');
    noteFirstTable(parts);
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
  const { options, store, autoscaling } = parts;
  const { logger, version, home } = options;
  await takeManifests(parts);
  const port = new ControlPlanePortImplementation(parts);
  const api = await startApiServer({ store, port, logger, version, socketPath: join(home, 'api.sock') });
  const saving = saveCounts(parts, signal);
  return async () => {
    await api.close();
    await saving;
    autoscaling.save(monotonicNow());
  };
}

/** How long whoever waits for a first decision has waited, from the start of the process. */
function noteFirstTable({ loop, observer, options: { logger } }: ControlPlaneParts): void {
  const note = (): void => {
    if (!loop.isSettled) return;
    loop.bus.off('pass', note);
    const firstTableMs = Math.round(process.uptime() * 1000);
    logger.info({ firstTableMs, containers: observer.containers.size }, 'first endpoint table published');
  };
  loop.bus.on('pass', note);
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

interface Outside {
  readonly runtime: ContainerRuntime;
  readonly hostFiles: HostFiles;
  readonly secretFiles: StateFileSystem;
  readonly stateFiles: StateFileSystem;
}

/** What the control plane acts on. */
function outsideOf({ runtime, onStep }: ControlPlaneOptions): Outside {
  const plain = { runtime, hostFiles: nodeHostFiles, secretFiles: nodeFileSystem, stateFiles: nodeFileSystem };
  if (onStep === undefined) return plain;
  return {
    runtime: steppedRuntime(runtime, onStep),
    hostFiles: steppedHostFiles(nodeHostFiles, onStep),
    secretFiles: steppedFileSystem(nodeFileSystem, 'secret', onStep),
    stateFiles: steppedFileSystem(nodeFileSystem, 'state', onStep),
  };
}

function assemble(
  options: ControlPlaneOptions,
  { runtime, hostFiles, secretFiles }: Outside,
  { engine, store, stateReports, signal }: Pick<ControlPlaneParts, 'engine' | 'store' | 'stateReports'> & { readonly signal: AbortSignal },
): ControlPlaneParts {
  const { instance, home, logger, teardown, onStep } = options;
  const link = new IngressLink({ socketPath: join(home, 'ingress.sock'), logger, signal });
  const parts = assembleControlParts(
    { instance, home, teardown, logger, signal },
    {
      runtime,
      store,
      link: onStep === undefined ? link : stepped(link, { publish: 'publish' }, onStep),
      hostFiles,
      secretFiles,
      generatePassword,
      bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    },
  );
  const schemas = readManifestSchemas();
  const { isHostPathAllowed, isPrivilegedAllowed } = options;
  const manifests = new ManifestDirectory({ directory: options.manifestDirectory, schemas, isHostPathAllowed, isPrivilegedAllowed });
  return { ...parts, options, stateReports, engine, manifests, schemas, startedAt: new Date() };
}

/** The first snapshot is taken before the first pass: what runs is compared with what is declared, not with nothing. */
async function takeManifests(parts: ControlPlaneParts): Promise<void> {
  const { manifests, loop, options, observer } = parts;
  const applier = options.onStep === undefined ? parts.applier : stepped(parts.applier, { apply: 'apply manifests' }, options.onStep);
  // The engine is asked first, and works while the manifests are read.
  const observing = observer.refresh([], AbortSignal.timeout(CONTROL_LIMITS.callTimeoutMs));
  const [snapshot] = await Promise.all([manifests.readNow(), observing]);
  await applier.apply(snapshot);
  keepRunning(parts.store, observer.containers.values(), parts.stateReports, options.logger);
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

function closeLock(lock: Server): Promise<void> {
  return new Promise((resolve) => lock.close(() => resolve()));
}

/**
 * One life of the control plane, from exec to kill: the real store, loop, reconcilers, executor, observer, prober and applier over the simulated
 * engine, disk and ingress. It is assembled by the product's own wiring. After `kill` nothing it wants happens any more.
 */
import { setMaxListeners } from 'node:events';
import type { Logger } from 'pino';
import { assembleControlParts, saveCounts } from '../../src/loop/control-parts.ts';
import type { ControlParts } from '../../src/loop/control-parts.ts';
import { keepRunning } from '../../src/loop/keep-running.ts';
import type { ManifestSnapshot } from '../../src/manifest/manifest-snapshot.ts';
import { IngressLink } from '../../src/observe/ingress-link.ts';
import { ObjectStore } from '../../src/state/object-store.ts';
import type { StateReport } from '../../src/state/state-files.ts';
import type { Random } from './random.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { EngineLife, SimulatedEngine } from './simulated-engine.ts';
import { BOOT_ID } from './simulated-ingress.ts';
import type { SimulatedIngress } from './simulated-ingress.ts';
import type { Trace } from './trace.ts';

export const INSTANCE = 'default';

export interface LifeSurroundings {
  readonly engine: SimulatedEngine;
  readonly disk: SimulatedDisk;
  readonly ingress: SimulatedIngress;
  readonly trace: Trace;
  readonly random: Random;
  /** As the manifests directory says now. */
  readonly snapshot: () => ManifestSnapshot;
  /** The store is open: before anything is decided. */
  readonly onOpen: (life: ControlPlaneLife, reports: readonly StateReport[]) => void;
  readonly onParts: (life: ControlPlaneLife, parts: ControlParts) => void;
  /** A message of ours that tells of a defect. */
  readonly onDefect: (text: string) => void;
}

export class ControlPlaneLife implements EngineLife {
  readonly startedAtMs: number;
  isDead = false;
  /** The first manifests are applied and the loop runs. */
  isRunning = false;
  parts: ControlParts | undefined;
  store: ObjectStore | undefined;
  readonly #onEnd: () => void;
  readonly #surroundings: LifeSurroundings;
  readonly #stopping = new AbortController();

  /** @param onEnd killed, or ended by itself because it could not start */
  constructor(surroundings: LifeSurroundings, nowMs: number, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#surroundings = surroundings;
    this.startedAtMs = nowMs;
    setMaxListeners(0, this.#stopping.signal);
    this.#run().catch((error: unknown) => {
      if (this.isDead) return;
      surroundings.trace.add('exit', `the control plane ended: ${error instanceof Error ? error.message : String(error)}`);
      this.kill();
    });
  }

  kill(): void {
    if (this.isDead) return;
    this.isDead = true;
    this.isRunning = false;
    const { disk, ingress } = this.#surroundings;
    disk.tear();
    ingress.cutConnection();
    this.#stopping.abort();
    this.#onEnd();
  }

  async #run(): Promise<void> {
    const { engine, disk, ingress, random, snapshot, onOpen, onParts } = this.#surroundings;
    const { signal } = this.#stopping;
    const logger = this.#logger();
    const makeUid = (): string => hex(random, 8) + '-' + hex(random, 4);
    const { store, reports } = await ObjectStore.open({ directory: '/state', logger, fileSystem: disk.fileSystem(this, 'state'), makeUid });
    this.store = store;
    onOpen(this, reports);
    const parts = assembleControlParts(
      { instance: INSTANCE, home: '/home', teardown: 'none', logger, signal },
      {
        runtime: engine.connect(this),
        store,
        link: new IngressLink({ socketPath: '', logger, signal, openPeer: ingress.openPeer }),
        hostFiles: disk.hostFiles(this),
        secretFiles: disk.fileSystem(this, 'secrets'),
        generatePassword: () => hex(random, 16),
        bootId: BOOT_ID,
        probeRunner: { run: (request, timeoutMs) => engine.probe(request, timeoutMs), close: () => undefined },
      },
    );
    this.parts = parts;
    onParts(this, parts);
    void parts.observer.watch(signal);
    await parts.observer.refresh([], signal);
    await parts.applier.apply(snapshot());
    keepRunning(store, parts.observer.containers.values(), reports, logger);
    void saveCounts(parts, signal);
    this.isRunning = true;
    await parts.loop.run(signal);
  }

  #logger(): Logger {
    const { trace, onDefect } = this.#surroundings;
    const log =
      (level: string) =>
      (entry: unknown, text = ''): void => {
        if (this.isDead) return;
        const { err, violation, error } = (typeof entry === 'object' ? entry : {}) as { err?: unknown; violation?: string; error?: string };
        const message = [typeof entry === 'string' ? entry : text, err instanceof Error ? err.message : '', violation ?? error ?? '']
          .filter((part) => part !== '')
          .join(': ');
        if (level !== 'debug') trace.add('log', `${level} ${message}`);
        if (violation !== undefined) onDefect(`the plan broke an invariant: ${violation}`);
        if (text.startsWith('reconciliation failed')) onDefect(`${message} ${err instanceof Error ? (err.stack ?? '') : ''}`);
      };
    return Object.fromEntries(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal'].map((level) => [level, log(level)]),
    ) as unknown as Logger;
  }
}

function hex(random: Random, digits: number): string {
  let text = '';
  while (text.length < digits) text += random.int(0, 15).toString(16);
  return text;
}

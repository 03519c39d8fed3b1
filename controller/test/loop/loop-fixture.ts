/**
 * The real loop, observer, executor, prober and store over the fake engine, in a temporary directory and in real time. What stands in: the
 * engine, the ingress (acknowledges at once, never busy) and the sender of probes. Safety is checked at every engine call and event.
 */
import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Executor } from '../../src/execute/executor.ts';
import { ControlLoop } from '../../src/loop/control-loop.ts';
import { CrashLogs } from '../../src/loop/crash-logs.ts';
import { EventRecorder } from '../../src/loop/event-recorder.ts';
import { monotonicClock, monotonicNow } from '../../src/loop/monotonic.ts';
import { LABEL } from '../../src/model/annotations.ts';
import type { EndpointTable } from '../../src/model/endpoint-table.ts';
import type { DeclarableObject } from '../../src/model/objects.ts';
import { Observer } from '../../src/observe/observer.ts';
import { Prober } from '../../src/observe/prober.ts';
import type { World } from '../../src/reconcile/world.ts';
import type { RuntimeEvent } from '../../src/runtime/container-runtime.ts';
import { ObjectStore } from '../../src/state/object-store.ts';
import { eventually } from '../eventually.ts';
import type { FakeContainer } from '../runtime/fake-container.ts';
import { FakeRuntime } from '../runtime/fake-runtime.ts';
import type { CallName, Fault } from '../runtime/fake-runtime.ts';
import { silent } from '../state/fixtures.ts';

const CHANGING: ReadonlySet<CallName> = new Set<CallName>([
  'createContainer',
  'startContainer',
  'stopContainer',
  'killContainer',
  'removeContainer',
  'unpauseContainer',
  'createNetwork',
  'removeNetwork',
  'connectNetwork',
  'createVolume',
  'removeVolume',
  'pullImage',
]);

/** A fake engine whose event stream can go silent without anybody being told. */
export class LossyRuntime extends FakeRuntime {
  isSilent = false;
  /** Events of control planes that were swallowed. */
  lost = 0;

  override watchEvents(
    labels: readonly string[],
    onEvent: (event: RuntimeEvent) => void,
    onConnect: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const pass = (event: RuntimeEvent): void => {
      if (!this.isSilent || labels.length === 0) onEvent(event);
      else this.lost++;
    };
    return super.watchEvents(labels, pass, onConnect, signal);
  }
}

export interface StartOptions {
  readonly instance?: string;
  readonly teardown?: World['teardown'];
  readonly callTimeoutMs?: number;
}

export class LoopWorld {
  readonly directory = mkdtempSync(join(tmpdir(), 'coxswain-loop-'));
  readonly engine: LossyRuntime;
  /** Every engine call since the last `calls.length = 0`, in order. */
  readonly calls: CallName[] = [];
  readonly violations: string[] = [];
  fault: (callName: CallName, args: readonly unknown[]) => Fault = () => 'none';
  latencyMs: (callName: CallName) => number = () => 0;
  isHealthy = true;
  readonly #planes: ControlPlane[] = [];
  readonly #ending = new AbortController();

  constructor() {
    this.engine = new LossyRuntime({
      images: ['web:1', 'web:2'],
      fault: (callName, args) => {
        this.calls.push(callName);
        this.#checkSafety();
        return this.fault(callName, args);
      },
      latencyMs: (callName) => this.latencyMs(callName),
    });
    const check = (): void => this.#checkSafety();
    void this.engine.watchEvents([], check, check, this.#ending.signal);
  }

  async start(options: StartOptions = {}): Promise<ControlPlane> {
    const plane = await ControlPlane.start(this, options);
    this.#planes.push(plane);
    return plane;
  }

  async end(): Promise<void> {
    for (const plane of this.#planes) await plane.stop();
    this.#ending.abort();
    rmSync(this.directory, { recursive: true, force: true });
  }

  containersOf(instance = 'default'): readonly FakeContainer[] {
    return [...this.engine.containers.values()].filter(({ spec }) => spec.labels[LABEL.instance] === instance);
  }

  /** The whole truth about an instance, for comparison: port, phase. Nothing more may be there. */
  portsOf(instance = 'default'): readonly string[] {
    return this.containersOf(instance)
      .map(({ spec, phase }) => `${spec.labels[LABEL.hostPort] ?? '-'} ${phase}`)
      .sort();
  }

  onPort(port: number): FakeContainer | undefined {
    return this.containersOf().find(({ isAlive, spec }) => isAlive && spec.labels[LABEL.hostPort] === String(port));
  }

  async converged(ports: readonly number[], instance = 'default', deadlineMs = 8_000): Promise<void> {
    await eventually(() => expect(this.portsOf(instance)).to.deep.equal(ports.map((port) => `${port} running`)), deadlineMs);
    expect(this.violations).to.deep.equal([]);
  }

  /** Container id -> how often it was started. */
  runs(instance = 'default'): Readonly<Record<string, number>> {
    return Object.fromEntries(this.containersOf(instance).map(({ id, run }) => [id, run]));
  }

  changes(): readonly CallName[] {
    return this.calls.filter((name) => CHANGING.has(name));
  }

  #checkSafety(): void {
    const pods = new Map<string, string>();
    const ports = new Map<string, string>();
    for (const { id, isAlive, spec, error } of this.engine.containers.values()) {
      const { labels } = spec;
      if (error !== '') this.#violate(`${spec.name} could not start: ${error}`);
      if (!isAlive) continue;
      const pod = `pod ${labels[LABEL.podUid] ?? ''}`;
      if (pods.has(pod)) this.#violate(`${pod} runs twice: ${pods.get(pod) ?? ''} and ${id}`);
      pods.set(pod, id);
      const port = labels[LABEL.hostPort];
      if (port === undefined) continue;
      if (ports.has(port)) this.#violate(`port ${port} has two owners`);
      ports.set(port, id);
    }
  }

  #violate(text: string): void {
    if (!this.violations.includes(text)) this.violations.push(text);
  }
}

export class ControlPlane {
  readonly instance: string;
  readonly store: ObjectStore;
  readonly loop: ControlLoop;
  readonly observer: Observer;
  readonly tables: EndpointTable[] = [];
  readonly #executor: Executor;
  readonly #stopping = new AbortController();
  readonly #running: readonly Promise<void>[];
  #stopped: Promise<void> | undefined;

  static async start(world: LoopWorld, options: StartOptions): Promise<ControlPlane> {
    const { instance = 'default' } = options;
    const { store } = await ObjectStore.open({ directory: join(world.directory, instance, 'state'), logger: silent });
    return new ControlPlane(world, options, store);
  }

  private constructor(
    world: LoopWorld,
    { instance = 'default', teardown = 'none', callTimeoutMs = 200 }: StartOptions,
    store: ObjectStore,
  ) {
    this.instance = instance;
    this.store = store;
    const { signal } = this.#stopping;
    // Many wait for the end of this one signal, as in the control plane.
    setMaxListeners(0, signal);
    const wallNow = (): number => Date.now();
    const runtime = world.engine;
    const events = new EventRecorder(store, wallNow);
    this.observer = new Observer({ runtime, instance, callTimeoutMs, logger: silent, onEvent: () => this.loop.wake() });
    const prober = new Prober({
      runtime,
      signal,
      clock: monotonicClock,
      onChange: () => this.loop.wake(),
      runner: { run: () => Promise.resolve(world.isHealthy ? '' : 'HTTP 500'), close: () => undefined },
    });
    this.#executor = new Executor({
      runtime,
      now: monotonicNow,
      concurrency: 16,
      callTimeoutMs,
      pullTimeoutMs: callTimeoutMs,
      logDirectory: join(world.directory, instance, 'logs'),
      logger: silent,
      signal,
      onOutcome: (outcome) => this.loop.noteOutcome(outcome),
    });
    const ingress = {
      observed: { isConnected: true, routedEndpointIds: new Set<string>(), inFlight: new Map<string, number>() },
      publish: (table: EndpointTable) => {
        this.tables.push(table);
        const ids = table.services.flatMap(({ endpoints }) => endpoints.map(({ id }) => id));
        ingress.observed = { ...ingress.observed, routedEndpointIds: new Set(ids) };
        this.loop.wake();
      },
    };
    const crashLogs = new CrashLogs({ runtime, signal, onRead: () => this.loop.wake() });
    this.loop = new ControlLoop(
      { store, observer: this.observer, executor: this.#executor, events, prober, crashLogs, ingress, autoscale: () => undefined },
      {
        instance,
        volumeDir: join(world.directory, instance, 'volumes'),
        teardown,
        now: monotonicNow,
        wallNow,
        isRemovalAllowed: () => true,
        logger: silent,
      },
    );
    store.changes.on('change', ({ object }) => {
      if (object.kind !== 'Pod' && object.kind !== 'Event' && object.kind !== 'ReplicaSet') this.loop.wake();
    });
    this.#running = [this.observer.watch(signal), this.loop.run(signal)];
  }

  declare(...objects: readonly DeclarableObject[]): this {
    for (const object of objects) {
      const namespaced = { ...object, metadata: { namespace: 'default', ...object.metadata } } as DeclarableObject;
      const isKnown = this.store.get(object.kind, `default/${object.metadata.name}`) !== undefined;
      if (isKnown) this.store.update(namespaced);
      else this.store.create(namespaced);
    }
    return this;
  }

  /** Now, wherever it is: what is under way is abandoned, as when the process is killed. */
  abandon(): void {
    this.#stopping.abort();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
    await this.#executor.idle();
    await this.store.close();
  }
}

/**
 * One run of the simulation, from a seed: a workload, faults and people for a while; then quiet, in which everything must become as declared and
 * then stay still. The same seed is the same run, to the line.
 */
import type { ManifestError } from '../../src/manifest/manifest-error.ts';
import type { ManifestSnapshot } from '../../src/manifest/manifest-snapshot.ts';
import { keyOf } from '../../src/model/objects.ts';
import type { KubernetesObject } from '../../src/model/objects.ts';
import { formatOperation } from '../../src/model/operation.ts';
import type { ControlParts } from '../../src/loop/control-parts.ts';
import { project } from '../../src/reconcile/project.ts';
import type { ProjectedStep } from '../../src/reconcile/project.ts';
import { reconcile } from '../../src/reconcile/reconcile.ts';
import type { Plan } from '../../src/reconcile/world.ts';
import type { ObjectStore } from '../../src/state/object-store.ts';
import { ACTIONS } from './actions.ts';
import { ControlPlaneLife } from './control-plane-life.ts';
import { addForeign, FAULTS } from './faults.ts';
import { differences } from './final-state.ts';
import { Invariants } from './invariants.ts';
import { Random } from './random.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import { SimulatedEngine } from './simulated-engine.ts';
import { SimulatedIngress } from './simulated-ingress.ts';
import { Trace } from './trace.ts';
import { VirtualClock } from './virtual-clock.ts';
import { CALM, randomWeather } from './weather.ts';
import { IMAGES, REMOTE_IMAGES, withSpec, Workload } from './workload.ts';

const CONVERGES_WITHIN_MS = 300_000;
const REST_MS = 30_000;
const STEP_MS = 250;
/** A stop that a dead control plane asked for goes on in the engine for so long. */
const LONGEST_GRACE_MS = 35_000;

export interface SimulationResult {
  readonly seed: number;
  /** Empty = the run kept every promise. */
  readonly violations: readonly string[];
  readonly digest: string;
  readonly lines: number;
  readonly virtualMs: number;
  readonly tail: readonly string[];
}

export interface SimulationOptions {
  readonly onLine?: (line: string) => void;
}

export async function simulate(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const clock = new VirtualClock();
  const simulation = new Simulation(seed, clock, options);
  const onRejection = (error: unknown): void =>
    simulation.invariants.violate(`unhandled: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
  process.on('unhandledRejection', onRejection);
  try {
    await simulation.run();
    const { trace, invariants } = simulation;
    return {
      seed,
      violations: invariants.violations,
      digest: trace.digest(),
      lines: trace.lines,
      virtualMs: clock.elapsedMs,
      tail: trace.tail(40),
    };
  } finally {
    simulation.end();
    process.off('unhandledRejection', onRejection);
    clock.uninstall();
  }
}

export class Simulation {
  readonly clock: VirtualClock;
  readonly trace: Trace;
  readonly engine: SimulatedEngine;
  readonly ingress: SimulatedIngress;
  readonly disk: SimulatedDisk;
  readonly workload: Workload;
  readonly invariants: Invariants;
  manifestErrors: readonly ManifestError[] = [];
  /** What the API has answered: object -> resourceVersion that must survive. */
  readonly acknowledged = new Map<string, number>();
  readonly #random: Random;
  readonly #lifeRandom: Random;
  #life: ControlPlaneLife | undefined;
  #isFaulty = true;
  #isOver = false;
  #quietSinceMs = 0;
  #startDelayMs = 50;
  #foreignId = '';
  #operations = 0;

  constructor(seed: number, clock: VirtualClock, { onLine }: SimulationOptions) {
    this.clock = clock;
    this.#random = new Random(seed);
    this.#lifeRandom = this.#random.fork();
    this.trace = new Trace(() => clock.elapsedMs, onLine);
    this.invariants = new Invariants(() => clock.nowMs, this.trace);
    this.workload = new Workload(this.#random.fork());
    this.engine = new SimulatedEngine({
      random: this.#random.fork(),
      trace: this.trace,
      nowMs: () => clock.nowMs,
      watch: this.invariants,
      images: IMAGES,
      registry: [...IMAGES, ...REMOTE_IMAGES],
    });
    this.ingress = new SimulatedIngress(this.#random.fork(), this.engine);
    this.disk = new SimulatedDisk(this.#random.fork());
    this.invariants.engine = this.engine;
    this.invariants.ingress = this.ingress;
  }

  /** Of the control plane that runs, when one does. */
  get store(): ObjectStore | undefined {
    return this.#life?.isRunning === true ? this.#life.store : undefined;
  }

  async run(): Promise<void> {
    this.#foreignId = await addForeign(this, 'somebody');
    this.#start();
    await this.#advance(5_000);
    await this.#badTimes();
    if (this.invariants.violations.length > 0) return;
    await this.#quiet();
    await this.#converge();
    if (this.invariants.violations.length === 0) await this.#rest();
  }

  end(): void {
    this.#isOver = true;
    this.#life?.kill();
    this.ingress.kill();
  }

  /** As a person with kubectl: answered once it is durable. */
  write(object: KubernetesObject): void {
    const { store } = this;
    if (store === undefined) return;
    const before = store.get(object.kind, keyOf(object))?.metadata.resourceVersion;
    const { metadata, kind } = store.update(object);
    // The same again is no write; versions of status are not durable.
    if (metadata.resourceVersion === before) return;
    const identity = `${kind} ${keyOf({ metadata })}`;
    const life = this.#life;
    store.flushed().then(
      () => {
        if (life?.isDead !== true) this.acknowledged.set(identity, Number(metadata.resourceVersion));
      },
      () => undefined,
    );
  }

  manifestsChanged(): void {
    const life = this.#life;
    if (life?.isRunning !== true || life.parts === undefined) return;
    const { applier, loop } = life.parts;
    applier.apply(this.#snapshot()).then(
      () => loop.wake(),
      () => undefined,
    );
  }

  killControlPlane(awayMs: number): string | undefined {
    if (this.#life === undefined || this.#life.isDead) return undefined;
    this.#startDelayMs = awayMs;
    this.#life.kill();
    return `the control plane is killed, away for ${awayMs} ms`;
  }

  #snapshot(): ManifestSnapshot {
    const broken = this.manifestErrors.map(({ source }) => source.file);
    const objects = this.workload
      .declared()
      .map((object) => ({ object, source: { file: `${object.metadata.name.split('-')[0] ?? ''}.yaml`, line: 1 } }))
      .filter(({ source }) => !broken.includes(source.file));
    return { objects, errors: this.manifestErrors, warnings: [] };
  }

  #start(): void {
    const life = new ControlPlaneLife(
      {
        engine: this.engine,
        disk: this.disk,
        ingress: this.ingress,
        trace: this.trace,
        random: this.#lifeRandom,
        snapshot: () => this.#snapshot(),
        onOpen: ({ store }) => this.#onOpen(store!),
        onParts: (own, parts) => this.#onParts(own, parts),
        onDefect: (text) => this.invariants.violate(text),
      },
      this.clock.nowMs,
      // The supervisor: whatever ended it, it comes back.
      () => {
        if (this.#isOver) return;
        setTimeout(() => this.#start(), this.#startDelayMs);
        this.#startDelayMs = Math.min(2 * this.#startDelayMs, 5_000);
      },
    );
    this.#life = life;
    this.trace.add('start', 'the control plane starts');
    this.invariants.onLife(life);
  }

  #onOpen(store: ObjectStore): void {
    for (const [identity, version] of this.acknowledged) {
      const [kind, key] = identity.split(' ') as ['Deployment', string];
      const found = Number(store.get(kind, key)?.metadata.resourceVersion ?? Infinity);
      if (found < version) this.invariants.violate(`an acknowledged write is gone: ${identity} is at ${found}, was at ${version}`);
    }
  }

  #onParts(life: ControlPlaneLife, parts: ControlParts): void {
    const { trace, invariants } = this;
    parts.store.changes.on('change', ({ type, object, previous }) => {
      if (life.isDead) return;
      if (object.kind === 'Event') {
        trace.add('event', `${object.reason} ${object.involvedObject.name}: ${object.message}`);
        return;
      }
      if (object.kind === 'Pod' && object.metadata.deletionTimestamp !== undefined) invariants.noteTerminating(object);
      if (type === 'DELETED') this.acknowledged.delete(`${object.kind} ${keyOf(object)}`);
      const isStatus =
        previous !== undefined &&
        'spec' in previous &&
        'spec' in object &&
        previous.spec === object.spec &&
        previous.metadata.annotations === object.metadata.annotations;
      trace.add('object', `${type} ${object.kind} ${keyOf(object)}${isStatus && type === 'MODIFIED' ? ' (metadata or status)' : ''}`);
    });
    this.#checkDryRun(life, parts);
    parts.loop.bus.on('pass', (plan) => {
      if (life.isDead) return;
      this.#startDelayMs = 50;
      for (const operation of plan.operations) {
        this.#operations++;
        trace.add('operation', formatOperation(operation));
      }
      invariants.onPass(parts, plan);
    });
  }

  /** The dry run, asked just before a pass, must be what that pass does, and do nothing itself. */
  #checkDryRun(life: ControlPlaneLife, parts: ControlParts): void {
    const { autoscaling, loop, store } = parts;
    let dryRun: { readonly plan: Plan; readonly step: ProjectedStep | undefined } | undefined;
    let passes = 0;
    const evaluate = autoscaling.evaluate.bind(autoscaling);
    // Called in every pass right before it looks at the world.
    autoscaling.evaluate = (nowMs) => {
      const wakeAtMs = evaluate(nowMs);
      dryRun = undefined;
      passes++;
      // What is foreseen beyond the next pass costs as much as many passes.
      const isProjected = passes % 50 === 1;
      if (passes % 5 === 1) {
        const before = `${store.resourceVersion} ${this.engine.calls}`;
        const world = loop.dryRunWorld(new Map());
        dryRun = { plan: reconcile(world), step: isProjected ? project(world, { underway: loop.underway }).steps[0] : undefined };
        if (`${store.resourceVersion} ${this.engine.calls}` !== before) this.invariants.violate('the dry run changed something');
      }
      return wakeAtMs;
    };
    loop.bus.on('pass', (plan) => {
      if (dryRun === undefined || life.isDead) return;
      const told = describePlan(dryRun.plan);
      const done = describePlan(plan);
      if (told !== done) this.invariants.violate(`the dry run said ${told}, the pass did ${done}`);
      if (dryRun.step !== undefined && describeStep(dryRun.step) !== describeStep(plan))
        this.invariants.violate(`foreseen was ${describeStep(dryRun.step)}, the pass did ${describeStep(plan)}`);
    });
  }

  async #badTimes(): Promise<void> {
    const random = this.#random;
    const endMs = this.clock.nowMs + random.int(25, 70) * 1000;
    this.engine.weather = randomWeather(random);
    const faultEveryMs = random.pick([300, 1_000, 3_000, 8_000]);
    const actionEveryMs = random.pick([1_000, 4_000, 10_000]);
    const requestEveryMs = random.pick([50, 200, 1_000]);
    const kinds = FAULTS.filter(() => random.chance(0.6));
    const again = (everyMs: number, act: () => void): void => {
      const next = (): void => {
        if (!this.#isFaulty) return;
        act();
        setTimeout(next, random.int(1, 2 * everyMs));
      };
      setTimeout(next, random.int(1, 2 * everyMs));
    };
    if (kinds.length > 0) {
      again(faultEveryMs, () => {
        const text = random.pick(random.pick(kinds))(this, random);
        if (text !== undefined) this.trace.add('fault', text);
      });
    }
    again(actionEveryMs, () => {
      const text = random.pick(random.pick(ACTIONS))(this, random);
      if (text !== undefined) this.trace.add('action', text);
    });
    again(requestEveryMs, () => this.ingress.request(random.pick(this.workload.apps).host));
    while (this.clock.nowMs < endMs && this.invariants.violations.length === 0) await this.#advance(STEP_MS);
  }

  /** The faults stop, and what people left half-done is finished. */
  async #quiet(): Promise<void> {
    this.#isFaulty = false;
    this.#quietSinceMs = this.clock.nowMs;
    this.trace.add('quiet', 'the faults stop');
    this.engine.weather = CALM;
    this.engine.releaseHanging();
    this.workload.mend();
    this.manifestErrors = [];
    // What was begun before it stopped (a port taken, a full disk, a control plane on its way) ends by itself.
    for (let waited = 0; (waited < 15_000 || this.store === undefined) && waited < 60_000; waited += STEP_MS) await this.#advance(STEP_MS);
    const { parts } = this.#life ?? {};
    if (parts === undefined || this.store === undefined) {
      this.invariants.violate('the control plane does not run');
      return;
    }
    this.manifestsChanged();
    await this.#advance(STEP_MS);
    for (const stored of [...parts.store.list('Deployment').values()]) {
      const image = stored.spec.template.spec.containers[0]?.image ?? '';
      const declared = this.workload.apps.find(({ deployment }) => keyOf(deployment) === keyOf(stored))?.deployment;
      // Rolled back to an image that cannot run: rolled forward again.
      const template = /^(crash|missing)/.test(image) && declared !== undefined ? declared.spec.template : stored.spec.template;
      // Others wait for it: it has to be there.
      const replicas =
        stored.metadata.name === this.workload.apps[0]?.name ? Math.max(stored.spec.replicas ?? 1, 1) : (stored.spec.replicas ?? 1);
      this.write(withSpec(stored, { paused: false, template, replicas }));
    }
    for (const autoscaler of parts.store.list('HorizontalPodAutoscaler').values()) parts.autoscaling.reset(autoscaler);
  }

  async #converge(): Promise<void> {
    const endMs = this.clock.nowMs + CONVERGES_WITHIN_MS;
    let left: readonly string[] = [];
    while (this.invariants.violations.length === 0) {
      left = this.#differences();
      if (left.length === 0) return;
      if (this.clock.nowMs >= endMs) break;
      await this.#advance(STEP_MS);
    }
    if (this.invariants.violations.length > 0) return;
    const waits = this.#life?.parts?.loop.lastPlan?.waits.map(({ resource, text }) => `${resource}: ${text}`) ?? [];
    this.invariants.violate(`did not converge: ${[...left, ...waits].join('; ')}`);
  }

  #differences(): readonly string[] {
    const parts = this.#life?.parts;
    if (parts === undefined || this.store === undefined) return ['the control plane does not run'];
    const foreign = this.engine.docker.containers.get(this.#foreignId);
    if (foreign === undefined || foreign.run !== 1) this.invariants.violate('a container of somebody else was touched');
    return differences({ parts, engine: this.engine, ingress: this.ingress, disk: this.disk, declared: this.workload.declared() });
  }

  /** Nothing to do: nothing is done. */
  async #rest(): Promise<void> {
    // What ends by itself has a moment for it: saved counts, a last report.
    await this.#advance(Math.max(3_000, this.#quietSinceMs + LONGEST_GRACE_MS - this.clock.nowMs));
    const at = (): string =>
      `${this.#operations} operations, ${this.engine.changes} engine changes, version ${this.store?.resourceVersion ?? ''}, ${this.disk.writes} writes`;
    const before = at();
    this.trace.add('rest', before);
    await this.#advance(REST_MS);
    if (at() !== before) this.invariants.violate(`not at rest: ${before}, then ${at()}`);
    const left = this.#differences();
    if (left.length > 0) this.invariants.violate(`did not stay converged: ${left.join('; ')}`);
  }

  async #advance(byMs: number): Promise<void> {
    await this.clock.advance(byMs);
  }
}

function describePlan({ operations, changes, waits, endpointTable }: Plan): string {
  return JSON.stringify([operations, changes, waits, endpointTable]);
}

function describeStep({ operations, changes }: Pick<Plan, 'operations' | 'changes'>): string {
  return JSON.stringify([operations, changes.filter(({ type }) => type !== 'status')]);
}

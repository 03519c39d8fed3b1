/**
 * What must be true at every moment of a run, whatever the faults. Looks at plans, engine calls and their effects; changes nothing. The arithmetic
 * of rollouts is written here a second time, from Kubernetes' rules, not from ours.
 */
import type { ControlParts } from '../../src/loop/control-parts.ts';
import { ANNOTATION, LABEL, POD_TEMPLATE_HASH_LABEL } from '../../src/model/annotations.ts';
import type { Deployment, IntOrPercent, Pod, ReplicaSet } from '../../src/model/objects.ts';
import type { Operation } from '../../src/model/operation.ts';
import { deploymentKeyOf } from '../../src/reconcile/owner.ts';
import type { Plan } from '../../src/reconcile/world.ts';
import type { FakeContainer } from '../runtime/fake-container.ts';
import type { ControlPlaneLife } from './control-plane-life.ts';
import { INSTANCE } from './control-plane-life.ts';
import type { EngineLife, EngineWatch, SimulatedEngine } from './simulated-engine.ts';
import { isLook } from './simulated-engine.ts';
import type { SimulatedIngress } from './simulated-ingress.ts';
import type { Trace } from './trace.ts';

/** A probe that failed so long ago speaks for a kill: thresholds, periods and suspended restarts are over by then. */
const PROBE_MEMORY_MS = 40_000;
/** So long an answer to a probe needs to be heard, and the next one to be sent when its turn comes: before that nobody can know that it serves. */
const KNOWN_AFTER_MS = 100;
const ABSENT_INGRESS_MS = 2_000;

export class Invariants implements EngineWatch {
  readonly violations: string[] = [];
  engine: SimulatedEngine | undefined;
  ingress: SimulatedIngress | undefined;
  life: ControlPlaneLife | undefined;
  readonly #nowMs: () => number;
  readonly #trace: Trace;
  /** Container id -> when its probe last failed. */
  readonly #probeFailures = new Map<string, number>();
  /** Container id -> since when all its probes passed. */
  readonly #passing = new Map<string, number>();
  /** Pod uid -> since when the present control plane has it terminating. */
  #terminatingSince = new Map<string, number>();
  readonly #busy = new Map<EngineLife, Map<string, number>>();

  constructor(nowMs: () => number, trace: Trace) {
    this.#trace = trace;
    this.#nowMs = nowMs;
  }

  violate(text: string): void {
    if (this.violations.includes(text)) return;
    this.#trace.add('VIOLATION', text);
    this.violations.push(text);
  }

  onLife(life: ControlPlaneLife): void {
    this.life = life;
    this.#terminatingSince = new Map();
  }

  // ---- plans

  onPass(parts: ControlParts, plan: Plan): void {
    for (const operation of plan.operations) {
      if (operation.cause.trim() === '') this.violate(`${operation.verb} ${operation.resource} has no cause`);
      this.#checkOperation(parts, plan, operation);
    }
    const retired = plan.changes.flatMap((change) =>
      change.type === 'update' && change.object.kind === 'Pod' && change.object.metadata.deletionTimestamp !== undefined
        ? [change.object]
        : [],
    );
    for (const pod of retired) this.noteTerminating(pod);
    const made = plan.changes.flatMap((change) =>
      change.type === 'create' && change.object.kind === 'Pod' && !change.cause.includes('found running') ? [change.object] : [],
    );
    if (retired.length === 0 && made.length === 0) return;
    const pods = new Map<string, Pod[]>();
    for (const pod of parts.store.list('Pod').values()) {
      const key = deploymentKeyOf(pod) ?? '';
      pods.set(key, [...(pods.get(key) ?? []), pod]);
    }
    for (const key of new Set([...retired, ...made].map((pod) => deploymentKeyOf(pod) ?? ''))) {
      const deployment = parts.store.get('Deployment', key);
      const own = (all: readonly Pod[]): readonly Pod[] => all.filter((pod) => (deploymentKeyOf(pod) ?? '') === key);
      if (deployment === undefined) this.#checkOrphans(parts, key, own(retired));
      else this.#checkDeployment(parts, deployment, pods.get(key) ?? [], own(retired), own(made), plan);
    }
  }

  noteTerminating(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    if (!this.#terminatingSince.has(uid)) this.#terminatingSince.set(uid, this.#nowMs());
  }

  #checkOrphans(parts: ControlParts, key: string, retired: readonly Pod[]): void {
    if (retired.length > 0 && !parts.applier.isRemovalAllowed) this.violate(`pods of ${key} are removed while removal is not allowed`);
    if (key !== '') return;
    for (const pod of retired) {
      const stored = parts.store.get('Pod', `${pod.metadata.namespace ?? ''}/${pod.metadata.name}`);
      if (stored?.metadata.annotations?.[ANNOTATION.source] !== undefined) this.violate(`declared pod ${pod.metadata.name} is removed`);
    }
  }

  #checkDeployment(
    parts: ControlParts,
    deployment: Deployment,
    pods: readonly Pod[],
    retired: readonly Pod[],
    made: readonly Pod[],
    plan: Plan,
  ): void {
    const { name } = deployment.metadata;
    const replicas = deployment.spec.replicas ?? 1;
    const hash = currentHash(parts, deployment);
    const isPaused = deployment.spec.paused === true;
    const isRecreate = deployment.spec.strategy?.type === 'Recreate';
    const isPinned = deployment.spec.template.metadata?.annotations?.[ANNOTATION.hostPorts] !== undefined;
    const { maxSurge, maxUnavailable } = bounds(deployment, replicas);
    const active = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    if (made.length > 0) {
      const most = replicas + (isRecreate ? 0 : maxSurge);
      if (active.length > most) this.violate(`${name}: ${active.length} pods, at most ${most} are allowed`);
      const old = pods.filter((pod) => hashOf(pod) !== hash);
      if (isRecreate && !isPaused && old.length > 0) this.violate(`${name}: Recreate made a pod while ${old.length} old ones are there`);
    }
    if (retired.length === 0) return;
    const before = active.length + retired.length - made.length;
    const outdated = retired.filter((pod) => hashOf(pod) !== hash && !isPaused);
    // On a pinned range a pod beyond the first ports moves to them, when a surge may not stand beside it.
    const isDisplaced = (pod: Pod): boolean => isPinned && hostPortOf(pod) >= firstPort(deployment) + replicas;
    const surplus = retired.filter((pod) => !outdated.includes(pod) && !isDisplaced(pod)).length;
    if (surplus > Math.max(before - replicas, 0))
      this.violate(`${name}: ${surplus} up-to-date pods retired though only ${before} were there and ${replicas} are wanted`);
    const nowMs = this.#nowMs();
    const readySince = (pod: Pod): number | undefined => {
      const memory = plan.memory.pods.get(pod.metadata.uid ?? '');
      return memory?.condemned === undefined ? memory?.readySinceMs : undefined;
    };
    const isReady = (pod: Pod): boolean => readySince(pod) !== undefined;
    const isAvailable = (pod: Pod): boolean => nowMs - (readySince(pod) ?? Infinity) >= (deployment.spec.minReadySeconds ?? 0) * 1000;
    const isKept = (pod: Pod): boolean => !retired.some(({ metadata }) => metadata.uid === pod.metadata.uid);
    const lost = retired.filter(isAvailable).length;
    const left = active.filter((pod) => isKept(pod) && isAvailable(pod)).length;
    const describe = (pod: Pod): string => {
      const since = readySince(pod);
      const seen = since === undefined ? 'not ready' : `ready for ${nowMs - since} ms`;
      return `${pod.metadata.name} (${seen}, in fact ${this.#isServing(pod) ? 'serving' : 'not serving'})`;
    };
    this.#trace.add('bounds', `${name}: retired ${retired.map(describe).join(', ')}; kept ${active.map(describe).join(', ')}`);
    // On pinned ports a scale-down of a paused Deployment takes the highest port, whoever serves there.
    if (isRecreate || (isPinned && isPaused)) return;
    if (lost > 0 && left < replicas - maxUnavailable)
      this.violate(`${name}: ${lost} available pods retired, ${left} left of ${replicas} with maxUnavailable ${maxUnavailable}`);
    // What a control plane that has just started does not know yet is no excuse: by what really serves it must be right as well.
    const lostInFact = retired.filter((pod) => this.#isServing(pod, deployment.spec.minReadySeconds)).length;
    // One whose last probe passed is counted on, whatever became of it since: that cannot be known.
    const leftInFact = active.filter((pod) => isKept(pod) && (isReady(pod) || this.#isServing(pod))).length;
    if (lostInFact > 0 && leftInFact < replicas - maxUnavailable)
      this.violate(`${name}: ${lostInFact} serving pods retired, ${leftInFact} left of ${replicas} with maxUnavailable ${maxUnavailable}`);
  }

  /** And was seen to by its last probe, by whichever life of the control plane: of what was never asked, or failed since, nobody can know. */
  #isServing({ metadata, spec }: Pod, minReadySeconds = 0): boolean {
    const { engine } = this;
    const { startupProbe, readinessProbe } = spec.containers[0] ?? {};
    const turnSeconds = Math.max(startupProbe?.periodSeconds ?? 0, readinessProbe?.periodSeconds ?? 0);
    const leastMs = Math.max(minReadySeconds * 1000, turnSeconds * 1000 + KNOWN_AFTER_MS);
    const isProven = ({ id }: FakeContainer): boolean => this.#nowMs() - (this.#passing.get(id) ?? Infinity) >= leastMs;
    if (engine === undefined) return false;
    return [...engine.docker.containers.values()].some(
      (container) => container.spec.labels[LABEL.podUid] === metadata.uid && isProven(container) && engine.isServing(container),
    );
  }

  #checkOperation(parts: ControlParts, plan: Plan, operation: Operation): void {
    if (operation.verb !== 'KillContainer' && operation.verb !== 'StopContainer') return;
    const container = this.engine?.docker.containers.get(operation.containerId);
    if (container === undefined || !container.isAlive) return;
    const pod = [...parts.store.list('Pod').values()].find(({ metadata }) => metadata.uid === container.spec.labels[LABEL.podUid]);
    const isTerminating = pod?.metadata.deletionTimestamp !== undefined;
    if (operation.verb === 'StopContainer') {
      if (pod !== undefined && !isTerminating) this.violate(`${container.spec.name} is stopped though its pod shall run`);
      return;
    }
    if (container.phase === 'paused' || this.#newestOf(container) !== container) return;
    const failedAtMs = this.#probeFailures.get(container.id);
    if (failedAtMs !== undefined && this.#nowMs() - failedAtMs < PROBE_MEMORY_MS) return;
    const view = parts.observer.containers.get(container.id);
    if (view?.phase === 'paused') return;
    this.violate(`${container.spec.name} is healthy and killed: ${operation.cause}`);
  }

  #newestOf(container: FakeContainer): FakeContainer {
    const uid = container.spec.labels[LABEL.podUid];
    const ordinal = ({ spec }: FakeContainer): number => Number(spec.labels[LABEL.restartCount] ?? 0);
    const siblings = [...(this.engine?.docker.containers.values() ?? [])].filter(({ spec }) => spec.labels[LABEL.podUid] === uid);
    return siblings.reduce((newest, sibling) => (ordinal(sibling) > ordinal(newest) ? sibling : newest), container);
  }

  // ---- engine calls

  onCall(callName: string, args: readonly unknown[], life: EngineLife): void {
    const id = String(args[0]);
    if (callName.endsWith('Container') && callName !== 'createContainer') {
      const busy = this.#busyOf(life);
      const running = (busy.get(id) ?? 0) + 1;
      busy.set(id, running);
      if (running > 1) this.violate(`two operations at once on container ${id.slice(0, 12)}: ${callName}`);
    }
    const seen = this.life?.parts?.observer.containers.get(id);
    if (callName === 'removeContainer' && seen?.phase === 'running') this.violate(`${seen.name} is to be removed and is seen running`);
    if (callName === 'stopContainer') this.#checkDrained(id, Number(args[1]));
  }

  onAnswer(callName: string, args: readonly unknown[], life: EngineLife): void {
    if (!callName.endsWith('Container') || callName === 'createContainer') return;
    const busy = this.#busyOf(life);
    busy.set(String(args[0]), (busy.get(String(args[0])) ?? 1) - 1);
  }

  onEffect(callName: string, args: readonly unknown[]): void {
    const { docker } = this.engine!;
    if (isLook(callName)) return;
    const subject = String(args[0]);
    const labels =
      docker.containers.get(subject)?.spec.labels ?? docker.networks.get(subject)?.labels ?? docker.volumes.get(subject) ?? undefined;
    if (labels !== undefined && labels[LABEL.instance] !== INSTANCE)
      this.violate(`${callName} touches ${subject.slice(0, 12)}, which is not ours`);
    if (callName === 'removeVolume' && labels?.[LABEL.claim] !== undefined) this.violate(`the volume ${subject} of a claim is removed`);
    const container = docker.containers.get(subject);
    if (callName === 'startContainer' && container !== undefined && !container.isAlive) this.#checkStart(container);
  }

  onProbe(container: FakeContainer, isPassing: boolean): void {
    if (isPassing) {
      if (!this.#passing.has(container.id)) this.#passing.set(container.id, this.#nowMs());
      return;
    }
    this.#passing.delete(container.id);
    this.#probeFailures.set(container.id, this.#nowMs());
  }

  #checkStart(container: FakeContainer): void {
    for (const other of this.engine!.docker.containers.values()) {
      if (other === container || !other.isAlive || other.spec.labels[LABEL.instance] !== INSTANCE) continue;
      if (other.spec.labels[LABEL.podUid] === container.spec.labels[LABEL.podUid])
        this.violate(`${container.spec.name} is started beside ${other.spec.name} of the same pod`);
      const port = container.hostPorts.find((candidate) => other.hostPorts.includes(candidate));
      if (port !== undefined) this.violate(`port ${port} has two owners: ${container.spec.name} and ${other.spec.name}`);
    }
  }

  #checkDrained(containerId: string, graceMs: number): void {
    const { ingress, life } = this;
    const container = this.engine?.docker.containers.get(containerId);
    if (ingress === undefined || container?.phase !== 'running') return;
    const inFlight = ingress.inFlight.get(containerId) ?? 0;
    const isRouted = ingress.routed.has(containerId);
    if (!isRouted && inFlight === 0) return;
    const since = this.#terminatingSince.get(container.spec.labels[LABEL.podUid] ?? '');
    const waitedMs = since === undefined ? 0 : this.#nowMs() - since;
    const isConnected = life?.parts?.link.observed.isConnected === true;
    if (waitedMs + 1 >= (isConnected ? graceMs : Math.min(ABSENT_INGRESS_MS, graceMs))) return;
    this.violate(`${container.spec.name} is stopped while ${isRouted ? 'it is in rotation' : `${inFlight} requests are in flight`}`);
  }

  #busyOf(life: EngineLife): Map<string, number> {
    let busy = this.#busy.get(life);
    if (busy === undefined) this.#busy.set(life, (busy = new Map<string, number>()));
    return busy;
  }
}

function hostPortOf({ metadata }: Pod): number {
  return Number(metadata.annotations?.[ANNOTATION.hostPort] ?? 0);
}

function firstPort({ spec }: Deployment): number {
  return Number(spec.template.metadata?.annotations?.[ANNOTATION.hostPorts]?.split('-')[0] ?? 0);
}

/** Of the newest revision. */
export function currentHash({ store }: ControlParts, deployment: Deployment): string {
  const revision = (replicaSet: ReplicaSet): number => Number(replicaSet.metadata.annotations?.[ANNOTATION.revision] ?? 0);
  const own = [...store.list('ReplicaSet').values()].filter(({ metadata }) =>
    metadata.ownerReferences?.some(({ uid }) => uid === deployment.metadata.uid),
  );
  const newest = own.reduce<ReplicaSet | undefined>(
    (best, next) => (best === undefined || revision(next) > revision(best) ? next : best),
    undefined,
  );
  return newest === undefined ? '' : hashOf(newest);
}

export function hashOf(pod: Pod | ReplicaSet): string {
  return pod.metadata.labels?.[POD_TEMPLATE_HASH_LABEL] ?? '';
}

/** As Kubernetes rounds: up for the surge, down for the unavailable; both 0 would never move. */
export function bounds(deployment: Deployment, replicas: number): { readonly maxSurge: number; readonly maxUnavailable: number } {
  const { maxSurge = '25%', maxUnavailable = '25%' } = deployment.spec.strategy?.rollingUpdate ?? {};
  const part = (value: IntOrPercent): number => (typeof value === 'number' ? value : (Number(value.replace('%', '')) * replicas) / 100);
  const surge = Math.ceil(part(maxSurge));
  const unavailable = Math.floor(part(maxUnavailable));
  return { maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

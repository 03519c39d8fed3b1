/**
 * The plan while it is being made: objects as they will be after this pass, and what was decided so far.
 * Stages read and write it in turn (reconcile.ts gives the order); the world it starts from is never changed.
 */
import { formatReference, keyOf } from '../model/objects.ts';
import type { Kind, KubernetesObject, ObjectKey, ObjectOf, Pod, ReplicaSet } from '../model/objects.ts';
import type { ObservedContainer } from '../model/observed.ts';
import { ANNOTATION, LABEL } from '../model/annotations.ts';
import type { Operation } from '../model/operation.ts';
import type { PodHealth } from './health.ts';
import { retryDelayMs } from './limits.ts';
import type { DeploymentMemory, EventDraft, ObjectChange, Plan, PodMemory, ProbeTargetPlan, Wait, World } from './world.ts';

interface PortHolder {
  readonly podUid: string;
  readonly name: string;
}

export class Draft {
  readonly world: World;
  /** `wallMs` as people read it. */
  readonly timestamp: string;
  readonly changes: ObjectChange[] = [];
  readonly operations: Operation[] = [];
  readonly events: EventDraft[] = [];
  readonly waits: Wait[] = [];
  readonly probeTargets: ProbeTargetPlan[] = [];
  readonly probeNow: string[] = [];
  readonly logsWanted: string[] = [];
  readonly podMemory = new Map<string, PodMemory>();
  readonly unusedImages = new Map<string, number>();
  readonly deploymentMemory = new Map<ObjectKey, DeploymentMemory>();
  /** Container lists by pod uid, newest first (highest restart count). */
  readonly containersByPod: ReadonlyMap<string, readonly ObservedContainer[]>;
  readonly pods: Map<ObjectKey, Pod>;
  readonly replicaSets: Map<ObjectKey, ReplicaSet>;
  /** Filled by reconcile.ts once per pass: the health of the pods of each Deployment. */
  healthByDeployment: ReadonlyMap<ObjectKey, readonly PodHealth[]> = new Map();
  #podsByOwner: Map<string, Pod[]> | undefined;
  readonly #subjects = new Set<string>();
  #hostPorts: Map<string, PortHolder> | undefined;
  #containerNames: ReadonlySet<string> | undefined;
  readonly #networks: ReadonlySet<string>;
  #wakeAtMs: number | undefined;

  constructor(world: World) {
    this.world = world;
    this.timestamp = new Date(world.wallMs).toISOString();
    this.pods = new Map(world.objects.Pod);
    this.replicaSets = new Map(world.objects.ReplicaSet);
    this.#networks = new Set([...world.observed.networks.values()].map(({ name }) => name));
    this.containersByPod = groupContainers(world.observed.containers.values());
  }

  /** Live pods by the uid of the object that owns them ('' = declared by themselves), terminating ones included. */
  podsOf(ownerUid: string): readonly Pod[] {
    this.#podsByOwner ??= groupPods(this.pods.values());
    return this.#podsByOwner.get(ownerUid) ?? [];
  }

  healthOf(deploymentKey: ObjectKey): readonly PodHealth[] {
    return this.healthByDeployment.get(deploymentKey) ?? [];
  }

  /** A pod that a manifest declares, as opposed to one that a controller made or that was adopted. */
  isDeclaredPod(pod: Pod): boolean {
    const declared = this.world.objects.Pod.get(keyOf(pod));
    return declared?.metadata.annotations?.[ANNOTATION.source] !== undefined;
  }

  /** One that is being made or removed is not there (yet, or any more). */
  hasNetwork(name: string): boolean {
    return this.#networks.has(name) && !this.isBusy(`network:${name}`);
  }

  create(object: KubernetesObject, cause: string): void {
    this.changes.push({ type: 'create', object, cause });
    this.#remember(object);
  }

  update(object: KubernetesObject, cause: string): void {
    this.changes.push({ type: 'update', object, cause });
    this.#remember(object);
  }

  setStatus(object: KubernetesObject): void {
    this.changes.push({ type: 'status', object });
    this.#remember(object);
  }

  delete<K extends Kind>(kind: K, object: ObjectOf<K>, cause: string): void {
    const key = keyOf(object);
    this.changes.push({ type: 'delete', kind, key, cause });
    if (kind === 'Pod') {
      this.pods.delete(key);
      this.#regroup(object as Pod, undefined);
    }
    if (kind === 'ReplicaSet') this.replicaSets.delete(key);
  }

  /**
   * Adds an operation unless its subject is busy or waits out a failure. One operation per subject: the first one asked for wins.
   * @returns whether it was added
   */
  operate(operation: Operation): boolean {
    const { observed, nowMs } = this.world;
    if (this.#subjects.has(operation.subject)) return false;
    if (observed.busySubjects.has(operation.subject)) return false;
    const failure = observed.failures.get(operation.subject);
    const isFirst = operation.verb === 'PullImage' && operation.isFirst;
    if (failure !== undefined && failure.verb === operation.verb && !isFirst) {
      const retryAtMs = failure.lastAtMs + retryDelayMs(failure.verb, failure.count);
      if (retryAtMs > nowMs) {
        this.wait(
          operation.resource,
          `${operation.verb} failed (${failure.code}: ${failure.message}), next try in ${seconds(retryAtMs - nowMs)}`,
        );
        this.wakeAt(retryAtMs);
        return false;
      }
    }
    this.#subjects.add(operation.subject);
    this.operations.push(operation);
    return true;
  }

  /** The name of another pod's container on the same pinned port, running or about to; undefined when there is none, and then the port is this one's. */
  hostPortHolder({ labels, name }: Pick<ObservedContainer, 'labels' | 'name'>): string | undefined {
    const port = labels[LABEL.hostPort];
    if (port === undefined) return undefined;
    this.#hostPorts ??= runningOnPorts(this.world.observed.containers.values());
    const holder = this.#hostPorts.get(port);
    const podUid = labels[LABEL.podUid] ?? '';
    if (holder !== undefined && holder.podUid !== podUid) return holder.name;
    this.#hostPorts.set(port, { podUid, name });
    return undefined;
  }

  isContainerName(name: string): boolean {
    this.#containerNames ??= new Set([...this.world.observed.containers.values()].map((container) => container.name));
    return this.#containerNames.has(name);
  }

  isBusy(subject: string): boolean {
    return this.#subjects.has(subject) || this.world.observed.busySubjects.has(subject);
  }

  emit(object: KubernetesObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const { apiVersion, kind, metadata } = object;
    const { name, namespace, uid } = metadata;
    this.events.push({
      involvedObject: { apiVersion, kind, name, ...(namespace !== undefined && { namespace }), ...(uid !== undefined && { uid }) },
      type,
      reason,
      message,
    });
  }

  wait(resource: string, text: string): void {
    this.waits.push({ resource, text });
  }

  /** Asks for another pass at a time (monotonic milliseconds); the earliest wins. */
  wakeAt(atMs: number): void {
    // The past is now, and now is what this pass is for: asking for it again would only make the loop spin.
    if (atMs <= this.world.nowMs) return;
    if (this.#wakeAtMs === undefined || atMs < this.#wakeAtMs) this.#wakeAtMs = atMs;
  }

  finish(endpointTable: Plan['endpointTable']): Plan {
    return {
      changes: this.changes,
      operations: this.operations,
      events: this.events,
      waits: this.waits,
      probeTargets: this.probeTargets,
      probeNow: this.probeNow,
      logsWanted: this.logsWanted,
      endpointTable,
      memory: { pods: this.podMemory, deployments: this.deploymentMemory, unusedImages: this.unusedImages },
      wakeAtMs: this.#wakeAtMs,
    };
  }

  /** Keeps the groups right without building them anew: one pass may create thousands of pods. */
  #regroup(old: Pod, now: Pod | undefined): void {
    if (this.#podsByOwner === undefined) return;
    const owner = old.metadata.ownerReferences?.[0]?.uid ?? '';
    const group = this.#podsByOwner.get(owner) ?? [];
    const index = old.metadata.uid === undefined ? -1 : group.findIndex((pod) => pod.metadata.uid === old.metadata.uid);
    if (index >= 0) group.splice(index, 1, ...(now === undefined ? [] : [now]));
    else if (now !== undefined) group.push(now);
    this.#podsByOwner.set(owner, group);
  }

  #remember(object: KubernetesObject): void {
    if (object.kind === 'Pod') {
      this.pods.set(keyOf(object), object);
      this.#regroup(object, object);
    } else if (object.kind === 'ReplicaSet') this.replicaSets.set(keyOf(object), object);
  }
}

function runningOnPorts(containers: Iterable<ObservedContainer>): Map<string, PortHolder> {
  const holders = new Map<string, PortHolder>();
  for (const { labels, phase, name } of containers) {
    const port = labels[LABEL.hostPort];
    if (port !== undefined && (phase === 'running' || phase === 'paused')) holders.set(port, { podUid: labels[LABEL.podUid] ?? '', name });
  }
  return holders;
}

function groupContainers(containers: Iterable<ObservedContainer>): Map<string, ObservedContainer[]> {
  const groups = new Map<string, ObservedContainer[]>();
  for (const container of containers) {
    const uid = container.labels[LABEL.podUid] ?? '';
    const group = groups.get(uid);
    if (group === undefined) groups.set(uid, [container]);
    else group.push(container);
  }
  for (const group of groups.values()) {
    if (group.length > 1) group.sort((a, b) => restartCountOf(b) - restartCountOf(a));
  }
  return groups;
}

function groupPods(pods: Iterable<Pod>): Map<string, Pod[]> {
  const groups = new Map<string, Pod[]>();
  for (const pod of pods) {
    const owner = pod.metadata.ownerReferences?.[0]?.uid ?? '';
    const group = groups.get(owner);
    if (group === undefined) groups.set(owner, [pod]);
    else group.push(pod);
  }
  return groups;
}

export function restartCountOf(container: ObservedContainer): number {
  return Number(container.labels[LABEL.restartCount] ?? 0);
}

export function referenceOf(object: KubernetesObject): string {
  return formatReference(object.kind, object.metadata);
}

/** "1.5 s", for messages. */
export function seconds(milliseconds: number): string {
  return `${(Math.round(milliseconds / 100) / 10).toString()} s`;
}

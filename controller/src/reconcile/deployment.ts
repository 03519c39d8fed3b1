/**
 * Deployment -> ReplicaSets: one ReplicaSet per pod template, and how many pods each should have now.
 * It writes ReplicaSets and the Deployment's status; it never touches pods (replica-set.ts does).
 */
import { ANNOTATION } from '../model/annotations.ts';
import { keyOf } from '../model/objects.ts';
import type { Condition, Deployment, ReplicaSet } from '../model/objects.ts';
import { canonicalJson } from './digest.ts';
import type { Draft } from './draft.ts';
import { referenceOf } from './draft.ts';
import type { PodHealth } from './health.ts';
import { hostPortOf, hostPortRange } from './host-ports.ts';
import { LIMITS } from './limits.ts';
import { hashOf, makeReplicaSet } from './owner.ts';
import { revisionOfTemplate, withResources } from './resources.ts';
import { recreate, rollOut, rolloutBounds } from './rollout.ts';
import type { PodCounts, RolloutStep } from './rollout.ts';
import type { DeploymentMemory } from './world.ts';

export interface ReplicaSetTarget {
  readonly replicaSet: ReplicaSet;
  readonly deployment: Deployment;
  readonly wanted: number;
  /** Of an earlier template. */
  readonly isOutdated: boolean;
  /** How many ports of a pinned range its pods may use, from the first. */
  readonly allowedPorts: number;
  readonly cause: string;
}

export function reconcileDeployment(draft: Draft, deployment: Deployment, replicaSets: readonly ReplicaSet[]): readonly ReplicaSetTarget[] {
  const key = keyOf(deployment);
  const replicas = draft.world.teardown === 'none' ? (deployment.spec.replicas ?? 1) : 0;
  const memory = draft.deploymentMemory.get(key);
  const pods = draft.healthOf(key);
  let current = revisionOfTemplate(deployment.spec.template, replicaSets);
  const isPaused = deployment.spec.paused === true;
  if (current === undefined && !(isPaused && replicaSets.length > 0)) {
    current = makeReplicaSet(deployment, nextRevision(replicaSets), 0);
    const cause = `deployment ${deployment.metadata.name} has a new pod template`;
    // One of an earlier Deployment of this name may be there still.
    if (draft.replicaSets.has(keyOf(current))) draft.update(current, cause);
    else draft.create(current, cause);
  } else if (current === undefined) {
    current = newest(replicaSets);
  } else if (!isPaused && revisionOf(current) < nextRevision(replicaSets) - 1) {
    // Back to an earlier template: it becomes the newest revision.
    current = withRevision(current, nextRevision(replicaSets));
    draft.update(current, 'rolled back to an earlier template');
  }
  if (current === undefined) return [];
  current = withResources(draft, deployment, current, replicaSets, pods);
  const { name } = current.metadata;
  const old = replicaSets.filter((candidate) => candidate.metadata.name !== name);
  const step = planStep(draft, deployment, replicas, current, pods, memory);
  if (memory !== undefined) draft.deploymentMemory.set(key, rememberProgress(memory, step, pods, draft.world.nowMs));
  if (step.blocked !== undefined)
    draft.wait(referenceOf(deployment), 'rollout waits: no free port in the pinned range and maxUnavailable is 0');
  dropHistory(draft, deployment, old, pods);
  writeStatus(draft, deployment, replicas, hashOf(current), pods, step);
  return targets(deployment, replicas, current, old, pods, step);
}

function planStep(
  draft: Draft,
  deployment: Deployment,
  replicas: number,
  current: ReplicaSet,
  pods: readonly PodHealth[],
  memory: DeploymentMemory | undefined,
): RolloutStep {
  const hash = hashOf(current);
  const active = pods.filter(({ isTerminating }) => !isTerminating);
  const newPods = countPods(
    draft,
    deployment,
    active.filter(({ pod }) => hashOf(pod) === hash),
  );
  const oldPods = countPods(
    draft,
    deployment,
    active.filter(({ pod }) => hashOf(pod) !== hash),
  );
  const terminating = pods.length - active.length;
  const displaced = displacedPods(deployment, replicas, active, hash);
  if (deployment.spec.strategy?.type === 'Recreate') {
    const terminatingOld = pods.filter(({ pod, isTerminating }) => isTerminating && hashOf(pod) !== hash).length;
    return { ...recreate(replicas, oldPods.active, terminatingOld), isRollingOut: oldPods.active > 0, blocked: undefined };
  }
  return rollOut({
    replicas,
    bounds: rolloutBounds(deployment.spec, replicas),
    newPods,
    oldPods,
    terminating,
    freePorts: freePortsOf(deployment, pods),
    displaced,
    // A gap below a pod beyond the ports is left by a rollout whose end this process has not seen.
    isRollingOut: (memory?.isRollingOut ?? false) || (displaced > 0 && newPods.active - displaced < replicas),
  });
}

function freePortsOf(deployment: Deployment, pods: readonly PodHealth[]): number | undefined {
  const range = hostPortRange(deployment.spec.template);
  if (range === undefined) return undefined;
  const held = new Set(pods.map(({ pod }) => hostPortOf(pod)));
  let free = 0;
  for (let port = range.first; port <= range.last; port++) if (!held.has(port)) free++;
  return free;
}

function displacedPods(deployment: Deployment, replicas: number, active: readonly PodHealth[], hash: string): number {
  const range = hostPortRange(deployment.spec.template);
  if (range === undefined) return 0;
  return active.filter(({ pod }) => hashOf(pod) === hash && (hostPortOf(pod) ?? 0) >= range.first + replicas).length;
}

function countPods(draft: Draft, deployment: Deployment, pods: readonly PodHealth[]): PodCounts {
  return { active: pods.length, available: pods.filter((health) => isAvailable(draft, deployment, health)).length };
}

/** Ready for minReadySeconds. */
function isAvailable(draft: Draft, deployment: Deployment, { isReady, memory }: PodHealth): boolean {
  if (!isReady || memory.readySinceMs === undefined) return false;
  const availableAtMs = memory.readySinceMs + (deployment.spec.minReadySeconds ?? 0) * 1000;
  if (availableAtMs <= draft.world.nowMs) return true;
  draft.wakeAt(availableAtMs);
  return false;
}

function targets(
  deployment: Deployment,
  replicas: number,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
  pods: readonly PodHealth[],
  step: RolloutStep,
): readonly ReplicaSetTarget[] {
  const allowedPorts = step.isRollingOut ? replicas + rolloutBounds(deployment.spec, replicas).maxSurge : replicas;
  const result: ReplicaSetTarget[] = [];
  const oldActive = old.map((replicaSet) => ({
    replicaSet,
    pods: pods.filter(({ pod, isTerminating }) => !isTerminating && hashOf(pod) === hashOf(replicaSet)),
  }));
  let toRemove = oldActive.reduce((sum, entry) => sum + entry.pods.length, 0) - step.oldWanted;
  const cause = `rollout of deployment ${deployment.metadata.name} to revision ${revisionOf(current)}`;
  // Those with the most pods that do not serve give first, then the oldest revision.
  const order = [...oldActive].sort((a, b) => broken(b.pods) - broken(a.pods) || revisionOf(a.replicaSet) - revisionOf(b.replicaSet));
  for (const { replicaSet, pods: own } of order) {
    const goes = Math.min(toRemove, own.length);
    toRemove -= goes;
    result.push({ replicaSet, deployment, wanted: own.length - goes, isOutdated: true, allowedPorts, cause });
  }
  result.push({
    replicaSet: current,
    deployment,
    wanted: step.newWanted,
    isOutdated: false,
    allowedPorts,
    cause: step.isRollingOut ? cause : `deployment ${deployment.metadata.name} wants ${replicas} replica${replicas === 1 ? '' : 's'}`,
  });
  return result;
}

function broken(pods: readonly PodHealth[]): number {
  return pods.filter(({ isReady }) => !isReady).length;
}

export function revisionOf(replicaSet: ReplicaSet): number {
  return Number(replicaSet.metadata.annotations?.[ANNOTATION.revision] ?? 0);
}

function nextRevision(replicaSets: readonly ReplicaSet[]): number {
  return replicaSets.reduce((most, replicaSet) => Math.max(most, revisionOf(replicaSet)), 0) + 1;
}

function newest(replicaSets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return [...replicaSets].sort((a, b) => revisionOf(b) - revisionOf(a))[0];
}

function withRevision(replicaSet: ReplicaSet, revision: number): ReplicaSet {
  const { metadata } = replicaSet;
  return { ...replicaSet, metadata: { ...metadata, annotations: { ...metadata.annotations, [ANNOTATION.revision]: String(revision) } } };
}

function dropHistory(draft: Draft, deployment: Deployment, old: readonly ReplicaSet[], pods: readonly PodHealth[]): void {
  const limit = deployment.spec.revisionHistoryLimit ?? LIMITS.defaultRevisionHistory;
  const empty = old.filter((replicaSet) => !pods.some(({ pod }) => hashOf(pod) === hashOf(replicaSet)));
  const surplus = empty.sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, Math.max(empty.length - limit, 0));
  for (const replicaSet of surplus) draft.delete('ReplicaSet', replicaSet, `revisionHistoryLimit is ${limit}`);
}

function rememberProgress(memory: DeploymentMemory, step: RolloutStep, pods: readonly PodHealth[], nowMs: number): DeploymentMemory {
  const ready = pods.filter(({ isReady }) => isReady).length;
  const progressDigest = `${step.newWanted}/${step.oldWanted}/${ready}/${pods.length}`;
  const hasMoved = progressDigest !== memory.progressDigest;
  return { ...memory, isRollingOut: step.isRollingOut, progressDigest, progressedAtMs: hasMoved ? nowMs : memory.progressedAtMs };
}

function writeStatus(
  draft: Draft,
  deployment: Deployment,
  replicas: number,
  hash: string,
  pods: readonly PodHealth[],
  step: RolloutStep,
): void {
  const { nowMs } = draft.world;
  const memory = draft.deploymentMemory.get(keyOf(deployment));
  const active = pods.filter(({ isTerminating }) => !isTerminating);
  const updated = active.filter(({ pod }) => hashOf(pod) === hash);
  const ready = active.filter(({ isReady }) => isReady);
  const available = active.filter((health) => isAvailable(draft, deployment, health));
  const { maxUnavailable } = rolloutBounds(deployment.spec, replicas);
  const isAvailableEnough = available.length >= replicas - maxUnavailable && (replicas === 0 || available.length > 0);
  const isComplete = updated.length === replicas && active.length === replicas && available.length === replicas;
  const deadlineMs = (deployment.spec.progressDeadlineSeconds ?? LIMITS.defaultProgressDeadlineSeconds) * 1000;
  const isOverdue = !isComplete && memory !== undefined && nowMs - memory.progressedAtMs > deadlineMs;
  if (!isComplete && !isOverdue && memory !== undefined) draft.wakeAt(memory.progressedAtMs + deadlineMs + 1);
  const conditions = [
    isAvailableEnough
      ? condition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
      : condition('Available', 'False', 'MinimumReplicasUnavailable', `${available.length} of ${replicas} pods are available.`),
    progressing(deployment, step, isComplete, isOverdue, updated.length, replicas),
    ...(memory?.suspension === undefined ? [] : [condition('RestartsSuspended', 'True', 'DependencyOrDisruption', memory.suspension)]),
  ].map((wanted) => keepTransition(deployment, wanted, draft.timestamp));
  const counts = {
    replicas: active.length,
    updatedReplicas: updated.length,
    readyReplicas: ready.length,
    availableReplicas: available.length,
    unavailableReplicas: Math.max(replicas - available.length, 0),
  };
  const status = {
    observedGeneration: deployment.metadata.generation ?? 1,
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    conditions,
  };
  if (canonicalJson(status) === canonicalJson(deployment.status ?? {})) return;
  draft.setStatus({ ...deployment, status });
  announceSuspension(draft, deployment, memory?.suspension);
}

function announceSuspension(draft: Draft, deployment: Deployment, suspension: string | undefined): void {
  const was = deployment.status?.conditions?.some(({ type }) => type === 'RestartsSuspended') ?? false;
  if (suspension !== undefined && !was) draft.emit(deployment, 'Warning', 'RestartsSuspended', suspension);
  if (suspension === undefined && was) draft.emit(deployment, 'Normal', 'RestartsResumed', 'Pods whose probes fail are restarted again.');
}

function progressing(
  deployment: Deployment,
  step: RolloutStep,
  isComplete: boolean,
  isOverdue: boolean,
  updated: number,
  replicas: number,
): Condition {
  if (deployment.spec.paused === true) return condition('Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused.');
  if (step.blocked !== undefined)
    return condition('Progressing', 'False', step.blocked, 'No free port in the pinned range and maxUnavailable is 0.');
  if (isComplete) return condition('Progressing', 'True', 'NewReplicaSetAvailable', 'The newest ReplicaSet is fully available.');
  if (isOverdue)
    return condition(
      'Progressing',
      'False',
      'ProgressDeadlineExceeded',
      `${updated} of ${replicas} pods are updated; nothing has moved within the progress deadline.`,
    );
  return condition('Progressing', 'True', 'ReplicaSetUpdated', `${updated} of ${replicas} pods are updated.`);
}

function condition(type: string, status: Condition['status'], reason: string, message: string): Condition {
  return { type, status, reason, message };
}

function keepTransition(deployment: Deployment, wanted: Condition, timestamp: string): Condition {
  const previous = deployment.status?.conditions?.find(({ type }) => type === wanted.type);
  const since = previous?.status === wanted.status ? previous.lastTransitionTime : undefined;
  return { ...wanted, lastTransitionTime: since ?? timestamp };
}

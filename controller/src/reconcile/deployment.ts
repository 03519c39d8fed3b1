/**
 * Deployment -> how many pods each of its ReplicaSets should have now. Which ReplicaSet is the newest says revisions.ts, what people read of
 * it deployment-status.ts; pods are made and retired in replica-set.ts.
 */
import { keyOf } from '../model/objects.ts';
import type { Deployment, ReplicaSet } from '../model/objects.ts';
import { isAvailable, servingRank, writeDeploymentStatus } from './deployment-status.ts';
import type { Draft } from './draft.ts';
import { referenceOf } from './draft.ts';
import { isUnproven } from './health.ts';
import type { PodHealth } from './health.ts';
import { hostPortOf, hostPortRange } from './host-ports.ts';
import { hashOf } from './owner.ts';
import { withResources } from './resources.ts';
import { currentRevision, dropHistory, revisionOf, writeRevision } from './revisions.ts';
import { holdStill, recreate, rollOut, rolloutBounds } from './rollout.ts';
import type { PodCounts, RolloutStep } from './rollout.ts';
import type { DeploymentMemory } from './world.ts';

export interface ReplicaSetTarget {
  readonly replicaSet: ReplicaSet;
  readonly deployment: Deployment;
  readonly wanted: number;
  /** Beside pods of another template: those that do not serve go first, because the bounds count on those that do. */
  readonly isInRollout: boolean;
  /** How many ports of a pinned range its pods may use, from the first. */
  readonly allowedPorts: number;
  readonly cause: string;
}

export function reconcileDeployment(draft: Draft, deployment: Deployment, replicaSets: readonly ReplicaSet[]): readonly ReplicaSetTarget[] {
  const key = keyOf(deployment);
  const isEnding = draft.world.teardown !== 'none' || deployment.metadata.deletionTimestamp !== undefined;
  const replicas = isEnding ? 0 : (deployment.spec.replicas ?? 1);
  const memory = draft.deploymentMemory.get(key);
  const pods = draft.healthOf(key);
  const found = currentRevision(draft, deployment, replicaSets);
  const current = found.isOfTemplate ? withResources(draft, deployment, found.replicaSet, replicaSets, pods) : found.replicaSet;
  const revision = { ...found, replicaSet: current };
  const { name } = current.metadata;
  const old = replicaSets.filter((candidate) => candidate.metadata.name !== name);
  const isHeld = deployment.spec.paused === true && !isEnding;
  const step = isHeld ? heldStep(draft, deployment, replicas, memory) : planStep(draft, deployment, replicas, current, pods, memory);
  if (memory !== undefined) draft.deploymentMemory.set(key, { ...memory, isRollingOut: step.isRollingOut });
  if (step.blocked !== undefined)
    draft.wait(referenceOf(deployment), 'rollout waits: no free port in the pinned range and maxUnavailable is 0');
  dropHistory(draft, deployment, old, pods);
  const written = writeRevision(draft, deployment, revision);
  writeDeploymentStatus(draft, written, { replicas, revision, pods, step });
  return isHeld
    ? heldTargets(draft, written, replicas, [...newestLast(old), current], pods)
    : targets(draft, written, replicas, current, old, pods, step);
}

/** A paused Deployment makes no step; what it had begun is gone on with when it is resumed. */
function heldStep(draft: Draft, deployment: Deployment, replicas: number, memory: DeploymentMemory | undefined): RolloutStep {
  draft.wait(referenceOf(deployment), 'it is paused: no rollout begins or goes on, scaling works');
  return { newWanted: replicas, oldWanted: 0, isRollingOut: memory?.isRollingOut ?? false, blocked: undefined };
}

function heldTargets(
  draft: Draft,
  deployment: Deployment,
  replicas: number,
  replicaSets: readonly ReplicaSet[],
  pods: readonly PodHealth[],
): readonly ReplicaSetTarget[] {
  const bounds = rolloutBounds(deployment.spec, replicas);
  const isKnown = draft.world.memory.deployments.has(keyOf(deployment));
  const groups = replicaSets.map((replicaSet) =>
    pods.filter(({ pod, isTerminating }) => !isTerminating && hashOf(pod) === hashOf(replicaSet)),
  );
  const present = groups.map(({ length }) => length);
  // After a start nobody knows yet what was wanted: what is there is kept.
  const sizes = replicaSets.map((replicaSet, index) => (isKnown ? replicaSet.spec.replicas : present[index]) ?? 0);
  const available = groups.map((group) => countPods(draft, deployment, group).available);
  const scaled = holdStill(sizes, present, available, replicas, bounds);
  // Right after a start nobody knows yet which pods serve: none is retired.
  const wanted = isReadinessKnown(draft, replicas, pods) ? scaled : scaled.map((size, index) => Math.max(size, present[index] ?? 0));
  const isMixed = present.filter((count) => count > 0).length > 1;
  return replicaSets.map((replicaSet, index) => ({
    replicaSet,
    deployment,
    wanted: wanted[index] ?? 0,
    isInRollout: isMixed,
    allowedPorts: replicas + bounds.maxSurge,
    cause: `deployment ${deployment.metadata.name} is paused and wants ${replicas} replica${replicas === 1 ? '' : 's'}`,
  }));
}

function newestLast(replicaSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  return [...replicaSets].sort((a, b) => revisionOf(a) - revisionOf(b));
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
  if (!isReadinessKnown(draft, replicas, pods)) return waitForProbes(draft, deployment, replicas, newPods, oldPods, memory);
  const terminating = pods.length - active.length;
  const displaced = countPods(draft, deployment, displacedPods(deployment, replicas, active, hash));
  const state = {
    replicas,
    bounds: rolloutBounds(deployment.spec, replicas),
    newPods,
    oldPods,
    terminating,
    freePorts: freePortsOf(deployment, pods),
    displaced,
    isRollingOut: memory?.isRollingOut ?? false,
  };
  const isRecreate = deployment.spec.strategy?.type === 'Recreate';
  const step = isRecreate ? recreate(state) : rollOut(state);
  if (displaced.active > 0 && oldPods.active === 0 && step.newWanted > replicas)
    draft.wait(
      referenceOf(deployment),
      `pods on other ports than the first ${replicas} of the range stay until those on the first ones serve`,
    );
  return step;
}

/** Whether it is known which of the pods serve, or none is to: only then may one be retired. */
function isReadinessKnown(draft: Draft, replicas: number, pods: readonly PodHealth[]): boolean {
  if (replicas === 0) return true;
  return draft.world.isReadinessKnown && !pods.some((health) => isUnproven(draft, health));
}

/** After a start nobody knows yet which pods serve: none is retired, and a rollout goes on once they have been probed. */
function waitForProbes(
  draft: Draft,
  deployment: Deployment,
  replicas: number,
  newPods: PodCounts,
  oldPods: PodCounts,
  memory: DeploymentMemory | undefined,
): RolloutStep {
  const isMixed = oldPods.active > 0;
  const newWanted = isMixed ? newPods.active : Math.max(newPods.active, replicas);
  if (isMixed || newPods.active > replicas)
    draft.wait(referenceOf(deployment), 'which of its pods serve is not known yet: none is retired before they have been probed');
  return { newWanted, oldWanted: oldPods.active, isRollingOut: isMixed || (memory?.isRollingOut ?? false), blocked: undefined };
}

function freePortsOf(deployment: Deployment, pods: readonly PodHealth[]): number | undefined {
  const range = hostPortRange(deployment.spec.template);
  if (range === undefined) return undefined;
  const held = new Set(pods.map(({ pod }) => hostPortOf(pod)));
  let free = 0;
  for (let port = range.first; port <= range.last; port++) if (!held.has(port)) free++;
  return free;
}

function displacedPods(deployment: Deployment, replicas: number, active: readonly PodHealth[], hash: string): readonly PodHealth[] {
  const range = hostPortRange(deployment.spec.template);
  if (range === undefined) return [];
  return active.filter(({ pod }) => hashOf(pod) === hash && (hostPortOf(pod) ?? 0) >= range.first + replicas);
}

function countPods(draft: Draft, deployment: Deployment, pods: readonly PodHealth[]): PodCounts {
  const ready = pods.filter(({ isReady }) => isReady);
  return { active: pods.length, ready: ready.length, available: ready.filter((health) => isAvailable(draft, deployment, health)).length };
}

function targets(
  draft: Draft,
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
  const cause = `rollout of deployment ${deployment.metadata.name} to revision ${revisionOf(current)}`;
  const order = oldActive.sort((a, b) => revisionOf(a.replicaSet) - revisionOf(b.replicaSet));
  const kept = keptPods(draft, deployment, order, step.oldWanted);
  for (const [index, { replicaSet }] of order.entries())
    result.push({ replicaSet, deployment, wanted: kept[index] ?? 0, isInRollout: true, allowedPorts, cause });
  result.push({
    replicaSet: current,
    deployment,
    wanted: step.newWanted,
    isInRollout: oldActive.some(({ pods: own }) => own.length > 0),
    allowedPorts,
    cause: step.isRollingOut ? cause : `deployment ${deployment.metadata.name} wants ${replicas} replica${replicas === 1 ? '' : 's'}`,
  });
  return result;
}

/** How many pods each old ReplicaSet keeps. Those that are not available go first, whichever they belong to; then those of the oldest revision. */
function keptPods(
  draft: Draft,
  deployment: Deployment,
  old: readonly { readonly pods: readonly PodHealth[] }[],
  oldWanted: number,
): readonly number[] {
  const kept = old.map(({ pods }) => pods.length);
  let toRemove = Math.max(kept.reduce((sum, count) => sum + count, 0) - oldWanted, 0);
  for (const rank of [0, 1, 2]) {
    for (const [index, { pods }] of old.entries()) {
      const goes = Math.min(toRemove, pods.filter((health) => servingRank(draft, deployment, health) === rank).length);
      kept[index] = (kept[index] ?? 0) - goes;
      toRemove -= goes;
    }
  }
  return kept;
}

/**
 * The status of a Deployment as people and kubectl read it: counts, Available, Progressing, and why a rollout does not get on.
 * A rollout is measured by how far it has come; whatever happens to pods after it was complete is no rollout and has no deadline.
 */
import { ANNOTATION } from '../model/annotations.ts';
import { deepEqual } from '../model/deep-equal.ts';
import { keyOf } from '../model/objects.ts';
import type { Condition, Deployment, ReplicaSet } from '../model/objects.ts';
import type { Draft } from './draft.ts';
import type { PodHealth } from './health.ts';
import { LIMITS } from './limits.ts';
import { hashOf } from './owner.ts';
import type { CurrentRevision } from './revisions.ts';
import { rolloutBounds } from './rollout.ts';
import type { RolloutStep } from './rollout.ts';
import { rolloutTrouble } from './rollout-trouble.ts';
import type { RolloutTrouble } from './rollout-trouble.ts';
import type { RolloutProgress } from './world.ts';

export interface RolloutView {
  readonly replicas: number;
  readonly revision: CurrentRevision;
  readonly pods: readonly PodHealth[];
  readonly step: RolloutStep;
}

interface Counts {
  readonly active: number;
  readonly updated: number;
  readonly ready: number;
  readonly available: number;
  readonly updatedAvailable: number;
}

/** Ready for minReadySeconds. */
export function isAvailable(draft: Draft, deployment: Deployment, { isReady, memory }: PodHealth): boolean {
  if (!isReady || memory.readySinceMs === undefined) return false;
  const availableAtMs = memory.readySinceMs + (deployment.spec.minReadySeconds ?? 0) * 1000;
  if (availableAtMs <= draft.world.nowMs) return true;
  draft.wakeAt(availableAtMs);
  return false;
}

/** 0 = does not serve, 1 = serves but not for minReadySeconds yet, 2 = available. */
export function servingRank(draft: Draft, deployment: Deployment, health: PodHealth): 0 | 1 | 2 {
  if (isAvailable(draft, deployment, health)) return 2;
  return health.isReady ? 1 : 0;
}

export function writeDeploymentStatus(draft: Draft, deployment: Deployment, view: RolloutView): void {
  const { replicas, revision } = view;
  const key = keyOf(deployment);
  const counts = countPods(draft, deployment, view);
  // On pinned ports every pod may be new and serve, and some still have to move to the ports that the last old ones give back.
  const isInPlace = revision.isOfTemplate && !view.step.isRollingOut;
  const isComplete = isInPlace && [counts.updated, counts.active, counts.available].every((count) => count === replicas);
  const memory = draft.deploymentMemory.get(key);
  const trouble = isComplete ? undefined : troubleOf(draft, view);
  const target = `${hashOf(revision.replicaSet)} ${replicas}`;
  const wasComplete = isNotedComplete(revision);
  const progress = rememberProgress(memory?.progress, deployment, counts, { target, isComplete, wasComplete, nowMs: draft.world.nowMs });
  if (isComplete && !wasComplete) noteComplete(draft, revision.replicaSet);
  const isOverdue = checkDeadline(draft, deployment, progress);
  const toldTrouble = announceTrouble(draft, deployment, progress, trouble);
  if (memory !== undefined) draft.deploymentMemory.set(key, { ...memory, progress: { ...progress, toldTrouble } });

  const conditions = [
    availability(deployment, replicas, counts),
    progressing(deployment, view, counts, progress, { isOverdue, trouble }),
    ...(memory?.suspension === undefined ? [] : [condition('RestartsSuspended', 'True', 'DependencyOrDisruption', memory.suspension)]),
  ].map((wanted) => keepTransition(deployment, wanted, draft.timestamp));
  const numbers = {
    replicas: counts.active,
    updatedReplicas: counts.updated,
    readyReplicas: counts.ready,
    availableReplicas: counts.available,
    unavailableReplicas: Math.max(replicas - counts.available, 0),
  };
  const status = {
    observedGeneration: deployment.metadata.generation ?? 1,
    ...Object.fromEntries(Object.entries(numbers).filter(([, count]) => count > 0)),
    conditions,
  };
  if (deepEqual(status, deployment.status ?? {})) return;
  draft.setStatus({ ...deployment, status });
  announceSuspension(draft, deployment, memory?.suspension);
  announceOverdue(draft, deployment, conditions);
}

function countPods(draft: Draft, deployment: Deployment, { pods, revision }: RolloutView): Counts {
  const active = pods.filter(({ isTerminating }) => !isTerminating);
  const hash = revision.isOfTemplate ? hashOf(revision.replicaSet) : undefined;
  const updated = active.filter(({ pod }) => hashOf(pod) === hash);
  const available = active.filter((health) => isAvailable(draft, deployment, health));
  return {
    active: active.length,
    updated: updated.length,
    ready: active.filter(({ isReady }) => isReady).length,
    available: available.length,
    updatedAvailable: available.filter(({ pod }) => hashOf(pod) === hash).length,
  };
}

/** Among the newest pods, the one that says most about why they do not serve. */
function troubleOf(draft: Draft, { pods, revision }: RolloutView): RolloutTrouble | undefined {
  const hash = hashOf(revision.replicaSet);
  return rolloutTrouble(
    draft,
    pods.filter(({ pod, isTerminating, isReady }) => !isTerminating && !isReady && hashOf(pod) === hash),
  );
}

/** By an earlier life of the control plane: this one has not seen it. */
function isNotedComplete({ replicaSet, isOfTemplate }: CurrentRevision): boolean {
  const { annotations = {} } = replicaSet.metadata;
  const present = annotations[ANNOTATION.revision];
  return isOfTemplate && present !== undefined && annotations[ANNOTATION.completedRevision] === present;
}

function noteComplete(draft: Draft, replicaSet: ReplicaSet): void {
  const { metadata } = replicaSet;
  const present = metadata.annotations?.[ANNOTATION.revision];
  if (present === undefined) return;
  const completed = { [ANNOTATION.completedRevision]: present };
  draft.update({ ...replicaSet, metadata: { ...metadata, annotations: { ...metadata.annotations, ...completed } } }, 'it is rolled out');
}

function rememberProgress(
  before: RolloutProgress | undefined,
  deployment: Deployment,
  counts: Counts,
  {
    target,
    isComplete,
    wasComplete,
    nowMs,
  }: { readonly target: string; readonly isComplete: boolean; readonly wasComplete: boolean; readonly nowMs: number },
): RolloutProgress {
  const { updated, updatedAvailable: available } = counts;
  const old = counts.active - updated;
  const isSameTemplate = before?.target.split(' ')[0] === target.split(' ')[0];
  if (before === undefined || before.target !== target) {
    const toldTrouble = isSameTemplate ? (before?.toldTrouble ?? '') : '';
    // A scale of what was complete is no rollout.
    return {
      target,
      updated,
      available,
      old,
      atMs: nowMs,
      isComplete: isComplete || (before === undefined ? wasComplete : isSameTemplate && before.isComplete),
      toldTrouble,
    };
  }
  const isFurther = updated > before.updated || available > before.available || old < before.old;
  return {
    target,
    updated: Math.max(updated, before.updated),
    available: Math.max(available, before.available),
    old: Math.min(old, before.old),
    atMs: isFurther || deployment.spec.paused === true ? nowMs : before.atMs,
    isComplete: before.isComplete || isComplete,
    toldTrouble: isComplete ? '' : before.toldTrouble,
  };
}

function checkDeadline(draft: Draft, { spec }: Deployment, { atMs, isComplete }: RolloutProgress): boolean {
  if (isComplete || spec.paused === true) return false;
  const deadlineMs = atMs + (spec.progressDeadlineSeconds ?? LIMITS.defaultProgressDeadlineSeconds) * 1000;
  if (draft.world.nowMs > deadlineMs) return true;
  draft.wakeAt(deadlineMs + 1);
  return false;
}

function availability({ spec }: Deployment, replicas: number, { available }: Counts): Condition {
  const { maxUnavailable } = rolloutBounds(spec, replicas);
  return available >= replicas - maxUnavailable && (replicas === 0 || available > 0)
    ? condition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
    : condition('Available', 'False', 'MinimumReplicasUnavailable', `${available} of ${replicas} pods are available.`);
}

function progressing(
  { spec }: Deployment,
  { replicas, step, revision }: RolloutView,
  { updated }: Counts,
  progress: RolloutProgress,
  { isOverdue, trouble }: { readonly isOverdue: boolean; readonly trouble: RolloutTrouble | undefined },
): Condition {
  const soFar = `${updated} of ${replicas} pods are updated`;
  const why = trouble === undefined ? '' : ` ${trouble.text}`;
  if (spec.paused === true) return condition('Progressing', 'Unknown', 'DeploymentPaused', `Deployment is paused: ${soFar}.`);
  if (step.blocked !== undefined)
    return condition('Progressing', 'False', step.blocked, 'No free port in the pinned range and maxUnavailable is 0.');
  if (progress.isComplete) {
    const message = `ReplicaSet "${revision.replicaSet.metadata.name}" has successfully progressed.`;
    return condition('Progressing', 'True', 'NewReplicaSetAvailable', message);
  }
  if (isOverdue) {
    const deadline = spec.progressDeadlineSeconds ?? LIMITS.defaultProgressDeadlineSeconds;
    return condition('Progressing', 'False', 'ProgressDeadlineExceeded', `${soFar}, and nothing has moved for ${deadline} s.${why}`);
  }
  return condition('Progressing', 'True', 'ReplicaSetUpdated', `${soFar}.${why}`);
}

/** Once for each trouble, with the last lines of its container if it has any. Returns what was told. */
function announceTrouble(
  draft: Draft,
  deployment: Deployment,
  { isComplete, toldTrouble }: RolloutProgress,
  trouble: RolloutTrouble | undefined,
): string {
  if (trouble === undefined || isComplete || trouble.key === toldTrouble || trouble.isLogAwaited) return toldTrouble;
  draft.emit(deployment, 'Warning', 'RolloutTrouble', trouble.text);
  return trouble.key;
}

function announceSuspension(draft: Draft, deployment: Deployment, suspension: string | undefined): void {
  const was = deployment.status?.conditions?.some(({ type }) => type === 'RestartsSuspended') ?? false;
  if (suspension !== undefined && !was) draft.emit(deployment, 'Warning', 'RestartsSuspended', suspension);
  if (suspension === undefined && was) draft.emit(deployment, 'Normal', 'RestartsResumed', 'Pods whose probes fail are restarted again.');
}

function announceOverdue(draft: Draft, deployment: Deployment, conditions: readonly Condition[]): void {
  const isOverdue = ({ reason }: Condition): boolean => reason === 'ProgressDeadlineExceeded';
  const now = conditions.find(isOverdue);
  if (now === undefined || deployment.status?.conditions?.some(isOverdue) === true) return;
  draft.emit(deployment, 'Warning', 'ProgressDeadlineExceeded', now.message ?? '');
}

function condition(type: string, status: Condition['status'], reason: string, message: string): Condition {
  return { type, status, reason, message };
}

function keepTransition(deployment: Deployment, wanted: Condition, timestamp: string): Condition {
  const previous = deployment.status?.conditions?.find(({ type }) => type === wanted.type);
  const since = previous?.status === wanted.status ? previous.lastTransitionTime : undefined;
  return { ...wanted, lastTransitionTime: since ?? timestamp };
}

/**
 * Which containers are condemned: killed and replaced. The rules, first match wins:
 *   1. the container ended                          -> replaced, after its backoff
 *   2. a probe wants a restart, a dependency is down -> suspended (a shared dependency dying is no reason to restart everyone)
 *   3. a probe wants a restart, the dependency was not yet asked since -> it is probed first; the answer decides
 *   4. more than half of the pods (and at least 2) failed liveness within 2 s -> one at a time, on only while it helps
 *   5. a probe wants a restart                      -> condemned
 */
import { parseDependsOn } from '../model/annotation-values.ts';
import { ANNOTATION } from '../model/annotations.ts';
import { keyOf } from '../model/objects.ts';
import type { Deployment, ObjectKey } from '../model/objects.ts';
import type { ProbeVerdict } from '../model/observed.ts';
import type { Draft } from './draft.ts';
import { referenceOf, seconds } from './draft.ts';
import { backoffAfter, restartVerdict } from './health.ts';
import type { PodHealth } from './health.ts';
import { LIMITS } from './limits.ts';
import type { DeploymentMemory, PodMemory } from './world.ts';

export type HealthByDeployment = ReadonlyMap<ObjectKey, readonly PodHealth[]>;

/** Updates each Deployment's memory of its ready pods, before any decision looks at it. */
export function rememberDeployments(draft: Draft, healthByDeployment: HealthByDeployment): void {
  const { nowMs, memory, objects } = draft.world;
  for (const [key] of objects.Deployment) {
    const previous = memory.deployments.get(key);
    const pods = healthByDeployment.get(key) ?? [];
    let readyPods = 0;
    for (const health of pods) if (health.isReady && !health.isTerminating) readyPods++;
    draft.deploymentMemory.set(key, {
      readyPods,
      lostReadyAtMs: previous !== undefined && readyPods < previous.readyPods ? nowMs : previous?.lostReadyAtMs,
      returnedAtMs: previous?.readyPods === 0 && readyPods > 0 ? nowMs : previous?.returnedAtMs,
      livenessFailures: rememberFailures(previous, pods, nowMs),
      suspension: undefined,
      isRollingOut: previous?.isRollingOut ?? false,
      progress: previous?.progress,
    });
  }
}

function rememberFailures(
  previous: DeploymentMemory | undefined,
  pods: readonly PodHealth[],
  nowMs: number,
): DeploymentMemory['livenessFailures'] {
  const recent = (previous?.livenessFailures ?? []).filter(({ atMs }) => nowMs - atMs <= LIMITS.disruptionWindowMs);
  for (const { uid, probes, current } of pods) {
    if (current?.phase !== 'running' || probes.liveness?.isPassing !== false) continue;
    const known = recent.findIndex(({ podUid }) => podUid === uid);
    // A pod that still fails keeps counting, by its own time.
    if (known < 0) recent.push({ podUid: uid, atMs: Math.max(probes.liveness.sinceMs, nowMs - LIMITS.disruptionWindowMs) });
  }
  return recent;
}

export function condemn(draft: Draft, healthByDeployment: HealthByDeployment): void {
  for (const [key, pods] of healthByDeployment) {
    const deployment = draft.world.objects.Deployment.get(key);
    clearBackoffsOnReturn(draft, deployment, pods);
    let isOneRestarting = pods.some(isRecovering);
    const isOnlyPod = pods.length === 1;
    for (const health of pods) {
      if (isOnlyPod) health.memory = waitingAtMost(health.memory, draft.world.nowMs);
      if (health.isTerminating || health.memory.condemned !== undefined) continue;
      const cause = causeOfRestart(draft, key, deployment, health, pods, isOneRestarting);
      if (cause === undefined) continue;
      isOneRestarting = true;
      const condemned = { ...health.memory, ...backoffAfter(health.memory, draft.world.nowMs), condemned: cause };
      health.memory = isOnlyPod ? waitingAtMost(condemned, draft.world.nowMs) : condemned;
      health.isReady = false;
      announceBackOff(draft, health, cause);
    }
  }
}

/** The only pod of a Deployment: there is nobody else to serve meanwhile. */
function waitingAtMost(memory: PodMemory, nowMs: number): PodMemory {
  const latestMs = nowMs + LIMITS.onlyPodBackoffMostMs;
  if (memory.notBeforeMs <= latestMs) return memory;
  return { ...memory, notBeforeMs: latestMs, delayMs: LIMITS.onlyPodBackoffMostMs };
}

/** The same text every time, so that it is one event with a count. */
function announceBackOff(draft: Draft, { pod, memory }: PodHealth, cause: string): void {
  if (memory.delayMs === 0) return;
  const container = pod.spec.containers[0]?.name ?? '';
  draft.emit(pod, 'Warning', 'BackOff', `Back-off restarting failed container ${container} in pod ${pod.metadata.name}: ${cause}`);
}

function causeOfRestart(
  draft: Draft,
  key: ObjectKey,
  deployment: Deployment | undefined,
  health: PodHealth,
  pods: readonly PodHealth[],
  isOneRestarting: boolean,
): string | undefined {
  const { current, pod } = health;
  if (current === undefined) return undefined;
  const failure = draft.world.observed.failures.get(`container:${current.id}`);
  if (current.phase === 'created' && failure?.verb === 'StartContainer' && failure.count >= LIMITS.startsMost) {
    return `it could not be started ${failure.count} times: ${failure.message}`;
  }
  if (current.phase === 'exited' || current.phase === 'dead') {
    const policy = pod.spec.restartPolicy ?? 'Always';
    if (policy === 'Never' || (policy === 'OnFailure' && current.exitCode === 0)) return undefined;
    return `container exited with code ${current.exitCode}${current.isOomKilled ? ' (OOMKilled: out of memory)' : ''}`;
  }
  const wanted = restartVerdict(health);
  if (wanted === undefined) return undefined;
  const cause = `${wanted.kind} probe failed: ${wanted.verdict.lastFailure}`;
  if (deployment === undefined) return cause;

  const suspension = suspendedByDependency(draft, deployment);
  if (suspension !== undefined) {
    suspend(draft, key, suspension);
    draft.wait(referenceOf(pod), `restart suspended (${cause}): ${suspension}`);
    return undefined;
  }
  const unasked = unaskedDependency(draft, deployment, wanted.verdict);
  if (unasked !== undefined) {
    draft.wait(referenceOf(pod), `restart not decided yet (${cause}): asking ${unasked} whether it is well`);
    return undefined;
  }
  if (wanted.kind === 'liveness' && isDisruption(draft, key, pods) && isOneRestarting) {
    const failed = draft.deploymentMemory.get(key)?.livenessFailures.length ?? 0;
    const text = `${failed} of ${pods.length} pods failed liveness within ${seconds(LIMITS.disruptionWindowMs)}: one restart at a time, waiting to see whether it helps`;
    suspend(draft, key, text);
    draft.wait(referenceOf(pod), `restart suspended (${cause}): ${text}`);
    return undefined;
  }
  return cause;
}

/** Being restarted, or restarted and not ready again yet. */
function isRecovering({ memory, isReady, isTerminating }: PodHealth): boolean {
  if (isTerminating) return false;
  return (
    memory.condemned !== undefined || (!isReady && memory.restartCount > 0 && memory.readyForMs === 0 && memory.readySinceMs === undefined)
  );
}

function isDisruption(draft: Draft, key: ObjectKey, pods: readonly PodHealth[]): boolean {
  const failed = draft.deploymentMemory.get(key)?.livenessFailures.length ?? 0;
  return failed >= 2 && failed > pods.length / 2;
}

function suspend(draft: Draft, key: ObjectKey, suspension: string): void {
  const memory = draft.deploymentMemory.get(key);
  if (memory !== undefined) draft.deploymentMemory.set(key, { ...memory, suspension });
}

/** The Deployments a Deployment waits for, by key. */
export function dependenciesOf(deployment: Deployment): readonly ObjectKey[] {
  const text =
    deployment.spec.template.metadata?.annotations?.[ANNOTATION.dependsOn] ?? deployment.metadata.annotations?.[ANNOTATION.dependsOn];
  // Nobody waits for itself.
  return (parseDependsOn(text ?? '') ?? [])
    .map((name) => `${deployment.metadata.namespace ?? ''}/${name}`)
    .filter((key) => key !== keyOf(deployment));
}

function suspendedByDependency(draft: Draft, deployment: Deployment): string | undefined {
  const { nowMs } = draft.world;
  for (const key of dependenciesOf(deployment)) {
    const name = `deployment/${key.slice(key.indexOf('/') + 1)}`;
    const memory = draft.deploymentMemory.get(key);
    const isScaledToZero = draft.world.objects.Deployment.get(key)?.spec.replicas === 0;
    if (memory === undefined || memory.readyPods === 0 || isScaledToZero) return `${name} has no ready pod`;
    if (memory.lostReadyAtMs !== undefined && nowMs - memory.lostReadyAtMs < LIMITS.dependencyLossMs) {
      draft.wakeAt(memory.lostReadyAtMs + LIMITS.dependencyLossMs);
      return `${name} lost a ready pod ${seconds(nowMs - memory.lostReadyAtMs)} ago`;
    }
    if (memory.returnedAtMs !== undefined && nowMs - memory.returnedAtMs < LIMITS.dependencyReturnMs) {
      draft.wakeAt(memory.returnedAtMs + LIMITS.dependencyReturnMs);
      return `${name} came back ${seconds(nowMs - memory.returnedAtMs)} ago`;
    }
  }
  return undefined;
}

/** The dependency that has to answer first, if any. */
function unaskedDependency(draft: Draft, deployment: Deployment, failed: ProbeVerdict): string | undefined {
  const key = dependenciesOf(deployment).find((dependency) => !wasAskedSince(draft, dependency, failed.sinceMs));
  return key === undefined ? undefined : `deployment/${key.slice(key.indexOf('/') + 1)}`;
}

/** A dependency can die before anyone has noticed: its pods are probed after the failure they may have caused, and their answer awaited. */
function wasAskedSince(draft: Draft, key: ObjectKey, sinceMs: number): boolean {
  let isAnswered = true;
  for (const health of draft.healthOf(key)) {
    const containerProbe = health.pod.spec.containers[0]?.readinessProbe;
    // One that is being stopped is not probed any more: it would be asked for ever.
    if (!health.isReady || health.isTerminating || containerProbe === undefined || health.current === undefined) continue;
    if ((health.probes.readiness?.lastStartedAtMs ?? 0) < sinceMs) {
      draft.probeNow.push(health.current.id);
      isAnswered = false;
    }
  }
  return isAnswered;
}

function clearBackoffsOnReturn(draft: Draft, deployment: Deployment | undefined, pods: readonly PodHealth[]): void {
  if (deployment === undefined) return;
  const hasReturned = dependenciesOf(deployment).some((key) => draft.deploymentMemory.get(key)?.returnedAtMs === draft.world.nowMs);
  if (!hasReturned) return;
  for (const health of pods) {
    health.memory = { ...health.memory, notBeforeMs: 0, delayMs: 0, backoffMs: LIMITS.backoffFirstMs };
    if (health.current?.phase === 'running') draft.probeNow.push(health.current.id);
  }
}

/**
 * Pod -> Docker operations. A pod has one current container; older ones only remain until they are gone. The rules for a pod that
 * stays, first match wins:
 *   no container                       -> create it (its image, network, volumes and files first)
 *   condemned or ended, to be replaced -> kill it, and create its successor beside the kill
 *   created                            -> start it once its predecessor has let go of the name, port and volumes, and its backoff is over
 *   paused                             -> unpause it (drift)
 *   running, not on its network        -> connect it (drift)
 *   running, other resources           -> change them as it runs
 * A terminating pod stops in order: out of rotation, drained, preStop, SIGTERM, grace period, SIGKILL, logs saved, removed.
 * Never: an operation on a container whose pod it is not; a start beside a running predecessor.
 */
import type { ObservedContainer } from '../model/observed.ts';
import { keyOf } from '../model/objects.ts';
import type { Pod } from '../model/objects.ts';
import type { ContainerEnding } from '../model/operation.ts';
import { containerSpec, networkName } from './container-spec.ts';
import type { Draft } from './draft.ts';
import { referenceOf, seconds } from './draft.ts';
import { endReason } from './health.ts';
import type { PodHealth } from './health.ts';
import { checkUser, isImageReady } from './image.ts';
import { LIMITS } from './limits.ts';
import { preStopHook } from './pre-stop.ts';
import { LABEL } from '../model/annotations.ts';
import { updateResources } from './resources.ts';
import { Unresolved } from './unresolved.ts';
import { emptyDirName, volumeOperations } from './volumes.ts';

/** How long a drain waits for an ingress that does not answer; it is being restarted by then. */
const ABSENT_INGRESS_MS = 2_000;

export function reconcilePod(draft: Draft, health: PodHealth): void {
  if (health.isTerminating) terminate(draft, health);
  else keep(draft, health);
}

function keep(draft: Draft, health: PodHealth): void {
  const { current, memory, containers } = health;
  for (const older of containers.slice(1)) discard(draft, health, older);
  if (current === undefined) {
    create(draft, health, memory.restartCount, memory.restartCount === 0 ? 'pod has no container' : 'its container was removed');
    return;
  }
  if (memory.condemned !== undefined) {
    if (isAlive(current)) kill(draft, health, current, memory.condemned);
    create(draft, health, memory.restartCount + 1, memory.condemned);
    return;
  }
  switch (current.phase) {
    case 'created':
      start(draft, health, current);
      return;
    case 'paused':
      draft.operate({ verb: 'UnpauseContainer', ...target(health, current), cause: 'it was paused from outside' });
      return;
    case 'running':
      connect(draft, health, current);
      updateResources(draft, health);
      return;
    default:
      return;
  }
}

function target(
  { pod }: PodHealth,
  container: ObservedContainer,
): { readonly subject: string; readonly resource: string; readonly containerId: string } {
  return { subject: `container:${container.id}`, resource: referenceOf(pod), containerId: container.id };
}

function isAlive({ phase }: ObservedContainer): boolean {
  return phase === 'running' || phase === 'paused' || phase === 'restarting';
}

function kill(draft: Draft, health: PodHealth, container: ObservedContainer, cause: string): void {
  draft.operate({ verb: 'KillContainer', ...target(health, container), cause });
}

function create(draft: Draft, health: PodHealth, restartCount: number, cause: string): void {
  const { world } = draft;
  const { pod, uid } = health;
  const resource = referenceOf(pod);
  const subject = `pod:${uid}`;
  if (draft.isBusy(subject)) return;
  try {
    const spec = containerSpec(world, pod, restartCount);
    if (!isImageReady(draft, health, restartCount)) return;
    checkUser(draft, pod);
    const missing = volumeOperations(world, pod, resource, cause);
    for (const operation of missing) draft.operate(operation);
    const hasNetwork = draft.hasNetwork(spec.network);
    if (!hasNetwork) {
      const labels = { [LABEL.instance]: world.instance, [LABEL.namespace]: pod.metadata.namespace ?? 'default' };
      draft.operate({ verb: 'CreateNetwork', subject: `network:${spec.network}`, resource, cause, network: spec.network, labels });
    }
    if (!hasNetwork || missing.length > 0) return;
    const holder = draft.hostPortHolder(spec);
    if (holder === undefined) draft.operate({ verb: 'CreateContainer', subject, resource, cause, spec });
    else draft.wait(resource, portHeldText(spec.labels, holder));
  } catch (error) {
    if (!(error instanceof Unresolved)) throw error;
    health.obstacle = error.message;
    draft.wait(resource, error.message);
  }
}

function start(draft: Draft, health: PodHealth, container: ObservedContainer): void {
  const { pod, memory, containers } = health;
  const resource = referenceOf(pod);
  if (containers.slice(1).some(isAlive)) {
    draft.wait(resource, 'its previous container is still being killed');
    return;
  }
  if (memory.notBeforeMs > draft.world.nowMs) {
    draft.wait(resource, `back-off: its next container starts in ${seconds(memory.notBeforeMs - draft.world.nowMs)}`);
    draft.wakeAt(memory.notBeforeMs);
    return;
  }
  // Two pods of one port: the control plane died after it had asked for the container of one of them. The surplus one goes.
  const holder = draft.hostPortHolder(container);
  if (holder !== undefined) {
    draft.wait(resource, portHeldText(container.labels, holder));
    return;
  }
  const cause = container.error === '' ? 'it is created and nothing holds it up' : `the last start failed: ${container.error}`;
  draft.operate({ verb: 'StartContainer', ...target(health, container), cause });
}

function portHeldText(labels: ObservedContainer['labels'], holder: string): string {
  return `port ${labels[LABEL.hostPort] ?? ''} is held by container ${holder}`;
}

function connect(draft: Draft, health: PodHealth, container: ObservedContainer): void {
  const { pod } = health;
  const network = networkName(draft.world.instance, pod.metadata.namespace ?? 'default');
  if (network in container.networks) return;
  try {
    const { networkAliases: aliases } = containerSpec(draft.world, pod, health.memory.restartCount);
    draft.operate({ verb: 'ConnectNetwork', ...target(health, container), network, aliases, cause: 'it was disconnected from outside' });
  } catch (error) {
    if (!(error instanceof Unresolved)) throw error;
    draft.wait(referenceOf(pod), error.message);
  }
}

/**
 * Gets rid of a container that is not the current one: at once if it never ran. Otherwise its remains go once the successor has been started (it
 * may have ended by then), so that they do not slow its start.
 */
function discard(draft: Draft, health: PodHealth, container: ObservedContainer): void {
  const cause = `replaced by ${health.current?.name ?? 'another container'}`;
  if (isAlive(container)) kill(draft, health, container, cause);
  else if (container.startedAtMs === 0 || (health.current?.startedAtMs ?? 0) > 0) remove(draft, health, container, cause);
}

function remove(draft: Draft, health: PodHealth, container: ObservedContainer, cause: string): void {
  if (container.phase === 'removing') return;
  const hasRun = container.startedAtMs > 0;
  if (hasRun && !isDone(draft, 'SaveLogs', container)) {
    draft.operate({ verb: 'SaveLogs', ...target(health, container), podUid: health.uid, ending: endingOf(health.pod, container), cause });
    return;
  }
  draft.operate({ verb: 'RemoveContainer', ...target(health, container), cause });
}

function endingOf({ metadata }: Pod, container: ObservedContainer): ContainerEnding {
  const { id: containerId, image, exitCode, startedAtMs, finishedAtMs } = container;
  const { name: podName, namespace = 'default' } = metadata;
  return { namespace, podName, containerId, image, exitCode, reason: endReason(container), startedAtMs, finishedAtMs };
}

/** Done, or tried in vain: neither logs that cannot be saved nor a hook that fails may keep a container for ever. */
function isDone(draft: Draft, verb: 'SaveLogs' | 'RunPreStop', { id }: ObservedContainer): boolean {
  const { doneOnce, failures } = draft.world.observed;
  const failure = failures.get(`container:${id}`);
  // An engine that is away has not tried: it will be back.
  const isInVain = failure?.verb === verb && (failure.code !== 'Unreachable' || failure.count >= LIMITS.triesMost);
  return doneOnce.has(`${verb} ${id}`) || isInVain;
}

function terminate(draft: Draft, health: PodHealth): void {
  const { containers, pod, uid } = health;
  for (const container of containers) {
    if (isAlive(container)) stop(draft, health, container);
    else remove(draft, health, container, 'the pod is terminating');
  }
  if (containers.length > 0 || draft.isBusy(`pod:${uid}`)) return;
  if (removeEmptyDirs(draft, health)) draft.delete('Pod', pod, 'its containers are gone');
}

function stop(draft: Draft, health: PodHealth, container: ObservedContainer): void {
  const { pod, memory } = health;
  const resource = referenceOf(pod);
  const cause = 'the pod is terminating';
  if (container.phase === 'paused' || memory.condemned !== undefined || container.id !== health.current?.id) {
    kill(draft, health, container, cause);
    return;
  }
  const graceMs = (pod.spec.terminationGracePeriodSeconds ?? LIMITS.defaultGraceSeconds) * 1000;
  if (!isDrained(draft, health, container, graceMs)) return;
  // From here on the grace period runs, over the hook and the signal together.
  const { nowMs } = draft.world;
  const stoppingSinceMs = memory.stoppingSinceMs ?? nowMs;
  health.memory = { ...health.memory, stoppingSinceMs };
  const leftMs = stoppingSinceMs + graceMs - nowMs;
  const hook = preStopHook(draft, pod, container);
  if (hook !== undefined && leftMs > 0 && !isDone(draft, 'RunPreStop', container)) {
    if (!draft.operate({ verb: 'RunPreStop', ...target(health, container), hook, timeoutMs: leftMs, cause }))
      draft.wait(resource, `stopping: its preStop hook runs, at most ${seconds(leftMs)}`);
    return;
  }
  // A hook that used it all up leaves the signal a moment, as in Kubernetes.
  const stopMs = Math.max(leftMs, Math.min(LIMITS.leastStopMs, graceMs));
  if (!draft.operate({ verb: 'StopContainer', ...target(health, container), graceMs: stopMs, cause })) {
    draft.wait(resource, `stopping: SIGTERM was sent, at most ${seconds(stopMs)} until SIGKILL`);
  }
}

/** Whether no request can reach the container any more and none is left in it. */
function isDrained(draft: Draft, { pod, memory }: PodHealth, container: ObservedContainer, graceMs: number): boolean {
  const { world } = draft;
  const { ingress } = world.observed;
  if (world.teardown !== 'none') return true;
  const inFlight = ingress.inFlight.get(container.id) ?? 0;
  const isRouted = ingress.routedEndpointIds.has(container.id);
  if (ingress.isConnected && !isRouted && inFlight === 0) return true;
  const deadlineMs = (memory.terminatingSinceMs ?? world.nowMs) + (ingress.isConnected ? graceMs : Math.min(ABSENT_INGRESS_MS, graceMs));
  if (deadlineMs <= world.nowMs) return true;
  draft.wakeAt(deadlineMs);
  const reason = !ingress.isConnected
    ? 'the ingress to answer'
    : isRouted
      ? 'the ingress to take it out of rotation'
      : `${inFlight} requests in flight`;
  draft.wait(referenceOf(pod), `draining: waiting for ${reason}, at most ${seconds(deadlineMs - world.nowMs)}`);
  return false;
}

function removeEmptyDirs(draft: Draft, { pod }: PodHealth): boolean {
  let isClean = true;
  for (const { name, emptyDir } of pod.spec.volumes ?? []) {
    if (emptyDir === undefined) continue;
    const volume = emptyDirName(draft.world.instance, pod, name);
    if (!draft.world.observed.volumes.has(volume)) continue;
    draft.operate({
      verb: 'RemoveVolume',
      subject: `volume:${volume}`,
      resource: referenceOf(pod),
      cause: 'the pod is terminating',
      volume,
    });
    isClean = false;
  }
  return isClean;
}

/** Where a pod's container is probed; only running ones are. */
export function planProbes(draft: Draft, { current, pod, isTerminating, memory }: PodHealth): void {
  if (current?.phase !== 'running' || isTerminating || memory.condemned !== undefined) return;
  draft.probeTargets.push({ containerId: current.id, podKey: keyOf(pod), startedAfterMs: memory.unstartedAtMs });
}

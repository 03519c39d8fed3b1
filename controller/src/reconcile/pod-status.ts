/** The status of a pod as people and kubectl read it: phase, conditions, container state and the reason it waits. */
import type { Condition, ContainerState, Pod, PodStatus } from '../model/objects.ts';
import type { ObservedContainer } from '../model/observed.ts';
import { networkName } from './container-spec.ts';
import type { Draft } from './draft.ts';
import type { PodHealth } from './health.ts';

/** Writes the status, if it says something new; a digest in the pod's memory keeps a pass over thousands of pods cheap. */
export function writePodStatus(draft: Draft, health: PodHealth): void {
  const { pod, current, isReady, memory } = health;
  const waiting = waitingReason(draft, health);
  const address =
    current === undefined ? '' : (current.networks[networkName(draft.world.instance, pod.metadata.namespace ?? 'default')] ?? '');
  const digest = `${current?.id ?? ''} ${current?.phase ?? ''} ${isReady} ${memory.restartCount} ${waiting} ${address} ${memory.lastTermination?.containerId ?? ''}`;
  if (digest === memory.statusDigest && pod.status !== undefined) return;
  health.memory = { ...memory, statusDigest: digest };
  draft.setStatus({ ...pod, status: podStatus(draft, health, waiting, address) });
}

function waitingReason(draft: Draft, { uid, current, memory, pod }: PodHealth): string {
  if (current?.phase === 'running' || current?.phase === 'paused') return '';
  if (memory.restartCount > 0 && memory.notBeforeMs > draft.world.nowMs) return 'CrashLoopBackOff';
  const image = pod.spec.containers[0]?.image ?? '';
  const failed = draft.world.observed.failures;
  if (failed.has(`image:${image}`)) return 'ImagePullBackOff';
  if (failed.has(`pod:${uid}`)) return 'CreateContainerError';
  if (current !== undefined && failed.has(`container:${current.id}`)) return 'RunContainerError';
  return 'ContainerCreating';
}

function podStatus(draft: Draft, health: PodHealth, waiting: string, address: string): PodStatus {
  const { pod, current, isReady, memory } = health;
  const { timestamp } = draft;
  const container = pod.spec.containers[0];
  const isStarted = current?.phase === 'running' && (container?.startupProbe === undefined || health.probes.startup?.isPassing === true);
  const isInitialized = condition(pod, 'Initialized', true, timestamp);
  const status: PodStatus = {
    phase: phaseOf(health),
    conditions: [
      condition(pod, 'PodScheduled', true, timestamp),
      isInitialized,
      condition(pod, 'ContainersReady', isReady, timestamp),
      condition(pod, 'Ready', isReady, timestamp),
    ],
    hostIP: '127.0.0.1',
    startTime: pod.status?.startTime ?? timestamp,
    containerStatuses: [
      {
        name: container?.name ?? '',
        image: container?.image ?? '',
        imageID: current?.imageId ?? '',
        ...(current !== undefined && { containerID: `docker://${current.id}` }),
        ready: isReady,
        started: isStarted,
        restartCount: memory.restartCount,
        state: stateOf(current, waiting),
        ...(memory.lastTermination !== undefined && {
          lastState: {
            terminated: {
              exitCode: memory.lastTermination.exitCode,
              reason: memory.lastTermination.reason,
              containerID: `docker://${memory.lastTermination.containerId}`,
              finishedAt: new Date(memory.lastTermination.finishedAtMs).toISOString(),
            },
          },
        }),
      },
    ],
  };
  return address === '' ? status : { ...status, podIP: address };
}

function phaseOf({ current, pod }: PodHealth): PodStatus['phase'] {
  if (current === undefined || current.phase === 'created') return 'Pending';
  if (current.phase === 'exited' || current.phase === 'dead') {
    const policy = pod.spec.restartPolicy ?? 'Always';
    if (policy === 'Never' || (policy === 'OnFailure' && current.exitCode === 0)) return current.exitCode === 0 ? 'Succeeded' : 'Failed';
  }
  return 'Running';
}

function stateOf(current: ObservedContainer | undefined, waiting: string): ContainerState {
  if (current === undefined || current.phase === 'created') {
    return { waiting: { reason: waiting, ...(current !== undefined && current.error !== '' && { message: current.error }) } };
  }
  if (current.phase === 'exited' || current.phase === 'dead') {
    return {
      terminated: {
        exitCode: current.exitCode,
        reason: current.isOomKilled ? 'OOMKilled' : current.exitCode === 0 ? 'Completed' : 'Error',
        containerID: `docker://${current.id}`,
        ...(current.finishedAtMs > 0 && { finishedAt: new Date(current.finishedAtMs).toISOString() }),
      },
    };
  }
  return { running: { startedAt: new Date(current.startedAtMs).toISOString() } };
}

function condition(pod: Pod, type: string, isTrue: boolean, timestamp: string): Condition {
  const status = isTrue ? 'True' : 'False';
  const previous = pod.status?.conditions?.find((candidate) => candidate.type === type);
  const since = previous?.status === status ? previous.lastTransitionTime : undefined;
  return { type, status, lastTransitionTime: since ?? timestamp };
}

/** The status of a pod as people and kubectl read it: phase, conditions, container state and the reason it waits. */
import type { Condition, ContainerState, Pod, PodStatus } from '../model/objects.ts';
import type { ObservedContainer } from '../model/observed.ts';
import { networkName } from './container-spec.ts';
import type { Draft } from './draft.ts';
import { endReason } from './health.ts';
import type { PodHealth } from './health.ts';
import { imageWaiting } from './image.ts';

/** Writes the status, if it says something new; a digest in the pod's memory keeps a pass over thousands of pods cheap. */
export function writePodStatus(draft: Draft, health: PodHealth): void {
  const { pod, current, isReady, memory } = health;
  const waiting = waitingState(draft, health);
  const address =
    current === undefined ? '' : (current.networks[networkName(draft.world.instance, pod.metadata.namespace ?? 'default')] ?? '');
  const lastEnd = memory.lastTermination?.containerId ?? '';
  const isLogKnown = draft.world.observed.logTails.has(lastEnd);
  const waitText = `${waiting.reason} ${waiting.message ?? ''}`;
  const digest = `${current?.id ?? ''} ${current?.phase ?? ''} ${isReady} ${memory.restartCount} ${waitText} ${address} ${lastEnd} ${memory.lastTermination?.reason ?? ''} ${isLogKnown}`;
  if (digest === memory.statusDigest && pod.status !== undefined) return;
  health.memory = { ...memory, statusDigest: digest };
  draft.setStatus({ ...pod, status: podStatus(draft, health, waiting, address) });
}

type WaitingState = NonNullable<ContainerState['waiting']>;

function waitingState(draft: Draft, { uid, current, memory, pod, obstacle }: PodHealth): WaitingState {
  if (current?.phase === 'running' || current?.phase === 'paused') return { reason: '' };
  const { name = '' } = pod.spec.containers[0] ?? {};
  if (memory.restartCount > 0 && memory.notBeforeMs > draft.world.nowMs) {
    const cause = memory.condemned ?? memory.restartCause;
    const delay = `back-off ${Math.ceil(memory.delayMs / 1000)}s restarting failed container=${name} pod=${pod.metadata.name}`;
    return { reason: 'CrashLoopBackOff', message: cause === undefined ? delay : `${delay}: ${cause}` };
  }
  const image = current === undefined ? imageWaiting(draft, pod) : undefined;
  if (image !== undefined) return image;
  if (obstacle !== '') return { reason: 'CreateContainerConfigError', message: obstacle };
  const { failures } = draft.world.observed;
  const failed = (reason: string, subject: string): WaitingState | undefined => {
    const failure = failures.get(subject);
    return failure === undefined ? undefined : { reason, message: failure.message };
  };
  return (
    failed('CreateContainerError', `pod:${uid}`) ??
    (current === undefined ? undefined : failed('RunContainerError', `container:${current.id}`)) ?? {
      reason: 'ContainerCreating',
      ...(current !== undefined && current.error !== '' && { message: current.error }),
    }
  );
}

/** The last lines of containers that ended by themselves are asked for: they say why. */
export function planLogs(draft: Draft, { containers, isTerminating }: PodHealth): void {
  if (isTerminating) return;
  for (const { id, phase } of containers.slice(0, 2)) {
    if ((phase === 'exited' || phase === 'dead') && !draft.world.observed.logTails.has(id)) draft.logsWanted.push(id);
  }
}

function podStatus(draft: Draft, health: PodHealth, waiting: WaitingState, address: string): PodStatus {
  const { pod, current, isReady, memory } = health;
  const { timestamp } = draft;
  const container = pod.spec.containers[0];
  const isStarted = current?.phase === 'running' && (container?.startupProbe === undefined || health.probes.startup?.isPassing === true);
  const isInitialized = condition(pod, 'Initialized', true, timestamp);
  const lastLines = draft.world.observed.logTails.get(memory.lastTermination?.containerId ?? '') ?? '';
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
              ...(lastLines !== '' && { message: lastLines }),
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

function stateOf(current: ObservedContainer | undefined, waiting: WaitingState): ContainerState {
  if (current === undefined || current.phase === 'created') return { waiting };
  if (current.phase === 'exited' || current.phase === 'dead') {
    return {
      terminated: {
        exitCode: current.exitCode,
        reason: endReason(current),
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

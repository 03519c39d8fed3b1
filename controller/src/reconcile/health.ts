/**
 * The health of each pod from what was observed: which container is its current one, whether it is ready and since when.
 * Also what the pod's memory becomes when its container changed. It decides no restarts (restarts.ts does).
 */
import type { Container, Pod } from '../model/objects.ts';
import type { ObservedContainer, ObservedProbes, ProbeVerdict } from '../model/observed.ts';
import type { Draft } from './draft.ts';
import { restartCountOf } from './draft.ts';
import { LIMITS } from './limits.ts';
import type { PodMemory } from './world.ts';

export interface PodHealth {
  readonly pod: Pod;
  readonly uid: string;
  readonly containers: readonly ObservedContainer[];
  /** The newest container, whatever its phase. */
  readonly current: ObservedContainer | undefined;
  readonly probes: ObservedProbes;
  readonly isTerminating: boolean;
  /** Serves: in rotation. */
  isReady: boolean;
  /** Why its next container cannot be created, in words; "" when nothing is in the way. Found by pod.ts. */
  obstacle: string;
  memory: PodMemory;
}

const FRESH: PodMemory = {
  containerId: undefined,
  readySinceMs: undefined,
  readyForMs: 0,
  unstartedAtMs: undefined,
  unprovenSinceMs: undefined,
  isPaused: false,
  condemned: undefined,
  notBeforeMs: 0,
  delayMs: 0,
  backoffMs: LIMITS.backoffFirstMs,
  restartCause: undefined,
  restartCount: 0,
  lastTermination: undefined,
  terminatingSinceMs: undefined,
  stoppingSinceMs: undefined,
  resourcesTaken: '',
  statusDigest: '',
};

const NO_CONTAINERS: readonly ObservedContainer[] = [];
const NO_PROBES: ObservedProbes = {};

export function podHealth(draft: Draft, pod: Pod): PodHealth {
  const uid = pod.metadata.uid ?? '';
  const containers = draft.containersByPod.get(uid) ?? NO_CONTAINERS;
  const current = containers[0];
  const probes = (current && draft.world.observed.probes.get(current.id)) ?? NO_PROBES;
  const isTerminating = pod.metadata.deletionTimestamp !== undefined;
  const remembered = rememberContainer(draft.world.memory.pods.get(uid) ?? FRESH, current, draft.world.nowMs);
  const proven = rememberProof(remembered, pod, current, probes, draft.world.nowMs);
  const memory = rememberTermination(proven, containers[1]);
  const isReady = memory.condemned === undefined && isServing(pod.spec.containers[0], current, probes);
  const health = { pod, uid, containers, current, probes, isTerminating, isReady, obstacle: '', memory };
  health.memory = rememberReadiness(memory, isReady, isTerminating, draft.world.nowMs);
  return health;
}

/** Whether the container answers: it runs, has started up, and no probe says otherwise. */
function isServing(container: Container | undefined, current: ObservedContainer | undefined, probes: ObservedProbes): boolean {
  if (container === undefined || current?.phase !== 'running') return false;
  if (container.startupProbe !== undefined && probes.startup?.isPassing !== true) return false;
  if (container.readinessProbe !== undefined && probes.readiness?.isPassing !== true) return false;
  return !(container.livenessProbe !== undefined && probes.liveness?.isPassing === false);
}

function rememberContainer(memory: PodMemory, current: ObservedContainer | undefined, nowMs: number): PodMemory {
  if (memory.containerId === current?.id) return memory;
  if (current === undefined) {
    // Removed by hand: the next container is judged by how long this one had been ready.
    return {
      ...memory,
      containerId: undefined,
      condemned: undefined,
      restartCause: memory.condemned ?? 'its container was removed',
      readySinceMs: undefined,
      readyForMs: readyFor(memory, nowMs),
      unstartedAtMs: undefined,
      unprovenSinceMs: undefined,
      isPaused: false,
      restartCount: memory.restartCount + 1,
      ...backoffAfter(memory, nowMs),
    };
  }
  return {
    ...memory,
    containerId: current.id,
    condemned: undefined,
    restartCause: memory.condemned ?? memory.restartCause,
    readySinceMs: undefined,
    readyForMs: 0,
    unstartedAtMs: undefined,
    // Started by this process it was seen created before.
    unprovenSinceMs: current.phase === 'running' ? nowMs : undefined,
    isPaused: false,
    restartCount: restartCountOf(current),
    resourcesTaken: '',
  };
}

function rememberProof(
  memory: PodMemory,
  pod: Pod,
  current: ObservedContainer | undefined,
  probes: ObservedProbes,
  nowMs: number,
): PodMemory {
  if (current?.phase === 'created') return { ...memory, unstartedAtMs: nowMs };
  const isPaused = current?.phase === 'paused';
  if (isPaused !== memory.isPaused) return { ...memory, isPaused, unprovenSinceMs: nowMs };
  if (memory.unprovenSinceMs === undefined || isPaused) return memory;
  const isKnown = current?.phase !== 'running' || isProbed(pod.spec.containers[0], probes);
  return isKnown ? { ...memory, unprovenSinceMs: undefined } : memory;
}

/** Whether the probes have said for the first time if the container serves. */
export function isProbed(container: Container | undefined, probes: ObservedProbes | undefined): boolean {
  if (container === undefined) return true;
  const { startupProbe, readinessProbe } = container;
  if (startupProbe !== undefined && probes?.startup?.isPassing !== true) return (probes?.startup?.lastResultAtMs ?? 0) > 0;
  return readinessProbe === undefined || probes?.readiness?.isPassing !== undefined;
}

function rememberTermination(memory: PodMemory, previous: ObservedContainer | undefined): PodMemory {
  if (previous === undefined || (previous.phase !== 'exited' && previous.phase !== 'dead')) return memory;
  const reason = endReason(previous);
  // Docker may tell of the memory limit a moment after the end.
  if (memory.lastTermination?.containerId === previous.id && memory.lastTermination.reason === reason) return memory;
  const { id: containerId, exitCode, finishedAtMs } = previous;
  return { ...memory, lastTermination: { containerId, exitCode, finishedAtMs, reason } };
}

/** In one word, as Kubernetes has it. */
export function endReason({ isOomKilled, exitCode }: ObservedContainer): 'OOMKilled' | 'Completed' | 'Error' {
  if (exitCode === 0) return 'Completed';
  return isOomKilled ? 'OOMKilled' : 'Error';
}

function rememberReadiness(memory: PodMemory, isReady: boolean, isTerminating: boolean, nowMs: number): PodMemory {
  let next = memory;
  if (isReady && memory.readySinceMs === undefined) next = { ...next, readySinceMs: nowMs };
  else if (!isReady && memory.readySinceMs !== undefined)
    next = { ...next, readySinceMs: undefined, readyForMs: nowMs - memory.readySinceMs };
  if (isTerminating && memory.terminatingSinceMs === undefined) next = { ...next, terminatingSinceMs: nowMs };
  return next;
}

/** It may serve, or will in a moment: decisions that count on those that do wait for its first probe, not longer than a while. */
export function isUnproven(draft: Draft, { isTerminating, memory, current }: PodHealth): boolean {
  if (isTerminating || memory.unprovenSinceMs === undefined || memory.condemned !== undefined) return false;
  if (current?.phase !== 'running' && current?.phase !== 'paused') return false;
  const untilMs = memory.unprovenSinceMs + LIMITS.unprovenMostMs;
  draft.wakeAt(untilMs);
  return untilMs > draft.world.nowMs;
}

export function readyFor(memory: PodMemory, nowMs: number): number {
  return memory.readySinceMs === undefined ? memory.readyForMs : nowMs - memory.readySinceMs;
}

/** When the successor of the current container may start, and the delay of the one after it. */
export function backoffAfter(memory: PodMemory, nowMs: number): Pick<PodMemory, 'notBeforeMs' | 'delayMs' | 'backoffMs'> {
  const readyForMs = readyFor(memory, nowMs);
  const backoffMs = readyForMs >= LIMITS.backoffResetMs ? LIMITS.backoffFirstMs : memory.backoffMs;
  if (readyForMs >= LIMITS.readyLongEnoughMs) return { notBeforeMs: 0, delayMs: 0, backoffMs };
  return { notBeforeMs: nowMs + backoffMs, delayMs: backoffMs, backoffMs: Math.min(backoffMs * 2, LIMITS.backoffMostMs) };
}

/** The failing verdict that speaks for a restart, if any. */
export function restartVerdict(health: PodHealth): { readonly kind: 'startup' | 'liveness'; readonly verdict: ProbeVerdict } | undefined {
  if (health.current?.phase !== 'running') return undefined;
  const { startup, liveness } = health.probes;
  if (startup?.isPassing === false) return { kind: 'startup', verdict: startup };
  if (liveness?.isPassing === false) return { kind: 'liveness', verdict: liveness };
  return undefined;
}

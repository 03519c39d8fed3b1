/**
 * Why pods do not serve, in words: what a rollout that does not get on tells people. From the strongest evidence to the weakest: a container
 * that ended, one that could not be made or started, one that runs and fails its probe. It decides nothing.
 */
import { containerSpec } from './container-spec.ts';
import type { Draft } from './draft.ts';
import { referenceOf } from './draft.ts';
import type { PodHealth } from './health.ts';
import { Unresolved } from './unresolved.ts';

export interface RolloutTrouble {
  /** Whole sentences. */
  readonly text: string;
  /** The same for the same trouble, however often it comes back. */
  readonly key: string;
  /** Its container's last lines are being read: better told a moment later. */
  readonly isLogAwaited: boolean;
}

export function rolloutTrouble(draft: Draft, pods: readonly PodHealth[]): RolloutTrouble | undefined {
  for (const describe of [ended, notMade, notServing]) {
    for (const health of pods) {
      const trouble = describe(draft, health);
      if (trouble !== undefined) return trouble;
    }
  }
  return undefined;
}

function ended(draft: Draft, { pod, memory, current }: PodHealth): RolloutTrouble | undefined {
  const cause = memory.condemned ?? memory.restartCause;
  if (cause === undefined) return undefined;
  const restarts = memory.restartCount === 0 ? '' : `, ${memory.restartCount} restart${memory.restartCount === 1 ? '' : 's'}`;
  const containerId = memory.condemned === undefined ? memory.lastTermination?.containerId : current?.id;
  const log = containerId === undefined ? undefined : draft.world.observed.logTails.get(containerId);
  return {
    text: `${referenceOf(pod)}: ${cause}${restarts}.${lastLines(log)}`,
    key: cause,
    isLogAwaited: log === undefined && containerId !== undefined,
  };
}

function lastLines(log: string | undefined): string {
  return log === undefined || log.trim() === '' ? '' : ` Its last lines:\n${log.trimEnd()}`;
}

function notMade(draft: Draft, { pod, uid, current, memory }: PodHealth): RolloutTrouble | undefined {
  if (current?.phase === 'running') return undefined;
  const { failures, images } = draft.world.observed;
  const { image = '', imagePullPolicy } = pod.spec.containers[0] ?? {};
  const failure =
    failures.get(`image:${image}`) ??
    failures.get(`pod:${uid}`) ??
    (current === undefined ? undefined : failures.get(`container:${current.id}`));
  const isImageMissing = current === undefined && imagePullPolicy === 'Never' && !images.has(image);
  const cause =
    failure !== undefined
      ? `${failure.verb} failed: ${failure.message}`
      : isImageMissing
        ? `image "${image}" is not on this host and imagePullPolicy is Never`
        : unresolvedReference(draft, { pod, current, memory });
  return cause === undefined ? undefined : { text: `${referenceOf(pod)}: ${cause}.`, key: cause, isLogAwaited: false };
}

function unresolvedReference(
  { world }: Draft,
  { pod, current, memory }: Pick<PodHealth, 'pod' | 'current' | 'memory'>,
): string | undefined {
  if (current !== undefined) return undefined;
  try {
    containerSpec(world, pod, memory.restartCount);
    return undefined;
  } catch (error) {
    if (error instanceof Unresolved) return error.message;
    throw error;
  }
}

function notServing(_draft: Draft, { pod, current, probes }: PodHealth): RolloutTrouble | undefined {
  if (current?.phase !== 'running') return undefined;
  const [kind, verdict] =
    probes.startup !== undefined && probes.startup.isPassing !== true
      ? (['startup', probes.startup] as const)
      : (['readiness', probes.readiness] as const);
  if (verdict === undefined || verdict.lastFailure === '') return undefined;
  const cause = `its ${kind} probe fails: ${verdict.lastFailure}`;
  return { text: `${referenceOf(pod)}: ${cause}.`, key: cause, isLogAwaited: false };
}

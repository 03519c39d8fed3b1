/** `coxswain rollout status`: follows a Deployment until its rollout is done or cannot get on, in the words of kubectl. */
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Condition, Deployment } from '../model/objects.ts';
import { CliError, EXIT_CODE } from './cli-error.ts';

const POLL_MS = 200;
/** A control plane that is being restarted does not end the wait. */
const ABSENCE_MOST_MS = 15_000;

export interface RolloutWait {
  /** "deployment/acts" */
  readonly called: string;
  readonly isWaiting: boolean;
  readonly timeoutMs: number;
  readonly stdout: Writable;
  readonly signal: AbortSignal | undefined;
}

export async function waitForRollout(
  read: () => Promise<Deployment>,
  { called, isWaiting, timeoutMs, stdout, signal }: RolloutWait,
): Promise<void> {
  const startedAt = performance.now();
  let seenAt = startedAt;
  let printed = '';
  for (;;) {
    const deployment = await read().catch((error: unknown) => {
      const isAway = error instanceof CliError && error.exitCode === EXIT_CODE.notRunning;
      if (!isAway || printed === '' || performance.now() - seenAt > ABSENCE_MOST_MS) throw error;
      return undefined;
    });
    if (deployment !== undefined) {
      seenAt = performance.now();
      const { line, isDone } = describeRollout(deployment);
      if (line !== printed) stdout.write(`${line}\n`);
      printed = line;
      if (isDone || !isWaiting) return;
    }
    const leftMs = timeoutMs - (performance.now() - startedAt);
    if (leftMs <= 0) throw new CliError(EXIT_CODE.failed, `timed out waiting for ${called}: ${printed}${troubleOf(deployment)}`);
    await sleep(Math.min(POLL_MS, leftMs), undefined, signal === undefined ? {} : { signal });
  }
}

function describeRollout({ metadata, spec, status }: Deployment): { readonly line: string; readonly isDone: boolean } {
  const { replicas: wanted = 1 } = spec;
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status ?? {};
  const waiting = (text: string): { readonly line: string; readonly isDone: boolean } => ({
    line: `Waiting for deployment "${metadata.name}" rollout to finish: ${text}...`,
    isDone: false,
  });
  if ((metadata.generation ?? 1) > observedGeneration)
    return { line: 'Waiting for deployment spec update to be observed...', isDone: false };
  const progressing = progressingOf(status?.conditions);
  if (progressing?.status === 'False') {
    const what = progressing.reason === 'ProgressDeadlineExceeded' ? 'exceeded its progress deadline' : 'cannot be rolled out';
    throw new CliError(EXIT_CODE.failed, `deployment "${metadata.name}" ${what}: ${progressing.message ?? ''}`);
  }
  const paused = spec.paused === true ? ' (it is paused)' : '';
  if (updatedReplicas < wanted) return waiting(`${updatedReplicas} out of ${wanted} new replicas have been updated${paused}`);
  if (replicas > updatedReplicas) return waiting(`${replicas - updatedReplicas} old replicas are pending termination${paused}`);
  if (availableReplicas < updatedReplicas)
    return waiting(`${availableReplicas} of ${updatedReplicas} updated replicas are available${paused}`);
  if (progressing?.reason === 'ReplicaSetUpdated') return waiting(`the last replicas move to their ports${paused}`);
  return { line: `deployment "${metadata.name}" successfully rolled out`, isDone: true };
}

function progressingOf(conditions: readonly Condition[] = []): Condition | undefined {
  return conditions.find(({ type }) => type === 'Progressing');
}

/** What is known so far of why it takes so long. */
function troubleOf(deployment: Deployment | undefined): string {
  const { reason, message = '' } = progressingOf(deployment?.status?.conditions) ?? {};
  return reason === 'ReplicaSetUpdated' && message !== '' ? `\n${message}` : '';
}

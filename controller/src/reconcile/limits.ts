/** The bounds and delays of the reconcilers, in one place. Milliseconds unless the name says otherwise. */
export const LIMITS = {
  /** A replacement waits for nothing when its predecessor had been ready this long. */
  readyLongEnoughMs: 1_000,
  backoffFirstMs: 1_000,
  backoffMostMs: 300_000,
  /** A container ready this long resets the backoff. */
  backoffResetMs: 10_000,
  /** A Deployment's only pod never waits longer. */
  onlyPodBackoffMostMs: 10_000,
  /** Dependents are not restarted for this long after a dependency lost a ready pod, and after it came back. */
  dependencyLossMs: 5_000,
  dependencyReturnMs: 1_500,
  /** So long a container found running is waited for to be probed, before it counts as one that does not serve. */
  unprovenMostMs: 3_000,
  /** Liveness failures within this window count as one disruption. */
  disruptionWindowMs: 2_000,
  defaultGraceSeconds: 30,
  /** What a preStop hook leaves of the grace period at least, unless all of it is shorter. */
  leastStopMs: 2_000,
  /** So often an engine that is away is waited for before logs or a hook are given up. */
  triesMost: 5,
  defaultProgressDeadlineSeconds: 600,
  defaultRevisionHistory: 10,
  /** A failed operation is tried again after this, doubling up to the most. */
  retryFirstMs: 250,
  retryMostMs: 30_000,
  /** An image that nothing names is removed after this. */
  imageUnusedMs: 600_000,
  /** A registry that refuses is asked less often. */
  pullRetryFirstMs: 1_000,
  pullRetryMostMs: 300_000,
  /** A container that cannot be started so often is made anew: its network or a mount may have gone since it was created. */
  startsMost: 3,
  /** Resources that the engine failed to change so often are taken as refused: the pods are replaced. */
  updatesMost: 3,
  /** A plan is looked at so many passes ahead, each this long; and so many in a row in which nothing happens. */
  projectedPassesMost: 400,
  projectedPassMs: 100,
  projectedIdlePassesMost: 20,
} as const;

/** When an operation that failed `count` times may be tried again. */
export function retryDelayMs(verb: string, count: number): number {
  const isPull = verb === 'PullImage' || verb === 'RemoveImage';
  const firstMs = isPull ? LIMITS.pullRetryFirstMs : LIMITS.retryFirstMs;
  return Math.min(firstMs * 2 ** Math.min(count - 1, 20), isPull ? LIMITS.pullRetryMostMs : LIMITS.retryMostMs);
}

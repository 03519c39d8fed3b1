/**
 * The arithmetic of a rollout: how many pods the new ReplicaSet and the old ones should have now.
 * As Kubernetes does it: never more than replicas + maxSurge pods, never fewer than replicas - maxUnavailable available. Unlike Kubernetes
 * it keeps the last pod that serves until another one does, wherever a surge pod may stand beside it (decision 0020).
 *
 *   replicas 4, maxSurge 1, maxUnavailable 1, all old available:  old 4 -> 3 at once, new 0 -> 2 (5 pods are allowed)
 *   then per available new pod one old pod goes, until new 4, old 0.
 *
 * On pinned host ports the surge pods stay until the end: old pods are replaced in place, on the port that the old one gave back,
 * so that the set of ports is the same before and after. There terminating pods count as well, because they hold their port.
 */
import type { DeploymentSpec, IntOrPercent } from '../model/objects.ts';

export interface RolloutBounds {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/**
 * Percentages round up for the surge and down for the unavailable, as Kubernetes rounds; both 0 becomes 1 unavailable. No more can be
 * unavailable than there are. Recreate has no bounds to spend: no pod beside the replicas, and all of them count for "available".
 */
export function rolloutBounds(spec: DeploymentSpec, replicas: number): RolloutBounds {
  if (spec.strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 };
  const rollingUpdate = spec.strategy?.rollingUpdate;
  const maxSurge = resolve(rollingUpdate?.maxSurge ?? '25%', replicas, Math.ceil);
  const maxUnavailable = resolve(rollingUpdate?.maxUnavailable ?? '25%', replicas, Math.floor);
  return { maxSurge, maxUnavailable: Math.min(maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable, replicas) };
}

function resolve(value: IntOrPercent, total: number, round: (value: number) => number): number {
  // Multiplied first: 7 % of 100 is 7, and not the next float above it, which would round up to 8.
  return typeof value === 'number' ? value : round((Number.parseFloat(value) * total) / 100);
}

export interface PodCounts {
  /** Not terminating. */
  readonly active: number;
  readonly ready: number;
  /** Ready for minReadySeconds; after a start of the control plane none is at first. */
  readonly available: number;
}

export interface RolloutState {
  readonly replicas: number;
  readonly bounds: RolloutBounds;
  readonly newPods: PodCounts;
  readonly oldPods: PodCounts;
  readonly terminating: number;
  /** undefined = not pinned; otherwise ports of the range that nobody holds. */
  readonly freePorts: number | undefined;
  /** New pods on ports beyond the first `replicas` of the range. */
  readonly displaced: PodCounts;
  /** Pods of another template have been there, and the surge has not been retired since. */
  readonly isRollingOut: boolean;
}

export interface RolloutStep {
  readonly newWanted: number;
  readonly oldWanted: number;
  readonly isRollingOut: boolean;
  /** Why nothing moves although it should. */
  readonly blocked: 'NoFreePort' | undefined;
}

export function rollOut(state: RolloutState): RolloutStep {
  const { replicas, newPods, oldPods, terminating } = state;
  const isPinned = state.freePorts !== undefined;
  if (oldPods.active === 0) return finish(state);

  const maxSurge = isPinned
    ? Math.min(state.bounds.maxSurge, state.freePorts + Math.max(newPods.active + oldPods.active + terminating - replicas, 0))
    : state.bounds.maxSurge;
  const isStuck = isPinned && replicas > 0 && maxSurge === 0 && state.bounds.maxUnavailable === 0;
  const maxTotal = replicas + maxSurge;
  const newMost = isPinned ? maxTotal : replicas;
  // Old pods go as far as availability allows; those that do not serve go first and cost nothing.
  // The last one that serves stays while a surge pod may stand beside it: the new version may never serve.
  const least = maxSurge > 0 ? Math.min(replicas, 1) : 0;
  const minAvailable = Math.max(replicas - state.bounds.maxUnavailable, least);
  const spare = Math.max(newPods.available + oldPods.available - minAvailable, 0);
  const newPending = newPods.active - newPods.available;
  const oldBroken = oldPods.active - oldPods.available;
  // The new pods that are still starting may fail: what they will serve is not counted on.
  const removable = Math.max(newPods.active + oldPods.active - minAvailable - newPending, 0);
  const goes = Math.min(Math.min(oldBroken, removable) + Math.min(spare, oldPods.available), removable, oldPods.active);
  const oldWanted = oldPods.active - goes;
  // What goes makes room at once; on pinned ports only once it has given its port back.
  const staying = newPods.active + (isPinned ? oldPods.active + terminating : oldWanted);
  // Scaled down in the middle of the rollout: what is above the bound and may not go from the old pods goes from the new ones.
  const newWanted = Math.min(newPods.active + Math.max(maxTotal - staying, 0), newMost, Math.max(maxTotal - oldWanted, 0));
  return { newWanted, oldWanted, isRollingOut: true, blocked: isStuck ? 'NoFreePort' : undefined };
}

/**
 * No old pod is left. On pinned ports pods may stand beyond the first `replicas` ports: the surge of a rollout, or what a scale-down leaves. Each
 * is matched by a new pod in place first, on the port the last old pods give back, and retired once every pod in place serves. Outside a rollout
 * (or of one that this process has not seen) they go at once, unless a port below is free or the bounds count on those that serve.
 */
function finish(state: RolloutState): RolloutStep {
  const { replicas, newPods, isRollingOut, displaced, terminating, bounds } = state;
  const inPlace = newPods.active - displaced.active;
  // A pod beyond the ports that never serves must not stay for it; and scaled to none there is nothing to move.
  const isServingInPlace = inPlace >= replicas && newPods.available - displaced.available === inPlace;
  const isMoving = isRollingOut || inPlace < replicas;
  const dispensable = dispensablePods(state);
  if (displaced.active === 0 || replicas === 0 || isServingInPlace || (!isMoving && dispensable >= displaced.active))
    return { newWanted: replicas, oldWanted: 0, isRollingOut: false, blocked: undefined };
  // Scaled down meanwhile: more stand beyond the ports than a surge may. Those that serve go no faster than others serve in their place.
  const surplus = Math.min(Math.max(displaced.active - bounds.maxSurge, 0), dispensable);
  const room = Math.max(replicas + bounds.maxSurge - newPods.active - terminating, 0);
  const missing = surplus > 0 ? 0 : Math.min(Math.max(replicas - inPlace - terminating, 0), room);
  return { newWanted: newPods.active - surplus + missing, oldWanted: 0, isRollingOut: isMoving, blocked: undefined };
}

/** How many of the pods beyond the ports the bounds can do without, whichever of them go: by those that serve, and by those that are available. */
function dispensablePods({ replicas, bounds, newPods, displaced }: RolloutState): number {
  const least = Math.max(replicas - bounds.maxUnavailable, 0);
  const by = (all: number, beyond: number): number => {
    const spare = Math.max(all - least, 0);
    return beyond <= spare ? displaced.active : spare;
  };
  return Math.min(by(newPods.ready, displaced.ready), by(newPods.available, displaced.available));
}

/**
 * Recreate: nothing new before everything before it is gone, of whatever template: two must never use one volume at once. New pods that are
 * there already (the strategy was changed in the middle of a rollout, or an old container turned up late) stay: taking them as well would help
 * nobody. On pinned ports those beyond the first then move one at a time, each gone before the next one comes: here no pod may stand beside
 * another for it.
 */
export function recreate(state: RolloutState): RolloutStep {
  const { replicas, newPods, oldPods, terminating } = state;
  if (oldPods.active + terminating === 0) return finish({ ...state, bounds: { maxSurge: 0, maxUnavailable: 1 } });
  const isRollingOut = state.isRollingOut || oldPods.active > 0;
  return { newWanted: Math.min(newPods.active, replicas), oldWanted: 0, isRollingOut, blocked: undefined };
}

/**
 * A paused Deployment: every ReplicaSet keeps the pods it has, no step is made. Only a scale changes that. With pods of one template they
 * simply follow it. In the middle of a rollout all templates grow and shrink in proportion, and the total comes within replicas and
 * replicas + maxSurge again:
 *
 *   replicas 10 -> 20, maxSurge 2, sizes 8 + 4:  20 are the least; 13.3 + 6.7 are rounded down, and what is left goes to the larger: 14 + 6
 *
 * Shrinking begins with pods that are not made yet, then takes those that do not serve, which Kubernetes does not do here: paused beside a
 * version that cannot run, a scale-down would end with that version alone.
 *
 * @param sizes how many pods each ReplicaSet should have so far, the newest last
 * @param present how many of them are there
 * @param available how many of those serve
 */
export function holdStill(
  sizes: readonly number[],
  present: readonly number[],
  available: readonly number[],
  replicas: number,
  { maxSurge }: RolloutBounds,
): readonly number[] {
  if (sizes.length === 0) return [];
  const total = sum(sizes);
  const isMixed = sizes.filter((size) => size > 0).length > 1;
  const wanted = replicas === 0 ? 0 : isMixed ? Math.min(Math.max(total, replicas), replicas + maxSurge) : replicas;
  if (wanted === total) return sizes;
  if (total === 0) return sizes.map((_, index) => (index === sizes.length - 1 ? wanted : 0));
  if (wanted > total) return inProportion(wanted, sizes);
  const there = sizes.map((size, index) => Math.min(size, present[index] ?? 0));
  const serving = there.map((count, index) => Math.min(count, available[index] ?? 0));
  const broken = there.map((count, index) => count - (serving[index] ?? 0));
  const missing = sizes.map((size, index) => size - (there[index] ?? 0));
  let kept: readonly number[] = sizes.map(() => 0);
  for (const layer of [serving, broken, missing]) {
    const stays = inProportion(Math.min(wanted - sum(kept), sum(layer)), layer);
    kept = kept.map((count, index) => count + (stays[index] ?? 0));
  }
  return kept;
}

/** What rounding leaves over goes to the largest, the newest first among equals. */
function inProportion(wanted: number, sizes: readonly number[]): readonly number[] {
  const total = sum(sizes);
  const scaled = sizes.map((size) => (total === 0 ? 0 : Math.floor((size * wanted) / total)));
  let rest = wanted - sum(scaled);
  const order = sizes.map((size, index) => ({ size, index })).sort((a, b) => b.size - a.size || b.index - a.index);
  for (const { index, size } of order) {
    if (rest === 0 || size === 0) break;
    scaled[index] = (scaled[index] ?? 0) + 1;
    rest--;
  }
  return scaled;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

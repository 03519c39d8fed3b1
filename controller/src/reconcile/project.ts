/**
 * What will be done until everything is as declared, step by step, if every operation succeeds and what starts becomes ready at once.
 * The decisions are those of reconcile() itself, pass after pass; only their effects are imagined here. Nothing it is given is changed.
 */
import type { ObjectKey, Pod } from '../model/objects.ts';
import type { Operation } from '../model/operation.ts';
import { LIMITS } from './limits.ts';
import { ProjectedHost } from './projected-host.ts';
import { ProjectedObjects } from './projected-objects.ts';
import { reconcile } from './reconcile.ts';
import type { ObjectChange, Wait, World } from './world.ts';

/** One pass that does something. */
export interface ProjectedStep {
  readonly changes: readonly Exclude<ObjectChange, { readonly type: 'status' }>[];
  readonly operations: readonly Operation[];
  /** Of the containers that operations name, those to come included. */
  readonly containerNames: ReadonlyMap<string, string>;
}

export interface Projection {
  /** The first is what the next pass does; it may be empty when only time has to pass. */
  readonly steps: readonly ProjectedStep[];
  /** What is still waited for at the end. */
  readonly waits: readonly Wait[];
  /** False: it goes on beyond what was looked at. */
  readonly isComplete: boolean;
}

export interface ProjectionOptions {
  /** Operations that run now, or whose effect has not been seen yet. */
  readonly underway?: readonly Operation[];
  /** Pods that manifests declare, by key, as they are made anew. */
  readonly declaredPods?: ReadonlyMap<ObjectKey, Pod>;
}

export function project(world: World, { underway = [], declaredPods = new Map() }: ProjectionOptions = {}): Projection {
  const host = new ProjectedHost(world.observed);
  const objects = new ProjectedObjects(world.objects, declaredPods);
  const steps: ProjectedStep[] = [];
  let { nowMs, wallMs, memory, observed } = world;
  let waits: readonly Wait[] = [];
  let idlePasses = 0;
  for (let pass = 0; pass < LIMITS.projectedPassesMost; pass++) {
    // Right after a start the next pass waits for the probes; the ones after it have their answers.
    const isReadinessKnown = pass > 0 || world.isReadinessKnown;
    const plan = reconcile({ ...world, isReadinessKnown, nowMs, wallMs, memory, observed, objects: objects.maps });
    const step = stepOf(plan.changes, plan.operations, host);
    const isIdle = step.changes.length === 0 && step.operations.length === 0;
    if (!isIdle || pass === 0) steps.push(step);
    for (const change of plan.changes) objects.apply(change, new Date(wallMs).toISOString());
    if (pass === 0) for (const operation of underway) host.perform(operation, wallMs);
    for (const operation of plan.operations) host.perform(operation, wallMs);
    const hasSettled = host.settle(plan.endpointTable);
    const hasMoved = !isIdle || hasSettled || (pass === 0 && (world.observed.busySubjects.size > 0 || !world.isReadinessKnown));
    ({ memory, waits } = plan);
    observed = host.observed;
    idlePasses = hasMoved ? 0 : idlePasses + 1;
    // Times come and go without anything to do: what is waited for then will not come by itself.
    if (!hasMoved && (plan.wakeAtMs === undefined || idlePasses > LIMITS.projectedIdlePassesMost))
      return { steps, waits, isComplete: true };
    const nextMs = hasMoved ? nowMs + LIMITS.projectedPassMs : (plan.wakeAtMs ?? nowMs);
    wallMs += nextMs - nowMs;
    nowMs = nextMs;
  }
  return { steps, waits, isComplete: false };
}

function stepOf(changes: readonly ObjectChange[], operations: readonly Operation[], host: ProjectedHost): ProjectedStep {
  const containerNames = new Map<string, string>();
  for (const operation of operations) {
    if (!('containerId' in operation)) continue;
    const name = host.nameOf(operation.containerId);
    if (name !== undefined) containerNames.set(operation.containerId, name);
  }
  return { changes: changes.filter((change) => change.type !== 'status'), operations, containerNames };
}

/**
 * The dry runs: what the loop would do next, and what applying manifests would make it do. They read the store, what was observed, and ask
 * the engine which images are there; everything else is pure, on the very world of the next pass. They change nothing.
 */
import type { DiffReport, DiffRequest, PlanReport, PlanStepReport, ProjectionReport } from '../api/control-plane-port.ts';
import { fieldDifferences } from '../manifest/field-differences.ts';
import { declaredPodsOf, previewApplication } from '../manifest/preview-application.ts';
import type { PreviewedObject } from '../manifest/preview-application.ts';
import { formatReference } from '../model/objects.ts';
import type { ObservedImage } from '../model/observed.ts';
import { formatPlannedOperation } from '../model/operation.ts';
import type { Operation } from '../model/operation.ts';
import { project } from '../reconcile/project.ts';
import type { ProjectedStep, Projection } from '../reconcile/project.ts';
import { reconcile } from '../reconcile/reconcile.ts';
import type { World } from '../reconcile/world.ts';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';
import { RuntimeError } from '../runtime/container-runtime.ts';
import { CONTROL_LIMITS } from './limits.ts';
import type { ControlLoop } from './control-loop.ts';
import type { ManifestApplier } from './manifest-applier.ts';
import type { ManifestDirectory } from '../manifest/manifest-directory.ts';
import { describeChange, problem } from './report-texts.ts';

export interface DryRunParts {
  readonly loop: ControlLoop;
  readonly applier: ManifestApplier;
  readonly manifests: ManifestDirectory;
  readonly runtime: Pick<ContainerRuntime, 'findImage'>;
}

const ENGINE_AWAY = { resource: 'engine', text: 'it does not answer: nothing is done to containers until it does' };

/** What the next pass does; with `all` also what follows. */
export async function planNow({ loop, applier, runtime }: DryRunParts, all: boolean, signal: AbortSignal): Promise<PlanReport> {
  const declaredPods = declaredPodsOf(applier.applied);
  const { world, underway } = await worldOf(loop, runtime, undefined, declaredPods, signal);
  const { changes, operations, waits } = reconcile(world);
  const { isEngineReachable } = loop.statistics;
  const shown = operations.map((operation) => ({ ...reportOf(operation), text: formatPlannedOperation(operation, new Map()) }));
  const next = {
    operations: isEngineReachable ? shown : [],
    changes: changes.flatMap((change) => describeChange(change)),
    waits: [...(isEngineReachable ? [] : [ENGINE_AWAY]), ...waits.map(({ resource, text }) => ({ resource, text }))],
  };
  if (!all) return next;
  const projection = project(world, { underway, declaredPods });
  const following = reportProjection(projection);
  return { ...next, following: { ...following, steps: following.steps.slice(1) } };
}

/** What applying would change, and what would follow from that. */
export async function diffManifests(parts: DryRunParts, { files, prune }: DiffRequest, signal: AbortSignal): Promise<DiffReport> {
  const { loop, applier, manifests, runtime } = parts;
  const snapshot = files === undefined ? await manifests.readNow() : await manifests.readWith(files, { isAll: prune });
  const errors = snapshot.errors.map(problem);
  const warnings = snapshot.warnings.map(problem);
  if (errors.length > 0) return { errors, warnings, objects: [], conditions: [], plan: { steps: [], waits: [], isComplete: true } };
  const before = loop.dryRunWorld(new Map());
  const preview = previewApplication(applier.applied, snapshot, before.objects, {
    isPruneConfirmed: prune,
    timestamp: new Date(before.wallMs).toISOString(),
  });
  const { world, underway } = await worldOf(loop, runtime, preview.maps, preview.declaredPods, signal);
  const isRemovalAllowed = preview.conditions.length === 0;
  const projection = project({ ...world, isRemovalAllowed }, { underway, declaredPods: preview.declaredPods });
  return {
    errors,
    warnings,
    objects: preview.objects.flatMap(differenceOf),
    conditions: preview.conditions,
    plan: reportProjection(projection),
  };
}

/** Images nobody has looked for are looked for now: unknown is not absent. */
async function worldOf(
  loop: ControlLoop,
  runtime: DryRunParts['runtime'],
  objects: World['objects'] | undefined,
  declaredPods: World['objects']['Pod'],
  signal: AbortSignal,
): Promise<{ readonly world: World; readonly underway: readonly Operation[] }> {
  const { Deployment, Pod } = objects ?? loop.dryRunWorld(new Map()).objects;
  // Pods that come in the place of those there now may name other images.
  const unknown = [...loop.unknownImages({ Deployment, Pod }), ...loop.unknownImages({ Deployment: new Map(), Pod: declaredPods })];
  const images = new Map<string, ObservedImage>();
  for (const reference of unknown) {
    const id = await findImage(runtime, reference, AbortSignal.any([signal, AbortSignal.timeout(CONTROL_LIMITS.callTimeoutMs)]));
    if (id !== undefined) images.set(reference, id);
  }
  const world = loop.dryRunWorld(images);
  // Both of the same instant: what ends between two looks would be neither busy nor done.
  return { world: objects === undefined ? world : { ...world, objects }, underway: loop.underway };
}

/** A reference the engine refuses, or an engine that does not answer: the image is not known to be there, as for the loop. */
async function findImage(runtime: DryRunParts['runtime'], reference: string, signal: AbortSignal): Promise<ObservedImage | undefined> {
  try {
    return await runtime.findImage(reference, signal);
  } catch (error) {
    if (error instanceof RuntimeError) return undefined;
    throw error;
  }
}

function differenceOf({ before, after, source }: PreviewedObject): DiffReport['objects'] {
  const object = after ?? before;
  if (object === undefined) return [];
  const resource = formatReference(object.kind, object.metadata);
  if (after === undefined) return [{ resource, change: 'delete', source, fields: [] }];
  const fields = fieldDifferences(before, after);
  // Moved to another file, or changed back to what is there: applying changes nothing.
  if (before !== undefined && fields.length === 0) return [];
  return [{ resource, change: before === undefined ? 'create' : 'update', source, fields }];
}

function reportProjection({ steps, waits, isComplete }: Projection): ProjectionReport {
  return { steps: steps.map(reportStep), waits: waits.map(({ resource, text }) => ({ resource, text })), isComplete };
}

function reportStep({ changes, operations, containerNames }: ProjectedStep): PlanStepReport {
  return {
    operations: operations.map((operation) => ({ ...reportOf(operation), text: formatPlannedOperation(operation, containerNames) })),
    changes: changes.flatMap((change) => describeChange(change)),
  };
}

function reportOf({ verb, resource, cause }: ProjectedStep['operations'][number]): Omit<PlanStepReport['operations'][number], 'text'> {
  return { verb, resource, cause };
}

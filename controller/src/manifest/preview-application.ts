/**
 * What applying a snapshot would make of the stored objects: pure, for the dry run. The decisions are those of decide-application.ts and
 * declared-object.ts, which the applier uses too; no value of a Secret is generated here.
 */
import { ANNOTATION } from '../model/annotations.ts';
import { keyOf } from '../model/objects.ts';
import type { DeclarableObject, Kind, ObjectKey, Pod } from '../model/objects.ts';
import { digestUid } from '../reconcile/digest.ts';
import type { ObjectMaps } from '../reconcile/world.ts';
import { missingGeneratedKeys, storedObject, withPodIdentity } from './declared-object.ts';
import { decideApplication, objectsToPut } from './decide-application.ts';
import type { AppliedObject, ApplicationCondition } from './decide-application.ts';
import { identityOf } from './manifest-snapshot.ts';
import type { ManifestSnapshot } from './manifest-snapshot.ts';

export interface PreviewedObject {
  readonly before: DeclarableObject | undefined;
  readonly after: DeclarableObject | undefined;
  /** "acts.yaml:12"; of a deleted object the file that declared it. */
  readonly source: string;
}

export interface ApplicationPreview {
  readonly objects: readonly PreviewedObject[];
  /** What keeps deletions from being carried out. */
  readonly conditions: readonly ApplicationCondition[];
  /** All objects as they would be. */
  readonly maps: ObjectMaps;
  /** Pods as manifests declare them. */
  readonly declaredPods: ReadonlyMap<ObjectKey, Pod>;
}

/** In a Secret, instead of a value that applying would generate: base64 of "(generated)". */
export const GENERATED_LATER = 'KGdlbmVyYXRlZCk=';

export function previewApplication(
  previous: readonly AppliedObject[],
  snapshot: ManifestSnapshot,
  stored: ObjectMaps,
  options: { readonly isPruneConfirmed: boolean; readonly timestamp: string },
): ApplicationPreview {
  const decision = decideApplication(previous, snapshot, options);
  const find = ({ kind, ...object }: DeclarableObject): DeclarableObject | undefined => stored[kind].get(keyOf(object));
  const maps = new Map(Object.entries(stored).map(([kind, map]) => [kind as Kind, new Map<ObjectKey, unknown>(map)]));
  const declaredBefore = new Map(previous.map(({ object }) => [identityOf(object), object]));
  const objects: PreviewedObject[] = [];
  const places = new Map(snapshot.objects.map(({ object, source }) => [identityOf(object), `${source.file}:${source.line}`]));
  for (const { applied, existing } of objectsToPut(decision, find)) {
    const after = completed(storedObject(applied, existing, declaredBefore.get(identityOf(applied.object))), existing);
    objects.push({ before: existing, after, source: places.get(identityOf(applied.object)) ?? applied.file });
    const isReplaced = after.kind === 'Pod' && existing !== undefined && after.metadata.uid !== existing.metadata.uid;
    maps.get(after.kind)?.set(keyOf(after), isReplaced ? markedDeleted(existing, options.timestamp) : after);
  }
  for (const { object, file } of decision.deletions) {
    const existing = find(object);
    if (existing === undefined) continue;
    objects.push({ before: existing, after: undefined, source: file });
    if (object.kind === 'Pod' || object.kind === 'Namespace')
      maps.get(object.kind)?.set(keyOf(object), markedDeleted(existing, options.timestamp));
    else maps.get(object.kind)?.delete(keyOf(object));
  }
  return {
    objects,
    conditions: decision.conditions,
    maps: Object.fromEntries(maps) as unknown as ObjectMaps,
    declaredPods: declaredPodsOf(decision.applied),
  };
}

/** Pods as applying makes them, by key. */
export function declaredPodsOf(applied: readonly AppliedObject[]): ReadonlyMap<ObjectKey, Pod> {
  const pods = applied.map((entry) => storedObject(entry, undefined, undefined)).filter((object) => object.kind === 'Pod');
  return new Map(pods.map((pod) => [keyOf(pod), withPodIdentity(pod)]));
}

/** What the applier and the store add. A new object's uid is not known before; this one stands for it. */
function completed(object: DeclarableObject, existing: DeclarableObject | undefined): DeclarableObject {
  if (object.kind === 'Pod') return withPodIdentity(object);
  const { uid = digestUid(`to come: ${identityOf(object)}`), generation = 1 } = existing?.metadata ?? {};
  const named = { ...object, metadata: { ...object.metadata, uid, generation } };
  if (named.kind !== 'Secret') return named;
  const generated = missingGeneratedKeys(named).map((key) => [key, GENERATED_LATER] as const);
  return generated.length === 0 ? named : { ...named, data: { ...named.data, ...Object.fromEntries(generated) } };
}

function markedDeleted(object: DeclarableObject, timestamp: string): DeclarableObject {
  return { ...object, metadata: { deletionTimestamp: timestamp, ...object.metadata } };
}

/** Annotations that only Coxswain writes: no difference that anyone wants to see. */
export const UNSHOWN_ANNOTATIONS: readonly string[] = [ANNOTATION.source, ANNOTATION.declaredReplicas];

/**
 * What a snapshot of the manifests changes: pure. It errs on the side of keeping:
 *   - a file with an error keeps what it last declared, and so does a file that an error is about (one that lost an object others name);
 *   - while there is any error nothing is removed;
 *   - what would remove every object, or a PersistentVolumeClaim, waits to be confirmed.
 * A file cut short at the end of a document parses cleanly. What saves it is the second half of the first rule, so the shipped manifests
 * put last in each file what others name.
 */
import { formatReference } from '../model/objects.ts';
import type { DeclarableObject } from '../model/objects.ts';
import { deepEqual } from '../model/deep-equal.ts';
import { identityOf } from './manifest-snapshot.ts';
import type { ManifestSnapshot } from './manifest-snapshot.ts';

/** An object as its manifest declared it, and the file that did. */
export interface AppliedObject {
  readonly object: DeclarableObject;
  readonly file: string;
}

export interface ApplicationCondition {
  readonly code: 'InvalidManifest' | 'NothingDeclared' | 'WouldDeleteEverything' | 'WouldDeleteVolume';
  readonly message: string;
}

export interface Application {
  /** To create, or to update because the declaration changed. */
  readonly upserts: readonly AppliedObject[];
  readonly deletions: readonly AppliedObject[];
  /** Declared by another file now and otherwise as before: nothing to do but to note the file. */
  readonly moves: readonly AppliedObject[];
  /** What counts as applied from now on: the `previous` of the next decision. */
  readonly applied: readonly AppliedObject[];
  readonly conditions: readonly ApplicationCondition[];
}

export function decideApplication(
  previous: readonly AppliedObject[],
  snapshot: ManifestSnapshot,
  { isPruneConfirmed = false }: { readonly isPruneConfirmed?: boolean } = {},
): Application {
  const before = new Map(previous.map((applied) => [identityOf(applied.object), applied]));
  const isHeld = heldFiles(previous, snapshot);
  const after = new Map<string, AppliedObject>();
  const declared = new Set<string>();
  for (const { object, source } of snapshot.objects) {
    const identity = identityOf(object);
    declared.add(identity);
    if (!isHeld(source.file)) after.set(identity, { object, file: source.file });
  }
  const upserts: AppliedObject[] = [];
  const moves: AppliedObject[] = [];
  for (const [identity, applied] of after) {
    const known = before.get(identity);
    if (known === undefined || !deepEqual(known.object, applied.object)) upserts.push(applied);
    else if (known.file !== applied.file) moves.push(applied);
  }
  const undeclared = [...before].filter(([identity]) => !declared.has(identity));
  const conditions = [...invalidManifests(snapshot), ...(isPruneConfirmed ? [] : guard(undeclared, before.size))];
  const deletions = conditions.length === 0 ? undeclared.map(([, applied]) => applied) : [];
  for (const [identity, applied] of before) {
    if (!after.has(identity) && !deletions.includes(applied)) after.set(identity, applied);
  }
  return { upserts, deletions, moves, applied: [...after.values()], conditions };
}

/** What applying puts into the store, in order: what is new or changed, and what somebody deleted, for what is declared is what runs. */
export function objectsToPut(
  { upserts, moves, applied }: Application,
  find: (object: DeclarableObject) => DeclarableObject | undefined,
): readonly { readonly applied: AppliedObject; readonly existing: DeclarableObject | undefined }[] {
  const changed = new Set([...upserts, ...moves].map(({ object }) => identityOf(object)));
  return applied
    .map((entry) => ({ applied: entry, existing: find(entry.object) }))
    .filter(({ applied: { object }, existing }) => existing === undefined || changed.has(identityOf(object)));
}

function heldFiles(previous: readonly AppliedObject[], { objects, errors }: ManifestSnapshot): (file: string) => boolean {
  const held = new Set<string>();
  const concerned = new Set<string>();
  for (const { source, about } of errors) {
    held.add(source.file);
    if (about !== undefined) concerned.add(about);
  }
  if (concerned.size > 0) {
    for (const { object, file } of previous) if (concerned.has(identityOf(object))) held.add(file);
    for (const { object, source } of objects) if (concerned.has(identityOf(object))) held.add(source.file);
  }
  // An error of no file is one of the directory: nothing of it counts.
  return held.has('') ? () => true : (file) => held.has(file);
}

function invalidManifests({ errors }: ManifestSnapshot): readonly ApplicationCondition[] {
  if (errors.length === 0) return [];
  const files = [...new Set(errors.map(({ source }) => (source.file === '' ? 'the manifests directory' : source.file)))];
  const problems = errors.length === 1 ? '1 error' : `${errors.length} errors`;
  const message = `${problems} in ${files.join(', ')}: what was last declared there is kept, and nothing is removed until it is corrected`;
  return [{ code: 'InvalidManifest', message }];
}

function guard(undeclared: readonly (readonly [string, AppliedObject])[], total: number): readonly ApplicationCondition[] {
  const confirm = 'confirm with "coxswain apply --prune"';
  if (undeclared.length > 0 && undeclared.length === total) {
    const objects = total === 1 ? 'the only object' : `all ${total} objects`;
    return [{ code: 'WouldDeleteEverything', message: `this would delete ${objects}; ${confirm}` }];
  }
  const volumes = undeclared.map(([, { object }]) => object).filter(({ kind }) => kind === 'PersistentVolumeClaim');
  if (volumes.length === 0) return [];
  const names = volumes.map(({ kind, metadata }) => formatReference(kind, metadata)).join(', ');
  return [{ code: 'WouldDeleteVolume', message: `this would delete ${names}, so nothing is deleted; ${confirm}` }];
}

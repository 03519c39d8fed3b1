/** What the manifests directory says at one moment. Shapes; parse-manifests.ts makes them, decide-application.ts acts on them. */
import type { DeclarableObject, ObjectMeta } from '../model/objects.ts';
import type { ManifestError, ManifestSource, ManifestWarning } from './manifest-error.ts';
import type { PathStep } from './yaml-documents.ts';

export interface SourcedObject {
  readonly object: DeclarableObject;
  readonly source: { readonly file: string; readonly line: number };
}

export interface ManifestSnapshot {
  /** Objects that are valid by themselves, by file and line; those that errors about objects together concern are among them. */
  readonly objects: readonly SourcedObject[];
  readonly errors: readonly ManifestError[];
  readonly warnings: readonly ManifestWarning[];
}

/** An object and the way to the place of each of its fields. */
export interface ParsedObject extends SourcedObject {
  readonly locate: (path: readonly PathStep[]) => ManifestSource;
}

/** What one file says by itself; the same as long as its text is. */
export interface ParsedFile {
  readonly path: string;
  readonly objects: readonly ParsedObject[];
  /** Objects that are there but not valid, by identity: who names them names something. */
  readonly invalidIdentities: readonly string[];
  /** Part of the file could not be read as objects at all, so anything might be declared there. */
  readonly isUnreadable: boolean;
  readonly errors: readonly ManifestError[];
  readonly warnings: readonly ManifestWarning[];
}

/** "Deployment default/acts": unique in a snapshot. */
export function identityOf(object: { readonly kind: string; readonly metadata: ObjectMeta }): string {
  return `${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

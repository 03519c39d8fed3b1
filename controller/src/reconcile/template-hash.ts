/**
 * The hash of a pod template as it is written, without defaults: an upgrade of Coxswain that adds a default restarts nothing.
 * A template has two hashes, and pods of either belong to it (decision 0015):
 *   - without the containers' resources, which Docker changes in place: what a new revision is named by
 *   - of all of it: what is taken where the resources could not be changed in place. Hash version 1 knew only this one, or (where a
 *     template declares no resources) the other
 */
import type { PodTemplateSpec } from '../model/objects.ts';
import { canonicalJson, shortDigest } from './digest.ts';

const known = new WeakMap<PodTemplateSpec, string>();
const knownExact = new WeakMap<PodTemplateSpec, string>();

export function templateHash(template: PodTemplateSpec): string {
  let hash = known.get(template);
  if (hash === undefined) {
    const containers = template.spec.containers.map(({ resources: _resources, ...container }) => container);
    hash = shortDigest(canonicalJson({ ...template, spec: { ...template.spec, containers } }));
    known.set(template, hash);
  }
  return hash;
}

export function exactTemplateHash(template: PodTemplateSpec): string {
  let hash = knownExact.get(template);
  if (hash === undefined) {
    // Always with the field, so that this name differs from the other where nothing is declared.
    const containers = template.spec.containers.map((container) => ({ ...container, resources: container.resources ?? {} }));
    hash = shortDigest(canonicalJson({ ...template, spec: { ...template.spec, containers } }));
    knownExact.set(template, hash);
  }
  return hash;
}

/** Whether a revision named so is of this template, whatever its resources were. */
export function isHashOf(hash: string, template: PodTemplateSpec): boolean {
  return hash === exactTemplateHash(template) || hash === templateHash(template);
}

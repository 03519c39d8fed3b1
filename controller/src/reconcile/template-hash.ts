/**
 * The hash of a pod template as it is written, without defaults: an upgrade of Coxswain that adds a default restarts nothing.
 * A template has two hashes, and pods of either belong to it (decision 0015):
 *   - without the containers' resources, which Docker changes in place: what every revision is named by, directly or as a digest of it
 *   - of all of it: only recognised. Hash version 1 knew only this one, or (where a template declares no resources) the other. It is given to
 *     nothing new: once the resources are changed in place nobody could tell any more what template it stands for
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

/**
 * What the revisions of a template may be called: by the template alone, and by the template with the configuration they were made for
 * (decision 0013), each once more for pods that are replaced to change their resources. The first revision of a template is called by the
 * first of these.
 */
export function namesOf(template: PodTemplateSpec, configDigest: string | undefined): readonly string[] {
  const hash = templateHash(template);
  return withConfiguration([hash, shortDigest(`${hash} again`)], configDigest);
}

/** Whether a revision named so is of this template, whatever its resources were. */
export function isNameOf(hash: string, template: PodTemplateSpec, configDigest: string | undefined): boolean {
  return namesOf(template, configDigest).includes(hash) || withConfiguration([exactTemplateHash(template)], configDigest).includes(hash);
}

function withConfiguration(names: readonly string[], configDigest: string | undefined): readonly string[] {
  return configDigest === undefined ? names : [...names, ...names.map((name) => shortDigest(`${name}/${configDigest}`))];
}

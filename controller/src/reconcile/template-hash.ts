/** The hash of a pod template as it is written, without defaults: an upgrade of Coxswain that adds a default restarts nothing. */
import type { PodTemplateSpec } from '../model/objects.ts';
import { canonicalJson, shortDigest } from './digest.ts';

const known = new WeakMap<PodTemplateSpec, string>();

export function templateHash(template: PodTemplateSpec): string {
  let hash = known.get(template);
  if (hash === undefined) {
    hash = shortDigest(canonicalJson(template));
    known.set(template, hash);
  }
  return hash;
}

/** PersistentVolumeClaims: one is bound when its volume is there. */
import type { Draft } from './draft.ts';
import { volumeName } from './volumes.ts';

export function noteClaims(draft: Draft): void {
  const { objects, observed, instance } = draft.world;
  for (const claim of objects.PersistentVolumeClaim.values()) {
    const { name, namespace = 'default' } = claim.metadata;
    const phase = observed.volumes.has(volumeName(instance, namespace, name)) ? 'Bound' : 'Pending';
    if (claim.status?.phase !== phase) draft.setStatus({ ...claim, status: { phase } });
  }
}

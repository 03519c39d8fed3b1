/**
 * Images that this instance pulled and needs no more: removed once nothing has named them for a while (decision 0016). Needed is what a
 * Deployment's template, a kept revision (revisionHistoryLimit: undo must not need a registry), a pod or a container names.
 * Never: an image that was here before, that set-up built, or whose name means another image by now; never by force, never two in a pass.
 */
import type { Draft } from './draft.ts';
import { LIMITS } from './limits.ts';

export function collectImages(draft: Draft): void {
  const { nowMs, observed, memory, teardown, isRemovalAllowed } = draft.world;
  if (observed.pulledImages.size === 0) return;
  const needed = neededImages(draft);
  let isRemoving = false;
  for (const [image, id] of observed.pulledImages) {
    const present = observed.images.get(image);
    const isOurs = present !== undefined && present.id === id && !present.isBuiltHere;
    if (!isOurs || needed.has(image)) continue;
    const sinceMs = memory.unusedImages?.get(image) ?? nowMs;
    draft.unusedImages.set(image, sinceMs);
    // What is declared is not known while the manifests have errors; taking an instance down keeps its images for the next start.
    if (isRemoving || teardown !== 'none' || !isRemovalAllowed) continue;
    // Looked at with the resync: nobody waits for it.
    if (nowMs - sinceMs < LIMITS.imageUnusedMs) continue;
    const cause = `nothing declared, kept for a rollback or running has named it for ${LIMITS.imageUnusedMs / 60_000} min`;
    isRemoving = draft.operate({ verb: 'RemoveImage', subject: `image:${image}`, resource: `image/${image}`, cause, image });
  }
}

function neededImages(draft: Draft): ReadonlySet<string> {
  const needed = new Set<string>();
  const { objects, observed } = draft.world;
  const templates = [
    ...[...objects.Deployment.values()].map(({ spec }) => spec.template.spec),
    ...[...draft.replicaSets.values()].flatMap(({ spec }) => spec.template?.spec ?? []),
    ...[...draft.pods.values()].map(({ spec }) => spec),
  ];
  for (const { containers } of templates) for (const { image } of containers) needed.add(image);
  for (const { image } of observed.containers.values()) needed.add(image);
  return needed;
}

/**
 * What stays on the engine when its pods are gone, found by its labels alone, so that a control plane which died half-way leaks nothing:
 * networks of namespaces in which nothing wants one any more, and emptyDirs of pods that are gone. When the instance is taken down all
 * networks go, and on purge the volumes. Volumes of claims go at no other time.
 */
import { LABEL } from '../model/annotations.ts';
import type { Draft } from './draft.ts';

export function removeLeftovers(draft: Draft): void {
  const { teardown, isRemovalAllowed, observed } = draft.world;
  if (teardown === 'none') {
    if (!isRemovalAllowed) return;
    removeUnusedNetworks(draft);
    removeOrphanedEmptyDirs(draft);
    return;
  }
  if (observed.containers.size > 0 || draft.pods.size > 0) return;
  const cause = `the instance is taken down (${teardown})`;
  for (const { name } of observed.networks.values()) removeNetwork(draft, name, cause);
  removeOrphanedEmptyDirs(draft);
  if (teardown === 'purge') for (const { name } of observed.volumes.values()) removeVolume(draft, name, cause);
}

/** A network is wanted by the pods of its namespace, and kept for the Deployments and Services that may have some again. */
function removeUnusedNetworks(draft: Draft): void {
  const { observed, objects } = draft.world;
  const used = new Set<string>();
  for (const { labels } of observed.containers.values()) used.add(labels[LABEL.namespace] ?? 'default');
  for (const owners of [draft.pods, objects.Deployment, objects.Service])
    for (const { metadata } of owners.values()) used.add(metadata.namespace ?? 'default');
  for (const { name, labels } of observed.networks.values()) {
    const namespace = labels[LABEL.namespace];
    if (namespace !== undefined && !used.has(namespace)) removeNetwork(draft, name, `nothing is left in namespace ${namespace}`);
  }
}

function removeOrphanedEmptyDirs(draft: Draft): void {
  const uids = new Set<string>();
  for (const { metadata } of draft.pods.values()) uids.add(metadata.uid ?? '');
  for (const { name, labels } of draft.world.observed.volumes.values()) {
    const uid = labels[LABEL.podUid];
    if (uid === undefined || uids.has(uid) || draft.containersByPod.has(uid) || draft.isBusy(`pod:${uid}`)) continue;
    removeVolume(draft, name, 'its pod is gone');
  }
}

function removeNetwork(draft: Draft, network: string, cause: string): void {
  draft.operate({ verb: 'RemoveNetwork', subject: `network:${network}`, resource: `network/${network}`, cause, network });
}

function removeVolume(draft: Draft, volume: string, cause: string): void {
  draft.operate({ verb: 'RemoveVolume', subject: `volume:${volume}`, resource: `volume/${volume}`, cause, volume });
}

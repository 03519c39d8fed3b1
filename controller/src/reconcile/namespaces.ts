/**
 * Namespaces. Each that something is in has an object, declared or not; one that nobody declared goes with the last thing in it. One that is
 * being deleted is emptied in order: routes and autoscalers, then pods (each stops as pods do), then what pods used, then its network
 * (leftovers.ts), then itself. What manifests declare in it stays: what is declared is what runs. Docker volumes of claims stay too.
 */
import { ANNOTATION, LABEL } from '../model/annotations.ts';
import type { Kind, KubernetesObject, Namespace } from '../model/objects.ts';
import type { Draft } from './draft.ts';
import { deploymentKeyOf } from './owner.ts';

/** The kinds that people put into a namespace, in the order in which they go; all of a line at once, the next when they are gone. */
const STAGES: readonly (readonly Kind[])[] = [
  ['Ingress', 'HorizontalPodAutoscaler'],
  ['Deployment', 'Pod'],
  ['Service', 'ConfigMap', 'Secret', 'PersistentVolumeClaim'],
];

export function reconcileNamespaces(draft: Draft): void {
  const { teardown, isRemovalAllowed, objects } = draft.world;
  if (teardown !== 'none') return;
  const used = usedNamespaces(draft);
  for (const name of used) if (!objects.Namespace.has(`/${name}`)) draft.create(implicitNamespace(name), 'objects are in it');
  for (const namespace of objects.Namespace.values()) {
    const { name, annotations, deletionTimestamp } = namespace.metadata;
    if (deletionTimestamp !== undefined) empty(draft, namespace);
    else if (annotations?.[ANNOTATION.implicit] === 'true' && !used.has(name) && isRemovalAllowed)
      draft.delete('Namespace', namespace, 'nothing is in it any more');
    const phase = deletionTimestamp === undefined ? 'Active' : 'Terminating';
    if (namespace.status?.phase !== phase) draft.setStatus({ ...namespace, status: { phase } });
  }
}

function usedNamespaces(draft: Draft): ReadonlySet<string> {
  const used = new Set(['default']);
  for (const kind of STAGES.flat()) for (const { metadata } of objectsOf(draft, kind)) used.add(metadata.namespace ?? 'default');
  return used;
}

function objectsOf(draft: Draft, kind: Kind): Iterable<KubernetesObject> {
  return kind === 'Pod' ? draft.pods.values() : draft.world.objects[kind].values();
}

function implicitNamespace(name: string): Namespace {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, annotations: { [ANNOTATION.implicit]: 'true' } } };
}

function empty(draft: Draft, namespace: Namespace): void {
  const { name } = namespace.metadata;
  const cause = `namespace ${name} is being deleted`;
  for (const kinds of STAGES) {
    const inside = kinds.flatMap((kind) => [...objectsOf(draft, kind)].filter(({ metadata }) => metadata.namespace === name));
    const going = inside.filter((object) => !isDeclared(draft, object));
    for (const object of going) remove(draft, object, cause);
    if (going.length === 0) continue;
    draft.wait(`namespace/${name}`, `it is being deleted: ${going.length} of ${kinds.join(', ')} still in it`);
    return;
  }
  const hasNetwork = [...draft.world.observed.networks.values()].some(({ labels }) => labels[LABEL.namespace] === name);
  const isUsed = usedNamespaces(draft).has(name);
  // What is declared in it keeps it, and its network.
  if (isUsed || !hasNetwork) draft.delete('Namespace', namespace, isUsed ? 'only what manifests declare is left in it' : 'it is empty');
}

/** By a manifest, itself or the Deployment it belongs to. */
function isDeclared(draft: Draft, object: KubernetesObject): boolean {
  const owner = object.kind === 'Pod' ? deploymentKeyOf(object) : undefined;
  const { metadata } = owner === undefined ? object : (draft.world.objects.Deployment.get(owner) ?? object);
  return metadata.annotations?.[ANNOTATION.source] !== undefined;
}

/** What has containers ends first and is deleted when it has; of a Deployment's pods the Deployment decides. The rest goes at once. */
function remove(draft: Draft, object: KubernetesObject, cause: string): void {
  const { metadata } = object;
  if (object.kind !== 'Deployment' && object.kind !== 'Pod') draft.delete(object.kind, object, cause);
  else if (metadata.deletionTimestamp === undefined && (object.kind === 'Deployment' || deploymentKeyOf(object) === undefined))
    draft.update({ ...object, metadata: { ...metadata, deletionTimestamp: draft.timestamp } }, cause);
}

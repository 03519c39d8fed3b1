/**
 * Containers -> Pods that nobody remembers: after a restart of the control plane, or the loss of its state, each container of this
 * instance is adopted as the pod its labels name. Nothing is restarted for it: a pod that was made in its place meanwhile ends. What belongs to
 * nothing declared is an orphan.
 */
import { ANNOTATION, LABEL, POD_TEMPLATE_HASH_LABEL } from '../model/annotations.ts';
import { keyOf } from '../model/objects.ts';
import type { Deployment, Pod, ReplicaSet } from '../model/objects.ts';
import type { ObservedContainer } from '../model/observed.ts';
import { containerName } from './container-spec.ts';
import { digestUid } from './digest.ts';
import type { Draft } from './draft.ts';
import { referenceOf } from './draft.ts';
import { hostPortOf } from './host-ports.ts';
import { deploymentKeyOf, hashOf, makeReplicaSet } from './owner.ts';
import { isNameOf } from './template-hash.ts';

/** A Deployment that was deleted and declared again is another one by its uid: it takes over the revisions and pods of the one before. */
export function reclaimReplicaSets(draft: Draft): void {
  const { Deployment: deployments } = draft.world.objects;
  const uids = new Set([...deployments.values()].map(({ metadata }) => metadata.uid));
  for (const replicaSet of [...draft.replicaSets.values()]) {
    const owner = replicaSet.metadata.ownerReferences?.[0];
    if (owner === undefined || uids.has(owner.uid)) continue;
    const uid = deployments.get(`${replicaSet.metadata.namespace ?? ''}/${owner.name}`)?.metadata.uid;
    if (uid === undefined) continue;
    const metadata = { ...replicaSet.metadata, ownerReferences: [{ ...owner, uid }] };
    draft.update({ ...replicaSet, metadata }, `deployment ${owner.name} is declared again`);
  }
}

/**
 * A ReplicaSet that was adopted while its template was unknown is by its name this one, once that is declared. Its pods were given a guessed spec
 * until then: left with it, the next container of such a pod would be one of another template.
 */
export function learnTemplates(draft: Draft): void {
  for (const replicaSet of [...draft.replicaSets.values()]) {
    const { metadata, spec: known } = replicaSet;
    if (known.template !== undefined) continue;
    const owner = metadata.ownerReferences?.[0];
    const deployment = draft.world.objects.Deployment.get(`${metadata.namespace ?? ''}/${owner?.name ?? ''}`);
    const identity = { hash: hashOf(replicaSet), configDigest: metadata.annotations?.[ANNOTATION.configDigest] };
    if (deployment === undefined || deployment.metadata.uid !== owner?.uid) continue;
    if (!isNameOf(identity.hash, deployment.spec.template, identity.configDigest)) continue;
    const { spec } = makeReplicaSet(deployment, identity, 1, known.replicas ?? 0);
    const cause = `its template is that of deployment ${deployment.metadata.name}`;
    draft.update({ ...replicaSet, spec }, cause);
    for (const pod of [...draft.podsOf(metadata.uid ?? '')]) {
      if (pod.metadata.deletionTimestamp !== undefined) continue;
      const annotations = { ...deployment.spec.template.metadata?.annotations, ...pod.metadata.annotations };
      draft.update({ ...pod, metadata: { ...pod.metadata, annotations }, spec: deployment.spec.template.spec }, cause);
    }
  }
}

export function adopt(draft: Draft): void {
  const known = new Set<string>();
  let hasAdopted = false;
  for (const pod of draft.pods.values()) known.add(pod.metadata.uid ?? '');
  for (const [uid, containers] of draft.containersByPod) {
    const newest = containers[0];
    if (known.has(uid) || newest === undefined || containers.every(({ phase }) => phase === 'removing')) continue;
    if (!isKnowable(draft, newest)) {
      draft.wait(
        `container/${newest.name}`,
        'nothing declared owns it so far, and the manifests have errors: it is left as it is until they are mended',
      );
      continue;
    }
    draft.create(adoptedPod(draft, uid, newest), `container ${newest.name} was found running`);
    hasAdopted = true;
  }
  if (hasAdopted) endClashes(draft);
}

/**
 * A container that the control plane before had asked for turned up after its host port, or its name, was given to a new pod. Only one of the two
 * can ever run, so neither a scale nor a rollout may count both: the one that has got further stays, the other one ends at once.
 */
function endClashes(draft: Draft): void {
  const active = [...draft.pods.values()]
    .filter((pod) => pod.metadata.deletionTimestamp === undefined && deploymentKeyOf(pod) !== undefined)
    .map((pod) => ({ pod, progress: progressOf(draft, pod) }))
    .sort((a, b) => b.progress - a.progress || (keyOf(a.pod) < keyOf(b.pod) ? -1 : 1));
  const holders = new Map<string, Pod>();
  for (const { pod } of active) {
    const places = placesOf(draft, pod);
    const place = places.find((candidate) => holders.has(candidate));
    const holder = holders.get(place ?? '');
    if (holder === undefined) for (const own of places) holders.set(own, pod);
    else {
      const metadata = { ...pod.metadata, deletionTimestamp: draft.timestamp };
      draft.update({ ...pod, metadata }, `${place ?? ''} is held by ${referenceOf(holder)}`);
    }
  }
}

/** What a pod has for itself alone: its host port, and the names of its containers, or of the one that it is to have. */
function placesOf({ containersByPod, world }: Draft, pod: Pod): readonly string[] {
  const uid = pod.metadata.uid ?? '';
  const port = hostPortOf(pod);
  const names = containersByPod.get(uid)?.map(({ name }) => name) ?? [
    containerName(world.instance, pod, world.memory.pods.get(uid)?.restartCount ?? 0),
  ];
  return [...names.map((name) => `container name ${name}`), ...(port === undefined ? [] : [`host port ${port}`])];
}

/** 2 = a container of it runs, 1 = there is one that may, 0 = none. */
function progressOf({ containersByPod }: Draft, { metadata }: Pod): number {
  const phases = (containersByPod.get(metadata.uid ?? '') ?? []).map(({ phase }) => phase);
  if (phases.some((phase) => phase === 'running' || phase === 'paused' || phase === 'restarting')) return 2;
  return phases.some((phase) => phase !== 'removing') ? 1 : 0;
}

/** While its owner may yet be declared, a container is not made a pod with a guessed spec: that guess would stay. */
function isKnowable(draft: Draft, { labels }: ObservedContainer): boolean {
  const { objects, isRemovalAllowed, teardown } = draft.world;
  if (isRemovalAllowed || teardown !== 'none') return true;
  const namespace = labels[LABEL.namespace] ?? 'default';
  const [kind, ownerName] = (labels[LABEL.owner] ?? '').split('/');
  if (kind === 'Deployment') return objects.Deployment.has(`${namespace}/${ownerName ?? ''}`);
  return objects.Pod.has(`${namespace}/${labels[LABEL.pod] ?? ''}`);
}

function adoptedPod(draft: Draft, uid: string, container: ObservedContainer): Pod {
  const { labels } = container;
  const namespace = labels[LABEL.namespace] ?? 'default';
  const [kind, ownerName] = (labels[LABEL.owner] ?? '').split('/');
  const deployment = kind === 'Deployment' ? draft.world.objects.Deployment.get(`${namespace}/${ownerName ?? ''}`) : undefined;
  const hash = labels[LABEL.templateHash] ?? '';
  const replicaSet = deployment === undefined ? undefined : replicaSetOf(draft, deployment, hash, labels);
  const declared = deployment === undefined ? draft.world.objects.Pod.get(`${namespace}/${labels[LABEL.pod] ?? ''}`) : undefined;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: freeName(draft, namespace, labels[LABEL.pod] ?? container.name),
      namespace,
      uid,
      labels: { ...parseLabels(labels[LABEL.podLabels]), ...(hash !== '' && { [POD_TEMPLATE_HASH_LABEL]: hash }) },
      annotations: {
        ...replicaSet?.spec.template?.metadata?.annotations,
        [LABEL.owner]: labels[LABEL.owner] ?? '',
        ...(labels[LABEL.hostPort] !== undefined && { [ANNOTATION.hostPort]: labels[LABEL.hostPort] }),
        ...(labels[LABEL.configDigest] !== undefined && { [ANNOTATION.configDigest]: labels[LABEL.configDigest] }),
      },
      ...(replicaSet !== undefined && {
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'ReplicaSet',
            name: replicaSet.metadata.name,
            uid: replicaSet.metadata.uid ?? '',
            controller: true,
          },
        ],
      }),
    },
    // Of an unknown template: the Deployment's present one is the nearest there is, and replaces it soon, unless the Deployment is behind itself.
    spec: replicaSet?.spec.template?.spec ??
      deployment?.spec.template.spec ??
      declared?.spec ?? { containers: [{ name: 'unknown', image: container.image }] },
  };
}

/** The ReplicaSet the container came from; after a loss of the state it is made again, without a template if that is unknown. */
function replicaSetOf(draft: Draft, deployment: Deployment, hash: string, labels: Readonly<Record<string, string>>): ReplicaSet {
  const namespace = deployment.metadata.namespace ?? 'default';
  for (const candidate of draft.replicaSets.values()) {
    const isOwned = candidate.metadata.ownerReferences?.some(({ uid }) => uid === deployment.metadata.uid) ?? false;
    if (isOwned && hashOf(candidate) === hash) return candidate;
  }
  const configDigest = labels[LABEL.configDigest];
  if (isNameOf(hash, deployment.spec.template, configDigest)) {
    const made = makeReplicaSet(deployment, { hash, configDigest }, 1, deployment.spec.replicas ?? 1);
    draft.create(made, 'its pods were found running');
    return made;
  }
  const unknown: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace,
      uid: digestUid(`${deployment.metadata.uid ?? ''}/${hash}`),
      labels: { ...parseLabels(labels[LABEL.podLabels]), [POD_TEMPLATE_HASH_LABEL]: hash },
      annotations: { [ANNOTATION.revision]: '0', ...(configDigest !== undefined && { [ANNOTATION.configDigest]: configDigest }) },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'Deployment', name: deployment.metadata.name, uid: deployment.metadata.uid ?? '', controller: true },
      ],
    },
    spec: { replicas: 0, selector: { matchLabels: { ...deployment.spec.selector.matchLabels, [POD_TEMPLATE_HASH_LABEL]: hash } } },
  };
  draft.create(unknown, 'pods of an earlier template were found running');
  return unknown;
}

function freeName(draft: Draft, namespace: string, name: string): string {
  let candidate = name;
  for (let index = 0; draft.pods.has(`${namespace}/${candidate}`); index++) candidate = `${name}-adopted-${index}`;
  return candidate;
}

function parseLabels(text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  } catch {
    // Labels of a container changed by no one we know: without them it matches no Service, and its Deployment still knows it.
    return {};
  }
}

/** Pods whose owner is not declared (any more) end; so do all of them when the instance is taken down. */
export function retireOrphans(draft: Draft, isDeclared: (pod: Pod) => boolean): void {
  const { isRemovalAllowed, teardown } = draft.world;
  for (const pod of [...draft.pods.values()]) {
    if (pod.metadata.deletionTimestamp !== undefined) continue;
    const isOrphan = !isDeclared(pod);
    if (teardown === 'none' && (!isOrphan || !isRemovalAllowed)) {
      if (isOrphan)
        draft.wait(
          `pod/${pod.metadata.name}`,
          'it belongs to nothing declared, but the manifests have errors: nothing is removed until they are mended',
        );
      continue;
    }
    const cause = teardown === 'none' ? 'it belongs to nothing that is declared' : 'the instance is taken down';
    draft.update({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: draft.timestamp } }, cause);
  }
}

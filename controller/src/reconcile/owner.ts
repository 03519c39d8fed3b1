/** Who owns a pod, as its labels and owner references say. */
import { ANNOTATION, LABEL, POD_TEMPLATE_HASH_LABEL } from '../model/annotations.ts';
import type { Deployment, ObjectKey, Pod, ReplicaSet } from '../model/objects.ts';
import { digestUid } from './digest.ts';

export function ownerLabel(kind: string, name: string): string {
  return `${kind}/${name}`;
}

/** "Deployment/acts" of a pod that a ReplicaSet made; '' when it was declared by itself. */
export function ownerOf(pod: Pod): string {
  return pod.metadata.annotations?.[LABEL.owner] ?? '';
}

/** The key of the Deployment a pod belongs to, undefined when it has none. */
export function deploymentKeyOf(pod: Pod): ObjectKey | undefined {
  const owner = ownerOf(pod);
  return owner.startsWith('Deployment/') ? `${pod.metadata.namespace ?? ''}/${owner.slice('Deployment/'.length)}` : undefined;
}

export function hashOf(object: Pod | ReplicaSet): string {
  return object.metadata.labels?.[POD_TEMPLATE_HASH_LABEL] ?? '';
}

export interface ReplicaSetIdentity {
  readonly hash: string;
  readonly configDigest: string | undefined;
}

/** The ReplicaSet of a Deployment's template. Its uid follows from its owner and its hash, so that it is the same after a loss. */
export function makeReplicaSet(
  deployment: Deployment,
  { hash, configDigest }: ReplicaSetIdentity,
  revision: number,
  replicas: number,
): ReplicaSet {
  const { metadata, spec } = deployment;
  const changeCause = metadata.annotations?.[ANNOTATION.changeCause];
  const labels = { ...spec.template.metadata?.labels, [POD_TEMPLATE_HASH_LABEL]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${metadata.name}-${hash}`,
      ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
      uid: digestUid(`${metadata.uid ?? ''}/${hash}`),
      labels,
      annotations: {
        [ANNOTATION.revision]: String(revision),
        ...(configDigest !== undefined && { [ANNOTATION.configDigest]: configDigest }),
        ...(changeCause !== undefined && { [ANNOTATION.changeCause]: changeCause }),
      },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          name: metadata.name,
          uid: metadata.uid ?? '',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      replicas,
      selector: { matchLabels: { ...spec.selector.matchLabels, [POD_TEMPLATE_HASH_LABEL]: hash } },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
      ...(spec.minReadySeconds !== undefined && { minReadySeconds: spec.minReadySeconds }),
    },
  };
}

/** What a DELETE may ask for, and which deletions are refused because they could not last. */
import type { ParameterizedContext } from 'koa';
import { ANNOTATION } from '../model/annotations.ts';
import { formatArgument, formatReference, KINDS } from '../model/objects.ts';
import type { KubernetesObject } from '../model/objects.ts';
import type { ObjectStore } from '../state/object-store.ts';
import { ApiError } from './api-error.ts';
import { parameter } from './query-parameter.ts';
import { isJsonObject } from './request-body.ts';

const PROPAGATION_POLICIES = ['Background', 'Foreground', 'Orphan'] as const;

/** In the body, or as a parameter. A pod that belongs to nothing would be removed as undeclared at once: Orphan cannot be had. */
export function propagationIn(context: ParameterizedContext, options: unknown): (typeof PROPAGATION_POLICIES)[number] {
  const given =
    (isJsonObject(options) ? options['propagationPolicy'] : undefined) ?? parameter(context, 'propagationPolicy') ?? 'Background';
  const policy = PROPAGATION_POLICIES.find((known) => known === given);
  if (policy === undefined)
    throw new ApiError('BadRequest', `propagationPolicy: expected Background or Foreground, found ${JSON.stringify(given)}`);
  const isOrphaning = policy === 'Orphan' || (isJsonObject(options) && options['orphanDependents'] === true);
  if (isOrphaning) throw new ApiError('BadRequest', 'propagationPolicy Orphan is not supported: a pod always belongs to what is declared');
  return policy;
}

/** What manifests declare would come back at once: it goes with them. */
export function checkNamespaceDeletion(store: ObjectStore, name: string): void {
  if (name === 'default') throw new ApiError('Forbidden', 'the namespace default may not be deleted');
  for (const { kind, isNamespaced } of KINDS) {
    if (!isNamespaced) continue;
    for (const { metadata } of store.list(kind).values()) {
      const source = metadata.annotations?.[ANNOTATION.source];
      if (metadata.namespace !== name || source === undefined) continue;
      const reference = formatReference(kind, metadata);
      throw new ApiError(
        'Conflict',
        `namespace ${name} holds what manifests declare: ${reference} in ${source}; take it out of there first`,
      );
    }
  }
}

/** One with pods would leave them to nobody: its Deployment keeps the bounds of a rollout by it. Without any it is history, and may go. */
export function checkReplicaSetDeletion(store: ObjectStore, { metadata }: KubernetesObject): void {
  const { name, namespace = '', uid } = metadata;
  const owner = metadata.ownerReferences?.find(({ kind }) => kind === 'Deployment')?.name;
  if (owner === undefined || store.get('Deployment', `${namespace}/${owner}`) === undefined) return;
  const pods = [...store.list('Pod').values()].filter((pod) => pod.metadata.ownerReferences?.some((reference) => reference.uid === uid));
  if (pods.length === 0) return;
  const deployment = { name: owner, namespace };
  throw new ApiError(
    'Conflict',
    `replicaset ${name} has ${pods.length} pod${pods.length === 1 ? '' : 's'} of ${formatReference('Deployment', deployment)}: a rollout retires those of an earlier revision by itself; to replace those that serve: coxswain rollout restart ${formatArgument('Deployment', deployment)}`,
  );
}

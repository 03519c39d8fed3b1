/** The revisions of a Deployment as its ReplicaSets keep them, oldest first. */
import { resourceUrl } from '../api/resource-path.ts';
import { ANNOTATION, POD_TEMPLATE_HASH_LABEL } from '../model/annotations.ts';
import type { Deployment, PodTemplateSpec, ReplicaSet } from '../model/objects.ts';
import type { ApiClient } from './api-client.ts';
import { describe } from './command-parts.ts';
import type { Listing } from './command-parts.ts';

export interface Revision {
  readonly number: number;
  readonly replicaSet: ReplicaSet;
  readonly cause: string;
  readonly images: string;
  /** Its template is the Deployment's. */
  readonly isInForce: boolean;
}

export async function listRevisions(client: ApiClient, namespace: string, deployment: Deployment): Promise<readonly Revision[]> {
  const { items } = (await client.get(resourceUrl(describe('ReplicaSet'), namespace))) as Listing<ReplicaSet>;
  const inForce = identity(deployment.spec.template);
  const kept = items
    .filter(
      ({ metadata, spec }) =>
        spec.template !== undefined && metadata.ownerReferences?.some(({ uid }) => uid === deployment.metadata.uid) === true,
    )
    .map((replicaSet) => ({ replicaSet, number: numberOf(replicaSet), text: identity(templateOf(replicaSet)) }))
    // 0 are pods of a template that was lost with the state.
    .filter(({ number }) => number > 0)
    .sort((a, b) => a.number - b.number);
  return kept.map(({ replicaSet, number, text }, index) => ({
    number,
    replicaSet,
    cause:
      kept[index - 1]?.text === text
        ? 'a ConfigMap or Secret changed'
        : (replicaSet.metadata.annotations?.[ANNOTATION.changeCause] ?? '<none>'),
    images: (replicaSet.spec.template?.spec.containers ?? []).map(({ image }) => image).join(','),
    isInForce: text === inForce,
  }));
}

/** Without the label that Coxswain adds to tell the pods of one revision from those of another. */
export function templateOf({ spec: { template } }: ReplicaSet): PodTemplateSpec | undefined {
  if (template === undefined) return undefined;
  const labels = Object.fromEntries(Object.entries(template.metadata?.labels ?? {}).filter(([name]) => name !== POD_TEMPLATE_HASH_LABEL));
  return { ...template, metadata: { ...template.metadata, labels } };
}

function numberOf({ metadata }: ReplicaSet): number {
  return Number(metadata.annotations?.[ANNOTATION.revision] ?? 0);
}

/** Keys in order: the same template may have been written twice. */
function identity(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

/** The /scale subresource of a Deployment: autoscaling/v1 Scale. */
import type { Deployment, LabelSelector } from '../model/objects.ts';
import type { ObjectStore } from '../state/object-store.ts';
import { isJsonObject } from './request-body.ts';

export function toScale(deployment: Deployment): unknown {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = deployment.metadata;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: deployment.spec.replicas ?? 1 },
    status: { replicas: deployment.status?.replicas ?? 0, selector: formatSelector(deployment.spec.selector) },
  };
}

/** The replicas a Scale asks for, or why it cannot be. */
export function replicasOf(scale: unknown): number | string {
  const spec = isJsonObject(scale) ? scale['spec'] : undefined;
  // Kubernetes takes an absent spec.replicas as 0; here it is more likely a mistake than a wish to stop everything.
  const replicas = isJsonObject(spec) ? spec['replicas'] : undefined;
  if (typeof replicas !== 'number' || !Number.isSafeInteger(replicas)) return 'spec.replicas: must be a whole number';
  if (replicas < 0) return 'spec.replicas: must be greater than or equal to 0';
  return replicas;
}

/** The HorizontalPodAutoscaler that rules this Deployment's replicas, by name. */
export function autoscalerOf(
  store: ObjectStore,
  deployment: { readonly name: string; readonly namespace: string | undefined },
): string | undefined {
  for (const { metadata, spec } of store.list('HorizontalPodAutoscaler').values()) {
    const target = spec.scaleTargetRef;
    if (metadata.namespace === deployment.namespace && target.kind === 'Deployment' && target.name === deployment.name)
      return metadata.name;
  }
  return undefined;
}

function formatSelector(selector: LabelSelector): string {
  const equal = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const sets = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    switch (operator) {
      case 'In':
        return `${key} in (${values.join(',')})`;
      case 'NotIn':
        return `${key} notin (${values.join(',')})`;
      case 'Exists':
        return key;
      case 'DoesNotExist':
        return `!${key}`;
    }
  });
  return [...equal, ...sets].join(',');
}

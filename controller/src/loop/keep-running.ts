/** What runs as the witness of a scale, when the state, or some of it, was lost. */
import type { Logger } from 'pino';
import { LABEL } from '../model/annotations.ts';
import type { Deployment } from '../model/objects.ts';
import type { ObservedContainer } from '../model/observed.ts';
import { rolloutBounds } from '../reconcile/rollout.ts';
import type { ObjectStore } from '../state/object-store.ts';
import type { StateReport } from '../state/state-files.ts';

/**
 * After changes of the state were lost, what runs is the better witness of a scale than an older snapshot: replicas are raised to the pods that
 * run, never lowered (a replica may just have crashed). Pods of a rollout's two templates are not added up.
 */
export function keepRunning(
  store: ObjectStore,
  containers: Iterable<ObservedContainer>,
  reports: readonly StateReport[],
  logger: Logger,
): void {
  if (!reports.some(({ kind }) => kind === 'Lost')) return;
  const all = [...containers];
  for (const deployment of store.list('Deployment').values()) {
    const { metadata, spec } = deployment;
    const running = Math.max(0, ...podsByTemplate(deployment, all).values());
    if (running <= (spec.replicas ?? 1)) continue;
    logger.warn({ deployment: metadata.name, replicas: running }, 'changes of the state were lost: as many replicas are kept as run');
    store.update({ ...deployment, spec: { ...spec, replicas: running } });
  }
}

/**
 * As many replicas as run; 0 = none. In the middle of a rollout a surge pod may be among them, or a pod be missing: of all numbers that explain
 * what runs it is the one nearest to the declared.
 */
export function runningReplicas(deployment: Deployment, containers: Iterable<ObservedContainer>): number {
  const pods = podsByTemplate(deployment, [...containers]);
  const running = [...pods.values()].reduce((sum, count) => sum + count, 0);
  if (pods.size < 2) return running;
  let replicas = deployment.spec.replicas ?? 1;
  while (running > replicas + rolloutBounds(deployment.spec, replicas).maxSurge) replicas++;
  while (replicas > 1 && running < replicas - rolloutBounds(deployment.spec, replicas).maxUnavailable) replicas--;
  return replicas;
}

/** Template hash -> pods with a running container. */
function podsByTemplate(deployment: Deployment, containers: readonly ObservedContainer[]): ReadonlyMap<string, number> {
  const uids = new Map<string, Set<string>>();
  for (const { labels } of runningContainers(deployment, containers)) {
    const template = labels[LABEL.templateHash] ?? '';
    uids.set(template, (uids.get(template) ?? new Set()).add(labels[LABEL.podUid] ?? ''));
  }
  return new Map([...uids].map(([template, pods]) => [template, pods.size]));
}

export function runningContainers({ metadata }: Deployment, containers: readonly ObservedContainer[]): readonly ObservedContainer[] {
  return containers.filter(
    ({ labels, phase }) =>
      labels[LABEL.owner] === `Deployment/${metadata.name}` &&
      labels[LABEL.namespace] === (metadata.namespace ?? 'default') &&
      (phase === 'running' || phase === 'paused' || phase === 'restarting'),
  );
}

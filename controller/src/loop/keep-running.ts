/**
 * After changes of the state were lost, what runs is the better witness of a scale than an older snapshot: replicas are raised to the pods that
 * run, never lowered (a replica may just have crashed). Pods of a rollout's two templates are not added up.
 */
import type { Logger } from 'pino';
import { LABEL } from '../model/annotations.ts';
import type { Deployment } from '../model/objects.ts';
import type { ObservedContainer } from '../model/observed.ts';
import type { ObjectStore } from '../state/object-store.ts';
import type { StateReport } from '../state/state-files.ts';

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
    const running = mostPodsOfOneTemplate(deployment, all);
    if (running <= (spec.replicas ?? 1)) continue;
    logger.warn({ deployment: metadata.name, replicas: running }, 'changes of the state were lost: as many replicas are kept as run');
    store.update({ ...deployment, spec: { ...spec, replicas: running } });
  }
}

function mostPodsOfOneTemplate({ metadata }: Deployment, containers: readonly ObservedContainer[]): number {
  const pods = new Map<string, Set<string>>();
  for (const { labels, phase } of containers) {
    if (labels[LABEL.owner] !== `Deployment/${metadata.name}` || labels[LABEL.namespace] !== (metadata.namespace ?? 'default')) continue;
    if (phase !== 'running' && phase !== 'paused') continue;
    const template = labels[LABEL.templateHash] ?? '';
    pods.set(template, (pods.get(template) ?? new Set()).add(labels[LABEL.podUid] ?? ''));
  }
  return Math.max(0, ...[...pods.values()].map(({ size }) => size));
}

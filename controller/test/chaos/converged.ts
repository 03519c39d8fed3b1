/** When a system is as declared again, what it holds, and which of its containers are gone: what scenarios measure by. */
import type { PlanReport, StatusReport } from '../../src/api/control-plane-port.ts';
import type { Deployment, KubernetesObject } from '../../src/model/objects.ts';
import type { System } from '../e2e/system.ts';
import { eventually } from '../eventually.ts';

interface List<T> {
  readonly items: readonly T[];
}

/** What is asked of a system, and what is seen past it. */
export type ObservedSystem = Pick<System, 'api' | 'containers'>;

/** An operation under way is neither planned nor waited for: what looks still for a moment need not be. */
const STILL_MS = 300;

/**
 * Everything declared is available and current, the ingress is connected, and there is nothing left to do or to wait for; and a moment later
 * as well. Resolves with the time at which it was so first (performance.now()).
 */
export async function untilConverged(system: ObservedSystem, deadlineMs = 30_000): Promise<number> {
  return eventually(async () => {
    const problem = await notConverged(system);
    if (problem !== undefined) throw new Error(problem);
    const sinceMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, STILL_MS));
    const later = await notConverged(system);
    if (later !== undefined) throw new Error(later);
    return sinceMs;
  }, deadlineMs);
}

/** In words, undefined when it has converged. */
async function notConverged(system: ObservedSystem): Promise<string | undefined> {
  const { ingress } = await system.api<StatusReport>('/apis/coxswain.dev/v1/status');
  if (!ingress.isConnected) return 'the ingress is not connected';
  const { items } = await system.api<List<Deployment>>('/apis/apps/v1/deployments');
  const containers = await system.containers();
  for (const { metadata, spec, status } of items) {
    const wanted = spec.replicas ?? 1;
    const running = containers.filter(
      ({ phase, labels }) => phase === 'running' && labels['coxswain.dev/owner'] === `Deployment/${metadata.name}`,
    );
    const available = status?.availableReplicas ?? 0;
    const updated = status?.updatedReplicas ?? 0;
    if (status?.observedGeneration !== metadata.generation) return `${metadata.name}: the newest generation has not been looked at`;
    if (available !== wanted || updated !== wanted || running.length !== wanted)
      return `${metadata.name}: ${available} available, ${updated} updated, ${running.length} running, not ${wanted}`;
  }
  const ended = containers.find(({ phase }) => phase !== 'running');
  if (ended !== undefined) return `${ended.name} is still there, ${ended.phase}`;
  const { operations, changes, waits } = await system.api<PlanReport>('/apis/coxswain.dev/v1/plan');
  const left = [...[...operations, ...changes].map(({ text }) => text), ...waits.map(({ resource, text }) => `${resource}: ${text}`)];
  return left.length === 0 ? undefined : `still to do: ${left.join('; ')}`;
}

const DECLARED = [
  '/apis/apps/v1/deployments',
  '/api/v1/services',
  '/apis/networking.k8s.io/v1/ingresses',
  '/apis/autoscaling/v2/horizontalpodautoscalers',
  '/api/v1/configmaps',
  '/api/v1/secrets',
  '/api/v1/persistentvolumeclaims',
];

/** What is declared, object by object, and the host ports in use: "Deployment default/web" -> its spec or data as JSON. */
export async function holdings(system: ObservedSystem): Promise<ReadonlyMap<string, string>> {
  const lists = await Promise.all(DECLARED.map((path) => system.api<List<KubernetesObject>>(path)));
  const held = lists.flatMap(({ items }, index) =>
    items.map((object): [string, string] => {
      const { metadata, status: _status, kind: _kind, apiVersion: _version, ...rest } = object as KubernetesObject & { status?: unknown };
      return [`${DECLARED[index]} ${metadata.namespace ?? ''}/${metadata.name}`, JSON.stringify(rest)];
    }),
  );
  const ports = (await system.containers()).flatMap(({ labels, phase }) =>
    phase === 'running' ? (labels['coxswain.dev/host-port'] ?? []) : [],
  );
  return new Map([...held, ...ports.map((port): [string, string] => [`host port ${port}`, ''])]);
}

/** What was there before and is gone or different, in words. */
export function lost(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] {
  return [...before].flatMap(([name, text]) => {
    const now = after.get(name);
    if (now === text) return [];
    return now === undefined ? `${name} is gone` : `${name} was ${text}, is ${now}`;
  });
}

/** Ids of running containers of the instance. */
export async function runningIds(system: ObservedSystem): Promise<ReadonlySet<string>> {
  return new Set((await system.containers()).filter(({ phase }) => phase === 'running').map(({ id }) => id));
}

/** Brings it up, and takes it away whatever happens. */
export async function withSystem<T, S extends Pick<System, 'up' | 'remove'>>(system: S, use: (system: S) => Promise<T>): Promise<T> {
  let hasFailed = true;
  try {
    await system.up();
    const result = await use(system);
    hasFailed = false;
    return result;
  } finally {
    await system.remove(hasFailed);
  }
}

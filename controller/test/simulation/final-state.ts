/** When the faults have stopped: what still differs from what is declared. Nothing = converged. */
import type { ControlParts } from '../../src/loop/control-parts.ts';
import { ANNOTATION, LABEL } from '../../src/model/annotations.ts';
import { keyOf } from '../../src/model/objects.ts';
import type { DeclarableObject, Deployment, Pod } from '../../src/model/objects.ts';
import { deploymentKeyOf } from '../../src/reconcile/owner.ts';
import type { FakeContainer } from '../runtime/fake-container.ts';
import { INSTANCE } from './control-plane-life.ts';
import { currentHash, hashOf } from './invariants.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { SimulatedEngine } from './simulated-engine.ts';
import type { SimulatedIngress } from './simulated-ingress.ts';

export interface FinalSurroundings {
  readonly parts: ControlParts;
  readonly engine: SimulatedEngine;
  readonly ingress: SimulatedIngress;
  readonly disk: SimulatedDisk;
  readonly declared: readonly DeclarableObject[];
}

export function differences(world: FinalSurroundings): readonly string[] {
  const { parts, engine } = world;
  const { store } = parts;
  const own = [...engine.docker.containers.values()].filter(({ spec }) => spec.labels[LABEL.instance] === INSTANCE);
  const pods = [...store.list('Pod').values()];
  const found = [...declaredDifferences(world)];
  for (const deployment of store.list('Deployment').values()) {
    const key = keyOf(deployment);
    found.push(
      ...deploymentDifferences(
        parts,
        deployment,
        pods.filter((pod) => deploymentKeyOf(pod) === key),
        own,
        engine,
      ),
    );
    const replicaSets = [...store.list('ReplicaSet').values()].filter(({ metadata }) =>
      metadata.ownerReferences?.some(({ uid }) => uid === deployment.metadata.uid),
    );
    const most = (deployment.spec.revisionHistoryLimit ?? 10) + 1;
    if (replicaSets.length > most) found.push(`${key}: ${replicaSets.length} ReplicaSets, at most ${most}`);
  }
  const uids = new Set(pods.map(({ metadata }) => metadata.uid));
  for (const { spec } of own) if (!uids.has(spec.labels[LABEL.podUid])) found.push(`container ${spec.name} belongs to no pod`);
  for (const pod of pods) {
    const containers = own.filter(({ spec }) => spec.labels[LABEL.podUid] === pod.metadata.uid);
    if (containers.length !== 1) found.push(`pod ${pod.metadata.name} has ${containers.length} containers`);
    const owner = deploymentKeyOf(pod);
    if (owner !== undefined && store.get('Deployment', owner) === undefined) found.push(`pod ${pod.metadata.name} is left of ${owner}`);
    if (owner === undefined) found.push(...barePodDifferences(pod, containers));
  }
  for (const replicaSet of store.list('ReplicaSet').values()) {
    const owner = replicaSet.metadata.ownerReferences?.[0]?.uid;
    if (![...store.list('Deployment').values()].some(({ metadata }) => metadata.uid === owner))
      found.push(`ReplicaSet ${replicaSet.metadata.name} has no Deployment`);
  }
  return [...found, ...leaks(world, pods), ...routingDifferences(world, own)];
}

function declaredDifferences({ declared, parts }: FinalSurroundings): readonly string[] {
  const found: string[] = [];
  const wanted = new Set(declared.map((object) => `${object.kind} ${keyOf(object)}`));
  for (const object of declared) {
    if (parts.store.get(object.kind, keyOf(object)) === undefined) found.push(`${object.kind} ${keyOf(object)} is declared and missing`);
  }
  for (const kind of ['Deployment', 'Service', 'Ingress', 'ConfigMap', 'Secret', 'HorizontalPodAutoscaler'] as const) {
    for (const key of parts.store.list(kind).keys())
      if (!wanted.has(`${kind} ${key}`)) found.push(`${kind} ${key} is there and not declared`);
  }
  return found;
}

function deploymentDifferences(
  parts: ControlParts,
  deployment: Deployment,
  pods: readonly Pod[],
  own: readonly FakeContainer[],
  engine: SimulatedEngine,
): readonly string[] {
  const key = keyOf(deployment);
  const replicas = deployment.spec.replicas ?? 1;
  const hash = currentHash(parts, deployment);
  const found: string[] = [];
  if (pods.length !== replicas) found.push(`${key}: ${pods.length} pods, wanted ${replicas}`);
  const outdated = pods.filter((pod) => hashOf(pod) !== hash).length;
  const container = deployment.spec.template.spec.containers[0];
  for (const { spec } of pods) {
    const other = spec.containers[0];
    if (other?.image !== container?.image || JSON.stringify(other?.env) !== JSON.stringify(container?.env))
      found.push(`${key}: a pod is not as the template says`);
  }
  if (outdated > 0) found.push(`${key}: ${outdated} pods of an earlier template`);
  const ids = new Set(pods.map(({ metadata }) => metadata.uid));
  const serving = own.filter((container) => ids.has(container.spec.labels[LABEL.podUid]) && engine.isServing(container)).length;
  if (serving !== replicas) found.push(`${key}: ${serving} serving, wanted ${replicas}`);
  const range = deployment.spec.template.metadata?.annotations?.[ANNOTATION.hostPorts];
  if (range !== undefined && found.length === 0) {
    const first = Number(range.split('-')[0]);
    const ports = pods.map(({ metadata }) => Number(metadata.annotations?.[ANNOTATION.hostPort])).sort((a, b) => a - b);
    const expected = pods.map((_, index) => first + index);
    if (ports.join() !== expected.join()) found.push(`${key}: ports ${ports.join()}, wanted ${expected.join()}`);
  }
  return found;
}

function barePodDifferences(pod: Pod, containers: readonly FakeContainer[]): readonly string[] {
  const container = containers[0];
  if (container === undefined) return [];
  const policy = pod.spec.restartPolicy ?? 'Always';
  const mayHaveEnded = policy === 'Never' || (policy === 'OnFailure' && container.exitCode === 0);
  if (container.phase === 'running' || (container.phase === 'exited' && mayHaveEnded)) return [];
  return [`pod ${pod.metadata.name} is ${container.phase}`];
}

function leaks({ engine, disk }: FinalSurroundings, pods: readonly Pod[]): readonly string[] {
  const found: string[] = [];
  const uids = new Set(pods.map(({ metadata }) => metadata.uid));
  for (const [name, labels] of engine.docker.volumes) {
    if (labels[LABEL.instance] !== INSTANCE || labels[LABEL.claim] !== undefined) continue;
    if (!uids.has(labels[LABEL.podUid])) found.push(`volume ${name} is left over`);
  }
  const places = pods.map(({ metadata }) => `/home/volumes/${metadata.namespace ?? 'default'}.${metadata.name}/`);
  for (const directory of disk.directories)
    if (!places.some((place) => directory.startsWith(place))) found.push(`directory ${directory} is left over`);
  return found;
}

/** The ingress routes to exactly what serves. */
function routingDifferences({ ingress, parts }: FinalSurroundings, own: readonly FakeContainer[]): readonly string[] {
  const services = [...parts.store.list('Service').values()].filter((service) => parts.store.get('Ingress', keyOf(service)) !== undefined);
  const wanted = own.filter(({ spec, phase }) => {
    const app = (JSON.parse(spec.labels[LABEL.podLabels] ?? '{}') as { readonly app?: string }).app;
    return (
      phase === 'running' && services.some(({ metadata }) => metadata.name === app && metadata.namespace === spec.labels[LABEL.namespace])
    );
  });
  const missing = wanted.filter(({ id }) => !ingress.routed.has(id));
  const surplus = [...ingress.routed].filter((id) => !wanted.some((container) => container.id === id));
  return [
    ...missing.map(({ spec }) => `${spec.name} is not routed`),
    ...surplus.map((id) => `${id.slice(0, 12)} is routed and should not be`),
  ];
}

/**
 * ReplicaSet -> Pods: makes the missing pods and marks the surplus ones for deletion. A pod's name is the lowest free number of its
 * ReplicaSet; its uid is new every time. On pinned ranges it takes the lowest free port, and the highest port goes first.
 */
import type { PortRange } from '../model/annotation-values.ts';
import { ANNOTATION, LABEL, POD_TEMPLATE_HASH_LABEL } from '../model/annotations.ts';
import { keyOf } from '../model/objects.ts';
import type { Pod, ReplicaSet } from '../model/objects.ts';
import { containerName } from './container-spec.ts';
import { digestUid } from './digest.ts';
import type { Draft } from './draft.ts';
import { referenceOf } from './draft.ts';
import type { ReplicaSetTarget } from './deployment.ts';
import { servingRank } from './deployment-status.ts';
import type { PodHealth } from './health.ts';
import { freeHostPort, hostPortOf, hostPortRange } from './host-ports.ts';
import { hashOf, ownerLabel } from './owner.ts';

export function reconcileReplicaSet(draft: Draft, target: ReplicaSetTarget, takenPorts: Set<number>): void {
  const { replicaSet, wanted } = target;
  const written = writeReplicas(draft, target);
  if (draft.world.teardown === 'none' && replicaSet.spec.template === undefined && wanted > 0) {
    draft.wait(referenceOf(replicaSet), 'its template is unknown since the state was lost: it keeps its pods and makes none');
  }
  const own = draft.healthOf(keyOf(target.deployment)).filter(({ pod }) => hashOf(pod) === hashOf(replicaSet));
  const active = own.filter(({ isTerminating }) => !isTerminating);
  if (active.length > wanted) retire(draft, target, active);
  if (active.length < wanted) makePods(draft, target, written, wanted - active.length, takenPorts);
}

function writeReplicas(draft: Draft, { replicaSet, wanted, deployment, cause }: ReplicaSetTarget): ReplicaSet {
  const had = replicaSet.spec.replicas ?? 0;
  if (had === wanted) return replicaSet;
  const updated = { ...replicaSet, spec: { ...replicaSet.spec, replicas: wanted } };
  draft.update(updated, cause);
  draft.emit(
    deployment,
    'Normal',
    'ScalingReplicaSet',
    `Scaled ${wanted > had ? 'up' : 'down'} replica set ${replicaSet.metadata.name} from ${had} to ${wanted}`,
  );
  return updated;
}

function retire(draft: Draft, { wanted, cause, isInRollout, deployment }: ReplicaSetTarget, active: readonly PodHealth[]): void {
  const rank = (health: PodHealth): number => servingRank(draft, deployment, health);
  const ranked = [...active].sort(isInRollout ? (a, b) => rank(a) - rank(b) || goesFirst(a, b) : goesFirst);
  for (const { pod } of ranked.slice(0, active.length - wanted)) {
    draft.update({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: draft.timestamp } }, cause);
  }
}

/** Pinned: highest port first. Otherwise: without a container, not ready, ready for the shortest time, highest number. */
export function goesFirst(a: PodHealth, b: PodHealth): number {
  const portA = hostPortOf(a.pod);
  const portB = hostPortOf(b.pod);
  if (portA !== undefined && portB !== undefined) return portB - portA;
  return (
    Number(a.current !== undefined) - Number(b.current !== undefined) ||
    Number(a.isReady) - Number(b.isReady) ||
    (b.memory.readySinceMs ?? 0) - (a.memory.readySinceMs ?? 0) ||
    ordinalOf(b.pod) - ordinalOf(a.pod)
  );
}

function ordinalOf(pod: Pod): number {
  return Number(pod.metadata.name.slice(pod.metadata.name.lastIndexOf('-') + 1));
}

function makePods(draft: Draft, target: ReplicaSetTarget, replicaSet: ReplicaSet, count: number, takenPorts: Set<number>): void {
  const make = podMaker(draft, target, replicaSet);
  if (make === undefined) return;
  const range = hostPortRange(replicaSet.spec.template);
  let ordinal = 0;
  for (let index = 0; index < count; index++) {
    const hostPort = range === undefined ? undefined : freeHostPort(range, target.allowedPorts, takenPorts);
    if (range !== undefined && hostPort === undefined) {
      draft.wait(referenceOf(replicaSet), noPortText(range, target.allowedPorts));
      break;
    }
    if (hostPort !== undefined) takenPorts.add(hostPort);
    while (isTaken(draft, replicaSet, ordinal)) ordinal++;
    draft.create(make(ordinal, hostPort), target.cause);
  }
}

/** By a pod, or by a container that was adopted as a pod of another name. */
function isTaken(draft: Draft, replicaSet: ReplicaSet, ordinal: number): boolean {
  const metadata = { ...replicaSet.metadata, name: `${replicaSet.metadata.name}-${ordinal}` };
  return (
    draft.pods.has(`${metadata.namespace ?? ''}/${metadata.name}`) ||
    draft.isContainerName(containerName(draft.world.instance, { metadata }, 0))
  );
}

function noPortText(range: PortRange, allowed: number): string {
  return `a new pod waits for one of the ports ${range.first}-${Math.min(range.last, range.first + allowed - 1)} to be given back`;
}

/** What all pods of the ReplicaSet share is made once; objects are immutable, so they may share it. */
function podMaker(
  draft: Draft,
  target: ReplicaSetTarget,
  replicaSet: ReplicaSet,
): ((ordinal: number, hostPort: number | undefined) => Pod) | undefined {
  const { template, selector } = replicaSet.spec;
  if (template === undefined) return undefined;
  const { name, namespace, uid: ownerUid = '' } = replicaSet.metadata;
  const hash = selector.matchLabels?.[POD_TEMPLATE_HASH_LABEL] ?? hashOf(replicaSet);
  const labels = { ...template.metadata?.labels, [POD_TEMPLATE_HASH_LABEL]: hash };
  const configDigest = replicaSet.metadata.annotations?.[ANNOTATION.configDigest];
  const annotations = {
    ...template.metadata?.annotations,
    [LABEL.owner]: ownerLabel('Deployment', target.deployment.metadata.name),
    ...(configDigest !== undefined && { [ANNOTATION.configDigest]: configDigest }),
  };
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid: ownerUid, controller: true, blockOwnerDeletion: true }];
  // Unique over time: a pod of the same name made later has another uid.
  const uid = digestUid(`${ownerUid}/${draft.world.wallMs}/${draft.world.nowMs}`).slice(0, -12);
  return (ordinal, hostPort) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-${ordinal}`,
      ...(namespace !== undefined && { namespace }),
      uid: uid + ordinal.toString(16).padStart(12, '0'),
      labels,
      annotations: hostPort === undefined ? annotations : { ...annotations, [ANNOTATION.hostPort]: String(hostPort) },
      ownerReferences,
    },
    spec: template.spec,
  });
}

/**
 * One pass of reconciliation: World -> Plan. The stages, in order; each sees what the ones before it decided:
 *   adopt      a Deployment declared again takes over its ReplicaSets; containers without a pod become pods
 *   health     which pods are ready, which containers are condemned
 *   namespaces what is being deleted is emptied
 *   scale      Deployment -> ReplicaSets -> Pods
 *   orphans    what belongs to nothing declared ends
 *   operate    Pods -> Docker operations
 *   route      Services and Ingresses -> the endpoint table
 *   leftovers  networks and volumes that nothing needs any more
 * It is pure: the same world gives the same plan, so the dry run is this very function.
 */
import { LABEL } from '../model/annotations.ts';
import { keyOf } from '../model/objects.ts';
import type { Deployment, ObjectKey, Pod, ReplicaSet } from '../model/objects.ts';
import { adopt, learnTemplates, reclaimReplicaSets, retireOrphans } from './adoption.ts';
import { noteClaims } from './claims.ts';
import { reconcileDeployment } from './deployment.ts';
import { Draft } from './draft.ts';
import { podHealth } from './health.ts';
import type { PodHealth } from './health.ts';
import { hostPortOf } from './host-ports.ts';
import { collectImages } from './image-garbage.ts';
import { removeLeftovers } from './leftovers.ts';
import { reconcileNamespaces } from './namespaces.ts';
import { deploymentKeyOf } from './owner.ts';
import { planProbes, reconcilePod } from './pod.ts';
import { planLogs, writePodStatus } from './pod-status.ts';
import { reconcileReplicaSet } from './replica-set.ts';
import { condemn, rememberDeployments } from './restarts.ts';
import { endpointTable } from './service.ts';
import type { Plan, World } from './world.ts';

export function reconcile(world: World): Plan {
  const draft = new Draft(world);
  reclaimReplicaSets(draft);
  learnTemplates(draft);
  adopt(draft);
  const health = new Map<string, PodHealth>();
  for (const pod of draft.pods.values()) health.set(pod.metadata.uid ?? '', podHealth(draft, pod));
  draft.healthByDeployment = groupByDeployment(health.values());
  rememberDeployments(draft, draft.healthByDeployment);
  condemn(draft, draft.healthByDeployment);
  condemnBarePods(draft, health.values());
  reconcileNamespaces(draft);
  scale(draft);
  retireOrphans(draft, (pod) => isDeclared(draft, pod));

  const pods: PodHealth[] = [];
  for (const pod of [...draft.pods.values()]) {
    const entry = refresh(draft, health, pod);
    reconcilePod(draft, entry);
    planProbes(draft, entry);
    planLogs(draft, entry);
    if (draft.pods.has(keyOf(pod))) {
      // A pod of this very pass is not in the store yet: its status follows with the next one.
      if (health.has(entry.uid)) writePodStatus(draft, entry);
      draft.podMemory.set(entry.uid, entry.memory);
      pods.push(entry);
    }
  }
  const table = world.teardown === 'none' ? endpointTable(draft, pods) : { routes: [], services: [] };
  noteClaims(draft);
  removeLeftovers(draft);
  collectImages(draft);
  return draft.finish(table);
}

function groupByDeployment(all: Iterable<PodHealth>): ReadonlyMap<ObjectKey, readonly PodHealth[]> {
  const groups = new Map<ObjectKey, PodHealth[]>();
  for (const health of all) {
    const key = deploymentKeyOf(health.pod);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [health]);
    else group.push(health);
  }
  return groups;
}

/** Pods declared by themselves have no Deployment to suspend their restarts. */
function condemnBarePods(draft: Draft, all: Iterable<PodHealth>): void {
  const bare = [...all].filter(({ pod }) => deploymentKeyOf(pod) === undefined);
  for (const health of bare) condemn(draft, new Map([['', [health]]]));
}

function scale(draft: Draft): void {
  const byDeployment = new Map<string, ReplicaSet[]>();
  for (const replicaSet of draft.replicaSets.values()) {
    const owner = replicaSet.metadata.ownerReferences?.[0]?.uid ?? '';
    const group = byDeployment.get(owner);
    if (group === undefined) byDeployment.set(owner, [replicaSet]);
    else group.push(replicaSet);
  }
  const takenPorts = new Set<number>();
  for (const pod of draft.pods.values()) {
    const port = hostPortOf(pod);
    if (port !== undefined) takenPorts.add(port);
  }
  // Containers that are no pods so far, because the manifests that may declare them have errors, hold theirs all the same.
  for (const { labels } of draft.world.observed.containers.values()) {
    const port = labels[LABEL.hostPort];
    if (port !== undefined) takenPorts.add(Number(port));
  }
  const { Deployment: deployments } = draft.world.objects;
  const uids = new Set<string>();
  for (const deployment of deployments.values()) {
    uids.add(deployment.metadata.uid ?? '');
    const targets = reconcileDeployment(draft, deployment, byDeployment.get(deployment.metadata.uid ?? '') ?? []);
    for (const target of targets) reconcileReplicaSet(draft, target, takenPorts);
    if (isEnded(draft, deployment)) {
      draft.delete('Deployment', deployment, 'it was deleted and its pods are gone');
      uids.delete(deployment.metadata.uid ?? '');
    }
  }
  dropOrphanReplicaSets(draft, byDeployment, uids);
}

function isEnded(draft: Draft, { metadata }: Deployment): boolean {
  if (metadata.deletionTimestamp === undefined || draft.world.teardown !== 'none') return false;
  return draft.healthOf(keyOf({ metadata })).length === 0;
}

function dropOrphanReplicaSets(draft: Draft, byDeployment: ReadonlyMap<string, readonly ReplicaSet[]>, uids: ReadonlySet<string>): void {
  if (!draft.world.isRemovalAllowed) return;
  for (const [owner, replicaSets] of byDeployment) {
    if (uids.has(owner)) continue;
    for (const replicaSet of replicaSets) {
      // Its pods go first; and one that was given to a Deployment of the same name in this pass is none.
      if (draft.podsOf(replicaSet.metadata.uid ?? '').length > 0 || draft.replicaSets.get(keyOf(replicaSet)) !== replicaSet) continue;
      draft.delete('ReplicaSet', replicaSet, 'its deployment is gone');
    }
  }
}

function isDeclared(draft: Draft, pod: Pod): boolean {
  const key = deploymentKeyOf(pod);
  if (key !== undefined) return draft.world.objects.Deployment.has(key);
  return draft.isDeclaredPod(pod);
}

/** The health of a pod as it is after scaling: it may be new, or terminating by now. */
function refresh(draft: Draft, health: ReadonlyMap<string, PodHealth>, pod: Pod): PodHealth {
  const known = health.get(pod.metadata.uid ?? '');
  if (known === undefined) return podHealth(draft, pod);
  if (known.pod === pod) return known;
  const isTerminating = pod.metadata.deletionTimestamp !== undefined;
  const memory =
    isTerminating && known.memory.terminatingSinceMs === undefined
      ? { ...known.memory, terminatingSinceMs: draft.world.nowMs }
      : known.memory;
  return { ...known, pod, isTerminating, memory };
}

/**
 * Limits and requests of running containers. A template that differs from its predecessor in nothing but the containers' resources is
 * no new revision: the revision takes the new values and its containers are changed as they run (UpdateResources). Where Docker cannot
 * do that (it takes no limit away, and lowers none below what is in use) the pods are replaced by a rollout instead (decision 0015).
 */
import { deepEqual } from '../model/deep-equal.ts';
import type { Container, Deployment, Pod, PodTemplateSpec, ReplicaSet } from '../model/objects.ts';
import { keyOf } from '../model/objects.ts';
import { ANNOTATION, POD_TEMPLATE_HASH_LABEL } from '../model/annotations.ts';
import type { ContainerResources, ObservedContainer } from '../model/observed.ts';
import { formatResources } from '../model/operation.ts';
import { parseQuantity } from '../model/quantity.ts';
import type { Draft } from './draft.ts';
import { referenceOf } from './draft.ts';
import type { PodHealth } from './health.ts';
import { LIMITS } from './limits.ts';
import { hashOf, makeReplicaSet } from './owner.ts';
import { exactTemplateHash, isNameOf, namesOf, templateHash } from './template-hash.ts';

/** 0 where the container declares nothing. */
export function resourcesOf({ resources }: Container): ContainerResources {
  const { limits, requests } = resources ?? {};
  return {
    memoryBytes: limits?.memory === undefined ? 0 : Math.ceil(parseQuantity(limits.memory) ?? 0),
    nanoCpus: limits?.cpu === undefined ? 0 : Math.round((parseQuantity(limits.cpu) ?? 0) * 1e9),
    cpuShares: requests?.cpu === undefined ? 0 : Math.max(2, Math.round((parseQuantity(requests.cpu) ?? 0) * 1024)),
  };
}

const FIELDS = ['memoryBytes', 'nanoCpus', 'cpuShares'] as const satisfies readonly (keyof ContainerResources)[];

/** What has to change about a running container, and why it cannot be changed as it runs, if it cannot. */
export interface ResourceDrift {
  readonly wanted: ContainerResources;
  readonly obstacle: string | undefined;
}

export function resourceDrift(draft: Draft, pod: Pod, container: ObservedContainer): ResourceDrift | undefined {
  const [declared] = pod.spec.containers;
  if (declared === undefined) return undefined;
  const wanted = resourcesOf(declared);
  const { resources } = container;
  const changed = FIELDS.filter((field) => wanted[field] !== resources[field]);
  if (changed.length === 0) return undefined;
  if (changed.some((field) => wanted[field] === 0)) return { wanted, obstacle: 'Docker takes no limit away from a running container' };
  const failure = draft.world.observed.failures.get(`container:${container.id}`);
  const isRefused =
    failure?.verb === 'UpdateResources' &&
    // An engine in trouble answers 500 as well as a kernel that refuses: all pods are replaced only for what stays so.
    (failure.code === 'Invalid' ||
      ((failure.code === 'EngineFailure' || failure.code === 'Conflict') && failure.count >= LIMITS.updatesMost));
  return { wanted, obstacle: isRefused ? `Docker refused it: ${failure.message}` : undefined };
}

/** Changes a running container as it runs. */
export function updateResources(draft: Draft, health: PodHealth): void {
  const { pod, current, memory } = health;
  if (current === undefined) return;
  const drift = resourceDrift(draft, pod, current);
  if (drift === undefined) {
    const taken = formatResources(current.resources);
    if (memory.resourcesTaken !== taken) health.memory = { ...memory, resourcesTaken: taken };
    return;
  }
  const resource = referenceOf(pod);
  if (drift.obstacle !== undefined) {
    draft.wait(resource, `its resources cannot be changed while it runs (${drift.obstacle}); they change when it is replaced`);
    return;
  }
  const { wanted: resources } = drift;
  // Some engines (rootless, without that cgroup controller) take a limit and discard it. Asking again would never end.
  const text = formatResources(resources);
  const isDiscarded = draft.world.observed.doneOnce.has(`UpdateResources ${current.id} ${text}`) && memory.resourcesTaken !== text;
  if (isDiscarded) {
    draft.wait(resource, 'its resources stay as they are: the engine accepted the change and did not make it');
    return;
  }
  const cause = 'its resources differ from what is declared';
  draft.operate({ verb: 'UpdateResources', subject: `container:${current.id}`, resource, containerId: current.id, resources, cause });
}

/** The revisions of this template, whatever their resources were, the newest first. */
export function revisionsOfTemplate(template: PodTemplateSpec, replicaSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const same = replicaSets.filter(
    (candidate) => isNameOf(hashOf(candidate), template, configDigestOf(candidate)) || hashOfTemplate(candidate) === templateHash(template),
  );
  // After a loss of the state all are revision 1: the one that hash version 1 named is the earlier one.
  const exact = exactTemplateHash(template);
  return same.sort((a, b) => revision(b) - revision(a) || Number(hashOf(a) === exact) - Number(hashOf(b) === exact));
}

export function configDigestOf(replicaSet: ReplicaSet): string | undefined {
  return replicaSet.metadata.annotations?.[ANNOTATION.configDigest];
}

const ownHashes = new WeakMap<ReplicaSet, string>();

/** The hash of the template a revision has now; not always the one that it was named by. */
function hashOfTemplate(replicaSet: ReplicaSet): string | undefined {
  const { template } = replicaSet.spec;
  if (template?.metadata?.labels?.[POD_TEMPLATE_HASH_LABEL] === undefined) return undefined;
  let hash = ownHashes.get(replicaSet);
  if (hash === undefined) {
    const { [POD_TEMPLATE_HASH_LABEL]: _named, ...labels } = template.metadata.labels;
    hash = templateHash({ ...template, metadata: { ...template.metadata, labels } });
    ownHashes.set(replicaSet, hash);
  }
  return hash;
}

function revision(replicaSet: ReplicaSet): number {
  return Number(replicaSet.metadata.annotations?.[ANNOTATION.revision] ?? 0);
}

/** The revision that is to run, with the resources that the Deployment declares: the same one, or another where a container cannot be changed. */
export function withResources(
  draft: Draft,
  deployment: Deployment,
  current: ReplicaSet,
  replicaSets: readonly ReplicaSet[],
  pods: readonly PodHealth[],
): ReplicaSet {
  const { template } = deployment.spec;
  if (current.spec.template === undefined || deployment.spec.paused === true) return current;
  let updated = current;
  if (differ(current.spec.template, template)) {
    updated = { ...current, spec: { ...current.spec, template: takeResources(current.spec.template, template) } };
    draft.update(updated, `deployment ${deployment.metadata.name} declares other resources`);
  }
  const own = pods.filter(({ pod, isTerminating }) => !isTerminating && hashOf(pod) === hashOf(current));
  for (const { pod } of own) {
    if (!differ(pod, template)) continue;
    const spec = takeResources(pod, template).spec;
    draft.update({ ...pod, spec }, `deployment ${deployment.metadata.name} declares other resources`);
  }
  // Seen once the pods have the new values: until then their containers differ from nothing.
  for (const { pod, current: container } of own) {
    const obstacle = container?.phase === 'running' ? resourceDrift(draft, pod, container)?.obstacle : undefined;
    if (obstacle !== undefined) return replacing(draft, deployment, updated, replicaSets, pods, obstacle);
  }
  return updated;
}

function differ(own: { readonly spec: PodTemplateSpec['spec'] }, template: PodTemplateSpec): boolean {
  if (own.spec.containers === template.spec.containers) return false;
  return own.spec.containers.some(({ resources }, index) => !deepEqual(resources ?? {}, template.spec.containers[index]?.resources ?? {}));
}

function takeResources<T extends { readonly spec: PodTemplateSpec['spec'] }>(own: T, template: PodTemplateSpec): T {
  const containers = own.spec.containers.map(({ resources: _resources, ...container }, index) => {
    const resources = template.spec.containers[index]?.resources;
    return resources === undefined ? container : { ...container, resources };
  });
  return { ...own, spec: { ...own.spec, containers } };
}

/** A revision of the same template under its other name, so that the pods roll over. */
function replacing(
  draft: Draft,
  deployment: Deployment,
  current: ReplicaSet,
  replicaSets: readonly ReplicaSet[],
  pods: readonly PodHealth[],
  obstacle: string,
): ReplicaSet {
  const { template } = deployment.spec;
  const configDigest = configDigestOf(current);
  const names = namesOf(template, configDigest);
  const hash = names.find((name) => name !== hashOf(current) && !pods.some(({ pod }) => hashOf(pod) === name));
  // All are in use: a rollout is under way, and takes its course first.
  if (hash === undefined) return current;
  const next = Math.max(...replicaSets.map(revision)) + 1;
  const made = makeReplicaSet(deployment, { hash, configDigest }, next, 0);
  if (draft.replicaSets.has(keyOf(made))) draft.update(made, `the resources of running pods cannot be changed: ${obstacle}`);
  else draft.create(made, `the resources of running pods cannot be changed: ${obstacle}`);
  draft.emit(deployment, 'Warning', 'ResourcesNeedRollout', `The pods are replaced to change their resources: ${obstacle}`);
  return made;
}

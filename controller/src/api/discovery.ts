/** What the API has to offer, as clients ask for it. Only what is served is advertised. */
import { KINDS } from '../model/objects.ts';
import type { KindDescription } from '../model/objects.ts';
import { groupOf } from './api-error.ts';

/** Coxswain's own requests; they are no objects, so its resource list is empty. */
export const COXSWAIN_GROUP_VERSION = 'coxswain.dev/v1';
const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];
const GROUP_VERSIONS = [
  ...new Set([...KINDS.map((kind) => kind.apiVersion).filter((version) => version.includes('/')), COXSWAIN_GROUP_VERSION]),
];
/** The workloads `kubectl get all` shows. */
const CATEGORY_ALL = new Set(['Pod', 'Service', 'Deployment', 'ReplicaSet', 'HorizontalPodAutoscaler']);

export const coreVersions = { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };

export const groupList = { kind: 'APIGroupList', apiVersion: 'v1', groups: GROUP_VERSIONS.map(groupEntry) };

export function findGroup(name: string): unknown {
  const groupVersion = GROUP_VERSIONS.find((candidate) => candidate.startsWith(`${name}/`));
  return groupVersion === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(groupVersion) };
}

/** `groupVersion` is "v1" or "apps/v1". */
export function findResources(groupVersion: string): unknown {
  if (groupVersion !== 'v1' && !GROUP_VERSIONS.includes(groupVersion)) return undefined;
  const resources = KINDS.filter((kind) => kind.apiVersion === groupVersion).flatMap(resourceEntries);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

/** The minor version chooses the client in kubectl dispatchers, so it is that of the API we follow. */
export function versionInfo(version: string): unknown {
  return { major: '1', minor: '32', gitVersion: `v1.32.0+coxswain-${version}`, platform: `${process.platform}/${process.arch}` };
}

function groupEntry(groupVersion: string): {
  readonly name: string;
  readonly versions: readonly unknown[];
  readonly preferredVersion: unknown;
} {
  const [name = '', version = ''] = groupVersion.split('/');
  return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } };
}

function resourceEntries(description: KindDescription): unknown[] {
  const { plural, kind, isNamespaced, shortNames } = description;
  const entry = {
    name: plural,
    singularName: kind.toLowerCase(),
    namespaced: isNamespaced,
    kind,
    verbs: VERBS,
    shortNames,
    ...(CATEGORY_ALL.has(kind) ? { categories: ['all'] } : {}),
  };
  if (kind === 'Deployment') {
    const scale = { name: `${plural}/scale`, singularName: '', namespaced: true, group: 'autoscaling', version: 'v1', kind: 'Scale' };
    return [entry, { ...scale, verbs: ['get', 'patch', 'update'] }];
  }
  if (kind === 'Pod')
    return [entry, { name: `${plural}/log`, singularName: '', namespaced: true, kind, group: groupOf(description), verbs: ['get'] }];
  return [entry];
}

/** What a table shows of an object of each kind. Secrets show how many values they have, never one of them. */
import { ANNOTATION } from '../model/annotations.ts';
import type { Kind, KubernetesObject, ObjectOf, Pod } from '../model/objects.ts';
import { formatAge } from './text-table.ts';

interface Column<K extends Kind> {
  readonly title: string;
  readonly read: (object: ObjectOf<K>, now: Date) => string;
}

type Columns = { readonly [K in Kind]?: readonly Column<K>[] };

const COLUMNS: Columns = {
  Deployment: [
    { title: 'READY', read: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 1}` },
    { title: 'UP-TO-DATE', read: ({ status }) => String(status?.updatedReplicas ?? 0) },
    { title: 'AVAILABLE', read: ({ status }) => String(status?.availableReplicas ?? 0) },
  ],
  ReplicaSet: [
    { title: 'DESIRED', read: ({ spec }) => String(spec.replicas ?? 1) },
    { title: 'CURRENT', read: ({ status }) => String(status?.replicas ?? 0) },
    { title: 'READY', read: ({ status }) => String(status?.readyReplicas ?? 0) },
  ],
  Pod: [
    { title: 'READY', read: (pod) => formatReady(pod) },
    { title: 'STATUS', read: (pod) => formatPodStatus(pod) },
    { title: 'PORT', read: ({ metadata }) => metadata.annotations?.[ANNOTATION.hostPort] ?? '-' },
    { title: 'NODE', read: ({ spec }) => spec.nodeName ?? '-' },
    { title: 'CONTAINER', read: (pod) => containerOf(pod) },
    { title: 'RESTARTS', read: ({ status }) => String(status?.containerStatuses?.[0]?.restartCount ?? 0) },
  ],
  Service: [{ title: 'PORTS', read: ({ spec }) => spec.ports.map(({ port, protocol }) => `${port}/${protocol ?? 'TCP'}`).join(',') }],
  Ingress: [
    { title: 'HOSTS', read: ({ spec }) => (spec.rules ?? []).map(({ host }) => host ?? '*').join(',') || '*' },
    {
      title: 'PATHS',
      read: ({ spec }) =>
        (spec.rules ?? [])
          .flatMap((rule) => rule.http?.paths ?? [])
          .map(({ path, backend }) => `${path ?? '/'}->${backend.service.name}`)
          .join(','),
    },
  ],
  HorizontalPodAutoscaler: [
    { title: 'TARGET', read: ({ spec }) => `${spec.scaleTargetRef.kind.toLowerCase()}/${spec.scaleTargetRef.name}` },
    { title: 'MIN', read: ({ spec }) => String(spec.minReplicas ?? 1) },
    { title: 'MAX', read: ({ spec }) => String(spec.maxReplicas) },
    { title: 'REPLICAS', read: ({ status }) => String(status?.currentReplicas ?? 0) },
  ],
  ConfigMap: [{ title: 'DATA', read: ({ data, binaryData }) => String(Object.keys({ ...data, ...binaryData }).length) }],
  Secret: [
    { title: 'TYPE', read: ({ type }) => type ?? 'Opaque' },
    { title: 'DATA', read: ({ data }) => String(Object.keys(data ?? {}).length) },
  ],
  PersistentVolumeClaim: [
    { title: 'STATUS', read: ({ status }) => status?.phase ?? 'Pending' },
    { title: 'VOLUME', read: ({ spec }) => spec.volumeName ?? '-' },
  ],
  EndpointSlice: [{ title: 'ENDPOINTS', read: ({ endpoints }) => endpoints.flatMap(({ addresses }) => addresses).join(',') || '-' }],
  Event: [
    { title: 'TYPE', read: ({ type }) => type },
    { title: 'REASON', read: ({ reason }) => reason },
    { title: 'OBJECT', read: ({ involvedObject }) => `${involvedObject.kind.toLowerCase()}/${involvedObject.name}` },
    { title: 'MESSAGE', read: ({ message }) => message },
  ],
};

/** Name first, age last; with `hasNamespace` the namespace before all. */
export function headOf(kind: Kind, hasNamespace: boolean): readonly string[] {
  return [...(hasNamespace ? ['NAMESPACE'] : []), 'NAME', ...columnsOf(kind).map(({ title }) => title), 'AGE'];
}

export function rowOf(object: KubernetesObject, hasNamespace: boolean, now: Date): readonly string[] {
  const { namespace, name, creationTimestamp } = object.metadata;
  const cells = columnsOf(object.kind).map(({ read }) => read(object, now));
  return [...(hasNamespace ? [namespace ?? ''] : []), name, ...cells, formatAge(creationTimestamp, now)];
}

/** The kind of the columns and that of the object are the same: the caller looked them up by it. */
function columnsOf(kind: Kind): readonly { readonly title: string; readonly read: (object: KubernetesObject, now: Date) => string }[] {
  return (COLUMNS[kind] ?? []) as readonly { readonly title: string; readonly read: (object: KubernetesObject, now: Date) => string }[];
}

function formatReady({ spec, status }: Pod): string {
  const ready = (status?.containerStatuses ?? []).filter((container) => container.ready).length;
  return `${ready}/${spec.containers.length}`;
}

/** Why it does not run, if it does not: "Terminating", "ImagePullBackOff", "Completed", else its phase. */
function formatPodStatus({ metadata, status }: Pod): string {
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  const state = status?.containerStatuses?.[0]?.state;
  return state?.waiting?.reason ?? state?.terminated?.reason ?? status?.reason ?? status?.phase ?? 'Unknown';
}

/** "docker://0123..." -> the short id that `docker ps` shows. */
function containerOf({ status }: Pod): string {
  const id = status?.containerStatuses?.[0]?.containerID?.replace(/^[a-z]+:\/\//, '');
  return id === undefined || id === '' ? '-' : id.slice(0, 12);
}

/** Services and Ingresses -> the endpoint table of the ingress. Only ready pods are endpoints; a terminating pod is none. */
import { parsePathList } from '../model/annotation-values.ts';
import { ANNOTATION } from '../model/annotations.ts';
import { keyOf } from '../model/objects.ts';
import type { Deployment, Ingress, IngressBackend, ObjectKey, Service, ServicePort } from '../model/objects.ts';
import type { Address, Endpoint, EndpointTable, Route, ServiceEndpoints } from '../model/endpoint-table.ts';
import { networkName } from './container-spec.ts';
import type { Draft } from './draft.ts';
import type { PodHealth } from './health.ts';
import { hostPortOf } from './host-ports.ts';
import { LabelIndex, matchesLabels } from './selector.ts';

export function endpointTable(draft: Draft, pods: readonly PodHealth[]): Omit<EndpointTable, 'version'> {
  const routes = [...draft.world.objects.Ingress.values()].sort(byKey).flatMap((ingress) => routesOf(draft, ingress));
  const wanted = new Set(routes.map(({ serviceKey }) => serviceKey));
  const podIndex = new LabelIndex(
    pods,
    ({ pod }) => pod.metadata.namespace ?? 'default',
    ({ pod }) => pod.metadata.labels,
  );
  const deploymentIndex = new LabelIndex(
    draft.world.objects.Deployment.values(),
    ({ metadata }) => metadata.namespace ?? 'default',
    ({ spec }) => spec.template.metadata?.labels,
  );
  const services: ServiceEndpoints[] = [];
  for (const service of [...draft.world.objects.Service.values()].sort(byKey)) {
    for (const port of service.spec.ports) {
      const key = serviceKey(service, port);
      if (wanted.has(key)) services.push(endpointsOf(draft, service, port, key, podIndex, deploymentIndex));
    }
  }
  return { routes, services };
}

function byKey(a: Service | Ingress, b: Service | Ingress): number {
  return keyOf(a) < keyOf(b) ? -1 : 1;
}

function serviceKey(service: Service, port: ServicePort): string {
  return `${keyOf(service)}:${port.port}`;
}

function routesOf(draft: Draft, ingress: Ingress): readonly Route[] {
  const { annotations } = ingress.metadata;
  const counting = {
    countPaths: parsePathList(annotations?.[ANNOTATION.countPaths] ?? '/') ?? [],
    uncountedPaths: parsePathList(annotations?.[ANNOTATION.uncountedPaths] ?? '') ?? [],
  };
  const common = { ingress: keyOf(ingress), ...counting };
  const routes: Route[] = [];
  for (const { host, http } of ingress.spec.rules ?? []) {
    for (const { path, pathType, backend } of http?.paths ?? []) {
      const key = backendKey(draft, ingress, backend);
      if (key === undefined) continue;
      const hostPart = host === undefined ? {} : { host: host.toLowerCase() };
      routes.push({ ...common, ...hostPart, path: path ?? '/', pathType: pathType === 'Exact' ? 'Exact' : 'Prefix', serviceKey: key });
    }
  }
  const fallback = ingress.spec.defaultBackend && backendKey(draft, ingress, ingress.spec.defaultBackend);
  if (fallback !== undefined) routes.push({ ...common, path: '/', pathType: 'Prefix', serviceKey: fallback });
  return routes;
}

function backendKey(draft: Draft, ingress: Ingress, { service: reference }: IngressBackend): string | undefined {
  const service = draft.world.objects.Service.get(`${ingress.metadata.namespace ?? ''}/${reference.name}`);
  const port = service?.spec.ports.find(({ port: number, name }) =>
    reference.port.name === undefined ? number === reference.port.number : name === reference.port.name,
  );
  if (service === undefined || port === undefined) {
    draft.wait(`ingress/${ingress.metadata.name}`, `service/${reference.name} is not there`);
    return undefined;
  }
  return serviceKey(service, port);
}

function endpointsOf(
  draft: Draft,
  service: Service,
  port: ServicePort,
  key: string,
  pods: LabelIndex<PodHealth>,
  deployments: LabelIndex<Deployment>,
): ServiceEndpoints {
  const { selector } = service.spec;
  const namespace = service.metadata.namespace ?? 'default';
  const members = pods.select(namespace, selector).filter(({ isTerminating }) => !isTerminating);
  const ready = members.filter(({ isReady }) => isReady);
  // A Deployment behind the Service may want pods though none is there yet.
  const isScaledUp = (): boolean =>
    draft.world.teardown === 'none' && deployments.select(namespace, selector).some(({ spec }) => (spec.replicas ?? 1) > 0);
  return {
    key,
    endpoints: ready.map((health) => endpoint(draft, health, port)).sort((a, b) => (a.podName < b.podName ? -1 : 1)),
    isReplacementExpected: members.length > 0 || isScaledUp(),
  };
}

function endpoint(draft: Draft, { pod, current }: PodHealth, port: ServicePort): Endpoint {
  const container = pod.spec.containers[0];
  const targetPort =
    typeof port.targetPort === 'string' ? container?.ports?.find(({ name }) => name === port.targetPort)?.containerPort : port.targetPort;
  const containerPort = targetPort ?? port.port;
  const address = current?.networks[networkName(draft.world.instance, pod.metadata.namespace ?? 'default')] ?? '';
  const hostPort = hostPortOf(pod);
  const addresses: Address[] = [];
  if (hostPort !== undefined && container?.ports?.[0]?.containerPort === containerPort) {
    const hostIp = pod.metadata.annotations?.[ANNOTATION.hostIp] ?? '127.0.0.1';
    addresses.push({ host: hostIp === '0.0.0.0' ? '127.0.0.1' : hostIp, port: hostPort });
  }
  if (address !== '') addresses.push({ host: address, port: containerPort });
  return { id: current?.id ?? '', podName: pod.metadata.name, addresses };
}

/** The counters an autoscaler of this Deployment sums: one for each Service that selects its pods, per Ingress. */
export function counterKeys(services: Iterable<Service>, deployment: Deployment, ingressKey: ObjectKey): readonly string[] {
  const keys: string[] = [];
  for (const service of services) {
    if (service.metadata.namespace !== deployment.metadata.namespace) continue;
    if (matchesLabels(service.spec.selector ?? {}, deployment.spec.template.metadata?.labels) && service.spec.selector !== undefined)
      keys.push(`${ingressKey} ${keyOf(service)}`);
  }
  return keys;
}

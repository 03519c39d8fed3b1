/** What a schema cannot say about one pod spec: names that must agree within it. */
import { parseQuantity } from '../model/quantity.ts';
import type { Container, PodSpec, ResourceList } from '../model/objects.ts';
import { describeFound, suggest } from './finding.ts';
import type { Finding } from './finding.ts';
import type { PathStep } from './yaml-documents.ts';

/** Docker refuses less. */
const LEAST_MEMORY_BYTES = 6 * 2 ** 20;

export function* checkPodSpec(spec: PodSpec, path: readonly PathStep[]): Iterable<Finding> {
  yield* checkDuplicates(spec.volumes ?? [], (volume) => volume.name, [...path, 'volumes'], 'name');
  for (const [index, { emptyDir }] of (spec.volumes ?? []).entries()) {
    if (emptyDir?.sizeLimit === undefined || emptyDir.medium === 'Memory') continue;
    const message = 'Kubernetes knows this field, Coxswain ignores it: Docker limits no volume on disk; medium: Memory is limited';
    yield { code: 'IgnoredField', path: [...path, 'volumes', index, 'emptyDir', 'sizeLimit'], message };
  }
  for (const [index, container] of spec.containers.entries()) {
    yield* checkContainer(container, spec, [...path, 'containers', index]);
  }
}

function* checkContainer(container: Container, spec: PodSpec, path: readonly PathStep[]): Iterable<Finding> {
  const ports = container.ports ?? [];
  yield* checkDuplicates(ports, (port) => port.name, [...path, 'ports'], 'name');
  yield* checkDuplicates(ports, (port) => `${port.containerPort}/${port.protocol ?? 'TCP'}`, [...path, 'ports'], 'containerPort');
  yield* checkDuplicates(container.volumeMounts ?? [], (mount) => mount.mountPath, [...path, 'volumeMounts'], 'mountPath');
  const volumes = (spec.volumes ?? []).map((volume) => volume.name);
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    if (volumes.includes(mount.name)) continue;
    const message = `the pod has no volume ${describeFound(mount.name)}${suggest(mount.name, volumes)}`;
    yield { code: 'MissingReference', path: [...path, 'volumeMounts', index, 'name'], message };
  }
  for (const { port, at } of namedPortsOf(container)) {
    const names = ports.flatMap((candidate) => candidate.name ?? []);
    if (typeof port === 'number' || names.includes(port)) continue;
    yield {
      code: 'MissingReference',
      path: [...path, ...at],
      message: `the container has no port named ${describeFound(port)}${suggest(port, names)}`,
    };
  }
  yield* checkResources(container, path);
  const user = container.securityContext?.runAsUser ?? spec.securityContext?.runAsUser;
  const isNonRoot = container.securityContext?.runAsNonRoot ?? spec.securityContext?.runAsNonRoot ?? false;
  if (isNonRoot && user === 0) {
    const own = container.securityContext?.runAsUser === undefined ? [...path.slice(0, -2)] : path;
    yield {
      code: 'BadValue',
      path: [...own, 'securityContext', 'runAsUser'],
      message: 'expected a user other than 0, because runAsNonRoot is true',
    };
  }
}

function* namedPortsOf(container: Container): Iterable<{ readonly port: number | string; readonly at: readonly PathStep[] }> {
  for (const name of ['startupProbe', 'readinessProbe', 'livenessProbe'] as const) {
    const { httpGet, tcpSocket } = container[name] ?? {};
    if (httpGet !== undefined) yield { port: httpGet.port, at: [name, 'httpGet', 'port'] };
    if (tcpSocket !== undefined) yield { port: tcpSocket.port, at: [name, 'tcpSocket', 'port'] };
  }
  const preStop = container.lifecycle?.preStop?.httpGet;
  if (preStop !== undefined) yield { port: preStop.port, at: ['lifecycle', 'preStop', 'httpGet', 'port'] };
}

function* checkResources(container: Container, path: readonly PathStep[]): Iterable<Finding> {
  const { limits = {}, requests = {} } = container.resources ?? {};
  for (const name of ['cpu', 'memory'] as const satisfies readonly (keyof ResourceList)[]) {
    const limit = parseQuantity(limits[name] ?? Number.MAX_VALUE) ?? 0;
    const request = parseQuantity(requests[name] ?? 0) ?? 0;
    if (request <= limit) continue;
    const message = `expected at most the limit ${describeFound(limits[name])}, found ${describeFound(requests[name])}`;
    yield { code: 'BadValue', path: [...path, 'resources', 'requests', name], message };
  }
  const memory = limits.memory === undefined ? undefined : parseQuantity(limits.memory);
  if (memory !== undefined && memory < LEAST_MEMORY_BYTES) {
    const message = `expected at least 6Mi, the least that Docker takes, found ${describeFound(limits.memory)}`;
    yield { code: 'BadValue', path: [...path, 'resources', 'limits', 'memory'], message };
  }
}

export function* checkDuplicates<T>(
  items: readonly T[],
  keyOf: (item: T) => string | undefined,
  path: readonly PathStep[],
  field: string,
): Iterable<Finding> {
  const seen = new Map<string, number>();
  for (const [index, item] of items.entries()) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, index);
    else yield { code: 'BadValue', path: [...path, index, field], message: `${describeFound(key)} is there already, as item ${first}` };
  }
}

/**
 * Pod -> the container that runs it, with every reference resolved. What cannot be resolved yet is named, never guessed:
 * the pod waits and says for what.
 */
import { ANNOTATION, HASH_VERSION, LABEL } from '../model/annotations.ts';
import type { Container, EnvVar, KeySelector, Pod, Secret, Service, StringMap } from '../model/objects.ts';
import type { ContainerMount, ContainerSpec } from '../model/operation.ts';
import { decodeBase64Utf8 } from './base64.ts';
import { hostPortOf } from './host-ports.ts';
import { hashOf, ownerOf } from './owner.ts';
import { resourcesOf } from './resources.ts';
import { matchesLabels } from './selector.ts';
import { Unresolved } from './unresolved.ts';
import { mountOf } from './volumes.ts';
import type { World } from './world.ts';

export function containerSpec(world: World, pod: Pod, restartCount: number): ContainerSpec {
  const container = pod.spec.containers[0];
  if (container === undefined) throw new Unresolved('the pod has no container');
  const namespace = pod.metadata.namespace ?? 'default';
  const env = resolveEnv(world, pod, container);
  const expand = (text: string): string => expandVariables(text, env);
  const securityContext = container.securityContext ?? {};
  const user = securityContext.runAsUser ?? pod.spec.securityContext?.runAsUser;
  const group = securityContext.runAsGroup ?? pod.spec.securityContext?.runAsGroup;
  return {
    name: containerName(world.instance, pod, restartCount),
    image: container.image,
    ...(container.command !== undefined && { entrypoint: container.command.map(expand) }),
    ...(container.args !== undefined && { command: container.args.map(expand) }),
    ...(container.workingDir !== undefined && { workingDir: container.workingDir }),
    env: [...env].map(([name, value]) => `${name}=${value}`),
    labels: containerLabels(world.instance, pod, restartCount),
    hostname: pod.metadata.name.slice(0, 63).replace(/[-.]+$/, ''),
    ...(user !== undefined && { user: group === undefined ? String(user) : `${user}:${group}` }),
    network: networkName(world.instance, namespace),
    networkAliases: aliasesOf(world, pod, namespace),
    ports: publishedPorts(pod, container),
    mounts: (container.volumeMounts ?? []).map((mount): ContainerMount => mountOf(world, pod, mount)),
    isRootReadOnly: securityContext.readOnlyRootFilesystem ?? false,
    isPrivileged: securityContext.privileged ?? false,
    isPrivilegeEscalationAllowed: securityContext.allowPrivilegeEscalation ?? true,
    capabilitiesAdded: securityContext.capabilities?.add ?? [],
    capabilitiesDropped: securityContext.capabilities?.drop ?? [],
    ...resourcesOf(container),
  };
}

/** Unique on the engine: instance and namespace show unless they are `default`, later containers of a pod are numbered. */
export function containerName(instance: string, { metadata }: Pick<Pod, 'metadata'>, restartCount: number): string {
  const { namespace = 'default' } = metadata;
  const scope = [instance, namespace].filter((part) => part !== 'default');
  return [...scope, metadata.name, ...(restartCount > 0 ? [String(restartCount)] : [])].join('.');
}

export function networkName(instance: string, namespace: string): string {
  return instance === 'default' ? `coxswain-${namespace}` : `coxswain-${instance}-${namespace}`;
}

function containerLabels(instance: string, pod: Pod, restartCount: number): Readonly<Record<string, string>> {
  const { metadata } = pod;
  const hostPort = hostPortOf(pod);
  const restartedAt = metadata.annotations?.[ANNOTATION.restartedAt];
  const configDigest = metadata.annotations?.[ANNOTATION.configDigest];
  return {
    [LABEL.instance]: instance,
    [LABEL.namespace]: metadata.namespace ?? 'default',
    [LABEL.pod]: metadata.name,
    [LABEL.podUid]: metadata.uid ?? '',
    [LABEL.owner]: ownerOf(pod),
    [LABEL.templateHash]: hashOf(pod),
    [LABEL.hashVersion]: HASH_VERSION,
    [LABEL.restartCount]: String(restartCount),
    [LABEL.podLabels]: labelText(metadata.labels),
    ...(hostPort !== undefined && { [LABEL.hostPort]: String(hostPort) }),
    ...(restartedAt !== undefined && { [LABEL.restartedAt]: restartedAt }),
    ...(configDigest !== undefined && { [LABEL.configDigest]: configDigest }),
  };
}

const labelTexts = new WeakMap<StringMap, string>();

/** Pods of one ReplicaSet share their labels. */
function labelText(labels: StringMap | undefined): string {
  if (labels === undefined) return '{}';
  let text = labelTexts.get(labels);
  if (text === undefined) labelTexts.set(labels, (text = JSON.stringify(labels)));
  return text;
}

/**
 * The names other pods of the network reach this one by: its Services, as `svc`, `svc.ns` and in full.
 * Known per world and labels: the pods of a ReplicaSet share their labels, and so their names.
 */
function aliasesOf(world: World, pod: Pod, namespace: string): readonly string[] {
  const { labels = {} } = pod.metadata;
  let known = aliasesByLabels.get(world);
  if (known === undefined) aliasesByLabels.set(world, (known = new Map<StringMap, readonly string[]>()));
  let aliases = known.get(labels);
  if (aliases === undefined) {
    const services = servicesNaming(world, namespace, labels).filter(({ spec }) => matchesLabels(spec.selector ?? {}, labels));
    aliases = services.flatMap(({ metadata: { name } }) => [name, `${name}.${namespace}`, `${name}.${namespace}.svc.cluster.local`]);
    known.set(labels, aliases);
  }
  return aliases;
}

const aliasesByLabels = new WeakMap<World, Map<StringMap, readonly string[]>>();
const servicesByPair = new WeakMap<World, ReadonlyMap<string, readonly Service[]>>();

/** Services whose selector's first pair is among the labels: each pod looks at its own few, not at all of them. */
function servicesNaming(world: World, namespace: string, labels: StringMap): readonly Service[] {
  let index = servicesByPair.get(world);
  if (index === undefined) servicesByPair.set(world, (index = indexServices(world)));
  return Object.entries(labels).flatMap(([key, value]) => index.get(`${namespace}/${key}=${value}`) ?? []);
}

function indexServices(world: World): ReadonlyMap<string, readonly Service[]> {
  const index = new Map<string, Service[]>();
  for (const service of world.objects.Service.values()) {
    const [first] = Object.entries(service.spec.selector ?? {});
    if (first === undefined) continue;
    const pair = `${service.metadata.namespace ?? 'default'}/${first[0]}=${first[1]}`;
    const known = index.get(pair);
    if (known === undefined) index.set(pair, [service]);
    else known.push(service);
  }
  return index;
}

function publishedPorts(pod: Pod, container: Container): ContainerSpec['ports'] {
  const hostPort = hostPortOf(pod);
  return (container.ports ?? []).map(({ containerPort, protocol }, index) => ({
    containerPort,
    protocol: (protocol ?? 'TCP').toLowerCase(),
    ...(index === 0 && hostPort !== undefined && { hostPort, hostIp: pod.metadata.annotations?.[ANNOTATION.hostIp] ?? '127.0.0.1' }),
  }));
}

// ---- environment

function resolveEnv(world: World, pod: Pod, container: Container): ReadonlyMap<string, string> {
  const env = new Map<string, string>();
  for (const { prefix, configMapRef, secretRef } of container.envFrom ?? []) {
    const values = configMapRef === undefined ? secretValues(world, pod, secretRef) : configMapValues(world, pod, configMapRef);
    for (const [name, value] of Object.entries(values)) env.set(`${prefix ?? ''}${name}`, value);
  }
  for (const variable of container.env ?? []) {
    const value = resolveVariable(world, pod, variable, env);
    if (value !== undefined) env.set(variable.name, value);
  }
  return env;
}

function resolveVariable(world: World, pod: Pod, { value, valueFrom }: EnvVar, env: ReadonlyMap<string, string>): string | undefined {
  if (valueFrom === undefined) return expandVariables(value ?? '', env);
  if (valueFrom.configMapKeyRef !== undefined)
    return pick('configmap', valueFrom.configMapKeyRef, configMapValues(world, pod, valueFrom.configMapKeyRef));
  if (valueFrom.secretKeyRef !== undefined) return secretValue(world, pod, valueFrom.secretKeyRef);
  if (valueFrom.fieldRef !== undefined) return fieldValue(pod, valueFrom.fieldRef.fieldPath);
  return undefined;
}

function pick(kind: string, { name, key, optional }: KeySelector, values: StringMap): string | undefined {
  const value = values[key];
  if (value === undefined && optional !== true) throw new Unresolved(`${kind}/${name} has no key "${key}"`);
  return value;
}

interface Reference {
  readonly name: string;
  readonly optional?: boolean;
}

function configMapValues(world: World, pod: Pod, reference: Reference): StringMap {
  const configMap = world.objects.ConfigMap.get(`${pod.metadata.namespace ?? ''}/${reference.name}`);
  if (configMap === undefined && reference.optional !== true) throw new Unresolved(`configmap/${reference.name} is missing`);
  return configMap?.data ?? {};
}

/** One key only: the others may be large, and no text. */
function secretValue(world: World, pod: Pod, selector: KeySelector): string | undefined {
  const encoded = pick('secret', selector, findSecret(world, pod, selector)?.data ?? {});
  return encoded === undefined ? undefined : decodeBase64Utf8(encoded);
}

function findSecret(world: World, pod: Pod, reference: Reference): Secret | undefined {
  const secret = world.objects.Secret.get(`${pod.metadata.namespace ?? ''}/${reference.name}`);
  if (secret === undefined && reference.optional !== true) throw new Unresolved(`secret/${reference.name} is missing`);
  return secret;
}

function secretValues(world: World, pod: Pod, reference: Reference | undefined): StringMap {
  if (reference === undefined) return {};
  return Object.fromEntries(
    Object.entries(findSecret(world, pod, reference)?.data ?? {}).map(([key, value]) => [key, decodeBase64Utf8(value)]),
  );
}

const LABEL_PATH = /^metadata\.(labels|annotations)\['([^']+)'\]$/;

function fieldValue(pod: Pod, path: string): string {
  const keyed = LABEL_PATH.exec(path);
  if (keyed !== null) return (keyed[1] === 'labels' ? pod.metadata.labels : pod.metadata.annotations)?.[keyed[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return pod.metadata.name;
    case 'metadata.namespace':
      return pod.metadata.namespace ?? 'default';
    case 'metadata.uid':
      return pod.metadata.uid ?? '';
    case 'spec.nodeName':
      return 'localhost';
    case 'status.hostIP':
      return '127.0.0.1';
    default:
      throw new Unresolved(`fieldRef "${path}" is not known`);
  }
}

/** Kubernetes' $(NAME): an unknown name stays as it is, $$(NAME) is a literal. */
function expandVariables(text: string, env: ReadonlyMap<string, string>): string {
  if (!text.includes('$')) return text;
  return text.replace(/\$\$|\$\(([^)]+)\)/g, (whole, name: string | undefined) => (name === undefined ? '$' : (env.get(name) ?? whole)));
}

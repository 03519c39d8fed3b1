/**
 * The objects of all files together: every name leads to something, no two objects are the same or claim the same pods or host ports,
 * and pinned ports suffice. Takes valid objects, says what is wrong and where; changes nothing.
 */
import { ANNOTATION } from '../model/annotations.ts';
import type {
  ConfigMap,
  DeclarableObject,
  Deployment,
  HorizontalPodAutoscaler,
  Ingress,
  LabelSelector,
  Secret,
  Service,
  StringMap,
} from '../model/objects.ts';
import { formatReference } from '../model/objects.ts';
import { matchesLabels, matchesSelector } from '../reconcile/selector.ts';
import { formatPortRange, parseGeneratedKeys, parseIpv4, parsePortRange } from '../model/annotation-values.ts';
import type { PortRange } from '../model/annotation-values.ts';
import { findDependencyCycles } from './dependency-cycles.ts';
import { describeFound, suggest } from './finding.ts';
import type { Finding } from './finding.ts';
import { formatLabels, portMismatch } from './object-check.ts';
import { identityOf } from './manifest-snapshot.ts';
import type { ParsedObject } from './manifest-snapshot.ts';
import { referencesOf } from './references.ts';
import type { Reference } from './references.ts';
import type { PathStep } from './yaml-documents.ts';

export interface SnapshotFinding {
  readonly object: ParsedObject;
  readonly finding: Finding;
}

type Parsed<T extends DeclarableObject> = ParsedObject & { readonly object: T };

/**
 * `invalid` holds the identities of objects that are declared but not valid. Where `isComplete` is false part of the files could not be
 * read, so that what seems missing may be there: MissingReference is not reported then.
 */
export function* checkSnapshot(
  objects: readonly ParsedObject[],
  invalid: ReadonlySet<string>,
  isComplete: boolean,
): Iterable<SnapshotFinding> {
  const world = new SnapshotWorld(objects, invalid, isComplete);
  yield* checkDuplicateObjects(objects);
  for (const object of objects) {
    for (const reference of referencesOf(object.object)) {
      const finding = checkReference(world, object, reference);
      if (finding !== undefined) yield { object, finding };
    }
  }
  for (const service of world.services) yield* checkServicePods(world, service);
  yield* checkDependencies(world.deployments);
  yield* checkSelectorOverlap(world.deployments);
  yield* checkHostPorts(world);
  for (const autoscaler of world.autoscalers) yield* checkMetric(world, autoscaler);
}

function* checkDependencies(deployments: readonly Parsed<Deployment>[]): Iterable<SnapshotFinding> {
  for (const { deployment, finding } of findDependencyCycles(deployments.map(({ object }) => object))) {
    const object = deployments.find((parsed) => parsed.object === deployment);
    if (object !== undefined) yield { object, finding };
  }
}

class SnapshotWorld {
  readonly invalid: ReadonlySet<string>;
  readonly isComplete: boolean;
  readonly byIdentity = new Map<string, ParsedObject>();
  readonly deployments: readonly Parsed<Deployment>[];
  readonly services: readonly Parsed<Service>[];
  readonly autoscalers: readonly Parsed<HorizontalPodAutoscaler>[];
  readonly labelSets: readonly { readonly namespace: string; readonly labels: StringMap; readonly object: ParsedObject }[];

  constructor(objects: readonly ParsedObject[], invalid: ReadonlySet<string>, isComplete: boolean) {
    this.invalid = invalid;
    this.isComplete = isComplete;
    for (const parsed of objects) {
      const identity = identityOf(parsed.object);
      if (!this.byIdentity.has(identity)) this.byIdentity.set(identity, parsed);
    }
    // A second object of one name has its own error; only the first is compared with others.
    const unique = [...this.byIdentity.values()];
    this.deployments = unique.filter((parsed): parsed is Parsed<Deployment> => parsed.object.kind === 'Deployment');
    this.services = unique.filter((parsed): parsed is Parsed<Service> => parsed.object.kind === 'Service');
    this.autoscalers = unique.filter(
      (parsed): parsed is Parsed<HorizontalPodAutoscaler> => parsed.object.kind === 'HorizontalPodAutoscaler',
    );
    this.labelSets = unique.flatMap((object) => {
      const declared = object.object;
      if (declared.kind !== 'Deployment' && declared.kind !== 'Pod') return [];
      const labels = (declared.kind === 'Pod' ? declared.metadata.labels : declared.spec.template.metadata?.labels) ?? {};
      return [{ namespace: declared.metadata.namespace ?? '', labels, object }];
    });
  }

  find(kind: string, namespace: string | undefined, name: string): ParsedObject | undefined {
    return this.byIdentity.get(`${kind} ${namespace ?? ''}/${name}`);
  }
}

function placeOf({ source }: ParsedObject): string {
  return `${source.file}:${source.line}`;
}

function* checkDuplicateObjects(objects: readonly ParsedObject[]): Iterable<SnapshotFinding> {
  const first = new Map<string, ParsedObject>();
  for (const object of objects) {
    const identity = identityOf(object.object);
    const other = first.get(identity);
    if (other === undefined) first.set(identity, object);
    else {
      const message = `declared twice, here and at ${placeOf(other)}`;
      yield { object, finding: { code: 'DuplicateObject', path: ['metadata', 'name'], message, about: identity } };
    }
  }
}

function checkReference(world: SnapshotWorld, { object }: ParsedObject, reference: Reference): Finding | undefined {
  const { kind, name, path, key, port } = reference;
  const { namespace } = object.metadata;
  const identity = `${kind} ${namespace ?? ''}/${name}`;
  const called = formatReference(kind, { name, namespace });
  const missing = (message: string, at: readonly PathStep[] = path): Finding => ({
    code: 'MissingReference',
    path: at,
    message,
    about: identity,
  });
  const target = world.byIdentity.get(identity)?.object;
  if (target === undefined) {
    if (!world.isComplete || world.invalid.has(identity)) return undefined;
    const names = [...world.byIdentity.values()].filter(
      (other) => other.object.kind === kind && other.object.metadata.namespace === namespace,
    );
    return missing(
      `${called} is not declared${suggest(
        name,
        names.map((other) => other.object.metadata.name),
      )}`,
    );
  }
  if (key !== undefined && (target.kind === 'Secret' || target.kind === 'ConfigMap')) {
    const keys = keysOf(target);
    if (!keys.includes(key)) return missing(`${called} has no key ${describeFound(key)}${suggest(key, keys)}`);
  }
  if (port !== undefined && target.kind === 'Service') {
    const found = target.spec.ports.some((candidate) =>
      port.name === undefined ? candidate.port === port.number : candidate.name === port.name,
    );
    const ports = target.spec.ports.map((candidate) =>
      candidate.name === undefined ? String(candidate.port) : `${candidate.port} (${candidate.name})`,
    );
    if (!found)
      return missing(`${called} has no port ${describeFound(port.name ?? port.number)}, only ${ports.join(', ')}`, [...path, 'port']);
  }
  return undefined;
}

/** The keys a Secret will have: those it declares, and those Coxswain generates. */
function keysOf(object: Secret | ConfigMap): readonly string[] {
  const keys = Object.keys(object.data ?? {});
  if (object.kind === 'ConfigMap') return [...keys, ...Object.keys(object.binaryData ?? {})];
  return [...keys, ...(parseGeneratedKeys(object.metadata.annotations?.[ANNOTATION.generate] ?? '') ?? [])];
}

function* checkServicePods(world: SnapshotWorld, service: Parsed<Service>): Iterable<SnapshotFinding> {
  const { metadata, spec } = service.object;
  const selector = spec.selector ?? {};
  const picked = world.labelSets.filter(({ namespace, labels }) => namespace === metadata.namespace && matchesLabels(selector, labels));
  if (picked.length === 0 && world.isComplete) {
    const message = `no declared Deployment or Pod has the labels ${formatLabels(selector)}`;
    yield { object: service, finding: { code: 'NoSuchPods', path: ['spec', 'selector'], message } };
  }
  for (const [index, { port, targetPort }] of spec.ports.entries()) {
    if (typeof targetPort !== 'string') continue;
    for (const { object } of picked) {
      const declared = object.object as Extract<DeclarableObject, { kind: 'Deployment' | 'Pod' }>;
      const pod = declared.kind === 'Pod' ? declared.spec : declared.spec.template.spec;
      const ports = pod.containers.flatMap((container) => container.ports ?? []);
      const named = ports.find((candidate) => candidate.name === targetPort);
      const called = formatReference(declared.kind, declared.metadata);
      if (named === undefined) {
        const names = ports.flatMap((candidate) => candidate.name ?? []);
        const message = `${called} has no port named ${describeFound(targetPort)}${suggest(targetPort, names)}`;
        const path = ['spec', 'ports', index, 'targetPort'];
        yield { object: service, finding: { code: 'MissingReference', path, message, about: identityOf(declared) } };
      } else if (named.containerPort !== port) yield { object: service, finding: portMismatch(index, port, named.containerPort) };
    }
  }
}

/** Two Deployments whose selectors pick one another's pods would fight over them. */
function* checkSelectorOverlap(deployments: readonly Parsed<Deployment>[]): Iterable<SnapshotFinding> {
  for (const [index, deployment] of deployments.entries()) {
    for (const other of deployments.slice(0, index)) {
      const [a, b] = [deployment.object, other.object];
      if (a.metadata.namespace !== b.metadata.namespace) continue;
      if (!picks(a.spec.selector, b) && !picks(b.spec.selector, a)) continue;
      const message = `the selector and that of ${formatReference(b.kind, b.metadata)} (${placeOf(other)}) pick the same pods`;
      yield { object: deployment, finding: { code: 'SelectorOverlap', path: ['spec', 'selector'], message, about: identityOf(b) } };
    }
  }
}

function picks(selector: LabelSelector, { spec }: Deployment): boolean {
  return matchesSelector(selector, spec.template.metadata?.labels ?? {});
}

// ---- pinned host ports

interface Pinned {
  readonly object: Parsed<Deployment>;
  readonly range: PortRange;
  readonly address: string;
}

const HOST_PORTS_PATH = ['spec', 'template', 'metadata', 'annotations', ANNOTATION.hostPorts] as const;

function* checkHostPorts(world: SnapshotWorld): Iterable<SnapshotFinding> {
  const pinned = world.deployments.flatMap((object): readonly Pinned[] => {
    const annotations = object.object.spec.template.metadata?.annotations ?? {};
    const range = parsePortRange(annotations[ANNOTATION.hostPorts] ?? '');
    return range === undefined ? [] : [{ object, range, address: parseIpv4(annotations[ANNOTATION.hostIp] ?? '') ?? '127.0.0.1' }];
  });
  for (const [index, pin] of pinned.entries()) {
    for (const other of pinned.slice(0, index)) yield* checkPortOverlap(pin, other);
    yield* checkPortCount(world, pin);
  }
}

function* checkPortOverlap(pin: Pinned, other: Pinned): Iterable<SnapshotFinding> {
  const isApart = pin.range.last < other.range.first || other.range.last < pin.range.first;
  const isElsewhere = pin.address !== other.address && pin.address !== '0.0.0.0' && other.address !== '0.0.0.0';
  if (isApart || isElsewhere) return;
  const called = formatReference('Deployment', other.object.object.metadata);
  const message = `host ports ${formatPortRange(pin.range)} overlap with ${formatPortRange(other.range)} of ${called} (${placeOf(other.object)})`;
  yield { object: pin.object, finding: { code: 'PortOverlap', path: HOST_PORTS_PATH, message, about: identityOf(other.object.object) } };
}

function* checkPortCount(world: SnapshotWorld, { object, range }: Pinned): Iterable<SnapshotFinding> {
  const { metadata, spec } = object.object;
  const count = range.last - range.first + 1;
  const replicas = spec.replicas ?? 1;
  const isTarget = ({ object: hpa }: Parsed<HorizontalPodAutoscaler>): boolean =>
    hpa.metadata.namespace === metadata.namespace && hpa.spec.scaleTargetRef.name === metadata.name;
  const autoscaler = world.autoscalers.find(isTarget);
  const most = autoscaler?.object.spec.maxReplicas ?? replicas;
  if (autoscaler !== undefined && most > count) {
    const called = formatReference('Deployment', metadata);
    const message = `${most} replicas need ${most} host ports, and ${formatPortRange(range)} of ${called} (${placeOf(object)}) has ${count}`;
    yield {
      object: autoscaler,
      finding: { code: 'TooFewPorts', path: ['spec', 'maxReplicas'], message, about: identityOf(object.object) },
    };
  }
  if (Math.max(replicas, most) === count && !mayBeUnavailable(spec, Math.max(replicas, most))) {
    const message = `all ${count} host ports of ${formatPortRange(range)} can be in use, and maxUnavailable is 0: no rollout could begin then`;
    yield { object, finding: { code: 'NoFreePort', path: HOST_PORTS_PATH, message } };
  }
}

/** Whether a rollout may take a pod away before its replacement is there. Source: Kubernetes rounds maxUnavailable down; 25% unless given. */
function mayBeUnavailable({ strategy }: Deployment['spec'], replicas: number): boolean {
  if (strategy?.type === 'Recreate') return true;
  const { maxUnavailable = '25%', maxSurge = '25%' } = strategy?.rollingUpdate ?? {};
  const resolve = (value: number | string): number => (typeof value === 'number' ? value : (Number.parseInt(value, 10) * replicas) / 100);
  // With no surge at all Kubernetes takes one pod rather than none.
  return Math.floor(resolve(maxUnavailable)) > 0 || Math.ceil(resolve(maxSurge)) === 0;
}

// ---- autoscaling

/** The metric counts requests to the Service of the scaled pods, so the Ingress has to route there. */
function* checkMetric(world: SnapshotWorld, autoscaler: Parsed<HorizontalPodAutoscaler>): Iterable<SnapshotFinding> {
  const { metadata, spec } = autoscaler.object;
  const target = world.find('Deployment', metadata.namespace, spec.scaleTargetRef.name)?.object as Deployment | undefined;
  if (target === undefined || !world.isComplete) return;
  const labels = target.spec.template.metadata?.labels ?? {};
  for (const [index, { object }] of (spec.metrics ?? []).entries()) {
    const { name } = object.describedObject;
    const ingress = world.find('Ingress', metadata.namespace, name)?.object as Ingress | undefined;
    if (ingress === undefined) continue;
    const services = [...referencesOf(ingress)].map(
      (reference) => world.find('Service', metadata.namespace, reference.name)?.object as Service | undefined,
    );
    if (services.some((service) => service === undefined || matchesLabels(service.spec.selector ?? {}, labels))) continue;
    const message = `ingress/${name} routes nothing to the pods of ${formatReference('Deployment', target.metadata)}, so its requests would never be counted`;
    const path = ['spec', 'metrics', index, 'object', 'describedObject'];
    yield { object: autoscaler, finding: { code: 'MissingReference', path, message, about: identityOf(ingress) } };
  }
}

/** What a schema cannot say about one object, given that it fits its schema. Other objects are the business of snapshot-check.ts. */
import { formatPortRange, parsePortRange } from '../model/annotation-values.ts';
import { ANNOTATION } from '../model/annotations.ts';
import { parseQuantity } from '../model/quantity.ts';
import type { DeclarableObject, Deployment, HorizontalPodAutoscaler, Ingress, LabelSelector, Service } from '../model/objects.ts';
import { matchesSelector } from '../reconcile/selector.ts';
import { checkAnnotations } from './annotation-check.ts';
import { describeFound, formatPath } from './finding.ts';
import type { Finding } from './finding.ts';
import { checkDuplicates, checkPodSpec } from './pod-check.ts';
import type { PathStep } from './yaml-documents.ts';

const DEFAULT_PROGRESS_DEADLINE_SECONDS = 600;
const DNS_LABEL = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;

export function* checkObject(object: DeclarableObject): Iterable<Finding> {
  yield* checkAnnotations(object);
  switch (object.kind) {
    case 'Deployment':
      yield* checkDeployment(object);
      break;
    case 'Pod':
      yield* checkPodSpec(object.spec, ['spec']);
      break;
    case 'Service':
      yield* checkService(object);
      break;
    case 'Ingress':
      yield* checkIngress(object);
      break;
    case 'HorizontalPodAutoscaler':
      yield* checkAutoscaler(object);
      break;
    case 'PersistentVolumeClaim':
      if (object.spec.resources?.requests?.storage === undefined) {
        yield { code: 'MissingField', path: ['spec', 'resources', 'requests', 'storage'], message: 'this field is required' };
      }
      break;
    case 'ConfigMap':
      for (const key of Object.keys(object.binaryData ?? {})) {
        if (object.data?.[key] !== undefined) yield { code: 'BadValue', path: ['binaryData', key], message: 'this key is in data already' };
      }
      break;
    case 'Secret':
    case 'Namespace':
      break;
  }
}

function* checkDeployment({ spec }: Deployment): Iterable<Finding> {
  const template = ['spec', 'template'];
  yield* checkPodSpec(spec.template.spec, [...template, 'spec']);
  const inSelector = [...checkSelector(spec.selector, ['spec', 'selector'])];
  yield* inSelector;
  const labels = spec.template.metadata?.labels ?? {};
  if (inSelector.length === 0 && !matchesSelector(spec.selector, labels)) {
    const message = `the selector does not match the template's labels ${formatLabels(labels)}`;
    yield { code: 'SelectorMismatch', path: ['spec', 'selector'], message };
  }
  const restartPolicy = spec.template.spec.restartPolicy ?? 'Always';
  if (restartPolicy !== 'Always') {
    const message = `expected Always, which is all that a Deployment's pods may have, found ${describeFound(restartPolicy)}`;
    yield { code: 'BadValue', path: [...template, 'spec', 'restartPolicy'], message };
  }
  const { type = 'RollingUpdate', rollingUpdate } = spec.strategy ?? {};
  if (type === 'Recreate' && rollingUpdate !== undefined) {
    yield { code: 'BadValue', path: ['spec', 'strategy', 'rollingUpdate'], message: 'this field has no place beside type Recreate' };
  }
  if (isNone(rollingUpdate?.maxSurge) && isNone(rollingUpdate?.maxUnavailable)) {
    const message = 'maxSurge and maxUnavailable are both 0, so no pod could ever be replaced';
    yield { code: 'BadValue', path: ['spec', 'strategy', 'rollingUpdate'], message };
  }
  const deadline = spec.progressDeadlineSeconds ?? DEFAULT_PROGRESS_DEADLINE_SECONDS;
  if ((spec.minReadySeconds ?? 0) >= deadline) {
    const message = `expected less than progressDeadlineSeconds (${deadline}), found ${describeFound(spec.minReadySeconds)}`;
    yield { code: 'BadValue', path: ['spec', 'minReadySeconds'], message };
  }
  const annotations = spec.template.metadata?.annotations ?? {};
  if (annotations[ANNOTATION.hostPorts] !== undefined && (spec.template.spec.containers[0]?.ports ?? []).length === 0) {
    const message = 'the first port of the container would be published here, and it has none';
    yield { code: 'BadValue', path: [...template, 'metadata', 'annotations', ANNOTATION.hostPorts], message };
  }
  const range = parsePortRange(annotations[ANNOTATION.hostPorts] ?? '');
  const { replicas = 1 } = spec;
  if (range !== undefined && replicas > range.last - range.first + 1) {
    const message = `${replicas} replicas need ${replicas} host ports, and ${formatPortRange(range)} has ${range.last - range.first + 1}`;
    yield { code: 'TooFewPorts', path: ['spec', 'replicas'], message };
  }
}

function isNone(intOrPercent: number | string | undefined): boolean {
  return intOrPercent === 0 || intOrPercent === '0%';
}

function* checkSelector(selector: LabelSelector, path: readonly PathStep[]): Iterable<Finding> {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  if (Object.keys(matchLabels).length + matchExpressions.length === 0) {
    yield { code: 'BadValue', path, message: 'expected labels to match; an empty selector would pick every pod' };
  }
  for (const [index, { operator, values = [] }] of matchExpressions.entries()) {
    const needsValues = operator === 'In' || operator === 'NotIn';
    if (needsValues === values.length > 0) continue;
    const message = needsValues ? `operator ${operator} needs at least one value` : `operator ${operator} takes no values`;
    yield { code: 'BadValue', path: [...path, 'matchExpressions', index, 'values'], message };
  }
}

export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return `{${Object.entries(labels)
    .map(([key, value]) => `${key}: ${value}`)
    .join(', ')}}`;
}

function* checkService({ metadata, spec }: Service): Iterable<Finding> {
  if (!DNS_LABEL.test(metadata.name)) {
    const message = `expected a host name without "." (a letter first, at most 63 characters), found ${describeFound(metadata.name)}`;
    yield { code: 'BadValue', path: ['metadata', 'name'], message };
  }
  if (Object.keys(spec.selector ?? {}).length === 0) {
    yield { code: 'Refused', path: ['spec', 'selector'], message: 'not supported: a Service without a selector leads nowhere here' };
  }
  yield* checkDuplicates(spec.ports, (port) => port.name, ['spec', 'ports'], 'name');
  yield* checkDuplicates(spec.ports, (port) => `${port.port}/${port.protocol ?? 'TCP'}`, ['spec', 'ports'], 'port');
  for (const [index, { name, port, targetPort }] of spec.ports.entries()) {
    if (spec.ports.length > 1 && name === undefined) {
      yield {
        code: 'MissingField',
        path: ['spec', 'ports', index, 'name'],
        message: 'this field is required where a Service has several ports',
      };
    }
    if (typeof targetPort === 'number' && targetPort !== port) yield portMismatch(index, port, targetPort);
  }
}

export function portMismatch(index: number, port: number, targetPort: number): Finding {
  const message = `port ${port} differs from targetPort ${targetPort}; Coxswain does not translate ports yet, so both must be ${targetPort}`;
  return { code: 'PortMismatch', path: ['spec', 'ports', index, 'targetPort'], message };
}

function* checkIngress({ spec }: Ingress): Iterable<Finding> {
  if (spec.defaultBackend === undefined && (spec.rules ?? []).length === 0) {
    yield { code: 'MissingField', path: ['spec', 'rules'], message: 'expected rules or a defaultBackend' };
  }
  for (const [ruleIndex, rule] of (spec.rules ?? []).entries()) {
    for (const [index, { path, pathType }] of (rule.http?.paths ?? []).entries()) {
      if (path !== undefined || pathType === 'ImplementationSpecific') continue;
      const at = ['spec', 'rules', ruleIndex, 'http', 'paths', index, 'path'];
      yield { code: 'MissingField', path: at, message: `this field is required where pathType is ${pathType}` };
    }
  }
}

function* checkAutoscaler({ spec }: HorizontalPodAutoscaler): Iterable<Finding> {
  if ((spec.minReplicas ?? 1) > spec.maxReplicas) {
    const message = `expected at most maxReplicas (${spec.maxReplicas}), found ${spec.minReplicas ?? 1}`;
    yield { code: 'BadValue', path: ['spec', 'minReplicas'], message };
  }
  yield* checkKind(spec.scaleTargetRef, ['spec', 'scaleTargetRef'], 'Deployment', 'apps/v1');
  if ((spec.metrics ?? []).length === 0) {
    yield {
      code: 'MissingField',
      path: ['spec', 'metrics'],
      message: 'this field is required: there is no CPU metric to scale by instead',
    };
  }
  for (const [index, { object }] of (spec.metrics ?? []).entries()) {
    const path = ['spec', 'metrics', index, 'object'];
    yield* checkKind(object.describedObject, [...path, 'describedObject'], 'Ingress', 'networking.k8s.io/v1');
    const field = object.target.type === 'Value' ? 'value' : 'averageValue';
    const other = field === 'value' ? 'averageValue' : 'value';
    const target = object.target[field];
    if (target === undefined) {
      const message = `this field is required where type is ${object.target.type}`;
      yield { code: 'MissingField', path: [...path, 'target', field], message };
    } else if ((parseQuantity(target) ?? 0) <= 0) {
      yield { code: 'BadValue', path: [...path, 'target', field], message: `expected more than 0, found ${describeFound(target)}` };
    }
    if (object.target[other] !== undefined) {
      const message = `this field has no place where type is ${object.target.type}`;
      yield { code: 'BadValue', path: [...path, 'target', other], message };
    }
  }
}

function* checkKind(
  reference: { readonly apiVersion?: string; readonly kind: string },
  path: readonly PathStep[],
  kind: string,
  apiVersion: string,
): Iterable<Finding> {
  if (reference.kind !== kind) {
    const message = `${describeFound(reference.kind)} is not supported: ${formatPath(path.slice(-1))} is a ${kind} here`;
    yield { code: 'Refused', path: [...path, 'kind'], message };
  } else if (reference.apiVersion !== undefined && reference.apiVersion !== apiVersion) {
    const message = `expected ${apiVersion}, found ${describeFound(reference.apiVersion)}`;
    yield { code: 'BadValue', path: [...path, 'apiVersion'], message };
  }
}

/** labelSelector and fieldSelector of a list or watch -> one predicate. Text that is not a selector is a 400, never "everything". */
import type { Kind, KubernetesObject, StringMap } from '../model/objects.ts';
import { ApiError } from './api-error.ts';

export type ObjectPredicate = (object: KubernetesObject) => boolean;
type LabelRequirement = (labels: StringMap) => boolean;

const KEY = String.raw`(?:[A-Za-z0-9.-]+/)?[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?`;
const VALUE = String.raw`(?:[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)?`;
const EQUALITY = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*(${VALUE})$`);
const SET = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const EXISTENCE = new RegExp(`^(!?)\\s*(${KEY})$`);
const VALUE_ONLY = new RegExp(`^${VALUE}$`);

export function parseLabelSelector(text: string): (labels: StringMap | undefined) => boolean {
  const requirements = splitOutsideParentheses(text).map((part) => {
    const requirement = parseLabelRequirement(part);
    if (requirement === undefined)
      throw new ApiError('BadRequest', `unable to parse labelSelector ${JSON.stringify(text)}: ${JSON.stringify(part)}`);
    return requirement;
  });
  return (labels = {}) => requirements.every((requirement) => requirement(labels));
}

function parseLabelRequirement(part: string): LabelRequirement | undefined {
  const equality = EQUALITY.exec(part);
  if (equality !== null) {
    const [, key = '', operator, value] = equality;
    return operator === '!=' ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }
  const set = SET.exec(part);
  if (set !== null) {
    const [, key = '', operator, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    if (!values.every((value) => VALUE_ONLY.test(value))) return undefined;
    return (labels) => {
      const value = labels[key];
      return operator === 'in' ? value !== undefined && values.includes(value) : value === undefined || !values.includes(value);
    };
  }
  const existence = EXISTENCE.exec(part);
  if (existence === null) return undefined;
  const [, negation, key = ''] = existence;
  return (labels) => Object.hasOwn(labels, key) === (negation === '');
}

function splitOutsideParentheses(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

type FieldReader = (object: KubernetesObject) => string;

const COMMON_FIELDS: Readonly<Record<string, FieldReader>> = {
  'metadata.name': (object) => object.metadata.name,
  'metadata.namespace': (object) => object.metadata.namespace ?? '',
};

const FIELDS: Readonly<Partial<Record<Kind, Readonly<Record<string, FieldReader>>>>> = {
  Event: {
    'involvedObject.kind': (object) => (object.kind === 'Event' ? object.involvedObject.kind : ''),
    'involvedObject.name': (object) => (object.kind === 'Event' ? object.involvedObject.name : ''),
    'involvedObject.namespace': (object) => (object.kind === 'Event' ? (object.involvedObject.namespace ?? '') : ''),
    'involvedObject.uid': (object) => (object.kind === 'Event' ? (object.involvedObject.uid ?? '') : ''),
    reason: (object) => (object.kind === 'Event' ? object.reason : ''),
    type: (object) => (object.kind === 'Event' ? object.type : ''),
  },
  Pod: {
    'spec.nodeName': (object) => (object.kind === 'Pod' ? (object.spec.nodeName ?? '') : ''),
    'spec.restartPolicy': (object) => (object.kind === 'Pod' ? (object.spec.restartPolicy ?? 'Always') : ''),
    'status.phase': (object) => (object.kind === 'Pod' ? (object.status?.phase ?? '') : ''),
    'status.podIP': (object) => (object.kind === 'Pod' ? (object.status?.podIP ?? '') : ''),
  },
  Secret: { type: (object) => (object.kind === 'Secret' ? (object.type ?? 'Opaque') : '') },
};

export function parseFieldSelector(kind: Kind, text: string): ObjectPredicate {
  const terms = text
    .split(',')
    .filter((term) => term.trim() !== '')
    .map((term) => {
      const match = /^\s*([\w.]+)\s*(==|=|!=)\s*(.*?)\s*$/.exec(term);
      if (match === null) throw new ApiError('BadRequest', `unable to parse fieldSelector ${JSON.stringify(text)}`);
      const [, field = '', operator, value] = match;
      const read = COMMON_FIELDS[field] ?? FIELDS[kind]?.[field];
      if (read === undefined) throw new ApiError('BadRequest', `field label not supported: ${field}`);
      return (object: KubernetesObject) => (read(object) === value) === (operator !== '!=');
    });
  return (object) => terms.every((term) => term(object));
}

/** Everything a list or watch is narrowed by; undefined texts narrow nothing. */
export function selectObjects(
  kind: Kind,
  options: {
    readonly namespace: string | undefined;
    readonly labelSelector: string | undefined;
    readonly fieldSelector: string | undefined;
  },
): ObjectPredicate {
  const { namespace, labelSelector, fieldSelector } = options;
  const matchesLabels = parseLabelSelector(labelSelector ?? '');
  const matchesFields = parseFieldSelector(kind, fieldSelector ?? '');
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) && matchesLabels(object.metadata.labels) && matchesFields(object);
}

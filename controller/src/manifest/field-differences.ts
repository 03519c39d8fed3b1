/**
 * Two objects -> the fields in which they differ, one line a field: `spec.replicas: 3 -> 5`. Pure. Entries of lists that have names are
 * compared by name, so that one more container or variable does not make all that follow look different. Values of Secrets are never shown.
 */
import type { DeclarableObject } from '../model/objects.ts';
import { deepEqual } from '../model/deep-equal.ts';
import { formatPath } from './finding.ts';
import { MANIFEST_LIMITS } from './limits.ts';
import { GENERATED_LATER, UNSHOWN_ANNOTATIONS } from './preview-application.ts';

export interface FieldDifference {
  /** "spec.template.spec.containers[acts].image" */
  readonly path: string;
  /** As JSON, cut when long; absent = the field is not there. */
  readonly before?: string;
  readonly after?: string;
}

type Json = Readonly<Record<string, unknown>>;

/** What people declare of two versions of an object; a missing one has no fields. */
export function fieldDifferences(before: DeclarableObject | undefined, after: DeclarableObject | undefined): readonly FieldDifference[] {
  return [...compare(shownPart(before), shownPart(after), '')];
}

/** Without what the store and Coxswain write: identity, status, bookkeeping. */
function shownPart(object: DeclarableObject | undefined): Json {
  if (object === undefined) return {};
  const { apiVersion: _version, kind, metadata, status: _status, ...rest } = object as DeclarableObject & { readonly status?: unknown };
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([name]) => !UNSHOWN_ANNOTATIONS.includes(name));
  const shownMetadata = {
    ...(metadata.labels !== undefined && { labels: metadata.labels }),
    ...(annotations.length > 0 && { annotations: Object.fromEntries(annotations) }),
  };
  const shown = { ...(Object.keys(shownMetadata).length > 0 && { metadata: shownMetadata }), ...rest };
  return kind === 'Secret' ? { ...shown, ...('data' in rest && { data: new SecretValues(rest.data ?? {}) }) } : shown;
}

/** Compared, never shown. */
class SecretValues {
  readonly values: Readonly<Record<string, string>>;
  constructor(values: Readonly<Record<string, string>>) {
    this.values = values;
  }
}

function* compare(before: unknown, after: unknown, path: string): Iterable<FieldDifference> {
  if (before instanceof SecretValues || after instanceof SecretValues) {
    yield* compareSecrets(before instanceof SecretValues ? before.values : {}, after instanceof SecretValues ? after.values : {}, path);
    return;
  }
  if (deepEqual(before, after)) return;
  const [a, b] = [entriesOf(before), entriesOf(after)];
  if (a === undefined || b === undefined || a.size + b.size === 0) {
    yield { path, ...(before !== undefined && { before: show(before) }), ...(after !== undefined && { after: show(after) }) };
    return;
  }
  for (const key of new Set([...a.keys(), ...b.keys()])) {
    const inner = key.startsWith('[') ? `${path}${key}` : joinPath(path, key);
    yield* compare(a.get(key), b.get(key), inner);
  }
  if (a.size === 0 || b.size === 0) return;
  const order = (entries: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>): string =>
    [...entries.keys()].filter((key) => other.has(key)).join(' ');
  if (isNamedList(before) && order(a, b) !== order(b, a))
    yield { path, before: `(order: ${order(a, b)})`, after: `(order: ${order(b, a)})` };
}

function* compareSecrets(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
  path: string,
): Iterable<FieldDifference> {
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [a, b] = [before[key], after[key]];
    if (a === b) continue;
    const shown = b === GENERATED_LATER ? '(generated)' : '(secret)';
    yield {
      path: joinPath(path, key),
      ...(a !== undefined && { before: '(secret)' }),
      ...(b !== undefined && { after: a === undefined ? shown : '(another secret)' }),
    };
  }
}

/** The parts to go into; undefined for what is shown whole. Nothing is like an empty map: each of its fields is new, or gone. */
function entriesOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (value instanceof SecretValues) return undefined;
  if (value === undefined) return new Map();
  if (Array.isArray(value)) {
    const isNamed = isNamedList(value);
    if (!isNamed && value.some((item) => typeof item !== 'object')) return undefined;
    return new Map(value.map((item: unknown, index) => [isNamed ? `[${(item as { name: string }).name}]` : `[${index}]`, item]));
  }
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : undefined;
}

function isNamedList(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0) return false;
  const names = value.map((item: unknown) => (typeof item === 'object' && item !== null && 'name' in item ? item.name : undefined));
  return names.every((name) => typeof name === 'string') && new Set(names).size === names.length;
}

function joinPath(path: string, key: string): string {
  const step = formatPath([key]);
  return path === '' || step.startsWith('[') ? `${path}${step}` : `${path}.${step}`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > MANIFEST_LIMITS.shownValue ? `${text.slice(0, MANIFEST_LIMITS.shownValue)}...` : text;
}

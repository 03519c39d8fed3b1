/** docs/FIELDS.md from the schemas: every field of a pod, a Service and an Ingress, and what becomes of it. */
import { readFileSync } from 'node:fs';

type Schema = Readonly<Record<string, unknown>> & { readonly properties?: Readonly<Record<string, Schema>> };
export type Fate = 'honoured' | 'ignored' | 'refused';

export interface Field {
  /** "containers[].securityContext.runAsUser" */
  readonly path: string;
  readonly fate: Fate;
  readonly reason: string;
}

const directory = new URL('../../../schemas/', import.meta.url);

function readSchema(name: string): Schema {
  return JSON.parse(readFileSync(new URL(name, directory), 'utf8')) as Schema;
}

function resolve(schema: Schema, file: string): { readonly schema: Schema; readonly file: string } {
  const { $ref, ...own } = schema;
  if (typeof $ref !== 'string') return { schema, file };
  const [name = '', pointer = ''] = $ref.split('#');
  const target = name === '' ? file : name;
  let found = readSchema(target);
  for (const step of pointer.split('/').filter((part) => part !== '')) found = found[step] as Schema;
  return resolve({ ...found, ...own, ...(found.properties !== undefined && { properties: found.properties }) }, target);
}

/** Every field below a schema, fields of fields in its place; a list's items under "[]". */
export function* fieldsOf(start: Schema, startFile: string, path = ''): Iterable<Field> {
  const { schema, file } = resolve(start, startFile);
  for (const [keyword, fate] of [
    ['ignored', 'ignored'],
    ['written', 'ignored'],
    ['refused', 'refused'],
    ['refused-unless', 'refused'],
  ] as const) {
    const reason = schema[`x-coxswain-${keyword}`];
    if (typeof reason !== 'string') continue;
    yield { path, fate, reason: keyword === 'refused-unless' ? `unless the configuration allows it (${reason})` : reason };
    if (keyword !== 'refused-unless') return;
  }
  const { properties } = schema;
  const items = schema['items'] as Schema | undefined;
  if (properties !== undefined) {
    for (const [name, property] of Object.entries(properties)) yield* fieldsOf(property, file, path === '' ? name : `${path}.${name}`);
  } else if (items !== undefined && resolve(items, file).schema.properties !== undefined) yield* fieldsOf(items, file, `${path}[]`);
  else yield { path, fate: 'honoured', reason: '' };
}

export function specFields(kind: 'pod-spec' | 'service' | 'ingress'): readonly Field[] {
  const file = `${kind}.json`;
  const whole = readSchema(file);
  const spec = kind === 'pod-spec' ? whole : whole.properties?.['spec'];
  if (spec === undefined) throw new Error(`${file} has no spec`);
  return [...fieldsOf(spec, file)];
}

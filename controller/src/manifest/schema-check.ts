/** One value against the schema of its kind: ajv's errors turned into findings that people can act on. */
import type { ErrorObject } from 'ajv/dist/2020.js';
import { describeFound, formatPath, nearest, suggest } from './finding.ts';
import type { Finding } from './finding.ts';
import type { DeclarableKind, ManifestSchemas } from './manifest-schemas.ts';
import type { PathStep } from './yaml-documents.ts';

/** What the configuration allows that is refused otherwise. */
export interface ManifestPermissions {
  readonly isHostPathAllowed?: boolean;
  readonly isPrivilegedAllowed?: boolean;
}

type JsonSchema = Readonly<Record<string, unknown>>;

/** One finding a path: the first of these that applies says most. */
const PRECEDENCE = ['Refused', 'UnknownField', 'MissingField', 'WrongType', 'BadValue', 'IgnoredField'];

export function checkSchema(
  schemas: ManifestSchemas,
  kind: DeclarableKind,
  value: unknown,
  permissions: ManifestPermissions,
): readonly Finding[] {
  const byPath = new Map<string, Finding>();
  const suggested = new Set<string>();
  for (const error of schemas.validate(kind, value)) {
    const finding = translate(error, kind, value, permissions);
    if (finding === undefined) continue;
    const path = formatPath(finding.path);
    const known = byPath.get(path);
    if (known === undefined || rank(finding) < rank(known)) byPath.set(path, finding);
    if (error.keyword === 'additionalProperties') {
      const { additionalProperty } = error.params as { additionalProperty: string };
      const near = nearest(additionalProperty, fieldsOf(error.parentSchema));
      if (near !== undefined) suggested.add(formatPath([...finding.path.slice(0, -1), near]));
    }
  }
  const findings = [...byPath.entries()];
  return findings.filter(([path, finding]) => !isConsequence(path, finding)).map(([, finding]) => finding);

  /** "image is missing" where "imag" was just called a slip for it, or where what stands in its place is refused or wrong. */
  function isConsequence(path: string, finding: Finding): boolean {
    if (finding.code !== 'MissingField') return false;
    const parent = formatPath(finding.path.slice(0, -1));
    if (findings.some(([, other]) => other.code === 'Refused' && formatPath(other.path.slice(0, -1)) === parent)) return true;
    return suggested.has(path) || (finding.about === 'one-of' && findings.some(([other]) => other.startsWith(`${path}.`)));
  }
}

function hide(value: unknown): string {
  return typeof value === 'string' ? 'other text' : typeof value === 'object' ? describeFound(value) : `a ${typeof value}`;
}

function rank(finding: Finding): number {
  return PRECEDENCE.indexOf(finding.code);
}

/** The fields that are honoured at this place. */
function fieldsOf(schema: unknown): readonly string[] {
  const properties = ((schema as JsonSchema).properties ?? {}) as Readonly<Record<string, JsonSchema>>;
  const isUnused = (property: JsonSchema): boolean => ['ignored', 'written', 'refused'].some((name) => `x-coxswain-${name}` in property);
  return Object.keys(properties).filter((name) => !isUnused(properties[name] ?? {}));
}

function translate(error: ErrorObject, kind: DeclarableKind, root: unknown, permissions: ManifestPermissions): Finding | undefined {
  const path = stepsOf(error.instancePath, root);
  const last = path.at(-1);
  const reason = typeof error.schema === 'string' ? error.schema : '';
  // What a Secret holds is not repeated in logs.
  const isHidden = kind === 'Secret' && (path[0] === 'data' || path[0] === 'stringData') && path.length > 1;
  const found = isHidden ? hide(error.data) : describeFound(error.data);
  switch (error.keyword) {
    case 'additionalProperties': {
      const { additionalProperty: name } = error.params as { additionalProperty: string };
      const fields = fieldsOf(error.parentSchema);
      const hint = suggest(name, fields);
      const message = `unknown field ${describeFound(name)}${hint === '' ? `; expected one of ${fields.join(', ')}` : hint}`;
      return { code: 'UnknownField', path: [...path, name], message };
    }
    case 'required': {
      const { missingProperty } = error.params as { missingProperty: string };
      return { code: 'MissingField', path: [...path, missingProperty], message: 'this field is required' };
    }
    case 'propertyNames':
      return undefined; // the error of the name itself is reported beside it
    case 'x-coxswain-ignored':
      return { code: 'IgnoredField', path, message: `Kubernetes knows this field, Coxswain ignores it: ${reason}` };
    case 'x-coxswain-written':
      return { code: 'IgnoredField', path, message: `this field is not declared: ${reason}` };
    case 'x-coxswain-refused':
    case 'x-coxswain-only-one':
      return { code: 'Refused', path: error.keyword.endsWith('one') ? [...path, 1] : path, message: `not supported: ${reason}` };
    case 'x-coxswain-refused-unless':
      if (permissions[reason as keyof ManifestPermissions] === true) return undefined;
      return { code: 'Refused', path, message: `not allowed by the configuration of this Coxswain (${reason})` };
    case 'x-coxswain-refused-values': {
      const why = (error.schema as Readonly<Record<string, string>>)[String(error.data)] ?? '';
      return { code: 'Refused', path, message: `${describeFound(error.data)} is not supported: ${why}` };
    }
    case 'x-coxswain-one-of':
    case 'x-coxswain-at-most-one-of': {
      const fields = error.schema as readonly string[];
      const present = fields.filter((field) => Object.hasOwn(error.data as object, field));
      if (present.length === 0) return { code: 'MissingField', path, message: `expected one of ${fields.join(', ')}`, about: 'one-of' };
      return { code: 'BadValue', path, message: `expected only one of ${fields.join(', ')}, found ${present.join(' and ')}` };
    }
    default:
      break;
  }
  const expected = describeExpected(error.parentSchema as JsonSchema, error);
  if (error.propertyName !== undefined) {
    return {
      code: 'BadValue',
      path: [...path, error.propertyName],
      message: `expected ${expected}, found ${describeFound(error.propertyName)}`,
    };
  }
  const code = error.keyword === 'type' ? 'WrongType' : 'BadValue';
  const hint = error.keyword === 'enum' && typeof error.data === 'string' ? suggest(error.data, enumOf(error.parentSchema)) : '';
  return { code, path: last === undefined ? [] : path, message: `expected ${expected}, found ${found}${hint}` };
}

function enumOf(schema: unknown): readonly string[] {
  return ((schema as JsonSchema).enum ?? []) as readonly string[];
}

function describeExpected(schema: JsonSchema, error: ErrorObject): string {
  if (typeof schema['x-coxswain-expected'] === 'string') return schema['x-coxswain-expected'];
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => (value === '' ? '""' : String(value))).join(' or ');
  if ('const' in schema) return JSON.stringify(schema.const);
  const { minimum, maximum } = schema as { minimum?: number; maximum?: number };
  switch (schema.type) {
    case 'integer':
      return minimum === undefined || maximum === undefined ? 'a whole number' : `a whole number from ${minimum} to ${maximum}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return error.keyword === 'minItems' ? 'a list of at least one' : 'a list';
    case 'object':
      return 'a map';
    case 'string':
      return error.keyword === 'minLength' ? 'text that is not empty' : 'text';
    default:
      return error.message ?? error.keyword;
  }
}

/** A JSON pointer as steps; the value decides which digits are list indexes. */
function stepsOf(pointer: string, root: unknown): readonly PathStep[] {
  let value = root;
  return pointer
    .split('/')
    .slice(1)
    .map((part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      const step = Array.isArray(value) ? Number(key) : key;
      value = (value as Readonly<Record<PathStep, unknown>> | null)?.[step];
      return step;
    });
}

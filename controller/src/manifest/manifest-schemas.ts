/**
 * schemas/*.json compiled by ajv, one kind at a time when it is first seen, and the meaning of their x-coxswain-* keywords:
 *   ignored        Kubernetes knows the field, Coxswain does not use it: a warning
 *   written        Coxswain writes the field itself; a manifest's value is dropped with a warning
 *   refused        leaving the field out silently would change what runs: an error (an empty or false value says nothing, and passes)
 *   refused-unless the same, unless the named option allows it
 *   refused-values the same, for single values of a field
 *   only-one       a list of at most one
 *   one-of, at-most-one-of   fields that exclude each other
 *   expected       what to tell people was expected, where the schema's own terms would not help them
 */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import { parseQuantity } from '../model/quantity.ts';

const ID_PREFIX = 'https://coxswain.dev/schemas/';
const SHARED = ['common', 'metadata', 'volume', 'probe', 'container', 'pod-spec', 'pod-template'] as const;

/** Kinds a manifest may declare -> the file in schemas/, without ".json". */
export const SCHEMA_OF_KIND = {
  Deployment: 'deployment',
  Pod: 'pod',
  Service: 'service',
  Ingress: 'ingress',
  HorizontalPodAutoscaler: 'horizontal-pod-autoscaler',
  ConfigMap: 'config-map',
  Secret: 'secret',
  PersistentVolumeClaim: 'persistent-volume-claim',
  Namespace: 'namespace',
} as const;

export type DeclarableKind = keyof typeof SCHEMA_OF_KIND;

export function isDeclarableKind(kind: string): kind is DeclarableKind {
  return Object.hasOwn(SCHEMA_OF_KIND, kind);
}

export class ManifestSchemas {
  readonly #ajv = new Ajv2020({
    allErrors: true,
    verbose: true,
    allowUnionTypes: true,
    strictTypes: false,
    // These three halve what compiling costs the control plane: 200 ms and 11 MB. A test checks the schemas against the meta-schema.
    validateSchema: false,
    inlineRefs: false,
    code: { optimize: false },
  });
  readonly #read: (name: string) => object;

  /** `read` returns a parsed schema file by its name without ".json". */
  constructor(read: (name: string) => object) {
    this.#read = read;
    addKeywords(this.#ajv);
    this.#ajv.addFormat('quantity', { type: 'string', validate: (text: string) => parseQuantity(text) !== undefined });
    this.#ajv.addFormat('base64', { type: 'string', validate: isBase64 });
    for (const name of SHARED) this.#ajv.addSchema(read(name));
  }

  /** ajv's findings, raw: `instancePath` is a JSON pointer into `value`. */
  validate(kind: DeclarableKind, value: unknown): readonly ErrorObject[] {
    const validate = this.#validatorOf(kind);
    return validate(value) ? [] : (validate.errors ?? []);
  }

  #validatorOf(kind: DeclarableKind): ValidateFunction {
    const name = SCHEMA_OF_KIND[kind];
    return this.#ajv.getSchema(`${ID_PREFIX}${name}.json`) ?? this.#ajv.compile(this.#read(name));
  }
}

/** From src/ and from dist/ alike, schemas/ is three directories up. */
export function readManifestSchemas(directory: URL = new URL('../../../schemas/', import.meta.url)): ManifestSchemas {
  return new ManifestSchemas((name) => JSON.parse(readFileSync(new URL(`${name}.json`, directory), 'utf8')) as object);
}

/** As Kubernetes takes it: the standard alphabet with padding; line breaks are let pass. */
function isBase64(text: string): boolean {
  const compact = text.replace(/[\r\n]/g, '');
  return compact.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(compact);
}

/** `hostNetwork: false`, `initContainers: []` and the like ask for nothing. */
function saysNothing(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function countPresent(fields: readonly string[], value: unknown): number {
  return typeof value === 'object' && value !== null ? fields.filter((field) => Object.hasOwn(value, field)).length : 0;
}

/** `schema` is what the keyword says in the schema file, `value` what is found where it says it. */
type KeywordCheck = (schema: unknown, value: unknown) => boolean;

function addKeywords(ajv: Ajv2020): void {
  const keyword = (name: string, check: KeywordCheck, type?: 'object' | 'array' | 'string'): void => {
    ajv.addKeyword({ keyword: `x-coxswain-${name}`, validate: check, errors: false, ...(type === undefined ? {} : { type }) });
  };
  ajv.addKeyword({ keyword: 'x-coxswain-expected', schemaType: 'string' });
  keyword('ignored', () => false);
  keyword('written', () => false);
  keyword('refused', (_reason, value) => saysNothing(value));
  keyword('refused-unless', (_option, value) => saysNothing(value));
  keyword('refused-values', (reasons, value) => !Object.hasOwn(reasons as object, String(value)), 'string');
  keyword('only-one', (_reason, value) => (value as readonly unknown[]).length <= 1, 'array');
  keyword('one-of', (fields, value) => countPresent(fields as readonly string[], value) === 1, 'object');
  keyword('at-most-one-of', (fields, value) => countPresent(fields as readonly string[], value) <= 1, 'object');
}

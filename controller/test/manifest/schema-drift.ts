/**
 * Proves that schemas/ and model/objects.ts are the same shapes, and that the schemas know every field Kubernetes knows.
 * The schemas are walked beside the TypeScript types as the compiler sees them: mutual assignability would not do, because an optional
 * field that is missing on one side is assignable both ways. Run by the tests, and by itself: npx tsx controller/test/manifest/schema-drift.ts
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { SCHEMA_OF_KIND } from '../../src/manifest/manifest-schemas.ts';

interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly [keyword: `x-coxswain-${string}`]: unknown;
}

/** In the model but never in a manifest: Coxswain writes it, so no schema describes it. */
const WRITTEN_ONLY = new Set(['status']);

/** Known to Kubernetes after the 1.30 that kubernetes-types describes; checked against kubernetes-models, or the API reference. */
const NEWER_THAN_TYPES = new Set([
  'behavior.scaleUp.tolerance',
  'behavior.scaleDown.tolerance',
  'image',
  'resources',
  'restartPolicyRules',
  'fileKeyRef',
  'stopSignal',
  'supplementalGroupsPolicy',
  'seLinuxChangePolicy',
]);

const ROOT = new URL('../../../', import.meta.url);

export function findDrift(schemasDirectory = new URL('schemas/', ROOT)): readonly string[] {
  const walk = new Drift(schemasDirectory);
  for (const [kind, file] of Object.entries(SCHEMA_OF_KIND)) walk.checkKind(kind, file);
  return walk.differences;
}

class Drift {
  readonly differences: string[] = [];
  readonly #schemas = new Map<string, Schema>();
  readonly #directory: URL;
  readonly #program: ts.Program;
  readonly #checker: ts.TypeChecker;

  constructor(directory: URL) {
    this.#directory = directory;
    const config = fileURLToPath(new URL('tsconfig.json', ROOT));
    const options = ts.parseJsonConfigFileContent(
      ts.readConfigFile(config, (path) => ts.sys.readFile(path)).config,
      ts.sys,
      fileURLToPath(ROOT),
    ).options;
    this.#program = ts.createProgram(
      [this.#path('controller/src/model/objects.ts'), this.#path('controller/test/manifest/kubernetes-types.check.ts')],
      {
        ...options,
        noEmit: true,
      },
    );
    this.#checker = this.#program.getTypeChecker();
  }

  #path(relative: string): string {
    return fileURLToPath(new URL(relative, ROOT));
  }

  checkKind(kind: string, file: string): void {
    const schema = this.#load(file);
    const model = this.#exportedType('controller/src/model/objects.ts', kind);
    this.#compareWithModel(schema, model, file, kind);
    const kubernetes = this.#exportedType('controller/test/manifest/kubernetes-types.check.ts', `Kubernetes${kind}`);
    this.#compareWithKubernetes(schema, kubernetes, file, kind);
  }

  #load(name: string): Schema {
    let schema = this.#schemas.get(name);
    if (schema === undefined) {
      schema = JSON.parse(readFileSync(new URL(`${name}.json`, this.#directory), 'utf8')) as Schema;
      this.#schemas.set(name, schema);
    }
    return schema;
  }

  #exportedType(file: string, name: string): ts.Type {
    const source = this.#program.getSourceFile(this.#path(file));
    const module = source && this.#checker.getSymbolAtLocation(source);
    const symbol = module && this.#checker.getExportsOfModule(module).find((candidate) => candidate.name === name);
    if (symbol === undefined) throw new Error(`${file} exports no ${name}`);
    return this.#checker.getDeclaredTypeOfSymbol(symbol);
  }

  /** Follows "$ref"; what stands beside it narrows the values, not the shape. */
  #resolve(schema: Schema, file: string): { readonly schema: Schema; readonly file: string } {
    if (schema.$ref === undefined) return { schema, file };
    const [target = '', pointer = ''] = schema.$ref.split('#');
    const name = target === '' ? file : target.replace(/\.json$/, '');
    let found: unknown = this.#load(name);
    for (const step of pointer.split('/').filter((part) => part !== '')) found = (found as Readonly<Record<string, unknown>>)[step];
    if (found === undefined) throw new Error(`${file}: nothing at ${schema.$ref}`);
    return this.#resolve(found as Schema, name);
  }

  #compareWithModel(unresolved: Schema, nullable: ts.Type, from: string, path: string): void {
    const type = this.#checker.getNonNullableType(nullable);
    const { schema, file } = this.#resolve(unresolved, from);
    const [expected, actual] = [shapeOf(schema), this.#shapeOfType(type)];
    if (expected !== actual) {
      this.differences.push(`${path}: ${expected} in ${file}.json, ${actual} in model/objects.ts`);
      return;
    }
    if (schema.items !== undefined) {
      const element = this.#checker.getIndexTypeOfType(type, ts.IndexKind.Number);
      if (element !== undefined) this.#compareWithModel(schema.items, element, file, `${path}[]`);
    }
    if (schema.properties === undefined) return;
    const properties = new Map(this.#checker.getPropertiesOfType(type).map((property) => [property.name, property]));
    for (const [name, property] of Object.entries(schema.properties)) {
      if (!isHonoured(property)) continue;
      const symbol = properties.get(name);
      properties.delete(name);
      if (symbol === undefined) {
        this.differences.push(`${path}.${name}: in ${file}.json, not in model/objects.ts`);
        continue;
      }
      const isOptional = (symbol.flags & ts.SymbolFlags.Optional) !== 0;
      const isRequired = schema.required?.includes(name) ?? false;
      if (isOptional === isRequired) {
        this.differences.push(`${path}.${name}: ${isRequired ? 'required' : 'optional'} in ${file}.json, and not so in model/objects.ts`);
      }
      this.#compareWithModel(property, this.#checker.getTypeOfSymbol(symbol), file, `${path}.${name}`);
    }
    for (const name of properties.keys()) {
      if (!WRITTEN_ONLY.has(name)) this.differences.push(`${path}.${name}: in model/objects.ts, not in ${file}.json`);
    }
  }

  /** Field names only: what Kubernetes knows must be honoured, ignored or refused by name, and nothing may be honoured that it does not know. */
  #compareWithKubernetes(unresolved: Schema, type: ts.Type, from: string, path: string): void {
    const { schema, file } = this.#resolve(unresolved, from);
    const plain = this.#checker.getNonNullableType(type);
    if (schema.items !== undefined) {
      const element = this.#checker.getIndexTypeOfType(plain, ts.IndexKind.Number);
      if (element !== undefined) this.#compareWithKubernetes(schema.items, element, file, `${path}[]`);
    }
    if (schema.properties === undefined || schema.type !== 'object') return;
    // A map of free names, such as resource names: nothing to compare.
    if (this.#checker.getIndexTypeOfType(plain, ts.IndexKind.String) !== undefined) return;
    const properties = new Map(this.#checker.getPropertiesOfType(plain).map((property) => [property.name, property]));
    for (const name of properties.keys()) {
      if (!Object.hasOwn(schema.properties, name)) this.differences.push(`${path}.${name}: known to Kubernetes, not in ${file}.json`);
    }
    for (const [name, property] of Object.entries(schema.properties)) {
      const symbol = properties.get(name);
      const isNewer = [...NEWER_THAN_TYPES].some((newer) => `${path}.${name}`.endsWith(`.${newer}`));
      if (symbol === undefined && !isNewer) this.differences.push(`${path}.${name}: in ${file}.json, not known to Kubernetes`);
      if (symbol === undefined || !isHonoured(property)) continue;
      this.#compareWithKubernetes(property, this.#checker.getTypeOfSymbol(symbol), file, `${path}.${name}`);
    }
  }

  #shapeOfType(unresolved: ts.Type): string {
    const type = this.#checker.getNonNullableType(unresolved);
    const members = type.isUnion() ? type.types : [type];
    return [...new Set(members.map((member) => this.#shapeOfMember(member)))].sort().join(' | ');
  }

  #shapeOfMember(type: ts.Type): string {
    if (type.isStringLiteral()) return JSON.stringify(type.value);
    if (type.flags & ts.TypeFlags.String) return 'string';
    if (type.flags & ts.TypeFlags.Number) return 'number';
    if (type.flags & ts.TypeFlags.BooleanLike) return 'boolean';
    if (this.#checker.isArrayType(type)) return 'array';
    const value = this.#checker.getIndexTypeOfType(type, ts.IndexKind.String);
    if (value === undefined) return 'object';
    return value.flags & ts.TypeFlags.Unknown ? 'free map' : `map of ${this.#shapeOfType(value)}`;
  }
}

function isHonoured(schema: Schema): boolean {
  return schema['x-coxswain-ignored'] === undefined && schema['x-coxswain-refused'] === undefined;
}

function shapeOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined)
    return schema.enum
      .map((value) => JSON.stringify(value))
      .sort()
      .join(' | ');
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  const shapes = types.map((type) => {
    if (type === 'integer') return 'number';
    if (type !== 'object' || schema.properties !== undefined) return type;
    return typeof schema.additionalProperties === 'object' ? `map of ${shapeOf(schema.additionalProperties)}` : 'free map';
  });
  return [...new Set(shapes)].sort().join(' | ');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const drift = findDrift();
  for (const line of drift) console.error(line);
  if (drift.length > 0) process.exitCode = 1;
  else console.log('schemas/, model/objects.ts and the Kubernetes API agree');
}

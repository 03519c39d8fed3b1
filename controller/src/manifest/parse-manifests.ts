/**
 * The text of manifest files -> validated objects, errors and warnings, as one snapshot. Pure: no file is read here.
 * An object is kept as it was written (the template hash is over that): no defaults but the namespace, and Secret.stringData in `data`.
 */
import { KINDS } from '../model/objects.ts';
import type { DeclarableObject, ObjectMeta, PodSpec, Secret, StringMap } from '../model/objects.ts';
import { formatReference } from '../model/objects.ts';
import { WRITTEN_ANNOTATIONS } from './annotation-check.ts';
import { describeFound, formatPath, suggest } from './finding.ts';
import type { Finding } from './finding.ts';
import { MANIFEST_LIMITS } from './limits.ts';
import type { ManifestError, ManifestErrorCode, ManifestSource, ManifestWarning, ManifestWarningCode } from './manifest-error.ts';
import { isDeclarableKind, SCHEMA_OF_KIND } from './manifest-schemas.ts';
import type { ManifestSchemas } from './manifest-schemas.ts';
import type { ManifestSnapshot, ParsedFile, ParsedObject } from './manifest-snapshot.ts';
import { checkObject } from './object-check.ts';
import { checkSchema } from './schema-check.ts';
import type { ManifestPermissions } from './schema-check.ts';
import { checkSnapshot } from './snapshot-check.ts';
import { parseYaml } from './yaml-documents.ts';
import type { PathStep, Position, YamlDocument, YamlText } from './yaml-documents.ts';

export interface ManifestFile {
  /** The file's name relative to the manifests directory. */
  readonly path: string;
  readonly content: string;
}

export interface ManifestOptions extends ManifestPermissions {
  readonly schemas: ManifestSchemas;
}

export function parseManifests(files: readonly ManifestFile[], options: ManifestOptions): ManifestSnapshot {
  return judgeFiles(files.map((file) => parseFile(file, options)));
}

/** The files together. `problems` are those of the directory and of files that could not be read at all. */
export function judgeFiles(parsed: readonly ParsedFile[], problems: readonly ManifestError[] = []): ManifestSnapshot {
  const files = [...parsed].sort((a, b) => (a.path < b.path ? -1 : 1));
  const isComplete = problems.length === 0 && files.every((file) => !file.isUnreadable);
  const objects = files.flatMap((file) => file.objects);
  const invalid = files.flatMap((file) => file.invalidIdentities);
  const errors = [...problems, ...files.flatMap((file) => file.errors)];
  const warnings = files.flatMap((file) => file.warnings);
  for (const { finding, object } of checkSnapshot(objects, new Set(invalid), isComplete)) {
    addFinding(finding, describeObject(object.object), object.locate, errors, warnings);
  }
  return {
    objects: objects.map(({ object, source }) => ({ object, source })),
    errors: errors.sort(bySource),
    warnings: warnings.sort(bySource),
  };
}

function bySource(a: ManifestError | ManifestWarning, b: ManifestError | ManifestWarning): number {
  if (a.source.file !== b.source.file) return a.source.file < b.source.file ? -1 : 1;
  return a.source.line - b.source.line || a.source.column - b.source.column;
}

function describeObject(object: DeclarableObject): string {
  return formatReference(object.kind, object.metadata);
}

export function parseFile(file: ManifestFile, options: ManifestOptions): ParsedFile {
  const text = withoutByteOrderMark(file.content);
  const yaml = parseYaml(text);
  const errors: ManifestError[] = yaml.errors.map(({ code, position, message }) => ({
    code,
    source: { file: file.path, ...position },
    object: '',
    path: '',
    message,
  }));
  const places = new Places(text, yaml);
  const objects: ParsedObject[] = [];
  const warnings: ManifestWarning[] = [];
  const invalidIdentities: string[] = [];
  let isUnreadable = errors.length > 0;
  for (const item of itemsOf(yaml.documents)) {
    const locate = (path: readonly PathStep[]): ManifestSource => ({
      file: file.path,
      ...places.positionOf(item.document, [...item.prefix, ...path]),
    });
    const outcome = readObject(item.value, options);
    for (const finding of outcome.findings) addFinding(finding, outcome.name, locate, errors, warnings);
    if (outcome.object !== undefined) {
      const { line } = locate([]);
      objects.push({ object: outcome.object, source: { file: file.path, line }, locate });
    } else if (outcome.identity !== undefined) invalidIdentities.push(outcome.identity);
    else isUnreadable = true;
  }
  if (errors.length === 0 && objects.length === 0) {
    const message = 'declares nothing; its objects are kept until it declares something or is removed';
    errors.push({ code: 'EmptyFile', source: { file: file.path, line: 0, column: 0 }, object: '', path: '', message });
    isUnreadable = true;
  }
  return {
    path: file.path,
    objects,
    invalidIdentities,
    isUnreadable,
    errors: bound(errors),
    warnings: warnings.slice(0, MANIFEST_LIMITS.errorsPerFile),
  };
}

function bound(errors: readonly ManifestError[]): readonly ManifestError[] {
  const kept = errors.slice(0, MANIFEST_LIMITS.errorsPerFile);
  const last = kept.at(-1);
  const rest = errors.length - kept.length;
  if (last === undefined || rest === 0) return kept;
  return [...kept.slice(0, -1), { ...last, message: `${last.message} (and ${rest} more in this file)` }];
}

function withoutByteOrderMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

/** Finds places by parsing again when the parsed documents are gone: errors are rare, syntax trees are large. */
class Places {
  readonly #text: string;
  #parsed: WeakRef<YamlText>;

  constructor(text: string, parsed: YamlText) {
    this.#text = text;
    this.#parsed = new WeakRef(parsed);
  }

  positionOf(document: number, path: readonly PathStep[]): Position {
    let parsed = this.#parsed.deref();
    if (parsed === undefined) {
      parsed = parseYaml(this.#text);
      this.#parsed = new WeakRef(parsed);
    }
    return parsed.documents[document]?.positionOf(path) ?? { line: 0, column: 0 };
  }
}

interface Item {
  readonly document: number;
  readonly prefix: readonly PathStep[];
  readonly value: unknown;
}

/** Documents, with a "v1 List" taken apart. */
function* itemsOf(documents: readonly YamlDocument[]): Iterable<Item> {
  for (const [document, { value }] of documents.entries()) {
    const isList = isMap(value) && value['kind'] === 'List' && value['apiVersion'] === 'v1' && Array.isArray(value['items']);
    if (!isList) yield { document, prefix: [], value };
    else
      for (const [index, item] of (value['items'] as readonly unknown[]).entries())
        yield { document, prefix: ['items', index], value: item };
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface ReadObject {
  readonly object?: DeclarableObject;
  readonly identity?: string;
  /** For errors: "deployment/acts", as far as it is known. */
  readonly name: string;
  readonly findings: readonly Finding[];
}

/** One value as an object. Also for objects that come over the API instead of from a file. */
export function readObject(value: unknown, options: ManifestOptions): ReadObject {
  if (!isMap(value)) {
    return {
      name: '',
      findings: [{ code: 'WrongType', path: [], message: `expected an object with apiVersion and kind, found ${describeFound(value)}` }],
    };
  }
  const { kind, apiVersion, metadata } = value;
  const problem = checkKind(kind, apiVersion);
  if (problem !== undefined || typeof kind !== 'string' || !isDeclarableKind(kind)) {
    return { name: '', findings: problem === undefined ? [] : [problem] };
  }
  const named = isMap(metadata) && typeof metadata['name'] === 'string' ? metadata['name'].slice(0, MANIFEST_LIMITS.quotedText) : undefined;
  const isNamespaced = KINDS.find((known) => known.kind === kind)?.isNamespaced ?? true;
  const namespace = isMap(metadata) && typeof metadata['namespace'] === 'string' ? metadata['namespace'] : 'default';
  const name =
    named === undefined ? kind.toLowerCase() : formatReference(kind, { name: named, namespace: isNamespaced ? namespace : undefined });
  const identity = named === undefined ? undefined : `${kind} ${isNamespaced ? namespace : ''}/${named}`;
  const findings = [...checkSchema(options.schemas, kind, value, options)];
  const invalid = { name, findings, ...(identity === undefined ? {} : { identity }) };
  if (findings.some(isError)) return invalid;
  const object = normalize(value as unknown as DeclarableObject, isNamespaced);
  findings.push(...checkObject(value as unknown as DeclarableObject));
  return findings.some(isError) ? invalid : { object, name, findings };
}

function isError({ code }: Finding): boolean {
  return !isWarningCode(code);
}

export function isWarningCode(code: ManifestErrorCode | ManifestWarningCode): code is ManifestWarningCode {
  return code === 'IgnoredField' || code === 'NoFreePort' || code === 'NoSuchPods';
}

function checkKind(kind: unknown, apiVersion: unknown): Finding | undefined {
  if (kind === undefined) return { code: 'MissingField', path: ['kind'], message: 'this field is required' };
  if (typeof kind !== 'string') return { code: 'WrongType', path: ['kind'], message: `expected text, found ${describeFound(kind)}` };
  const kinds = Object.keys(SCHEMA_OF_KIND);
  const known = KINDS.find((candidate) => candidate.kind === kind);
  if (known === undefined) {
    const hint = suggest(kind, kinds);
    const message = `unknown kind ${describeFound(kind)}${hint === '' ? `; expected one of ${kinds.join(', ')}` : hint}`;
    return { code: 'UnknownKind', path: ['kind'], message };
  }
  if (!isDeclarableKind(kind))
    return { code: 'UnknownKind', path: ['kind'], message: `a ${kind} is made by Coxswain, it cannot be declared` };
  if (apiVersion === undefined)
    return { code: 'MissingField', path: ['apiVersion'], message: `this field is required; a ${kind} is ${known.apiVersion}` };
  if (apiVersion === known.apiVersion) return undefined;
  return {
    code: 'UnknownKind',
    path: ['apiVersion'],
    message: `expected ${known.apiVersion}, which is where a ${kind} is, found ${describeFound(apiVersion)}`,
  };
}

/** Drops what only Coxswain writes, sets the namespace, and merges stringData. Everything else stays as written. */
function normalize(object: DeclarableObject, isNamespaced: boolean): DeclarableObject {
  const { name, namespace, labels, annotations } = object.metadata;
  const metadata: ObjectMeta = {
    name,
    ...(isNamespaced ? { namespace: namespace ?? 'default' } : {}),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations: withoutWritten(annotations) }),
  };
  const { status: _status, ...rest } = object as DeclarableObject & { readonly status?: unknown };
  const declared = { ...rest, metadata } as DeclarableObject;
  switch (declared.kind) {
    case 'Deployment': {
      const { template } = declared.spec;
      return { ...declared, spec: { ...declared.spec, template: { ...template, spec: withoutNode(template.spec) } } };
    }
    case 'Pod':
      return { ...declared, spec: withoutNode(declared.spec) };
    case 'Secret':
      return mergeStringData(declared);
    default:
      return declared;
  }
}

function withoutWritten(annotations: StringMap): StringMap {
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => !WRITTEN_ANNOTATIONS.includes(name)));
}

function withoutNode({ nodeName: _nodeName, ...spec }: PodSpec): PodSpec {
  return spec;
}

function mergeStringData({ stringData, ...secret }: Secret): Secret {
  if (stringData === undefined) return secret;
  const encoded = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(text, 'utf8').toString('base64')]);
  return { ...secret, data: { ...secret.data, ...(Object.fromEntries(encoded) as StringMap) } };
}

function addFinding(
  finding: Finding,
  object: string,
  locate: (path: readonly PathStep[]) => ManifestSource,
  errors: ManifestError[],
  warnings: ManifestWarning[],
): void {
  const { code, path, message, about } = finding;
  const problem = { source: locate(path), object, path: formatPath(path), message };
  if (isWarningCode(code)) warnings.push({ ...problem, code });
  else errors.push({ ...problem, code, ...(about === undefined || about === 'one-of' ? {} : { about }) });
}

/**
 * What a pod template takes from ConfigMaps and Secrets, as one digest: env, envFrom and volumes, and of those only what a pod resolves.
 * Undefined while something required is missing, when nothing is named, or when the Deployment does not want to roll for it: then there is
 * nothing to compare, and nothing rolls.
 */
import { ANNOTATION } from '../model/annotations.ts';
import type { ConfigMap, Deployment, EnvVar, PodTemplateSpec, Secret, Volume } from '../model/objects.ts';
import { canonicalJson, shortDigest } from './digest.ts';
import { Unresolved } from './unresolved.ts';
import type { World } from './world.ts';

type Source = ConfigMap | Secret | undefined;
type SourceKind = 'ConfigMap' | 'Secret';

interface Known {
  readonly sources: readonly Source[];
  readonly digest: string | undefined;
}

/** By template: a pass every second must not read all configuration anew. Objects are immutable, so the same ones have the same content. */
const known = new WeakMap<PodTemplateSpec, Known>();

export function configDigest(world: World, deployment: Deployment): string | undefined {
  const { template } = deployment.spec;
  const wish =
    template.metadata?.annotations?.[ANNOTATION.rollOnConfigChange] ?? deployment.metadata.annotations?.[ANNOTATION.rollOnConfigChange];
  if (wish === 'false') return undefined;
  const reader = new ConfigReader(world, deployment.metadata.namespace ?? '');
  const sources = referencedSources(template, reader);
  if (sources.length === 0) return undefined;
  const before = known.get(template);
  if (before !== undefined && isSame(before.sources, sources)) return before.digest;
  const digest = digestOf(template, reader);
  known.set(template, { sources, digest });
  return digest;
}

function isSame(a: readonly Source[], b: readonly Source[]): boolean {
  return a.length === b.length && a.every((source, index) => source === b[index]);
}

class ConfigReader {
  readonly #world: World;
  readonly #namespace: string;

  constructor(world: World, namespace: string) {
    this.#world = world;
    this.#namespace = namespace;
  }

  find(kind: SourceKind, name: string): Source {
    return this.#world.objects[kind].get(`${this.#namespace}/${name}`);
  }

  /** Everything in it; {} when it may be missing and is. */
  all(kind: SourceKind, name: string, isOptional: boolean | undefined): Readonly<Record<string, string>> {
    const source = this.find(kind, name);
    if (source === undefined && isOptional !== true) throw new Unresolved(`${kind.toLowerCase()}/${name} is missing`);
    return { ...source?.data, ...(source?.kind === 'ConfigMap' ? prefixed(source.binaryData) : {}) };
  }

  key(kind: SourceKind, name: string, key: string, isOptional: boolean | undefined): string | undefined {
    const all = this.all(kind, name, isOptional);
    const value = all[key] ?? all[`binary ${key}`];
    if (value === undefined && isOptional !== true) throw new Unresolved(`${kind.toLowerCase()}/${name} has no key "${key}"`);
    return value;
  }
}

/** The same text means other bytes there. No key has a blank in it. */
function prefixed(binaryData: ConfigMap['binaryData']): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(binaryData ?? {}).map(([key, value]) => [`binary ${key}`, value]));
}

function referencedSources({ spec }: PodTemplateSpec, reader: ConfigReader): readonly Source[] {
  const sources: Source[] = [];
  for (const { env = [], envFrom = [] } of spec.containers) {
    for (const { configMapRef, secretRef } of envFrom) {
      if (configMapRef !== undefined) sources.push(reader.find('ConfigMap', configMapRef.name));
      if (secretRef !== undefined) sources.push(reader.find('Secret', secretRef.name));
    }
    for (const { valueFrom } of env) {
      if (valueFrom?.configMapKeyRef !== undefined) sources.push(reader.find('ConfigMap', valueFrom.configMapKeyRef.name));
      if (valueFrom?.secretKeyRef !== undefined) sources.push(reader.find('Secret', valueFrom.secretKeyRef.name));
    }
  }
  for (const { configMap, secret } of spec.volumes ?? []) {
    if (configMap !== undefined) sources.push(reader.find('ConfigMap', configMap.name));
    if (secret !== undefined) sources.push(reader.find('Secret', secret.secretName));
  }
  return sources;
}

function digestOf({ spec }: PodTemplateSpec, reader: ConfigReader): string | undefined {
  try {
    const containers = spec.containers.map(({ env = [], envFrom = [] }) => ({
      envFrom: envFrom.map(({ configMapRef, secretRef }) => ({
        ...(configMapRef !== undefined && { configMap: reader.all('ConfigMap', configMapRef.name, configMapRef.optional) }),
        ...(secretRef !== undefined && { secret: reader.all('Secret', secretRef.name, secretRef.optional) }),
      })),
      env: env.flatMap((variable) => valueOf(variable, reader) ?? []),
    }));
    const volumes = (spec.volumes ?? []).flatMap((volume) => filesOf(volume, reader) ?? []);
    return shortDigest(canonicalJson({ containers, volumes }));
  } catch (error) {
    if (error instanceof Unresolved) return undefined;
    throw error;
  }
}

/** null stands for a value that is not there, and may be. */
function valueOf({ name, valueFrom }: EnvVar, reader: ConfigReader): { readonly name: string; readonly value: string | null } | undefined {
  const { configMapKeyRef: configMap, secretKeyRef: secret } = valueFrom ?? {};
  if (configMap !== undefined) return { name, value: reader.key('ConfigMap', configMap.name, configMap.key, configMap.optional) ?? null };
  if (secret !== undefined) return { name, value: reader.key('Secret', secret.name, secret.key, secret.optional) ?? null };
  return undefined;
}

function filesOf({ name, configMap, secret }: Volume, reader: ConfigReader): object | undefined {
  const kind = configMap !== undefined ? 'ConfigMap' : 'Secret';
  const source = configMap === undefined ? secret : configMap;
  const sourceName = configMap?.name ?? secret?.secretName;
  if (source === undefined || sourceName === undefined) return undefined;
  const { items, optional } = source;
  if (items === undefined) return { name, files: reader.all(kind, sourceName, optional) };
  return { name, files: items.map(({ key }) => ({ key, value: reader.key(kind, sourceName, key, optional) ?? null })) };
}

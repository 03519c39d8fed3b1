/**
 * Generated Secrets, kept apart from the state: one Secret manifest a file, `<namespace>.<name>.yaml`, 0600, in a directory of 0700.
 * The directory is a second manifest source: a person may read, edit or copy these files. Nothing here is ever logged but names.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { Secret } from '../model/objects.ts';
import { nodeFileSystem } from './state-file-system.ts';
import type { StateFileSystem } from './state-file-system.ts';
import { toWriteError } from './store-error.ts';

/** A namespace has no dots, so the first one ends it. Source: RFC 1123 names as Kubernetes uses them. */
const FILE_NAME = /^([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\.([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)\.yaml$/;
const PASSWORD_BYTES = 24;

export interface SecretFileReport {
  readonly file: string;
  /** Why it is not used, in words; never contains a value. */
  readonly message: string;
}

export interface SecretFiles {
  readonly secrets: readonly Secret[];
  /** Files that are there but are not Secrets of their name. They are left alone. */
  readonly reports: readonly SecretFileReport[];
}

/** 32 characters of [A-Za-z0-9_-], 192 bits of randomness. */
export function generatePassword(): string {
  return randomBytes(PASSWORD_BYTES).toString('base64url');
}

/** Every Secret in the directory; an absent directory holds none. Throws when it cannot be read. */
export async function readSecretFiles(directory: string, fileSystem: StateFileSystem = nodeFileSystem): Promise<SecretFiles> {
  await fileSystem.makeDirectory(directory);
  const secrets: Secret[] = [];
  const reports: SecretFileReport[] = [];
  for (const file of [...(await fileSystem.listNames(directory))].sort()) {
    if (!file.endsWith('.yaml')) continue;
    const data = await fileSystem.read(join(directory, file));
    if (data === undefined) continue;
    const secret = decode(file, data);
    if (typeof secret === 'string') reports.push({ file, message: secret });
    else secrets.push(secret);
  }
  return { secrets, reports };
}

/** Durable when it resolves. Throws DiskFull or WriteFailed, and a RangeError for a name that is not one. */
export async function writeSecretFile(directory: string, secret: Secret, fileSystem: StateFileSystem = nodeFileSystem): Promise<void> {
  const file = `${secret.metadata.namespace ?? 'default'}.${secret.metadata.name}.yaml`;
  if (!FILE_NAME.test(file)) throw new RangeError(`a Secret cannot be kept under the name ${JSON.stringify(file)}`);
  const { name, namespace = 'default', labels, annotations } = secret.metadata;
  const manifest = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, ...(labels === undefined ? {} : { labels }), ...(annotations === undefined ? {} : { annotations }) },
    ...(secret.type === undefined ? {} : { type: secret.type }),
    data: secret.data ?? {},
  };
  try {
    await fileSystem.makeDirectory(directory);
    await fileSystem.writeAtomic(join(directory, file), Buffer.from(stringify(manifest)));
    await fileSystem.syncDirectory(directory);
  } catch (error) {
    throw toWriteError(error);
  }
}

function decode(file: string, data: Buffer): Secret | string {
  const named = FILE_NAME.exec(file);
  if (named === null) return 'its name is not <namespace>.<name>.yaml';
  let value: unknown;
  try {
    value = parse(data.toString('utf8'));
  } catch {
    // The parser's message quotes the text, which is secret.
    return 'it is not YAML';
  }
  if (!isRecord(value) || value['apiVersion'] !== 'v1' || value['kind'] !== 'Secret' || !isRecord(value['metadata']))
    return 'it is not a v1 Secret';
  const { name, namespace } = value['metadata'];
  if (namespace !== named[1] || name !== named[2]) return 'it holds a Secret of another name or namespace';
  for (const field of ['data', 'stringData']) {
    const entries = value[field] ?? {};
    if (!isRecord(entries) || Object.values(entries).some((entry) => typeof entry !== 'string'))
      return `its ${field} is not a map of strings`;
  }
  return value as unknown as Secret;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

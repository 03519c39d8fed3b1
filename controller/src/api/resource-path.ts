/** The address of a resource in the Kubernetes API: /api/v1/... or /apis/GROUP/VERSION/..., a namespace, a kind, a name, a subresource. */
import { KINDS } from '../model/objects.ts';
import type { KindDescription, ObjectKey } from '../model/objects.ts';

export interface ResourcePath {
  readonly description: KindDescription;
  /** Undefined: all namespaces, or a kind without them. */
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** undefined when it is the address of nothing. */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const [root, ...rest] = path.split('/').slice(1).map(decode);
  const version = root === 'api' ? rest.shift() : root === 'apis' ? `${rest.shift() ?? ''}/${rest.shift() ?? ''}` : undefined;
  if (version === undefined || rest.some((part) => part === undefined || part === '')) return undefined;
  const parts = rest as string[];
  // "namespaces/x/pods" is in a namespace; "namespaces/x" is the Namespace itself.
  const namespace = parts[0] === 'namespaces' && parts.length > 2 ? parts[1] : undefined;
  const [plural, name, subresource, ...more] = namespace === undefined ? parts : parts.slice(2);
  const description = KINDS.find((kind) => kind.apiVersion === version && kind.plural === plural);
  if (description === undefined || more.length > 0) return undefined;
  if (namespace !== undefined && !description.isNamespaced) return undefined;
  if (namespace === undefined && name !== undefined && description.isNamespaced) return undefined;
  return { description, namespace, name, subresource };
}

export function keyOfPath(path: ResourcePath): ObjectKey {
  return `${path.namespace ?? ''}/${path.name ?? ''}`;
}

/** Where the objects of a kind are: "/apis/apps/v1/namespaces/default/deployments". */
export function resourceUrl(description: KindDescription, namespace?: string, name?: string): string {
  const root = description.apiVersion.includes('/') ? `/apis/${description.apiVersion}` : `/api/${description.apiVersion}`;
  const scope = namespace === undefined || !description.isNamespaced ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${scope}/${description.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

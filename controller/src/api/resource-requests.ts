/** Requests for objects: list, watch, get, create, replace, patch, delete, scale and logs, over the object store. A write is answered once it is on disk. */
import type { ParameterizedContext } from 'koa';
import { ANNOTATION } from '../model/annotations.ts';
import { keyOf } from '../model/objects.ts';
import type { Deployment, KindDescription, KubernetesObject, ObjectMeta } from '../model/objects.ts';
import type { ObjectStore, Preconditions } from '../state/object-store.ts';
import { StoreError } from '../state/store-error.ts';
import { ApiError, groupOf, invalid, notFound } from './api-error.ts';
import type { ControlPlanePort } from './control-plane-port.ts';
import { checkNamespaceDeletion, checkReplicaSetDeletion, propagationIn } from './deletion.ts';
import { selectObjects } from './object-selector.ts';
import { applyMergePatch, isJsonObject, readJsonBody, readJsonObject } from './request-body.ts';
import type { JsonObject } from './request-body.ts';
import { keyOfPath } from './resource-path.ts';
import type { ResourcePath } from './resource-path.ts';
import { autoscalerOf, replicasOf, toScale } from './scale.ts';
import { numberParameter, parameter } from './query-parameter.ts';
import { openWatch } from './watch-stream.ts';

/** Of a watch that names no timeout itself. Clients resume. */
const WATCH_TIMEOUT_MS = 30 * 60_000;

export interface ResourceRequestsOptions {
  readonly store: ObjectStore;
  readonly port: ControlPlanePort;
}

export async function answerResourceRequest(
  context: ParameterizedContext,
  path: ResourcePath,
  options: ResourceRequestsOptions,
): Promise<void> {
  const { method } = context;
  if (parameter(context, 'dryRun') !== undefined) throw new ApiError('BadRequest', 'dryRun is not supported; see `coxswain plan`');
  if (path.subresource !== undefined) {
    await answerSubresource(context, path, options);
  } else if (path.name === undefined) {
    if (method === 'GET') answerList(context, path, options.store);
    else if (method === 'POST') await answerCreate(context, path, options);
    else throw methodNotAllowed(method);
  } else if (method === 'GET') {
    context.body = find(options.store, path);
  } else if (method === 'PUT') {
    await answerReplace(context, path, options);
  } else if (method === 'PATCH') {
    await answerPatch(context, path, options);
  } else if (method === 'DELETE') {
    await answerDelete(context, path, options.store);
  } else {
    throw methodNotAllowed(method);
  }
}

async function answerSubresource(context: ParameterizedContext, path: ResourcePath, options: ResourceRequestsOptions): Promise<void> {
  const { kind } = path.description;
  if (kind === 'Deployment' && path.subresource === 'scale') await answerScale(context, path, options);
  else if (kind === 'Pod' && path.subresource === 'log' && context.method === 'GET') await answerLogs(context, path, options);
  else throw new ApiError('NotFound', 'the server could not find the requested resource');
}

function answerList(context: ParameterizedContext, path: ResourcePath, store: ObjectStore): void {
  const { description, namespace } = path;
  const labelSelector = parameter(context, 'labelSelector');
  const predicate = selectObjects(description.kind, { namespace, labelSelector, fieldSelector: parameter(context, 'fieldSelector') });
  const watch = parameter(context, 'watch');
  if (watch === 'true' || watch === '1') {
    const resourceVersion = numberParameter(context, 'resourceVersion');
    const sendsInitialEvents = parameter(context, 'sendInitialEvents') === 'true';
    const timeoutSeconds = numberParameter(context, 'timeoutSeconds');
    context.status = 200;
    context.type = 'application/json';
    context.body = openWatch(store, {
      description,
      predicate,
      // 0 means "any version will do": the current one.
      resourceVersion: sendsInitialEvents || resourceVersion === 0 ? undefined : resourceVersion,
      sendsInitialEventsEnd: sendsInitialEvents,
      timeoutMs:
        timeoutSeconds === undefined || timeoutSeconds === 0 ? WATCH_TIMEOUT_MS : Math.min(timeoutSeconds * 1000, WATCH_TIMEOUT_MS),
    });
    // The client learns that the watch stands before the first change comes.
    context.flushHeaders();
    return;
  }
  context.body = {
    kind: `${description.kind}List`,
    apiVersion: description.apiVersion,
    metadata: { resourceVersion: store.resourceVersion },
    items: [...store.list(description.kind).values()].filter(predicate),
  };
}

async function answerCreate(context: ParameterizedContext, path: ResourcePath, options: ResourceRequestsOptions): Promise<void> {
  const { description, namespace } = path;
  if (description.isNamespaced && namespace === undefined) throw methodNotAllowed(context.method);
  const { status: _status, ...body } = await readJsonObject(context.req);
  const object = toObject(body, { ...path, name: nameIn(body) });
  // What the server decides is not the client's to say.
  const { uid: _uid, creationTimestamp: _created, generation: _generation, deletionTimestamp: _deleted, ...metadata } = object.metadata;
  // Copied from an object of a manifest: this one comes from none, and shall not go because none declares it.
  const { [ANNOTATION.source]: source, ...annotations } = metadata.annotations ?? {};
  const wanted = { ...object, metadata: source === undefined ? metadata : { ...metadata, annotations } };
  check(wanted, description, options.port);
  const created = options.store.create(wanted);
  await saved(options.store);
  context.status = 201;
  context.body = created;
}

async function answerReplace(context: ParameterizedContext, path: ResourcePath, options: ResourceRequestsOptions): Promise<void> {
  const object = toObject(await readJsonObject(context.req), path);
  await replace(context, path, object, options);
}

async function answerPatch(context: ParameterizedContext, path: ResourcePath, options: ResourceRequestsOptions): Promise<void> {
  const patch = await readMergePatch(context);
  const current = find(options.store, path);
  // A patch is relative to what is there now, unless it names the version it was made for.
  const metadata = isJsonObject(patch['metadata']) ? patch['metadata'] : {};
  const object = toObject(applyMergePatch(current, patch) as JsonObject, path);
  const { resourceVersion: _current, ...rest } = object.metadata;
  const { resourceVersion } = metadata;
  const wanted: ObjectMeta = typeof resourceVersion === 'string' ? { ...rest, resourceVersion } : rest;
  await replace(context, path, { ...object, metadata: wanted }, options);
}

async function replace(
  context: ParameterizedContext,
  path: ResourcePath,
  object: KubernetesObject,
  { store, port }: ResourceRequestsOptions,
): Promise<void> {
  find(store, path);
  check(object, path.description, port);
  const { resourceVersion, uid } = object.metadata;
  context.body = store.update(object, { expectedResourceVersion: resourceVersion, expectedUid: uid });
  await saved(store);
}

async function answerDelete(context: ParameterizedContext, path: ResourcePath, store: ObjectStore): Promise<void> {
  const { kind } = path.description;
  const options = await readJsonBody(context.req);
  const preconditions = preconditionsIn(options);
  const propagation = propagationIn(context, options);
  const object = find(store, path);
  if (kind === 'Namespace') checkNamespaceDeletion(store, path.name ?? '');
  if (kind === 'ReplicaSet') checkReplicaSetDeletion(store, object);
  if (kind === 'Pod' || kind === 'Namespace' || (kind === 'Deployment' && propagation === 'Foreground')) {
    // What has containers under it ends in order first; then the loop removes the object.
    context.body = store.markDeleted(kind, keyOfPath(path), preconditions);
    if (kind !== 'Pod') await saved(store);
    return;
  }
  const { metadata } = store.delete(kind, keyOfPath(path), preconditions);
  await saved(store);
  const details = { name: metadata.name, group: groupOf(path.description), kind: path.description.plural, uid: metadata.uid };
  context.body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}

async function answerScale(context: ParameterizedContext, path: ResourcePath, { store, port }: ResourceRequestsOptions): Promise<void> {
  const deployment = find(store, path) as Deployment;
  const { method } = context;
  if (method === 'GET') {
    context.body = toScale(deployment);
    return;
  }
  let scale: JsonObject;
  if (method === 'PUT') scale = await readJsonObject(context.req);
  else if (method === 'PATCH') scale = await readMergePatch(context);
  else throw methodNotAllowed(method);
  const replicas = replicasOf(scale);
  const { name, namespace } = deployment.metadata;
  if (typeof replicas === 'string') throw invalid(path.description, name, [replicas]);
  // Read again: the body took its time to come.
  const current = find(store, path) as Deployment;
  const scaled: Deployment = { ...current, spec: { ...current.spec, replicas } };
  check(scaled, path.description, port);
  const metadata = isJsonObject(scale['metadata']) ? scale['metadata'] : {};
  const { resourceVersion } = metadata;
  const updated = store.update(scaled, { expectedResourceVersion: typeof resourceVersion === 'string' ? resourceVersion : undefined });
  await saved(store);
  const autoscaler = autoscalerOf(store, { name, namespace });
  if (autoscaler !== undefined) {
    context.append(
      'Warning',
      `299 - "horizontalpodautoscaler/${autoscaler} rules the replicas of deployment/${name}: its next tick may overrule this"`,
    );
  }
  context.body = toScale(updated);
}

async function answerLogs(context: ParameterizedContext, path: ResourcePath, { store, port }: ResourceRequestsOptions): Promise<void> {
  // What a pod wrote is kept after it is gone.
  if (parameter(context, 'previous') !== 'true') find(store, path);
  const closed = new AbortController();
  context.res.once('close', () => closed.abort());
  const tailLines = numberParameter(context, 'tailLines');
  const sinceSeconds = numberParameter(context, 'sinceSeconds');
  const log = await port.readLogs(
    keyOfPath(path),
    {
      isFollowing: parameter(context, 'follow') === 'true',
      isPrevious: parameter(context, 'previous') === 'true',
      hasTimestamps: parameter(context, 'timestamps') === 'true',
      ...(tailLines === undefined ? {} : { tailLines }),
      ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    },
    closed.signal,
  );
  context.status = 200;
  context.type = 'text/plain';
  context.body = log;
  context.flushHeaders();
}

async function readMergePatch(context: ParameterizedContext): Promise<JsonObject> {
  const type = context.request.type;
  if (type !== 'application/merge-patch+json') {
    throw new ApiError(
      'UnsupportedMediaType',
      `patches of type ${JSON.stringify(type)} are not supported, only application/merge-patch+json`,
    );
  }
  return await readJsonObject(context.req);
}

function find(store: ObjectStore, path: ResourcePath): KubernetesObject {
  const object = store.get(path.description.kind, keyOfPath(path));
  if (object === undefined) throw notFound(path.description, path.name ?? '');
  return object;
}

/** The body as an object of exactly that address. Its fields are checked by `check`. */
function toObject(body: JsonObject, path: ResourcePath): KubernetesObject {
  const { description, name, namespace } = path;
  const { kind, apiVersion } = description;
  if (body['kind'] !== kind || body['apiVersion'] !== apiVersion) {
    throw new ApiError('BadRequest', `the body is ${String(body['apiVersion'])} ${String(body['kind'])}, not ${apiVersion} ${kind}`);
  }
  const metadata = isJsonObject(body['metadata']) ? body['metadata'] : {};
  if (metadata['name'] !== name) {
    throw new ApiError(
      'BadRequest',
      `metadata.name of the object is ${JSON.stringify(metadata['name'])}, the URL says ${JSON.stringify(name)}`,
    );
  }
  const saidNamespace = metadata['namespace'] ?? namespace;
  if (saidNamespace !== namespace) {
    throw new ApiError(
      'BadRequest',
      `metadata.namespace of the object is ${JSON.stringify(saidNamespace)}, the URL says ${JSON.stringify(namespace)}`,
    );
  }
  const object = { ...body, metadata: { ...metadata, ...(namespace === undefined ? {} : { namespace }) } } as unknown as KubernetesObject;
  return object.kind === 'Secret' ? encodeStringData(object) : object;
}

function encodeStringData(secret: Extract<KubernetesObject, { kind: 'Secret' }>): KubernetesObject {
  const { stringData, ...rest } = secret;
  // Not checked yet: what is no text is left for the check to refuse.
  if (stringData !== undefined && Object.values(stringData).some((value: unknown) => typeof value !== 'string')) return secret;
  if (stringData === undefined) return secret;
  const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return { ...rest, data: { ...rest.data, ...(Object.fromEntries(encoded) as Record<string, string>) } };
}

function nameIn(body: JsonObject): string {
  const name = isJsonObject(body['metadata']) ? body['metadata']['name'] : undefined;
  if (typeof name !== 'string' || name === '') throw new ApiError('Invalid', 'metadata.name: is required');
  return name;
}

function check(object: KubernetesObject, description: KindDescription, port: ControlPlanePort): void {
  const problems = port.validate(object);
  if (problems.length > 0) throw invalid(description, keyOf(object).replace(/^.*\//, ''), problems);
}

function preconditionsIn(options: unknown): Preconditions {
  const given = isJsonObject(options) ? options['preconditions'] : undefined;
  if (!isJsonObject(given)) return {};
  const { uid, resourceVersion } = given;
  return {
    ...(typeof uid === 'string' ? { expectedUid: uid } : {}),
    ...(typeof resourceVersion === 'string' ? { expectedResourceVersion: resourceVersion } : {}),
  };
}

async function saved(store: ObjectStore): Promise<void> {
  try {
    await store.flushed();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const reason = error.code === 'DiskFull' ? 'InsufficientStorage' : 'InternalError';
    throw new ApiError(reason, `the change is in force but not saved yet, saving is retried: ${error.message}`);
  }
}

export function methodNotAllowed(method: string): ApiError {
  return new ApiError('MethodNotAllowed', `the server does not allow ${method} on the requested resource`);
}

/** Coxswain's own requests, under /apis/coxswain.dev/v1: what Kubernetes has no object for. */
import Router from '@koa/router';
import { keyOf } from '../model/objects.ts';
import type { ObjectKey } from '../model/objects.ts';
import type { ObjectStore } from '../state/object-store.ts';
import { ApiError } from './api-error.ts';
import type { ControlPlanePort, DiffRequest } from './control-plane-port.ts';
import { COXSWAIN_GROUP_VERSION } from './discovery.ts';
import { parameter } from './query-parameter.ts';
import { isJsonObject, readJsonBody } from './request-body.ts';
import { autoscalerOf } from './scale.ts';

export function makeCoxswainRoutes(store: ObjectStore, port: ControlPlanePort): Router {
  const router = new Router({ prefix: `/apis/${COXSWAIN_GROUP_VERSION}` });
  router.get('/status', (context) => {
    context.body = port.status();
  });
  router.get('/plan', async (context) => {
    const closed = new AbortController();
    context.res.once('close', () => closed.abort());
    context.body = await port.plan({ all: parameter(context, 'all') === 'true' }, closed.signal);
  });
  // It changes nothing; it is a POST for the manifests that come with it.
  router.post('/diff', async (context) => {
    const files = manifestsIn(await readJsonBody(context.req));
    const closed = new AbortController();
    context.res.once('close', () => closed.abort());
    context.body = await port.diff({ files, prune: parameter(context, 'prune') === 'true' }, closed.signal);
  });
  router.post('/apply', async (context) => {
    const report = await port.applyNow({ prune: parameter(context, 'prune') === 'true' });
    await store.flushed();
    context.body = report;
  });
  router.post('/reset-autoscaler', async (context) => {
    const autoscaler = findAutoscaler(store, requiredName(parameter(context, 'name')), parameter(context, 'namespace') ?? 'default');
    await port.resetAutoscaler(autoscaler);
    await store.flushed();
    context.body = { autoscaler };
  });
  router.post('/crash', async (context) => {
    const key = `${parameter(context, 'namespace') ?? 'default'}/${requiredName(parameter(context, 'name'))}`;
    if (store.get('Deployment', key) === undefined) throw new ApiError('NotFound', `deployment ${key} not found`);
    context.body = await port.crash(key);
  });
  return router;
}

/** { files: [{ path, content }] }; no body: the manifests directory is meant. */
function manifestsIn(body: unknown): DiffRequest['files'] {
  if (body === undefined) return undefined;
  const files: unknown = isJsonObject(body) ? body['files'] : undefined;
  if (!Array.isArray(files)) throw new ApiError('BadRequest', 'files: expected a list of { path, content }');
  return files.map((file: unknown) => {
    const { path, content } = isJsonObject(file) ? file : {};
    if (typeof path !== 'string' || typeof content !== 'string')
      throw new ApiError('BadRequest', 'files: expected a list of { path, content }, both of them text');
    return { path, content };
  });
}

function requiredName(name: string | undefined): string {
  if (name === undefined) throw new ApiError('BadRequest', 'the parameter name is missing');
  return name;
}

/** By its own name, or by that of the Deployment it scales. */
function findAutoscaler(store: ObjectStore, name: string, namespace: string): ObjectKey {
  const own = store.get('HorizontalPodAutoscaler', `${namespace}/${name}`);
  if (own !== undefined) return keyOf(own);
  const scaler = autoscalerOf(store, { name, namespace });
  if (scaler === undefined)
    throw new ApiError('NotFound', `no horizontalpodautoscaler is named ${name} or scales deployment/${name} in namespace ${namespace}`);
  return `${namespace}/${scaler}`;
}

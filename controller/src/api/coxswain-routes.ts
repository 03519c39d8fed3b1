/** Coxswain's own requests, under /apis/coxswain.dev/v1: what Kubernetes has no object for. */
import Router from '@koa/router';
import { keyOf } from '../model/objects.ts';
import type { ObjectKey } from '../model/objects.ts';
import type { ObjectStore } from '../state/object-store.ts';
import { ApiError } from './api-error.ts';
import type { ControlPlanePort } from './control-plane-port.ts';
import { COXSWAIN_GROUP_VERSION } from './discovery.ts';
import { parameter } from './query-parameter.ts';
import { autoscalerOf } from './scale.ts';

export function makeCoxswainRoutes(store: ObjectStore, port: ControlPlanePort): Router {
  const router = new Router({ prefix: `/apis/${COXSWAIN_GROUP_VERSION}` });
  router.get('/status', (context) => {
    context.body = port.status();
  });
  router.get('/plan', async (context) => {
    const closed = new AbortController();
    context.res.once('close', () => closed.abort());
    context.body = await port.plan(closed.signal);
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

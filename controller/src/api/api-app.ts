/** The API as a Koa application: health, metrics, discovery, Coxswain's own requests, and the objects. Every error is a metav1.Status. */
import Router from '@koa/router';
import Koa from 'koa';
import type { Logger } from 'pino';
import type { ObjectStore } from '../state/object-store.ts';
import { ApiError, toApiError } from './api-error.ts';
import type { ControlPlanePort } from './control-plane-port.ts';
import { makeCoxswainRoutes } from './coxswain-routes.ts';
import { coreVersions, findGroup, findResources, groupList, versionInfo } from './discovery.ts';
import { makeMetrics } from './metrics.ts';
import { answerResourceRequest, methodNotAllowed } from './resource-requests.ts';
import { parseResourcePath } from './resource-path.ts';

export interface ApiOptions {
  readonly store: ObjectStore;
  readonly port: ControlPlanePort;
  readonly logger: Pick<Logger, 'error'>;
  /** Coxswain's own, e.g. "0.1.0". */
  readonly version: string;
}

export function makeApiApp(options: ApiOptions): Koa {
  const { store, port, logger } = options;
  const metrics = makeMetrics(store, port);
  const app = new Koa();
  app.use(async (context, next) => {
    try {
      await next();
    } catch (error) {
      const known = toApiError(error);
      if (known === undefined) logger.error({ err: error, method: context.method, path: context.path }, 'a request to the API failed');
      const answer = known ?? new ApiError('InternalError', 'an internal error occurred; the log of the control plane has it');
      context.status = answer.code;
      context.body = answer.toStatus();
    }
    metrics.countRequest(context.method, context.status);
  });

  const router = new Router();
  const health = (context: Koa.ParameterizedContext): void => {
    context.body = 'ok';
  };
  router.get('/healthz', health);
  router.get('/livez', health);
  router.get('/readyz', (context) => {
    const { isReady, reasons } = port.readiness();
    context.status = isReady ? 200 : 503;
    context.body = isReady ? 'ok' : `not ready: ${reasons.join('; ')}\n`;
  });
  router.get('/metrics', async (context) => {
    context.type = metrics.registry.contentType;
    context.body = await metrics.registry.metrics();
  });
  const version = versionInfo(options.version);
  router.get('/version', (context) => {
    context.body = version;
  });
  router.get('/api', (context) => {
    context.body = coreVersions;
  });
  router.get('/api/v1', (context) => {
    context.body = findResources('v1');
  });
  router.get('/apis', (context) => {
    context.body = groupList;
  });
  router.get('/apis/:group', (context) => {
    context.body = orNotFound(findGroup(context.params['group'] ?? ''));
  });
  router.get('/apis/:group/:version', (context) => {
    context.body = orNotFound(findResources(`${context.params['group'] ?? ''}/${context.params['version'] ?? ''}`));
  });
  app.use(router.routes());
  app.use(makeCoxswainRoutes(store, port).routes());
  app.use(async (context) => {
    const path = parseResourcePath(context.path);
    if (path !== undefined) await answerResourceRequest(context, path, { store, port });
    else if (router.match(context.path, 'GET').path.length > 0) throw methodNotAllowed(context.method);
    else throw orNotFoundError();
  });
  return app;
}

function orNotFound<T>(value: T | undefined): T {
  if (value === undefined) throw orNotFoundError();
  return value;
}

function orNotFoundError(): ApiError {
  return new ApiError('NotFound', 'the server could not find the requested resource');
}

// Puts a role together and waits for its database. The composition root of everything behind the open port.
import { setTimeout as delay } from 'node:timers/promises';
import type { Knex } from 'knex';
import type { Logger } from 'pino';
import { actRoutes } from './act-routes.ts';
import { ActRepository } from './act-repository.ts';
import { buildApp } from './app.ts';
import { BodyReader } from './body-reader.ts';
import { CategoryRepository } from './category-repository.ts';
import { categoryRoutes } from './category-routes.ts';
import type { Config } from './config.ts';
import { DatabaseProbe } from './database-probe.ts';
import { openDatabase } from './database.ts';
import { Health } from './health.ts';
import { limits } from './limits.ts';
import { LockingWrites } from './locking-writes.ts';
import { createLogger } from './logger.ts';
import { memoryPressure } from './memory-pressure.ts';
import type { Metrics } from './metrics.ts';
import { migrateToLatest } from './migrate.ts';
import { openApiRoute } from './openapi-route.ts';
import { operationRoutes } from './operation-routes.ts';
import { PictureExaminer } from './picture-examiner.ts';
import { PictureRepository } from './picture-repository.ts';
import { pictureRoutes } from './picture-routes.ts';
import { PoolWatch } from './pool-watch.ts';
import { RequestCount } from './request-count.ts';
import type { RequestGate } from './request-gate.ts';
import type { Route } from './route-table.ts';
import { Telemetry } from './telemetry.ts';
import { uploadRoutes } from './upload-routes.ts';
import { UserRepository } from './user-repository.ts';
import { userRoutes } from './user-routes.ts';
import { usersCheck } from './users-check.ts';
import { defaultWebRoot, WebApp } from './web-app.ts';
import type { WriteLimit } from './write-limit.ts';

export interface Service {
  close(): Promise<void>;
}

export async function startService(config: Config, gate: RequestGate, stop: AbortSignal): Promise<Service> {
  const logger = createLogger(config.logLevel, config.role);
  const telemetry = new Telemetry();
  const knex = openDatabase(config.database);
  const pool = new PoolWatch(knex);
  const probe = new DatabaseProbe(config.database, config.role);
  const count = new RequestCount(knex, config.role, (requests, error) => logger.warn({ err: error, requests }, 'requests went uncounted'));
  const bodies = new BodyReader(config.bodyLimitBytes);
  const operations = operationRoutes({
    count,
    health: new Health({ probe, pool, memoryPressure: memoryPressure(), isStopping: () => gate.isStopping, logger, telemetry }),
    faultInjection: config.faultInjection,
    crash() {
      gate.crash();
      logger.warn('crashed on purpose: every request is answered 500 from now on');
    },
  });
  const routes = [...operations, ...roleRoutes(config, knex, bodies, telemetry)];
  const web = config.role === 'acts' ? new WebApp(config.webRoot ?? defaultWebRoot()) : undefined;
  const app = buildApp({
    config,
    count,
    web,
    logger,
    telemetry,
    writeLimit: () => loadWriteLimit(knex, config, logger),
    routes: [...routes, openApiRoute(config.role, routes)],
  });
  let metrics: Promise<Metrics | undefined> | undefined;

  async function close(): Promise<void> {
    probe.close();
    (await metrics)?.close();
    await count.settled();
    await knex.destroy();
  }

  try {
    await migrateWhenPossible(knex, config, logger, stop);
  } catch (error) {
    await close();
    throw error;
  }
  gate.open(app.callback());
  logger.info({ cpuMs: Math.round(process.cpuUsage().user / 1000), uptimeMs: Math.round(process.uptime() * 1000) }, 'ready');
  // Behind the first requests in line, so that the first health check does not wait for it.
  setTimeout(() => {
    bodies.load().catch((error: unknown) => logger.warn({ err: error }, 'request bodies cannot be read yet'));
  }, 50).unref();
  setTimeout(() => {
    if (stop.aborted) return;
    metrics = loadMetrics(config, telemetry, pool, gate, logger);
    web?.load().catch((error: unknown) => logger.warn({ err: error }, 'the web app cannot be read'));
  }, limits.lateLoadMs).unref();
  return { close };
}

/** A port that is taken is worth a warning, not a replica: several may share one address outside containers. */
async function loadMetrics(
  config: Config,
  telemetry: Telemetry,
  pool: PoolWatch,
  gate: RequestGate,
  logger: Logger,
): Promise<Metrics | undefined> {
  if (config.metricsPort === undefined) return undefined;
  try {
    const { startMetrics } = await import('./metrics.ts');
    return await startMetrics(config.metricsPort, config.role, telemetry, pool, () => gate.isCrashed);
  } catch (error) {
    logger.warn({ err: error, port: config.metricsPort }, 'there are no metrics: METRICS_PORT cannot be listened on');
    return undefined;
  }
}

async function loadWriteLimit(knex: Knex, config: Config, logger: Logger): Promise<WriteLimit> {
  const { WriteLimit } = await import('./write-limit.ts');
  return new WriteLimit(knex, config.role, config.writesPerMinute, (error) =>
    logger.warn({ err: error }, 'the shared write limit cannot be used: this replica limits by itself for now'),
  );
}

function roleRoutes(config: Config, knex: Knex, bodies: BodyReader, telemetry: Telemetry): Route[] {
  if (config.usersUrl === undefined) return userRoutes(new UserRepository(knex), bodies);
  const writes = new LockingWrites();
  const acts = new ActRepository(knex, writes);
  const categories = new CategoryRepository(knex, writes);
  const userExists = usersCheck(config.usersUrl, config.serviceOrigin, telemetry);
  const examiner = new PictureExaminer((outcome) => telemetry.emit('thumbnail', outcome));
  return [
    ...uploadRoutes({ acts, categories, userExists, examiner, bodies }),
    ...actRoutes(acts, bodies),
    ...pictureRoutes(new PictureRepository(knex), examiner),
    ...categoryRoutes(categories, acts, bodies),
  ];
}

/** The database may start after us, or be restarted while we start. */
async function migrateWhenPossible(knex: Knex, config: Config, logger: Logger, stop: AbortSignal): Promise<void> {
  for (let pauseMs: number = limits.startRetryMinMs; ; pauseMs = Math.min(2 * pauseMs, limits.startRetryMaxMs)) {
    stop.throwIfAborted();
    try {
      await migrateToLatest(knex, config.role);
      return;
    } catch (error) {
      logger.warn({ err: error, retryInMs: pauseMs }, 'the database is not ready');
    }
    await delay(pauseMs, undefined, { signal: stop });
  }
}

// Puts a role together and waits for its database. The composition root of everything behind the open port.
import { setTimeout as delay } from 'node:timers/promises';
import type { Knex } from 'knex';
import { pino, type Logger } from 'pino';
import { actRoutes } from './act-routes.ts';
import { ActRepository } from './act-repository.ts';
import { buildApp } from './app.ts';
import { BodyReader } from './body-reader.ts';
import { CategoryRepository } from './category-repository.ts';
import { categoryRoutes } from './category-routes.ts';
import type { Config } from './config.ts';
import { DatabaseProbe } from './database-probe.ts';
import { openDatabase } from './database.ts';
import { limits } from './limits.ts';
import { memoryPressure } from './memory-pressure.ts';
import { migrateToLatest } from './migrate.ts';
import { openApiRoute } from './openapi-route.ts';
import { operationRoutes } from './operation-routes.ts';
import { RequestCount } from './request-count.ts';
import type { RequestGate } from './request-gate.ts';
import type { Route } from './route-table.ts';
import { UserRepository } from './user-repository.ts';
import { userRoutes } from './user-routes.ts';
import { usersCheck } from './users-check.ts';

export interface Service {
  close(): Promise<void>;
}

export async function startService(config: Config, gate: RequestGate, stop: AbortSignal): Promise<Service> {
  const logger = pino({ level: config.logLevel, base: { role: config.role } });
  const knex = openDatabase(config.database);
  const probe = new DatabaseProbe(config.database, config.role);
  const count = new RequestCount(knex, config.role, (requests, error) => logger.warn({ err: error, requests }, 'requests went uncounted'));
  const bodies = new BodyReader(config.bodyLimitBytes);
  const operations = operationRoutes({
    count,
    probe,
    memoryPressure: memoryPressure(),
    isStopping: () => gate.isStopping,
    faultInjection: config.faultInjection,
    crash() {
      logger.warn('crashed on purpose: every request is answered 500 from now on');
      gate.crash();
    },
  });
  const routes = [...operations, ...roleRoutes(config, knex, bodies)];
  const app = buildApp({ config, count, routes: [...routes, openApiRoute(config.role, routes)], logger });

  async function close(): Promise<void> {
    probe.close();
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
  setTimeout(() => void bodies.load(), 50).unref();
  return { close };
}

function roleRoutes(config: Config, knex: Knex, bodies: BodyReader): Route[] {
  if (config.usersUrl === undefined) return userRoutes(new UserRepository(knex), bodies);
  const acts = new ActRepository(knex);
  const categories = new CategoryRepository(knex);
  const userExists = usersCheck(config.usersUrl, config.serviceOrigin);
  return [...actRoutes(acts, categories, userExists, bodies), ...categoryRoutes(categories, acts, bodies)];
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

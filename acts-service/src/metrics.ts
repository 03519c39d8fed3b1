// Prometheus metrics on a port of their own, so that the ingress never shows them. Labels are routes' patterns and fixed words: a label
// that held a name, path or id would grow for ever. Slow to import, so loaded after the start; what came before is not counted.
import { createServer, type Server } from 'node:http';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Role } from './config.ts';
import { healthDetails } from './health-reason.ts';
import type { PoolWatch } from './pool-watch.ts';
import type { RequestEnded, Telemetry } from './telemetry.ts';

const methods = new Set(['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS']);

export interface Metrics {
  readonly port: number;
  close(): void;
}

/** Rejects when the port is taken. */
export async function startMetrics(
  port: number,
  role: Role,
  telemetry: Telemetry,
  pool: PoolWatch,
  isCrashed: () => boolean,
): Promise<Metrics> {
  const registry = collectMetrics(role, telemetry, pool);
  const server = createServer((request, response) => {
    // A crashed process answers nothing but 500, on any port.
    if (isCrashed()) {
      response.writeHead(500).end();
      return;
    }
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'Content-Type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await listen(server, port);
  // Whoever is scraping may be cut off: never a reason to stay alive.
  server.unref();
  return {
    port: (server.address() as { port: number }).port,
    close() {
      server.close();
      server.closeAllConnections();
      registry.clear();
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => resolve());
  });
}

function collectMetrics(role: Role, telemetry: Telemetry, pool: PoolWatch): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ role });
  collectDefaultMetrics({ register: registry });
  const registers = [registry];

  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Requests answered, by route pattern, method and class of status; "aborted" when the client was gone first.',
    labelNames: ['route', 'method', 'status'],
    registers,
  });
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'From the head of a request to the last byte of its answer.',
    labelNames: ['route', 'method'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  telemetry.on('request', ({ route, method, status, isAborted, ms }: RequestEnded) => {
    const label = methods.has(method) ? method : 'other';
    requests.inc({ route, method: label, status: isAborted ? 'aborted' : `${Math.floor(status / 100)}xx` });
    durations.observe({ route, method: label }, ms / 1000);
  });
  const usersChecks = new Counter({ name: 'users_checks_total', help: 'Users checks of uploads.', labelNames: ['outcome'], registers });
  telemetry.on('usersCheck', (outcome) => usersChecks.inc({ outcome }));
  const thumbnails = new Counter({
    name: 'thumbnails_total',
    help: 'Pictures whose thumbnail was tried.',
    labelNames: ['outcome'],
    registers,
  });
  telemetry.on('thumbnail', (outcome) => thumbnails.inc({ outcome }));
  const refused = new Counter({ name: 'writes_refused_total', help: 'Writes over the limit of their client.', registers });
  telemetry.on('rateLimited', () => refused.inc());
  collectState(registry, telemetry, pool);
  return registry;
}

/** What is read at each scrape. */
function collectState(registry: Registry, telemetry: Telemetry, pool: PoolWatch): void {
  const registers = [registry];
  new Gauge({
    name: 'http_requests_in_flight',
    help: 'Requests being worked on.',
    registers,
    collect() {
      this.set(telemetry.requestsInFlight);
    },
  });
  new Gauge({
    name: 'database_pool',
    help: 'Connections in use, and requests that wait for one.',
    labelNames: ['state'],
    registers,
    collect() {
      this.set({ state: 'used' }, pool.used);
      this.set({ state: 'waiting' }, pool.waiting);
    },
  });
  new Gauge({
    name: 'health_state',
    help: '1 for what the last health check found.',
    labelNames: ['code'],
    registers,
    collect() {
      for (const code of Object.keys(healthDetails)) this.set({ code }, code === telemetry.health ? 1 : 0);
    },
  });
}

/** Two hundred containers: what one look at them costs, and what becomes of fifty that crash at once. Beside it the engine's own share. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from '../src/model/objects.ts';
import { System } from '../test/e2e/system.ts';
import { eventually } from '../test/eventually.ts';
import { ensureTestImage, TEST_IMAGE } from '../test/runtime/test-image.ts';
import { cpuSeconds } from './process-cpu.ts';

const REPLICAS = 200;
const CRASHES = 50;
const REST_SECONDS = 60;
const ENGINE_SOCKET = '/var/run/docker.sock';
const DEADLINE_MS = 600_000;

/** Probed as Kubernetes probes by default, every ten seconds. */
const MANIFEST = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: many
spec:
  replicas: ${REPLICAS}
  selector:
    matchLabels: { app: many }
  template:
    metadata:
      labels: { app: many }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: many
          image: ${TEST_IMAGE}
          imagePullPolicy: Never
          command: [/bin/sh, -c, 'echo ok > /tmp/index.html; exec httpd -f -p 8080 -h /tmp']
          ports: [{ containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /, port: 8080 } }
          livenessProbe: { httpGet: { path: /, port: 8080 } }
`;

export interface ManyFigure {
  readonly containers: number;
  readonly startMs: number;
  /** Milliseconds of CPU in each second at rest: one resync, the probes of that second and everything else. */
  readonly restCpuMs: { readonly controlPlane: number; readonly engine: number };
  readonly crashes: number;
  readonly replacedMs: number;
  /** Upper bound of the bucket that holds the 99th percentile, while the fifty were replaced. */
  readonly loopLatencyP99Ms: number;
  readonly untouchedRestarted: number;
}

export async function benchMany(): Promise<ManyFigure> {
  await ensureTestImage(ENGINE_SOCKET);
  const system = new System({ name: 'many', basePort: 18_650 });
  for (const file of readdirSync(system.manifestDir)) rmSync(join(system.manifestDir, file));
  writeFileSync(join(system.manifestDir, 'many.yaml'), MANIFEST);
  let hasFailed = true;
  try {
    const figure = await measure(system);
    hasFailed = false;
    return figure;
  } finally {
    await system.remove(hasFailed);
  }
}

async function measure(system: System): Promise<ManyFigure> {
  const startedAt = performance.now();
  await system.up();
  await untilAvailable(system);
  const startMs = performance.now() - startedAt;
  await sleep(15_000);
  const restCpuMs = await restCpu(system);
  const before = await system.replicas('many');
  const victims = before.slice(0, CRASHES);
  const pids = await Promise.all(victims.map(({ id }) => pidOf(id)));
  const latencies = await loopLatencies(system);
  const crashedAt = performance.now();
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  const gone = new Set(victims.map(({ id }) => id));
  await eventually(async () => {
    const now = await system.replicas('many');
    if (now.length !== REPLICAS || now.some(({ id }) => gone.has(id))) throw new Error(`${now.length} run`);
  }, DEADLINE_MS);
  await untilAvailable(system);
  const replacedMs = performance.now() - crashedAt;
  const kept = new Set((await system.replicas('many')).map(({ id }) => id));
  return {
    containers: REPLICAS,
    startMs,
    restCpuMs,
    crashes: CRASHES,
    replacedMs,
    loopLatencyP99Ms: quantileBound(latencies, await loopLatencies(system), 0.99) * 1000,
    untouchedRestarted: before.slice(CRASHES).filter(({ id }) => !kept.has(id)).length,
  };
}

async function untilAvailable(system: System): Promise<void> {
  await eventually(async () => {
    const { status } = await system.get<Deployment>('deployment', 'many');
    if (status?.availableReplicas !== REPLICAS) throw new Error(`${status?.availableReplicas ?? 0} of ${REPLICAS} are available`);
  }, DEADLINE_MS);
}

async function restCpu(system: System): Promise<ManyFigure['restCpuMs']> {
  const pids = { controlPlane: system.pid('control-plane'), engine: Number(readFileSync('/var/run/docker.pid', 'utf8')) };
  const read = (): ManyFigure['restCpuMs'] => ({ controlPlane: cpuSeconds(pids.controlPlane), engine: cpuSeconds(pids.engine) });
  const before = read();
  await sleep(REST_SECONDS * 1_000);
  const after = read();
  const each = (key: keyof ManyFigure['restCpuMs']): number => ((after[key] - before[key]) / REST_SECONDS) * 1_000;
  return { controlPlane: each('controlPlane'), engine: each('engine') };
}

/** Cumulative counts by the upper bound of their bucket (seconds), from the control plane's metrics. */
async function loopLatencies(system: System): Promise<ReadonlyMap<number, number>> {
  const text = await overSocket(join(system.home, 'api.sock'), '/metrics');
  const buckets = [...text.matchAll(/^coxswain_loop_latency_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm)];
  return new Map(buckets.map(([, bound, count]) => [bound === '+Inf' ? Infinity : Number(bound), Number(count)]));
}

function quantileBound(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>, fraction: number): number {
  const counts = [...after].map(([bound, count]) => ({ bound, count: count - (before.get(bound) ?? 0) }));
  const total = counts.at(-1)?.count ?? 0;
  return counts.find(({ count }) => count >= fraction * total)?.bound ?? Infinity;
}

async function pidOf(containerId: string): Promise<number> {
  const details = JSON.parse(await overSocket(ENGINE_SOCKET, `/containers/${containerId}/json`)) as {
    readonly State: { readonly Pid: number };
  };
  return details.State.Pid;
}

function overSocket(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, agent: false, timeout: 30_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve(Buffer.concat(chunks).toString()));
    });
    call.on('timeout', () => call.destroy(new Error(`${path}: no answer within 30 s`)));
    call.on('error', reject);
    call.end();
  });
}

/**
 * A rollout of ten replicas under load, pinned and not, beside Docker Swarm's with the same image in the same minute: start-first, two at a
 * time, no delay, no monitoring. Coxswain waits for each new replica's probe and for the requests of each old one; Swarm is told of neither.
 * Swarm is measured on an idle machine and on one that serves the same requests. These go to Coxswain's own replicas then, because Swarm's
 * routing mesh needs a kernel with ip_vs: like for like as to the processor, and Swarm's tasks are spared the requests.
 */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../src/cli/api-client.ts';
import type { Deployment } from '../src/model/objects.ts';
import { Load } from '../test/e2e/load.ts';
import type { LoadResult } from '../test/e2e/load.ts';
import { System } from '../test/e2e/system.ts';
import { WEB_ROUTE } from '../test/e2e/web-route.ts';
import { eventually } from '../test/eventually.ts';
import { ensureTestImage, TEST_IMAGE } from '../test/runtime/test-image.ts';
import { SwarmService } from './swarm-service.ts';

const REPLICAS = 10;
const PER_SECOND = 200;
const BASE_PORT = 18_720;
const POLL_MS = 50;
const DEADLINE_MS = 180_000;

export interface RolloutFigure {
  readonly title: string;
  readonly ms: number;
  readonly sent: number;
  readonly failures: readonly string[];
  readonly p99Ms: number;
}

export interface SwarmFigure {
  /** Without monitoring after the update. */
  readonly ms: number;
  /** With `--update-monitor 0s`, which the engine takes for its default of 5 s. */
  readonly monitorZeroMs: number;
  /** The same, while the machine serves the load under which Coxswain's rollouts are measured. */
  readonly loadedMonitorZeroMs: number;
}

/** Ready in a moment, and gone at once when told to stop. BusyBox as process 1 would ignore SIGTERM, hence the trap. */
const SCRIPT = `trap 'exit 0' TERM; mkdir -p /tmp/www; echo "$VERSION" > /tmp/www/index.html; httpd -f -p 8080 -h /tmp/www & wait`;

export async function benchRollout(): Promise<{ readonly figures: readonly RolloutFigure[]; readonly swarm: SwarmFigure | string }> {
  await ensureTestImage('/var/run/docker.sock');
  const system = new System({ name: 'bench-rollout', basePort: BASE_PORT, manifests: { 'web.yaml': webManifest() } });
  let hasFailed = true;
  try {
    await system.up();
    const figures = [
      await measure(system, 'not pinned, maxSurge 2, maxUnavailable 0', { maxSurge: 2, maxUnavailable: 0 }, undefined),
      await measure(system, 'not pinned, defaults (25 %, 25 %)', { maxSurge: '25%', maxUnavailable: '25%' }, undefined),
      await measure(system, 'pinned, maxSurge 2, maxUnavailable 0', { maxSurge: 2, maxUnavailable: 0 }, `${BASE_PORT}-${BASE_PORT + 11}`),
    ];
    const swarm = await benchSwarm(system);
    hasFailed = false;
    return { figures, swarm };
  } finally {
    await system.remove(hasFailed);
  }
}

/** The time from the patch to the status that says every replica is new and available, and every old one is out. */
async function measure(
  system: System,
  title: string,
  rollingUpdate: { readonly maxSurge: number | string; readonly maxUnavailable: number | string },
  hostPorts: string | undefined,
): Promise<RolloutFigure> {
  const client = new ApiClient({ socketPath: join(system.home, 'api.sock'), stderr: process.stderr });
  const annotations = { 'coxswain.dev/host-ports': hostPorts ?? null };
  await patch(client, { spec: { strategy: { rollingUpdate }, template: { metadata: { annotations } } } });
  await untilRolledOut(client);
  const { ms, result } = await underLoad(system, async () => {
    const startedAt = performance.now();
    await patch(client, { spec: { template: { metadata: { annotations: { version: String(startedAt) } } } } });
    await untilRolledOut(client);
    return performance.now() - startedAt;
  });
  return { title, ms, sent: result.sent, failures: result.failures, p99Ms: result.p99Ms };
}

/** What `work` measured while Coxswain's replicas were asked, and what became of those requests. */
async function underLoad(system: System, work: () => Promise<number>): Promise<{ readonly ms: number; readonly result: LoadResult }> {
  const load = new Load(system, { path: '/', perSecond: PER_SECOND });
  let ms: number;
  let result: LoadResult;
  try {
    await eventually(() => load.sent > PER_SECOND || Promise.reject(new Error('the load begins')), 10_000);
    ms = await work();
  } finally {
    result = await load.stop();
  }
  return { ms, result };
}

async function patch(client: ApiClient, change: object): Promise<void> {
  await client.send('PATCH', '/apis/apps/v1/namespaces/default/deployments/web', change);
}

async function untilRolledOut(client: ApiClient): Promise<void> {
  await eventually(async () => {
    await sleep(POLL_MS);
    const { metadata, status } = (await client.get('/apis/apps/v1/namespaces/default/deployments/web')) as Deployment;
    const { observedGeneration, replicas, updatedReplicas, availableReplicas } = status ?? {};
    const isDone =
      observedGeneration === metadata.generation && [replicas, updatedReplicas, availableReplicas].every((count) => count === REPLICAS);
    if (!isDone) throw new Error(`${updatedReplicas ?? 0} of ${REPLICAS} are updated, ${availableReplicas ?? 0} available`);
  }, DEADLINE_MS);
}

async function benchSwarm(system: System): Promise<SwarmFigure | string> {
  const service = await SwarmService.create('/var/run/docker.sock', {
    image: TEST_IMAGE,
    command: ['sh', '-c', SCRIPT],
    replicas: REPLICAS,
  });
  if (typeof service === 'string') return service;
  try {
    await service.untilRunning(DEADLINE_MS);
    const measureOne = async (version: string, monitorNs: number): Promise<number> => {
      const startedAt = performance.now();
      await service.update([`VERSION=${version}`], monitorNs);
      await service.untilUpdated(DEADLINE_MS);
      return performance.now() - startedAt;
    };
    const ms = await measureOne('2', 1);
    const monitorZeroMs = await measureOne('3', 0);
    const loaded = await underLoad(system, () => measureOne('4', 0));
    return { ms, monitorZeroMs, loadedMonitorZeroMs: loaded.ms };
  } finally {
    await service.remove();
  }
}

function webManifest(): string {
  const probe = '{httpGet: {path: /, port: 8080}, periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 3}';
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${REPLICAS}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 2, maxUnavailable: 0}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 10
      containers:
        - name: web
          image: ${TEST_IMAGE}
          imagePullPolicy: IfNotPresent
          command: [sh, -c, ${JSON.stringify(SCRIPT)}]
          ports: [{containerPort: 8080}]
          readinessProbe: ${probe}
          livenessProbe: ${probe}
---
${WEB_ROUTE}`;
}

/** Heal, scale and rest of a whole system on real Docker, each beside bare engine calls in the same minute. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../src/cli/api-client.ts';
import { Load } from '../test/e2e/load.ts';
import { System, withWindow } from '../test/e2e/system.ts';
import { prepare } from '../test/e2e/acts.ts';
import { eventually } from '../test/eventually.ts';
import { bareRemove, bareRun, bareSpec, untilHealthy } from './bare-docker.ts';
import { cpuSeconds } from './process-cpu.ts';
import { median, quantile } from './statistics.ts';

const HEALS = 20;
const SCALES = 3;
/** Ten ports asked every 10 ms would be most of the load. */
const SCALE_POLL_MS = 50;
const REST_SECONDS = 30;
const BARE_PORT = 18_950;

export interface HealFigure {
  readonly title: string;
  readonly crashes: number;
  readonly medianMs: number;
  readonly p90Ms: number;
  readonly bareMedianMs: number;
  readonly failedGets: number;
  readonly gets: number;
}

async function scaleTo(system: System, replicas: number): Promise<void> {
  const client = new ApiClient({
    socketPath: join(system.home, 'api.sock'),
    stderr: { write: () => true } as unknown as NodeJS.WriteStream,
  });
  await client.send('PATCH', '/apis/apps/v1/namespaces/default/deployments/acts/scale', { spec: { replicas } });
}

export async function benchHeal(
  system: System,
  title: string,
  options: { readonly replicas: number; readonly perSecond: number },
): Promise<HealFigure> {
  await scaleTo(system, options.replicas);
  await system.untilReplicas(options.replicas, 60_000);
  const spec = await bareSpec(system.runtime, (await system.replicas())[0]?.id ?? '', `coxswain-${system.instance}-default`);
  const heals: number[] = [];
  const bares: number[] = [];
  let bare = await bareRun(system.runtime, spec, BARE_PORT);
  await untilHealthy(BARE_PORT);
  const load = options.perSecond > 0 ? new Load(system, { path: '/api/v1/categories', perSecond: options.perSecond }) : undefined;
  for (let index = 0; index < HEALS; index++) {
    // Any phase of the probes' second, and long enough ready that no back-off is due.
    await sleep(2_000 + Math.random() * 1_000);
    const victim = index % options.replicas;
    heals.push(await healOnce(system, victim));
    await sleep(500);
    const startedAt = performance.now();
    await bareRemove(system.runtime, bare);
    const healed = untilHealthy(BARE_PORT);
    bare = await bareRun(system.runtime, spec, BARE_PORT);
    await healed;
    bares.push(performance.now() - startedAt);
  }
  const result = await load?.stop();
  await bareRemove(system.runtime, bare);
  for (const failure of (result?.failures ?? []).slice(0, 3)) console.log(`  failed GET: ${failure}`);
  const failedGets = result?.failures.length ?? 0;
  return {
    title,
    crashes: HEALS,
    medianMs: median(heals),
    p90Ms: quantile(heals, 0.9),
    bareMedianMs: median(bares),
    failedGets,
    gets: result?.sent ?? 0,
  };
}

/** From `_crash` until the port answers 200 again: a crashed process never does, so it is a new container's answer. */
async function healOnce(system: System, victim: number): Promise<number> {
  const startedAt = performance.now();
  await system.replica(victim, 'POST', '/api/v1/_crash');
  await untilHealthy(system.basePort + victim);
  return performance.now() - startedAt;
}

export interface ScaleFigure {
  readonly coxswainMs: number;
  readonly bareMs: number;
}

export async function benchScale(system: System): Promise<ScaleFigure> {
  const ports = Array.from({ length: 9 }, (_, index) => system.basePort + 1 + index);
  const coxswain: number[] = [];
  const bares: number[] = [];
  for (let round = 0; round < SCALES; round++) {
    await scaleTo(system, 1);
    await system.untilReplicas(1, 120_000);
    const startedAt = performance.now();
    await scaleTo(system, 10);
    await Promise.all(ports.map((port) => untilHealthy(port, SCALE_POLL_MS)));
    // Nine new ones; as many bare ones are run below, plus the tenth that the peer has and this has not.
    coxswain.push(performance.now() - startedAt);
    await system.untilReplicas(10, 60_000);
    await scaleTo(system, 1);
    await system.untilReplicas(1, 120_000);
    bares.push(await bareTen(system));
  }
  return { coxswainMs: median(coxswain), bareMs: median(bares) };
}

async function bareTen(system: System): Promise<number> {
  const spec = await bareSpec(system.runtime, (await system.replicas())[0]?.id ?? '', `coxswain-${system.instance}-default`);
  const ports = Array.from({ length: 10 }, (_, index) => BARE_PORT + index);
  const startedAt = performance.now();
  const ids = await Promise.all(ports.map((port) => bareRun(system.runtime, spec, port)));
  await Promise.all(ports.map((port) => untilHealthy(port, SCALE_POLL_MS)));
  const elapsed = performance.now() - startedAt;
  for (const id of ids) await bareRemove(system.runtime, id);
  return elapsed;
}

export interface RestFigure {
  readonly process: string;
  readonly cpuPercent: number;
  readonly pssMb: number;
}

/** Ten replicas probed every second and no request: CPU from /proc/PID/stat, memory from smaps_rollup. */
export async function benchRest(system: System): Promise<readonly RestFigure[]> {
  await scaleTo(system, 10);
  await system.untilReplicas(10, 60_000);
  await sleep(5_000);
  const names = ['control-plane', 'ingress', 'supervisor'] as const;
  const before = names.map((name) => cpuSeconds(system.pid(name)));
  await sleep(REST_SECONDS * 1_000);
  return names.map((name, index) => ({
    process: name,
    cpuPercent: ((cpuSeconds(system.pid(name)) - (before[index] ?? 0)) / REST_SECONDS) * 100,
    pssMb: pssMb(system.pid(name)),
  }));
}

function pssMb(pid: number): number {
  const match = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return Number(match?.[1] ?? 0) / 1024;
}

/** A system with a user and a category, its autoscaler out of the way. */
export async function withSystem<T>(use: (system: System) => Promise<T>): Promise<T> {
  const system = new System({ name: 'bench', basePort: 18_600, edit: withWindow(3600) });
  let hasFailed = true;
  try {
    await system.up();
    await prepare(system);
    await eventually(async () => (await system.http('GET', '/api/v1/categories')).status === 200, 10_000);
    const result = await use(system);
    hasFailed = false;
    return result;
  } finally {
    await system.remove(hasFailed);
  }
}

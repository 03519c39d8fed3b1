/** The reconcilers alone: one pass over n pods, converged and all to create. Pure CPU; linear growth shows as an equal time per pod. */
import { performance } from 'node:perf_hooks';
import { makeDeployment, makeIngress, makeService } from '../test/reconcile/objects.ts';
import { SimulatedHost } from '../test/reconcile/simulated-host.ts';
import { median } from './statistics.ts';

const PER_DEPLOYMENT = 10;
const RUNS = 9;

function declared(pods: number): SimulatedHost {
  const host = new SimulatedHost();
  for (let index = 0; index < pods / PER_DEPLOYMENT; index++) {
    host.declare(makeDeployment({ name: `web${index}`, replicas: PER_DEPLOYMENT }), makeService(`web${index}`), makeIngress(`web${index}`));
  }
  return host;
}

function timed(host: SimulatedHost): number {
  const samples: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const startedAt = performance.now();
    host.plan();
    samples.push(performance.now() - startedAt);
  }
  return median(samples);
}

export interface ReconcileFigure {
  readonly pods: number;
  readonly convergedMs: number;
  readonly createMs: number;
}

export function benchReconcile(): readonly ReconcileFigure[] {
  return [1_000, 2_500, 5_000, 10_000].map((pods) => {
    const host = declared(pods);
    host.step();
    // The ReplicaSets and pods are there, no container is: everything is to be created.
    host.objects.get('Pod')?.clear();
    host.containers.clear();
    host.memory = { pods: new Map(), deployments: new Map() };
    const createMs = timed(host);
    for (let pass = 0; pass < 12; pass++) {
      host.probe();
      host.step();
      host.nowMs += 100;
    }
    return { pods, convergedMs: timed(host), createMs };
  });
}

if (/reconcile\.bench\.[jt]s$/.test(process.argv[1] ?? '')) console.table(benchReconcile());

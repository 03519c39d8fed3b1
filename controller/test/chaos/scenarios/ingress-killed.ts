import { performance } from 'node:perf_hooks';
import type { System } from '../../e2e/system.ts';
import { withSystem } from '../converged.ts';
import { disturb } from '../disturb.ts';
import type { Disturbance } from '../disturb.ts';
import { endProcess } from '../end-process.ts';
import type { ChaosContext, ChaosOutcome, ChaosScenario } from '../scenario.ts';
import { makeSmallSystem, SLOW_PATH } from '../small-system.ts';

/** A request that was sent before the kill and cut by it; one sent later would be our fault. */
function killIngress(): Disturbance {
  let killedAtMs = Infinity;
  return {
    name: 'SIGKILL',
    isUnsavable: ({ kind, sentAtMs, endedAtMs }) => kind === 'cut' && sentAtMs <= killedAtMs && endedAtMs >= killedAtMs,
    make: async (system) => {
      killedAtMs = performance.now();
      return endProcess(system, 'ingress', 'SIGKILL');
    },
  };
}

async function underLoad({ basePort, print }: ChaosContext, disturbances: readonly Disturbance[]): Promise<ChaosOutcome> {
  const system: System = await makeSmallSystem({ name: 'chaos-ingress', basePort });
  return withSystem(system, () =>
    disturb({
      system,
      load: { path: '/', perSecond: 150, connections: 'new' },
      otherLoads: [{ path: SLOW_PATH, perSecond: 10, connections: 'new' }],
      deadlineMs: 10_000,
      print,
      disturbances,
    }),
  );
}

export const ingressKilled: ChaosScenario = {
  name: 'ingress-killed',
  fault: 'ingress killed (SIGKILL)',
  promise: 'new connections are never refused, they wait for the next ingress; only requests open in the killed one are cut',
  bounds: { convergeMs: 10_000 },
  isQuick: true,
  run: (context) => underLoad(context, Array.from({ length: context.isQuick ? 2 : 10 }, killIngress)),
};

export const ingressRestarted: ChaosScenario = {
  name: 'ingress-restarted',
  fault: 'ingress restarted (SIGTERM)',
  promise: 'requests under way are finished, new connections wait for the next ingress: nothing is lost',
  bounds: { convergeMs: 15_000 },
  run: (context) =>
    underLoad(
      context,
      Array.from({ length: 5 }, () => ({ name: 'SIGTERM', make: (system) => endProcess(system, 'ingress', 'SIGTERM') })),
    ),
};

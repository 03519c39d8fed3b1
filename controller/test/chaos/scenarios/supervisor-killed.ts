import { performance } from 'node:perf_hooks';
import type { System } from '../../e2e/system.ts';
import { untilConverged, withSystem } from '../converged.ts';
import { disturb } from '../disturb.ts';
import type { Disturbance } from '../disturb.ts';
import type { ChaosContext, ChaosOutcome, ChaosScenario } from '../scenario.ts';
import { makeSmallSystem } from '../small-system.ts';

async function underLoad({ basePort, print }: ChaosContext, disturbances: readonly Disturbance[]): Promise<ChaosOutcome> {
  const system = await makeSmallSystem({ name: 'chaos-supervisor', basePort });
  return withSystem(system, () =>
    disturb({ system, load: { path: '/', perSecond: 100, connections: 'new' }, deadlineMs: 30_000, print, disturbances }),
  );
}

/** Nobody listens for a moment, and nobody could: those requests do not end the try, but they failed. */
function duringGap(name: string, kill: (system: System) => Promise<void>): Disturbance {
  let fromMs = Infinity;
  let untilMs = Infinity;
  return {
    name,
    isUnsavable: ({ kind, sentAtMs }) => (kind === 'refused' || kind === 'cut') && sentAtMs >= fromMs - 1_000 && sentAtMs <= untilMs,
    make: async (system) => {
      fromMs = performance.now();
      await kill(system);
      await system.command('up');
      untilMs = performance.now();
      return [];
    },
  };
}

function countedAsFailed(outcome: ChaosOutcome): ChaosOutcome {
  const { requestsCutInKilledProcess: cut = 0, ...rest } = outcome;
  return { ...rest, requestsFailed: rest.requestsFailed + cut, note: 'failed: refused or cut while nobody listened' };
}

/** How long nobody listens is a matter of how fast `up` is: reported, not bounded. */
const UNBOUNDED = { requestsFailed: Infinity, convergeMs: 30_000 };

export const supervisorKilled: ChaosScenario = {
  name: 'supervisor-killed',
  fault: 'supervisor killed, then `coxswain up`',
  promise:
    'both processes go on without it; `up` starts all three anew, containers stay. Connections are refused only while the socket is bound anew',
  bounds: UNBOUNDED,
  run: (context) =>
    underLoad(
      context,
      Array.from({ length: context.isQuick ? 1 : 3 }, () =>
        duringGap('SIGKILL, up', async (system) => {
          process.kill(system.pid('supervisor'), 'SIGKILL');
          await untilConverged(system);
        }),
      ),
    ).then(countedAsFailed),
};

export const everythingKilled: ChaosScenario = {
  name: 'everything-killed',
  fault: 'supervisor, control plane and ingress killed at once, then `coxswain up`',
  promise: 'everything is adopted, no container restarted; requests are refused until the ingress is back',
  bounds: UNBOUNDED,
  run: (context) =>
    underLoad(
      context,
      Array.from({ length: context.isQuick ? 1 : 3 }, () =>
        duringGap('SIGKILL of all three, up', (system) => {
          for (const name of ['supervisor', 'control-plane', 'ingress'] as const) process.kill(system.pid(name), 'SIGKILL');
          return Promise.resolve();
        }),
      ),
    ).then(countedAsFailed),
};

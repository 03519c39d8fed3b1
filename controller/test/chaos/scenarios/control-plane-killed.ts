import { withSystem } from '../converged.ts';
import { disturb } from '../disturb.ts';
import { endProcess } from '../end-process.ts';
import type { ChaosScenario } from '../scenario.ts';
import { makeSmallSystem } from '../small-system.ts';

export const controlPlaneKilled: ChaosScenario = {
  name: 'control-plane-killed',
  fault: 'control plane killed (SIGKILL, SIGTERM)',
  promise: 'started again, everything adopted; nobody notices',
  bounds: { convergeMs: 10_000 },
  isQuick: true,
  async run({ basePort, isQuick, print }) {
    const system = await makeSmallSystem({ name: 'chaos-control', basePort });
    const signals = isQuick ? (['SIGKILL', 'SIGTERM'] as const) : (['SIGKILL', 'SIGTERM', 'SIGKILL', 'SIGKILL', 'SIGTERM'] as const);
    return withSystem(system, () =>
      disturb({
        system,
        load: { path: '/', perSecond: 100, connections: 'new' },
        deadlineMs: 10_000,
        print,
        disturbances: signals.map((name) => ({ name, make: () => endProcess(system, 'control-plane', name) })),
      }),
    );
  },
};

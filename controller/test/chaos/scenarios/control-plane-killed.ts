import { eventually } from '../../eventually.ts';
import type { System } from '../../e2e/system.ts';
import { withSystem } from '../converged.ts';
import { disturb } from '../disturb.ts';
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

/** Resolves when another process has taken its place. No container goes with it. */
export async function endProcess(system: System, name: 'control-plane' | 'ingress', signal: NodeJS.Signals): Promise<readonly []> {
  const pid = system.pid(name);
  process.kill(pid, signal);
  await eventually(() => system.pid(name) !== pid, 20_000);
  return [];
}

import { prepare } from '../../e2e/acts.ts';
import { System, withWindow } from '../../e2e/system.ts';
import { eventually } from '../../eventually.ts';
import { withSystem } from '../converged.ts';
import { disturb } from '../disturb.ts';
import type { ChaosScenario } from '../scenario.ts';

export const databaseKilled: ChaosScenario = {
  name: 'database-killed',
  fault: 'PostgreSQL killed under three acts replicas',
  promise: 'it is replaced with its data; no acts replica is restarted; GETs wait for its return and are answered',
  bounds: { convergeMs: 30_000 },
  async run({ basePort, isQuick, print }) {
    const system = new System({ name: 'chaos-database', basePort, edit: withWindow(3600) });
    return withSystem(system, async () => {
      await prepare(system);
      await system.command('scale', 'acts', '--replicas', '3');
      await system.untilReplicas(3, 60_000);
      return disturb({
        system,
        load: { path: '/api/v1/categories', perSecond: 50, isFine: ({ status, body }) => status === 200 && body.includes('kindness') },
        deadlineMs: 30_000,
        print,
        disturbances: Array.from({ length: isQuick ? 1 : 3 }, () => ({
          name: 'SIGKILL',
          make: async () => {
            const [database] = await system.replicas('postgres');
            const id = database?.id ?? '';
            await system.runtime.killContainer(id, AbortSignal.timeout(20_000));
            await eventually(async () => !(await system.replicas('postgres')).some((replica) => replica.id === id), 15_000);
            return [id];
          },
        })),
      });
    });
  },
};

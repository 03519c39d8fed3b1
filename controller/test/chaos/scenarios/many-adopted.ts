import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { System } from '../../e2e/system.ts';
import { eventually } from '../../eventually.ts';
import { withSystem } from '../converged.ts';
import { disturb } from '../disturb.ts';
import { endProcess } from '../end-process.ts';
import type { ChaosScenario } from '../scenario.ts';
import { makeSmallSystem } from '../small-system.ts';

const CONTAINERS = 50;

export const manyAdopted: ChaosScenario = {
  name: 'many-adopted',
  fault: `control plane killed with ${CONTAINERS} containers`,
  promise: 'from exec to its first endpoint table within 1.5 s, all adopted',
  bounds: { convergeMs: 1_500 },
  async run({ basePort, isQuick, print }) {
    const system = await makeSmallSystem({ name: 'chaos-many', basePort, replicas: CONTAINERS, isPinned: false });
    return withSystem(system, async () => {
      const outcome = await disturb({
        system,
        load: { path: '/', perSecond: 100, connections: 'new' },
        deadlineMs: 30_000,
        print,
        disturbances: Array.from({ length: isQuick ? 1 : 5 }, () => ({
          name: 'SIGKILL',
          make: async () => {
            const before = firstTables(system).length;
            await endProcess(system, 'control-plane', 'SIGKILL');
            await eventually(() => firstTables(system).length > before, 30_000);
            return [];
          },
        })),
      });
      const tables = firstTables(system).slice(1);
      print(`first tables after ${tables.join(', ')} ms`);
      return { ...outcome, convergeMs: tables, note: 'time from the start of the process to its first published table' };
    });
  },
};

/** What each control plane of this system has said about it, in milliseconds. */
function firstTables(system: System): readonly number[] {
  const log = readFileSync(join(system.home, 'log', 'control-plane.log'), 'utf8');
  return [...log.matchAll(/"firstTableMs":(\d+)/g)].map(([, ms]) => Number(ms));
}

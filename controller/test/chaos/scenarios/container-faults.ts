import type { LoadFailure } from '../../e2e/load.ts';
import type { System } from '../../e2e/system.ts';
import { eventually } from '../../eventually.ts';
import { processesOf } from '../container-processes.ts';
import { withSystem } from '../converged.ts';
import { disturb } from '../disturb.ts';
import type { Disturbance } from '../disturb.ts';
import type { ChaosScenario } from '../scenario.ts';
import { makeSmallSystem, READY_FILE } from '../small-system.ts';
import { removeByForce } from '../../runtime/remove-by-force.ts';

const signal = (): AbortSignal => AbortSignal.timeout(20_000);
type Fault = (system: System, id: string) => Promise<unknown>;

interface ContainerFault {
  readonly name: string;
  readonly fault: string;
  readonly promise: string;
  readonly make: Fault;
  /** The container itself goes; otherwise it is the same one afterwards. */
  readonly isFatal: boolean;
  readonly isQuick?: boolean;
}

const FAULTS: readonly ContainerFault[] = [
  {
    name: 'container-killed',
    fault: "a replica's process killed (kill -9 by pid)",
    promise: 'replaced on its port; GETs go to the others',
    make: async (_system, id) => {
      process.kill((await processesOf(id))[0] ?? 0, 'SIGKILL');
    },
    isFatal: true,
    isQuick: true,
  },
  {
    name: 'container-stopped',
    fault: 'a replica stopped by hand (docker stop)',
    promise: 'replaced on its port; GETs go to the others',
    make: (system, id) => system.runtime.stopContainer(id, 1_000, signal()),
    isFatal: true,
  },
  {
    name: 'container-removed',
    fault: 'a replica removed by hand (docker rm -f)',
    promise: 'replaced on its port; GETs go to the others',
    make: (system, id) => removeByForce(system.runtime, id, signal()),
    isFatal: true,
  },
  {
    name: 'container-out-of-memory',
    fault: 'a replica killed for its memory limit (OOM)',
    promise: 'replaced on its port; GETs go to the others',
    make: async (_system, id) => {
      process.kill((await processesOf(id))[0] ?? 0, 'SIGUSR1');
    },
    isFatal: true,
  },
  {
    name: 'container-paused',
    fault: 'a replica paused (docker pause)',
    promise: 'goes on, and is not restarted',
    make: (system, id) => system.runtime.pauseContainer(id, signal()),
    isFatal: false,
    isQuick: true,
  },
  {
    name: 'container-frozen',
    fault: "a replica's processes frozen (SIGSTOP)",
    promise: 'fails its probes, is killed and replaced; GETs it holds are answered by others',
    make: async (_system, id) => {
      for (const pid of await processesOf(id)) process.kill(pid, 'SIGSTOP');
    },
    isFatal: true,
  },
  {
    name: 'readiness-lost',
    fault: "a replica's readiness fails for 3 s",
    promise: 'out of rotation meanwhile, back afterwards, not restarted',
    make: async (system, id) => {
      await system.runtime.exec(id, ['rm', READY_FILE], signal());
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      await system.runtime.exec(id, ['touch', READY_FILE], signal());
    },
    isFatal: false,
  },
];

export const CONTAINER_FAULTS: readonly ChaosScenario[] = FAULTS.map(({ name, fault, promise, make, isFatal, isQuick = false }) => ({
  name,
  fault,
  promise,
  bounds: { convergeMs: 20_000 },
  isQuick,
  async run({ basePort, isQuick: isShort, print }) {
    const system = await makeSmallSystem({ name: 'chaos-container', basePort });
    return withSystem(system, () =>
      disturb({
        system,
        load: { path: '/', perSecond: 100, connections: 'new' },
        deadlineMs: 20_000,
        print,
        disturbances: Array.from({ length: isShort ? 1 : 5 }, (_, turn) => onReplica(`replica ${turn % 3}`, turn % 3, make, isFatal)),
      }),
    );
  },
}));

function onReplica(name: string, index: number, make: Fault, isFatal: boolean): Disturbance {
  return {
    name,
    // An answer that had begun when its process died can be neither finished nor repeated.
    ...(isFatal && { isUnsavable: ({ kind }: LoadFailure) => kind === 'cut' }),
    make: async (system) => {
      const id = (await system.replicas('web'))[index]?.id ?? '';
      await make(system, id);
      if (!isFatal) return [];
      // It may take the control plane a moment to find out: as long as it is there, all looks well.
      await eventually(async () => !(await system.replicas('web')).some((replica) => replica.id === id), 15_000);
      return [id];
    },
  };
}

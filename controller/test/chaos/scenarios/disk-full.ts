import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../eventually.ts';
import { untilConverged, withSystem } from '../converged.ts';
import { disturb, pause } from '../disturb.ts';
import type { Disturbance } from '../disturb.ts';
import { IsolatedSystem } from '../isolated-system.ts';
import type { ChaosScenario } from '../scenario.ts';

const SIZE = '24m';
/** More than may be free in the last page of the journal. */
const NOTE = 'while full '.repeat(1_000);

/** Until not one byte is free. */
function fill(home: string): void {
  for (let count = 0; ; count++) {
    const free = statfsSync(home).bavail * statfsSync(home).bsize;
    if (free === 0) return;
    try {
      writeFileSync(join(home, `ballast-${count}`), Buffer.alloc(Math.min(free, 1 << 20)));
    } catch {
      return;
    }
  }
}

function empty(home: string): void {
  execFileSync('find', [home, '-maxdepth', '1', '-name', 'ballast-*', '-delete']);
}

async function isDurable(system: IsolatedSystem): Promise<boolean> {
  const { conditions } = await system.status();
  return conditions.find(({ type }) => type === 'StateDurable')?.status === 'True';
}

/** Refused with words that name the cause, and told in the status. */
async function refused(system: IsolatedSystem): Promise<void> {
  const { status, body } = await system.patchDeployment('web', { metadata: { annotations: { note: NOTE } } });
  if (status !== 507 || !/disk is full/i.test(body)) throw new Error(`a write on a full disk was answered ${status} ${body}`);
  if (await isDurable(system)) throw new Error('the status says that the state is durable');
}

async function killReplica(system: IsolatedSystem): Promise<string> {
  const all = await system.containers();
  const victim = all.find(({ labels, phase }) => phase === 'running' && labels['coxswain.dev/owner'] === 'Deployment/web');
  await system.runtime.killContainer(victim?.id ?? '', AbortSignal.timeout(10_000));
  return victim?.id ?? '';
}

const heals: Disturbance<IsolatedSystem> = {
  name: 'full: writes are refused, a killed replica is replaced; then space again, SIGKILL',
  make: async (system) => {
    fill(system.home);
    await refused(system);
    const victim = await killReplica(system);
    await pause(500);
    await untilConverged(system);
    if (await isDurable(system)) throw new Error('the status says that the state is durable');
    // Memory goes on; what was refused is saved as soon as there is room.
    empty(system.home);
    await eventually(async () => {
      if (!(await isDurable(system))) throw new Error('there is space, and the state is not durable');
    }, 15_000);
    await system.crashControlPlane();
    await untilConverged(system);
    const { metadata } = await system.deployment('web');
    if (metadata.annotations?.['note'] !== NOTE) throw new Error('what was changed while the disk was full is lost');
    return [victim];
  },
};

const crashes: Disturbance<IsolatedSystem> = {
  name: 'full, and both processes killed: they start on the full disk',
  make: async (system) => {
    fill(system.home);
    process.kill(system.pid('ingress'), 'SIGKILL');
    await system.crashControlPlane();
    const victim = await killReplica(system);
    await pause(500);
    await untilConverged(system);
    empty(system.home);
    return [victim];
  },
  // Those that were open in the killed process.
  isUnsavable: ({ kind }) => kind === 'cut',
};

export const diskFull: ChaosScenario = {
  name: 'disk-full',
  fault: 'no byte free on the disk of COXSWAIN_HOME (state, logs, pid files)',
  promise: 'what runs goes on and heals; writes are refused with the reason; with space again everything is saved',
  bounds: { convergeMs: 45_000 },
  isQuick: true,
  async run({ basePort, isQuick, print }) {
    const home = mkdtempSync(join(tmpdir(), 'coxswain-small-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=0700`, 'tmpfs', home]);
    try {
      const system = new IsolatedSystem({ name: 'disk', basePort, home });
      return await withSystem(system, () =>
        disturb({
          system,
          load: { path: '/', perSecond: 100, connections: 'new' },
          deadlineMs: 30_000,
          print,
          disturbances: isQuick ? [heals] : [heals, crashes],
        }),
      );
    } finally {
      execFileSync('umount', ['--lazy', home]);
      rmSync(home, { recursive: true, force: true });
    }
  },
};

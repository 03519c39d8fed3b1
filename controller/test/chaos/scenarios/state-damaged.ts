import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../eventually.ts';
import { untilConverged, withSystem } from '../converged.ts';
import { disturb } from '../disturb.ts';
import type { Disturbance } from '../disturb.ts';
import { IsolatedSystem } from '../isolated-system.ts';
import type { ChaosContext, ChaosOutcome, ChaosScenario } from '../scenario.ts';

type Damage = readonly [name: string, make: (home: string) => void];

function stateFile(home: string, name: string): string {
  return join(home, 'state', name);
}

function truncate(name: string, share: number): Damage {
  return [
    `${name} cut to ${Math.round(share * 100)} %`,
    (home) => truncateSync(stateFile(home, name), Math.floor(statSync(stateFile(home, name)).size * share)),
  ];
}

/** One bit in the middle of the file. */
function flip(name: string, share: number): Damage {
  return [
    `one bit of ${name} flipped, at ${Math.round(share * 100)} %`,
    (home) => {
      const data = readFileSync(stateFile(home, name));
      const at = Math.floor(data.length * share);
      data[at] = (data[at] ?? 0) ^ 0x10;
      writeFileSync(stateFile(home, name), data);
    },
  ];
}

function remove(...names: readonly string[]): Damage {
  return [`${names.join(' and ')} deleted`, (home) => names.forEach((name) => rmSync(join(home, name), { recursive: true, force: true }))];
}

const DAMAGES: readonly Damage[] = [
  ...[0, 0.5, 0.99].map((share) => truncate('journal.log', share)),
  ...[0, 0.5, 0.99].map((share) => truncate('snapshot.json', share)),
  ...[0.01, 0.5, 0.9].map((share) => flip('journal.log', share)),
  ...[0.01, 0.5, 0.9].map((share) => flip('snapshot.json', share)),
  remove('state/journal.log'),
  remove('state/snapshot.json'),
  remove('state/snapshot.json', 'state/snapshot.prev.json'),
  remove('state'),
  remove('secrets'),
  remove('state', 'secrets'),
];
const QUICK = new Set(['journal.log cut to 50 %']);

/**
 * A snapshot, a previous one, and a change in the journal that no manifest declares: a scale, whose replicas run.
 */
async function fillState(system: IsolatedSystem, round: number): Promise<void> {
  for (let count = 0; count < 2; count++) await restartCleanly(system);
  await system.scale('web', round % 2 === 0 ? 4 : 3);
  await untilConverged(system);
}

async function restartCleanly(system: IsolatedSystem): Promise<void> {
  const before = system.pid('control-plane');
  process.kill(before, 'SIGTERM');
  await eventually(() => system.pid('control-plane') !== before, 20_000);
  await untilConverged(system);
}

/** Files that are not as they were written, and of which the status says nothing. */
async function untold(system: IsolatedSystem): Promise<readonly string[]> {
  const { conditions } = await system.status();
  const told = conditions.filter(({ type }) => type === 'StateRepaired').map(({ message }) => message ?? '');
  return readdirSync(join(system.home, 'state')).filter((name) => name.includes('.corrupt-') && !told.some((text) => text.includes(name)));
}

function whileDown([name, make]: Damage, round: number): Disturbance<IsolatedSystem> {
  return {
    name: `while it is down: ${name}`,
    prepare: (system) => fillState(system, round),
    make: async (system) => {
      for (const old of readdirSync(join(system.home, 'state')).filter((file) => file.includes('.corrupt-')))
        rmSync(stateFile(system.home, old));
      await system.crashControlPlaneAnd(() => make(system.home));
      await untilConverged(system);
      const silent = await untold(system);
      if (silent.length > 0) throw new Error(`the status does not tell of ${silent.join(', ')}`);
      return [];
    },
  };
}

/** The files change under the running process; what is written afterwards must be durable, though its journal is not where it was. */
function whileRunning([name, make]: Damage, round: number): Disturbance<IsolatedSystem> {
  const revisionHistoryLimit = 3 + (round % 3);
  return {
    name: `while it runs, then killed: ${name}`,
    changed: ['/apis/apps/v1/deployments default/plain'],
    prepare: (system) => (round % 6 === 0 ? fillState(system, round) : Promise.resolve()),
    make: async (system) => {
      make(system.home);
      const { status } = await system.patchDeployment('plain', { spec: { revisionHistoryLimit } });
      if (status !== 200) throw new Error(`a write was answered ${status}`);
      await system.crashControlPlane();
      await untilConverged(system);
      const { spec } = await system.deployment('plain');
      if (spec.revisionHistoryLimit !== revisionHistoryLimit) throw new Error('an acknowledged write is lost');
      if (!existsSync(join(system.home, 'state'))) throw new Error('there is no state');
      return [];
    },
  };
}

async function run(
  { basePort, isQuick, print }: ChaosContext,
  make: (damage: Damage, round: number) => Disturbance<IsolatedSystem>,
): Promise<ChaosOutcome> {
  const system = new IsolatedSystem({ name: 'state', basePort });
  const damages = DAMAGES.filter(([name]) => !isQuick || QUICK.has(name));
  return await withSystem(system, () =>
    disturb({
      system,
      load: { path: '/', perSecond: 100, connections: 'new' },
      deadlineMs: 20_000,
      print,
      disturbances: damages.map(make),
    }),
  );
}

export const stateDamagedWhileDown: ChaosScenario = {
  name: 'state-damaged-down',
  fault: 'state or secret files cut, altered or deleted while the control plane is down',
  promise: 'what is in manifests, secrets and everything running is kept; the rest comes from the snapshot before or is reported',
  bounds: { convergeMs: 30_000, thingsLost: 1 },
  isQuick: true,
  run: async (context) => ({
    ...(await run(context, whileDown)),
    note: 'lost: a generated Secret that nothing runs with, when its file and the state are both deleted; it is made anew',
  }),
};

export const stateDamagedWhileRunning: ChaosScenario = {
  name: 'state-damaged-running',
  fault: 'state or secret files cut, altered or deleted under the running control plane, then a write, then SIGKILL',
  promise: 'the same, and a write that is answered is not lost',
  bounds: { convergeMs: 30_000, thingsLost: 1 },
  run: (context) => run(context, whileRunning),
};

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deployment } from '../../../src/model/objects.ts';
import type { System } from '../../e2e/system.ts';
import { untilConverged, withSystem } from '../converged.ts';
import type { ChaosScenario } from '../scenario.ts';
import { makeSmallSystem, SIDE_MANIFEST } from '../small-system.ts';
import { StepTrials } from '../step-trials.ts';
import type { Change, ChangePair } from '../step-trials.ts';

const WEB = '/apis/apps/v1/namespaces/default/deployments/web';
const signal = (): AbortSignal => AbortSignal.timeout(20_000);

export const killedAtEveryStep: ChaosScenario = {
  name: 'killed-at-every-step',
  fault: 'control plane killed at every step of heal, scale, rollout, declare, delete and its own stop',
  promise: 'the change is completed once, nothing else is touched, nobody notices',
  bounds: { convergeMs: 30_000 },
  isQuick: true,
  async run({ basePort, isQuick, print }) {
    const directory = mkdtempSync(join(tmpdir(), 'coxswain-steps-'));
    const killFile = join(directory, 'kill');
    const system = await makeSmallSystem({ name: 'chaos-steps', basePort, environment: { COXSWAIN_KILL_AT_FILE: killFile } });
    try {
      return await withSystem(system, async () => {
        await untilConverged(system);
        const trials = new StepTrials(system, killFile, print);
        if (isQuick) await trials.tryAll(same(heal()), 1, (step) => /(Create|Start|Remove)Container|publish/.test(step));
        else
          for (const pair of [same(heal()), scaling(), rolling(), declaring(), same(stopping())]) {
            await trials.tryAll(pair, 3);
            const { survived, tried, failures } = trials.tally;
            print(`so far ${survived} of ${tried}, ${failures.length} problems`);
          }
        const { notReached, ...outcome } = trials.tally;
        const note = `${outcome.survived} of ${outcome.tried} steps`;
        return { ...outcome, note: notReached === 0 ? note : `${note}; ${notReached} more did not come again` };
      });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

function same(change: Change): ChangePair {
  return { forward: change, back: change };
}

/** One replica dies, another one each time. */
function heal(): Change {
  let victim: string | undefined;
  let turn = 0;
  return {
    name: 'heal',
    make: async (system) => {
      const replicas = await system.replicas('web');
      victim = replicas[turn++ % replicas.length]?.id ?? '';
      await system.runtime.killContainer(victim, signal());
    },
    isMade: async (system) => !(await system.replicas('web')).some(({ id }) => id === victim),
  };
}

function scaling(): ChangePair {
  const to = (name: string, replicas: number): Change => ({
    name,
    make: async (system) => {
      await system.api(WEB, 'PATCH', { spec: { replicas } });
    },
    isMade: async (system) => (await system.api<Deployment>(WEB)).spec.replicas === replicas,
  });
  return { forward: to('scale up', 4), back: to('scale down', 3) };
}

function rolling(): ChangePair {
  const to = (from: string, version: string): Change => ({
    name: 'rollout',
    make: (system) => {
      const [was, is] = [`{name: VERSION, value: "${from}"}`, `{name: VERSION, value: "${version}"}`];
      system.manifest('web.yaml', (text) => text.replace(was, is));
      return Promise.resolve();
    },
    isMade: async (system) => {
      const { spec } = await system.api<Deployment>(WEB);
      return spec.template.spec.containers[0]?.env?.[0]?.value === version;
    },
  });
  return { forward: to('1', '2'), back: to('2', '1') };
}

/** Another application beside, in a namespace of its own. */
function declaring(): ChangePair {
  const path = (system: System): string => join(system.manifestDir, 'side.yaml');
  const isThere = async (system: System): Promise<boolean> => {
    const { items } = await system.api<{ readonly items: readonly Deployment[] }>('/apis/apps/v1/deployments');
    return items.some(({ metadata }) => metadata.name === 'side');
  };
  return {
    forward: {
      name: 'declare',
      make: (system) => {
        if (!existsSync(path(system))) writeFileSync(path(system), SIDE_MANIFEST);
        return Promise.resolve();
      },
      isMade: isThere,
    },
    back: {
      name: 'delete',
      make: (system) => {
        rmSync(path(system), { force: true });
        return Promise.resolve();
      },
      isMade: async (system) => !(await isThere(system)),
    },
  };
}

/** The control plane is asked to end: the state is folded into a snapshot. */
function stopping(): Change {
  let before = 0;
  return {
    name: 'stop',
    make: (system) => {
      before = system.pid('control-plane');
      process.kill(before, 'SIGTERM');
      return Promise.resolve();
    },
    isMade: (system) => Promise.resolve(system.pid('control-plane') !== before),
  };
}

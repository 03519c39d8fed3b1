import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withSystem } from '../converged.ts';
import { disturb, pause } from '../disturb.ts';
import type { Disturbance } from '../disturb.ts';
import { EngineProxy } from '../engine-proxy.ts';
import type { EngineCall, EngineFault } from '../engine-proxy.ts';
import { IsolatedSystem } from '../isolated-system.ts';
import type { ChaosContext, ChaosOutcome, ChaosScenario } from '../scenario.ts';

/** How long each fault lasts. Longer than one look at the engine is waited for. */
const FAULT_MS = 4_000;
const LOAD = { path: '/', perSecond: 100, connections: 'new' } as const;

type Matches = (call: EngineCall) => boolean;

const WRITES: Readonly<Record<string, Matches>> = {
  create: ({ method, path }) => method === 'POST' && path === '/containers/create',
  start: ({ path }) => /^\/containers\/[^/]+\/start$/.test(path),
  'stop or kill': ({ path }) => /^\/containers\/[^/]+\/(stop|kill)$/.test(path),
  remove: ({ method, path }) => method === 'DELETE' && path.startsWith('/containers/'),
};
const READS: Readonly<Record<string, Matches>> = {
  list: ({ method, path }) => method === 'GET' && path === '/containers/json',
  inspect: ({ method, path }) => method === 'GET' && /^\/containers\/[^/]+\/json$/.test(path),
};
const EVERYTHING: Matches = () => true;

interface FaultCase {
  readonly name: string;
  readonly matches: Matches;
  readonly fault: EngineFault;
  /** Only the first so many calls; all while the fault lasts otherwise. */
  readonly times?: number;
}

function cases(): readonly FaultCase[] {
  const writes = Object.entries(WRITES);
  return [
    ...writes.map(([name, matches]): FaultCase => ({ name: `${name}: reply lost`, matches, fault: 'lose-reply', times: 2 })),
    ...writes.map(([name, matches]): FaultCase => ({ name: `${name}: 500`, matches, fault: 'fail' })),
    ...writes.map(([name, matches]): FaultCase => ({ name: `${name}: done, then no answer`, matches, fault: 'hang-after' })),
    ...Object.entries(READS).map(([name, matches]): FaultCase => ({ name: `${name}: hangs`, matches, fault: 'hang' })),
    ...Object.entries(READS).map(([name, matches]): FaultCase => ({ name: `${name}: 500`, matches, fault: 'fail' })),
    { name: 'everything hangs', matches: EVERYTHING, fault: 'hang' },
    { name: 'everything 500', matches: EVERYTHING, fault: 'fail' },
    { name: 'everything 300 ms late', matches: EVERYTHING, fault: { delayMs: 300 } },
    { name: 'events silent', matches: ({ path }) => path === '/events', fault: 'silent' },
  ];
}

/** What is under way while the fault lasts. */
type Change = (system: IsolatedSystem, round: number) => Promise<readonly string[]>;

/** One replica killed past the control plane. */
const heal: Change = async (system) => {
  const victim = (await system.containers()).find(
    ({ labels, phase }) => phase === 'running' && labels['coxswain.dev/owner'] === 'Deployment/web',
  );
  await system.runtime.killContainer(victim?.id ?? '', AbortSignal.timeout(10_000));
  return [victim?.id ?? ''];
};

/** Up, and down again before the fault is over. */
const scale: Change = async (system) => {
  await system.scale('web', 4);
  await pause(FAULT_MS / 2);
  await system.scale('web', 3);
  return [];
};

const rollout: Change = async (system, round) => {
  const before = (await system.containers()).filter(({ labels }) => labels['coxswain.dev/owner'] === 'Deployment/web').map(({ id }) => id);
  const template = { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': `round-${round}` } } };
  const { status, body } = await system.patchDeployment('web', { spec: { template } });
  if (status !== 200) throw new Error(`rollout: ${status} ${body}`);
  return before;
};

function disturbance(
  proxy: EngineProxy,
  { name, matches, fault, times = Infinity }: FaultCase,
  change: Change,
  round: number,
): Disturbance<IsolatedSystem> {
  return {
    name,
    ...(change === rollout && { changed: ['/apis/apps/v1/deployments default/web'] }),
    make: async (system) => {
      let left = times;
      proxy.fault = (call) => (matches(call) && left-- > 0 ? fault : undefined);
      // Streams that were open before the fault would not have it.
      proxy.cutStreams();
      try {
        const [taken] = await Promise.all([change(system, round), pause(FAULT_MS)]);
        return taken;
      } finally {
        // What hangs goes on hanging: the caller's own deadlines must end it.
        proxy.fault = () => undefined;
      }
    },
  };
}

async function run({ basePort, isQuick, print }: ChaosContext, change: Change, only: readonly string[]): Promise<ChaosOutcome> {
  const directory = mkdtempSync(join(tmpdir(), 'coxswain-proxy-'));
  const proxy = await EngineProxy.listen(join(directory, 'docker.sock'), '/var/run/docker.sock');
  try {
    const system = new IsolatedSystem({ name: 'faults', basePort, controlPlaneSocketPath: proxy.socketPath });
    return await withSystem(system, () =>
      disturb({
        system,
        load: LOAD,
        deadlineMs: 60_000,
        print,
        disturbances: cases()
          .filter(({ name }) => !isQuick || only.includes(name))
          .map((faultCase, round) => disturbance(proxy, faultCase, change, round)),
      }),
    );
  } finally {
    await proxy.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

function scenario(name: string, doing: string, change: Change, convergeMs: number, quick: readonly string[]): ChaosScenario {
  return {
    name: `engine-faults-${name}`,
    fault: `Docker's API hangs, answers 500, is slow, loses replies after the work or events, for 4 s, during a ${doing}`,
    promise: 'done once the fault is over, nothing doubled, nothing left over',
    bounds: { convergeMs },
    isQuick: quick.length > 0,
    run: (context) => run(context, change, quick),
  };
}

export const ENGINE_FAULTS: readonly ChaosScenario[] = [
  scenario('heal', 'heal', heal, 45_000, ['create: reply lost']),
  scenario('scale', 'scale-up and -down', scale, 45_000, []),
  scenario('rollout', 'rollout', rollout, 60_000, []),
];

import { runningIds, withSystem } from '../converged.ts';
import { disturb, pause } from '../disturb.ts';
import { IsolatedSystem } from '../isolated-system.ts';
import { PrivateEngine } from '../private-engine.ts';
import type { ChaosContext, ChaosOutcome, ChaosScenario } from '../scenario.ts';

const LOAD = { path: '/', perSecond: 100, connections: 'new' } as const;
/** How long the engine is away. */
const AWAY_MS = 2_000;

export const engineEndedLiveRestore: ChaosScenario = {
  name: 'engine-ended-live-restore',
  fault: 'Docker engine stopped or killed for 2 s, with live-restore',
  promise: 'containers live on and are served; none is restarted',
  bounds: { convergeMs: 20_000 },
  isQuick: true,
  run: (context) => endEngine(context, true),
};

export const engineEnded: ChaosScenario = {
  name: 'engine-ended',
  fault: 'Docker engine stopped or killed for 2 s, without live-restore',
  promise: 'the engine itself stops its containers; requests wait for their successors up to 10 s, all come back on their ports',
  bounds: { convergeMs: 30_000 },
  run: (context) => endEngine(context, false),
};

async function endEngine({ basePort, isQuick, print }: ChaosContext, isLiveRestore: boolean): Promise<ChaosOutcome> {
  const engine = await PrivateEngine.make({ isLiveRestore });
  const disturbance = (name: string, end: () => Promise<void>) => ({
    name,
    make: async (system: IsolatedSystem): Promise<readonly string[]> => {
      const taken = isLiveRestore ? [] : [...(await runningIds(system))];
      await end();
      await pause(AWAY_MS);
      await engine.start();
      return taken;
    },
  });
  try {
    const system = new IsolatedSystem({
      name: 'engine',
      basePort,
      engineSocketPath: engine.socketPath,
      inside: (...command) => engine.inside(...command),
    });
    return await withSystem(system, () =>
      disturb({
        system,
        load: LOAD,
        deadlineMs: 20_000,
        print,
        disturbances: [
          disturbance('SIGKILL', () => engine.kill()),
          ...(isQuick ? [] : [disturbance('SIGTERM', () => engine.stop()), disturbance('SIGKILL again', () => engine.kill())]),
        ],
      }),
    );
  } finally {
    await engine.remove();
  }
}

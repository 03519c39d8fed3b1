import Dockerode from 'dockerode';
import { withSystem } from '../converged.ts';
import { disturb, pause } from '../disturb.ts';
import type { Disturbance } from '../disturb.ts';
import { IsolatedSystem } from '../isolated-system.ts';
import type { ChaosScenario } from '../scenario.ts';

function replicaOf(system: IsolatedSystem, deployment: string): Promise<string> {
  return system.containers().then((all) => all.find(({ labels }) => labels['coxswain.dev/owner'] === `Deployment/${deployment}`)?.id ?? '');
}

function disconnect(docker: Dockerode, deployment: string): Disturbance<IsolatedSystem> {
  return {
    name: `a replica of ${deployment} disconnected from its network`,
    make: async (system) => {
      const network = docker.getNetwork(`coxswain-${system.instance}-default`);
      await network.disconnect({ Container: await replicaOf(system, deployment), Force: true });
      await pause(500);
      return [];
    },
  };
}

function removeNetwork(docker: Dockerode): Disturbance<IsolatedSystem> {
  return {
    name: 'the network in use removed',
    make: async (system) => {
      const status = await docker
        .getNetwork(`coxswain-${system.instance}-default`)
        .remove()
        .then(
          () => 204,
          (error: unknown) => (error as { readonly statusCode?: number }).statusCode,
        );
      if (status !== 403) throw new Error(`Docker answered ${status ?? 'nothing'}, not 403`);
      return [];
    },
  };
}

export const networkByHand: ChaosScenario = {
  name: 'network-by-hand',
  fault: 'a container disconnected from its network by hand; the network in use removed',
  promise: 'connected again without a restart; Docker refuses the removal',
  bounds: { convergeMs: 20_000 },
  async run({ basePort, print }) {
    const docker = new Dockerode({ socketPath: '/var/run/docker.sock' });
    const system = new IsolatedSystem({ name: 'network', basePort });
    return await withSystem(system, () =>
      disturb({
        system,
        load: { path: '/', perSecond: 100, connections: 'new' },
        deadlineMs: 20_000,
        print,
        disturbances: [disconnect(docker, 'web'), disconnect(docker, 'plain'), removeNetwork(docker)],
      }),
    );
  },
};

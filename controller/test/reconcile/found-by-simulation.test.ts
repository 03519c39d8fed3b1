/** Decisions that the simulation found wrong, as tables of their own: they stay when a seed means another run. */
import { expect } from 'chai';
import { LABEL } from '../../src/model/annotations.ts';
import type { ReplicaSet } from '../../src/model/objects.ts';
import { makeDeployment } from './objects.ts';
import { SimulatedHost } from './simulated-host.ts';

function volume(host: SimulatedHost, name: string, labels: Readonly<Record<string, string>>): void {
  host.volumes.set(name, { name, labels: { [LABEL.instance]: 'default', ...labels } });
}

describe('what a dead control plane left', () => {
  it('emptyDir volumes of pods that are gone are removed; those of living pods and of claims are not', () => {
    const host = new SimulatedHost().declare(makeDeployment()).converge();
    const living = [...host.containers.values()][0]?.labels[LABEL.podUid] ?? '';
    volume(host, 'of-a-gone-pod', { [LABEL.podUid]: 'gone' });
    volume(host, 'of-a-living-pod', { [LABEL.podUid]: living });
    volume(host, 'of-a-claim', { [LABEL.claim]: 'data' });
    host.converge();
    expect([...host.volumes.keys()]).to.deep.equal(['of-a-living-pod', 'of-a-claim']);
  });
});

describe('a container that turns up after its name was given to a new pod', () => {
  for (const replicas of [2, 3]) {
    it(`is kept, the new pod ends, and no later one is given that name (${replicas} replicas)`, () => {
      const host = new SimulatedHost().declare(makeDeployment({ replicas: 2 })).converge();
      const late = [...host.containers.values()].find(({ name }) => name.endsWith('-0'));
      if (late === undefined) throw new Error('there is no container');
      host.objects.get('Pod')?.clear();
      host.memory = { pods: new Map(), deployments: new Map() };
      host.containers.delete(late.id);
      // No container can be made before the network is: the new pod has none when the late one turns up.
      const networks = [...host.networks];
      host.networks.clear();
      host.declare(makeDeployment({ replicas })).step();
      expect(host.pods().map(({ metadata }) => metadata.name)).to.include(late.name);
      for (const [name, network] of networks) host.networks.set(name, network);
      host.containers.set(late.id, late);
      host.converge();
      expect(host.pods().length).to.equal(replicas);
      expect(host.containers.has(late.id)).to.equal(true);
      host.declare(makeDeployment({ replicas: replicas + 1 })).converge();
      expect([...host.containers.values()].filter(({ phase }) => phase === 'running').length).to.equal(replicas + 1);
    });
  }
});

describe('a rollout over two earlier revisions', () => {
  const make = (image: string): ReturnType<typeof makeDeployment> => makeDeployment({ replicas: 3, image, maxSurge: 1, maxUnavailable: 0 });

  it('takes the pod that does not serve, not an available one of the oldest revision', () => {
    const host = new SimulatedHost().declare(make('web:1')).converge().run(2_000);
    // The second revision never becomes ready; it stands beside three serving pods of the first when the third comes.
    host.isHealthy = ({ image }) => image === 'web:1';
    host.declare(make('web:2')).run(2_000);
    host.declare(make('db:1')).run(300);
    const serving = [...host.containers.values()].filter(({ image, phase }) => image === 'web:1' && phase === 'running');
    expect(serving.length).to.equal(3);
  });
});

describe('a Deployment deleted and declared again', () => {
  it('takes over its pods and revisions: nothing is restarted, nothing is made twice', () => {
    const host = new SimulatedHost()
      .declare(makeDeployment({ replicas: 2 }))
      .converge()
      .run(2_000);
    const before = [...host.containers.keys()];
    const [deployment] = [...(host.objects.get('Deployment')?.values() ?? [])];
    if (deployment === undefined) throw new Error('there is no Deployment');
    host.objects.get('Deployment')?.set('default/web', { ...deployment, metadata: { ...deployment.metadata, uid: 'another' } });
    host.converge().run(2_000);
    expect([...host.containers.keys()]).to.deep.equal(before);
    const owners = [...(host.objects.get('ReplicaSet')?.values() ?? [])].map(({ metadata }) => metadata.ownerReferences?.[0]?.uid);
    expect(owners).to.deep.equal(['another']);
  });
});

describe('a pod that nobody has probed yet', () => {
  const make = (image: string): ReturnType<typeof makeDeployment> => makeDeployment({ image, replicas: 2, maxSurge: 1, maxUnavailable: 1 });
  const terminating = (host: SimulatedHost): readonly string[] =>
    host
      .pods()
      .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
      .map(({ metadata }) => metadata.name.slice(-1));
  const start = (): SimulatedHost => new SimulatedHost().declare(make('web:1')).converge().run(2_000);

  it('is not retired for a rollout when it was paused and is not any more: it may serve, and the other one does not', () => {
    const host = start();
    host.isHealthy = ({ name }) => !/-0(\.|$)/.test(name);
    const [second] = host.containersOf('web-').filter(({ name }) => name.endsWith('-1'));
    host.change(second?.id ?? '', { phase: 'paused' });
    host.probe();
    host.declare(make('web:2')).step();
    expect(terminating(host), 'paused').to.deep.equal([]);
    expect(host.containers.get(second?.id ?? '')?.phase, 'unpaused, and not probed since').to.equal('running');
    host.step();
    expect(terminating(host)).to.deep.equal([]);
    host.probe();
    host.step();
    expect(terminating(host)).to.deep.equal(['0']);
  });

  it('counts as one that does not serve after three seconds', () => {
    const host = start();
    host.memory = { pods: new Map(), deployments: new Map() };
    host.probes.clear();
    host.declare(make('web:2'));
    for (const sinceMs of [0, 1_000, 2_000]) {
      host.nowMs += sinceMs === 0 ? 0 : 1_000;
      host.step();
      expect(terminating(host), `${sinceMs} ms`).to.deep.equal([]);
    }
    host.nowMs += 1_000;
    host.step();
    expect(terminating(host)).to.have.length(1);
  });
});

describe('a dependency whose pod is being stopped', () => {
  it('is not asked for ever: its pod is not probed any more', () => {
    const app = makeDeployment({ name: 'web', dependsOn: 'deployment/db' });
    const host = new SimulatedHost()
      .declare(app, makeDeployment({ name: 'db', image: 'db:1', replicas: 2 }))
      .converge()
      .run(10_000);
    const pod = host.pods().find(({ metadata }) => metadata.name.startsWith('db-'));
    if (pod === undefined) throw new Error('there is no pod');
    const metadata = { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    host.objects.get('Pod')?.set(`default/${pod.metadata.name}`, { ...pod, metadata });
    host.isHealthy = ({ name }) => !name.startsWith('web-');
    host.nowMs += 1_000;
    host.probe();
    const stopping = [...host.containers.values()].find(({ labels }) => labels[LABEL.podUid] === pod.metadata.uid);
    expect(host.plan().probeNow).to.not.include(stopping?.id);
  });
});

describe('a ReplicaSet that was adopted while its template was unknown', () => {
  const adopted = (): SimulatedHost => {
    const host = new SimulatedHost().declare(makeDeployment({ image: 'web:2' })).converge();
    const [key, { spec, ...replicaSet }] = [...(host.objects.get('ReplicaSet') ?? [])][0] as [string, ReplicaSet];
    const { template: _lost, ...rest } = spec;
    host.objects.get('ReplicaSet')?.set(key, { ...replicaSet, spec: rest });
    return host;
  };

  it('is the revision of the template that has its name, once that is declared, and makes pods again', () => {
    const host = adopted()
      .declare(makeDeployment({ image: 'web:2', replicas: 3 }))
      .converge();
    expect(host.pods().length).to.equal(3);
  });

  it('gives its pods the spec of that template for the one that was guessed: their next container is of it', () => {
    const host = adopted();
    const [pod] = host.pods();
    if (pod === undefined) throw new Error('there is no pod');
    host.objects.get('Pod')?.set(`default/${pod.metadata.name}`, { ...pod, spec: makeDeployment({ image: 'web:1' }).spec.template.spec });
    host.run(11_000);
    for (const { id } of host.containers.values()) host.change(id, { phase: 'exited', exitCode: 1 });
    host.converge();
    expect([...host.containers.values()].map(({ image }) => image)).to.deep.equal(['web:2']);
  });
});

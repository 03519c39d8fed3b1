/** Pinned host ports over time on the simulated host: at rest N pods hold exactly the first N ports, whatever happened before. */
import { expect } from 'chai';
import { ANNOTATION, LABEL } from '../../src/model/annotations.ts';
import type { ObservedContainer } from '../../src/model/observed.ts';
import { makeDeployment } from './objects.ts';
import type { DeploymentOptions } from './objects.ts';
import { SimulatedHost } from './simulated-host.ts';

const hostPorts = '8000-8004';

function ports(host: SimulatedHost): string {
  const staying = host.pods().filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return staying
    .map(({ metadata }) => metadata.annotations?.[ANNOTATION.hostPort] ?? '-')
    .sort()
    .join(' ');
}

function containerOn(host: SimulatedHost, port: number): ObservedContainer {
  const found = [...host.containers.values()].find(({ labels }) => labels[LABEL.hostPort] === String(port));
  if (found === undefined) throw new Error(`there is no container on port ${port}`);
  return found;
}

function restart(host: SimulatedHost): void {
  host.objects.get('Pod')?.clear();
  host.memory = { pods: new Map(), deployments: new Map() };
}

describe('pods at rest beyond the first ports of a pinned range', () => {
  const rows: readonly { name: string; options: DeploymentOptions; most: number; least: number }[] = [
    { name: 'a surge', options: { maxSurge: 1, maxUnavailable: 0 }, most: 3, least: 2 },
    { name: 'no surge', options: { maxSurge: 0, maxUnavailable: 1 }, most: 2, least: 1 },
    { name: 'Recreate', options: { strategy: 'Recreate' }, most: 2, least: 1 },
  ];
  for (const { name, options, most, least } of rows) {
    it(`move to the first ones by themselves, within the bounds (${name})`, () => {
      const declare = (replicas: number): ReturnType<typeof makeDeployment> => makeDeployment({ ...options, hostPorts, replicas });
      const host = new SimulatedHost().declare(declare(4)).converge();
      // Scaled down and the lower ports lost, while no control plane ran.
      for (const port of [8000, 8001]) host.containers.delete(containerOn(host, port).id);
      restart(host);
      host.declare(declare(2));
      const counts: number[] = [];
      for (let round = 0; round < 200; round++) {
        host.run(100);
        counts.push([...host.containers.values()].filter(({ phase }) => phase === 'running').length);
      }
      expect(ports(host)).to.equal('8000 8001');
      expect(Math.max(...counts), 'most pods').to.equal(most);
      expect(Math.min(...counts), 'fewest pods').to.equal(least);
      host.converge();
    });
  }

  it('are not made while a Recreate Deployment is paused: a new pod waits for the port that is given back', () => {
    const options: DeploymentOptions = { strategy: 'Recreate', hostPorts, replicas: 3 };
    const host = new SimulatedHost().declare(makeDeployment(options)).converge();
    const ending = containerOn(host, 8000);
    host.inFlight.set(ending.id, 1);
    const pod = host.pods().find(({ metadata }) => metadata.uid === ending.labels[LABEL.podUid]);
    if (pod === undefined) throw new Error('there is no pod');
    const metadata = { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    host.objects.get('Pod')?.set(`default/${pod.metadata.name}`, { ...pod, metadata });
    const deployment = makeDeployment(options);
    host.declare({ ...deployment, spec: { ...deployment.spec, paused: true } }).run(2_000);
    expect(ports(host)).to.equal('8001 8002');
    host.inFlight.clear();
    host.run(2_000);
    expect(ports(host)).to.equal('8000 8001 8002');
  });
});

describe('two pods of one host port', () => {
  for (const replicas of [2, 3]) {
    it(`a container that turns up late keeps its port; the pod that was given it ends (${replicas} replicas)`, () => {
      const host = new SimulatedHost().declare(makeDeployment({ hostPorts, replicas: 2 })).converge();
      const late = containerOn(host, 8000);
      restart(host);
      host.containers.delete(late.id);
      // No container can be made before the network is: the new pod has none when the late one turns up.
      const networks = [...host.networks];
      host.networks.clear();
      host.declare(makeDeployment({ hostPorts, replicas })).step();
      expect(ports(host), 'the port is given to a new pod').to.contain('8000');
      for (const [name, network] of networks) host.networks.set(name, network);
      host.containers.set(late.id, late);
      host.converge();
      expect(ports(host)).to.equal(replicas === 2 ? '8000 8001' : '8000 8001 8002');
      expect(host.containers.has(late.id), 'nothing that runs was restarted').to.equal(true);
    });
  }

  it('while one of them is ending, no container is made for the other: it waits', () => {
    const host = new SimulatedHost().declare(makeDeployment({ hostPorts })).converge();
    const [ending] = host.pods();
    if (ending === undefined) throw new Error('there is no pod');
    host.inFlight.set(containerOn(host, 8000).id, 1);
    const { name, ...metadata } = ending.metadata;
    const pods = host.objects.get('Pod');
    pods?.set(`default/${name}`, { ...ending, metadata: { name, ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
    pods?.set('default/other', { ...ending, metadata: { ...metadata, name: 'other', uid: 'other' } });
    expect(host.step().waits).to.deep.include({ resource: 'pod/other', text: `port 8000 is held by container ${name}` });
    host.inFlight.clear();
    host.converge();
    expect(ports(host)).to.equal('8000');
  });

  it('a container that nothing declares so far holds its port: a new pod waits for it', () => {
    const host = new SimulatedHost().declare(makeDeployment({ hostPorts })).converge();
    restart(host);
    host.undeclare('Deployment', 'web');
    host.isRemovalAllowed = false;
    host.declare(makeDeployment({ name: 'db', image: 'db:1', hostPorts })).run(1_000);
    expect(host.plan().waits.map(({ text }) => text)).to.include('a new pod waits for one of the ports 8000-8000 to be given back');
    host.isRemovalAllowed = true;
    host.converge();
    expect([...host.containers.values()].map(({ image }) => image)).to.deep.equal(['db:1']);
    expect(ports(host)).to.equal('8000');
  });
});

import { expect } from 'chai';
import type { Deployment } from '../../src/model/objects.ts';
import { formatOperation } from '../../src/model/operation.ts';
import { makeDeployment, makeIngress, makeService } from './objects.ts';
import { SimulatedHost } from './simulated-host.ts';

function ports(host: SimulatedHost): readonly string[] {
  return [...host.containers.values()]
    .filter(({ phase }) => phase === 'running')
    .map(({ labels }) => labels['coxswain.dev/host-port'] ?? '-')
    .sort();
}

function running(host: SimulatedHost): readonly string[] {
  return [...host.containers.values()]
    .filter(({ phase }) => phase === 'running')
    .map(({ name }) => name.replace(/-[a-z0-9]{10}-/, '-'))
    .sort();
}

describe('reconcile', () => {
  it('makes a declared Deployment run, network first, and then has nothing to do', () => {
    const host = new SimulatedHost().declare(makeDeployment({ replicas: 2, hostPorts: '8000-8009' }), makeService(), makeIngress());
    host.converge();
    expect(host.trace.map((line) => line.replace(/-[a-z0-9]{10}-/g, '-'))).to.deep.equal([
      'CreateNetwork pod/web-0 coxswain-default: pod has no container',
      'CreateContainer pod/web-0 web-0: pod has no container',
      'CreateContainer pod/web-1 web-1: pod has no container',
      'StartContainer pod/web-0 c0001: it is created and nothing holds it up',
      'StartContainer pod/web-1 c0002: it is created and nothing holds it up',
    ]);
    expect(ports(host)).to.deep.equal(['8000', '8001']);
    expect(host.get<Deployment>('Deployment', 'web').status).to.deep.include({ replicas: 2, readyReplicas: 2, availableReplicas: 2 });
    expect([...host.routed].sort()).to.deep.equal(['c0001', 'c0002']);
  });

  it('gives the same plan for shuffled containers', () => {
    const host = new SimulatedHost().declare(makeDeployment({ replicas: 4 })).converge();
    host.change('c0002', { phase: 'exited', exitCode: 1 });
    host.change('c0003', { phase: 'paused' });
    const plan = host.plan().operations.map(formatOperation).sort();
    const shuffled = [...host.containers].reverse();
    host.containers.clear();
    for (const [id, container] of shuffled) host.containers.set(id, container);
    expect(host.plan().operations.map(formatOperation).sort()).to.deep.equal(plan);
  });

  it('replaces a crashed container on its port with a new one, killing and creating side by side', () => {
    const host = new SimulatedHost()
      .declare(makeDeployment({ replicas: 3, hostPorts: '8000-8009' }))
      .converge()
      .run(2_000);
    host.trace.length = 0;
    host.isHealthy = ({ id }) => id !== 'c0001';
    host.probe();
    const plan = host.plan();
    expect(plan.operations.map(({ verb }) => verb)).to.deep.equal(['KillContainer', 'CreateContainer']);
    expect(plan.operations[0]?.cause).to.equal('liveness probe failed: HTTP 500');
    host.converge();
    expect(ports(host)).to.deep.equal(['8000', '8001', '8002']);
    expect(running(host)).to.deep.equal(['web-0.1', 'web-1', 'web-2']);
    expect(host.containers.has('c0001'), 'the crashed one is removed').to.equal(false);
  });

  it('replaces a container that ended, was removed, or is paused by hand', () => {
    const host = new SimulatedHost()
      .declare(makeDeployment({ replicas: 3 }))
      .converge()
      .run(2_000);
    host.change('c0001', { phase: 'exited', exitCode: 1 });
    host.containers.delete('c0002');
    host.change('c0003', { phase: 'paused' });
    host.converge();
    expect(running(host)).to.deep.equal(['web-0.1', 'web-1.1', 'web-2']);
  });

  it('backs off when the predecessor was never ready long enough, up to 10 s for an only pod', () => {
    const host = new SimulatedHost().declare(makeDeployment()).converge();
    host.run(2_000);
    const starts: number[] = [];
    for (let elapsed = 0; elapsed < 60_000; elapsed += 100) {
      for (const container of host.containers.values()) {
        if (container.phase !== 'running') continue;
        starts.push(host.nowMs);
        host.change(container.id, { phase: 'exited', exitCode: 1 });
      }
      host.step();
      host.nowMs += 100;
    }
    const gaps = starts.slice(1).map((at, index) => Math.round((at - (starts[index] ?? 0)) / 1000));
    expect(gaps.slice(0, 6)).to.deep.equal([0, 1, 2, 4, 8, 10]);
  });

  it('scales down from the highest port', () => {
    const host = new SimulatedHost().declare(makeDeployment({ replicas: 5, hostPorts: '8000-8009' })).converge();
    host.declare(makeDeployment({ replicas: 2, hostPorts: '8000-8009' })).converge();
    expect(ports(host)).to.deep.equal(['8000', '8001']);
  });

  it('drains before it stops: out of rotation, in-flight requests done, then SIGTERM', () => {
    const host = new SimulatedHost()
      .declare(makeDeployment({ replicas: 2, hostPorts: '8000-8009' }), makeService(), makeIngress())
      .converge();
    host.inFlight.set('c0002', 3);
    host.declare(makeDeployment({ replicas: 1, hostPorts: '8000-8009' })).run(5_000);
    expect(host.containers.get('c0002')?.phase, 'it still serves its requests').to.equal('running');
    expect(host.routed.has('c0002')).to.equal(false);
    expect(host.plan().waits.map(({ text }) => text)).to.include('draining: waiting for 3 requests in flight, at most 25 s');
    host.inFlight.delete('c0002');
    host.converge();
    expect([...host.containers.keys()]).to.deep.equal(['c0001']);
  });

  it('suspends restarts while a dependency is down, and replaces what is still broken after its return', () => {
    const host = new SimulatedHost()
      .declare(makeDeployment({ name: 'db', image: 'db:1' }), makeDeployment({ name: 'web', replicas: 3, dependsOn: 'deployment/db' }))
      .converge()
      .run(3_000);
    const before = host.containersOf('web').map(({ id }) => id);
    host.declare(makeDeployment({ name: 'db', image: 'db:1', replicas: 0 }));
    host.isHealthy = ({ name }) => !name.startsWith('web');
    host.run(60_000);
    expect(
      host.containersOf('web').map(({ id }) => id),
      'nobody is restarted',
    ).to.deep.equal(before);
    const conditions = host.get<Deployment>('Deployment', 'web').status?.conditions ?? [];
    expect(conditions.find(({ type }) => type === 'RestartsSuspended')?.message).to.equal('deployment/db has no ready pod');
    expect(
      host.pods().filter(({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True')),
      'and nobody is ready',
    ).to.have.length(0);
    const crashed = before[1];
    host.isHealthy = ({ id }) => id !== crashed;
    host.declare(makeDeployment({ name: 'db', image: 'db:1', replicas: 1 })).converge();
    const after = host.containersOf('web').map(({ id }) => id);
    expect(after.filter((id) => before.includes(id))).to.have.members([before[0], before[2]]);
    expect(after).to.have.length(3);
  });

  it('restarts one at a time when more than half fail together', () => {
    const host = new SimulatedHost()
      .declare(makeDeployment({ replicas: 4 }))
      .converge()
      .run(3_000);
    const broken = new Set(host.containers.keys());
    host.isHealthy = ({ id }) => !broken.has(id);
    host.probe();
    const plan = host.plan();
    expect(plan.operations.filter(({ verb }) => verb === 'KillContainer')).to.have.length(1);
    expect(plan.waits[0]?.text).to.match(/4 of 4 pods failed liveness within 2 s: one restart at a time/);
    host.converge(300);
    expect([...host.containers.keys()].some((id) => broken.has(id))).to.equal(false);
  });

  it('stays put when one restart does not help', () => {
    const host = new SimulatedHost()
      .declare(makeDeployment({ replicas: 4 }))
      .converge()
      .run(3_000);
    const before = new Set(host.containers.keys());
    host.isHealthy = () => false;
    host.run(20_000);
    expect([...host.containers.keys()].filter((id) => before.has(id))).to.have.length(3);
  });

  it('adopts what runs after a restart of the control plane, restarting nothing', () => {
    const host = new SimulatedHost()
      .declare(makeDeployment({ replicas: 3, hostPorts: '8000-8009' }), makeService(), makeIngress())
      .converge();
    const before = [...host.containers.keys()];
    host.objects.get('Pod')?.clear();
    host.memory = { pods: new Map(), deployments: new Map() };
    host.trace.length = 0;
    host.converge();
    expect(host.trace).to.deep.equal([]);
    expect([...host.containers.keys()]).to.deep.equal(before);
    expect(ports(host)).to.deep.equal(['8000', '8001', '8002']);
  });

  it('adopts what runs after the loss of its state as well', () => {
    const host = new SimulatedHost().declare(makeDeployment({ replicas: 3, hostPorts: '8000-8009' })).converge();
    host.objects.get('Pod')?.clear();
    host.objects.get('ReplicaSet')?.clear();
    host.memory = { pods: new Map(), deployments: new Map() };
    host.trace.length = 0;
    host.converge();
    expect(host.trace).to.deep.equal([]);
  });

  it('removes what is not declared, but only when removal is allowed', () => {
    const host = new SimulatedHost().declare(makeDeployment({ replicas: 2 })).converge();
    host.undeclare('Deployment', 'web');
    host.isRemovalAllowed = false;
    host.run(2_000);
    expect(host.containers.size).to.equal(2);
    host.isRemovalAllowed = true;
    host.converge();
    expect(host.containers.size).to.equal(0);
    expect(host.objects.get('ReplicaSet')?.size).to.equal(0);
  });

  it('takes an instance down to the last network', () => {
    const host = new SimulatedHost().declare(makeDeployment({ replicas: 2 })).converge();
    host.teardown = 'down';
    host.converge();
    expect([host.containers.size, host.networks.size]).to.deep.equal([0, 0]);
  });

  for (const [name, hostPorts, replicas] of [
    ['unpinned', undefined, 4],
    ['pinned with room to surge', '8000-8009', 4],
    ['pinned without a free port', '8000-8003', 4],
    ['pinned, one replica', '8000-8009', 1],
  ] as const) {
    it(`rolls out a new template (${name}) within its bounds and ends on the same ports`, () => {
      const options = { replicas, maxSurge: 1, maxUnavailable: 1, ...(hostPorts !== undefined && { hostPorts }) };
      const host = new SimulatedHost().declare(makeDeployment(options), makeService(), makeIngress()).converge();
      const before = ports(host);
      host.declare(makeDeployment({ ...options, image: 'web:2' }));
      for (let round = 0; round < 200; round++) {
        host.probe();
        host.step();
        host.nowMs += 100;
        const alive = host.pods().filter(({ metadata }) => metadata.deletionTimestamp === undefined);
        expect(alive.length, 'never above replicas + maxSurge').to.be.at.most(replicas + 1);
        expect(host.routed.size, 'never below replicas - maxUnavailable').to.be.at.least(replicas - 1);
      }
      host.converge();
      expect([...host.containers.values()].map(({ image }) => image)).to.deep.equal(Array.from({ length: replicas }, () => 'web:2'));
      expect(ports(host)).to.deep.equal(before);
    });
  }

  for (const { name, change } of [
    { name: 'another template', change: makeDeployment({ replicas: 4, image: 'web:2', maxSurge: 1, maxUnavailable: 1 }) },
    { name: 'a scale-down', change: makeDeployment({ replicas: 3, maxSurge: 1, maxUnavailable: 1 }) },
  ]) {
    it(`takes no pod that serves for ${name} right after a start, while a broken one is not known to be broken yet`, () => {
      const host = new SimulatedHost().declare(
        makeDeployment({ replicas: 4, maxSurge: 1, maxUnavailable: 1 }),
        makeService(),
        makeIngress(),
      );
      host.converge();
      host.isHealthy = ({ id, image }) => image !== 'web:2' && id !== 'c0001';
      host.memory = { pods: new Map(), deployments: new Map() };
      host.probes.clear();
      host.isReadinessKnown = false;
      host.declare(change).step();
      host.isReadinessKnown = true;
      for (let round = 0; round < 20; round++) {
        host.probe();
        host.step();
        host.nowMs += 100;
      }
      const serving = host.pods().filter(({ metadata, status }) => {
        const isReady = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
        return isReady && metadata.deletionTimestamp === undefined;
      });
      expect(serving).to.have.length(3);
    });
  }

  it('recreates: nothing new before everything old is gone', () => {
    const host = new SimulatedHost().declare(makeDeployment({ strategy: 'Recreate' })).converge();
    host.declare(makeDeployment({ strategy: 'Recreate', image: 'web:2' }));
    for (let round = 0; round < 40; round++) {
      host.probe();
      host.step();
      host.nowMs += 100;
      const images = new Set([...host.containers.values()].map(({ image }) => image));
      expect(images.size, 'never old and new together').to.be.at.most(1);
    }
    expect([...host.containers.values()].map(({ image }) => image)).to.deep.equal(['web:2']);
  });
});

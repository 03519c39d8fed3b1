import { expect } from 'chai';
import type { Deployment, ReplicaSet } from '../../src/model/objects.ts';
import { exactTemplateHash } from '../../src/reconcile/template-hash.ts';
import { makeDeployment, makeIngress, makeService } from './objects.ts';
import { SimulatedHost } from './simulated-host.ts';

type Resources = NonNullable<Deployment['spec']['template']['spec']['containers'][number]['resources']>;

function withResources(resources: Resources | undefined, image = 'web:1', replicas = 3): Deployment {
  const deployment = makeDeployment({ replicas, image, maxSurge: 1, maxUnavailable: 0 });
  const { template } = deployment.spec;
  const containers = template.spec.containers.map((container) => ({ ...container, ...(resources !== undefined && { resources }) }));
  return { ...deployment, spec: { ...deployment.spec, template: { ...template, spec: { ...template.spec, containers } } } };
}

const small: Resources = { limits: { memory: '64Mi', cpu: '500m' }, requests: { cpu: '125m' } };
const large: Resources = { limits: { memory: '128Mi', cpu: '500m' }, requests: { cpu: '125m' } };

function start(resources: Resources | undefined): SimulatedHost {
  const host = new SimulatedHost().declare(withResources(resources), makeService(), makeIngress()).converge().run(2_000);
  host.trace.length = 0;
  return host;
}

function memoryLimits(host: SimulatedHost): readonly number[] {
  return [...host.containers.values()].map(({ resources }) => resources.memoryBytes / 2 ** 20);
}

function revisions(host: SimulatedHost): number {
  return host.objects.get('ReplicaSet')?.size ?? 0;
}

describe('changed resources', () => {
  it('are given to the containers as they run, and make no new revision', () => {
    const host = start(small);
    const before = [...host.containers.keys()];
    host.declare(withResources(large)).converge();
    expect(host.trace.map((line) => line.replace(/-[a-z0-9]{10}-/g, '-'))).to.deep.equal([
      'UpdateResources pod/web-0 c0001: its resources differ from what is declared',
      'UpdateResources pod/web-1 c0002: its resources differ from what is declared',
      'UpdateResources pod/web-2 c0003: its resources differ from what is declared',
    ]);
    expect([...host.containers.keys()]).to.deep.equal(before);
    expect(memoryLimits(host)).to.deep.equal([128, 128, 128]);
    expect(revisions(host)).to.equal(1);
    const [made] = [...(host.objects.get('ReplicaSet')?.values() ?? [])] as ReplicaSet[];
    expect(made?.spec.template?.spec.containers[0]?.resources, 'pods made later have them as well').to.deep.equal(large);
  });

  it('restart nothing after the state was lost', () => {
    const host = start(small);
    host.declare(withResources(large)).converge();
    const before = [...host.containers.keys()];
    host.objects.get('Pod')?.clear();
    host.objects.get('ReplicaSet')?.clear();
    host.memory = { pods: new Map(), deployments: new Map() };
    host.trace.length = 0;
    host.converge();
    expect(host.trace).to.deep.equal([]);
    expect([...host.containers.keys()]).to.deep.equal(before);
  });

  it('together with another image are a rollout', () => {
    const host = start(small);
    host.declare(withResources(large, 'web:2')).converge();
    expect([...host.containers.values()].map(({ image }) => image)).to.deep.equal(['web:2', 'web:2', 'web:2']);
    expect(memoryLimits(host)).to.deep.equal([128, 128, 128]);
    expect(revisions(host)).to.equal(2);
  });

  it('that were changed from outside are changed back', () => {
    const host = start(small);
    host.change('c0002', { resources: { memoryBytes: 2 ** 30, nanoCpus: 500_000_000, cpuShares: 128 } });
    host.converge();
    expect(memoryLimits(host)).to.deep.equal([64, 64, 64]);
  });

  it('roll the pods over where a limit goes away, and can go back and forth', () => {
    const host = start(small);
    host.declare(withResources(undefined)).converge(300);
    expect(memoryLimits(host)).to.deep.equal([0, 0, 0]);
    expect(host.trace.filter((line) => line.startsWith('UpdateResources'))).to.deep.equal([]);
    const rolled = [...host.containers.keys()];
    expect(rolled.some((id) => ['c0001', 'c0002', 'c0003'].includes(id))).to.equal(false);
    host.declare(withResources(small)).converge(300);
    expect(memoryLimits(host)).to.deep.equal([64, 64, 64]);
    expect([...host.containers.keys()], 'a limit can be given to what runs').to.deep.equal(rolled);
    host.declare(withResources(undefined)).converge(300);
    expect(memoryLimits(host)).to.deep.equal([0, 0, 0]);
    expect(revisions(host)).to.equal(2);
  });

  it('roll the pods over where Docker refuses, one by one and within the bounds', () => {
    const host = start(large);
    const refused = { verb: 'UpdateResources', code: 'EngineFailure', message: 'busy', count: 3, lastAtMs: host.nowMs };
    for (const id of host.containers.keys()) host.failures.set(`container:${id}`, refused);
    host.declare(withResources(small));
    for (let round = 0; round < 100; round++) {
      host.probe();
      host.step();
      host.nowMs += 100;
      expect(host.routed.size, 'all replicas serve').to.be.at.least(3);
    }
    host.converge(300);
    expect(memoryLimits(host)).to.deep.equal([64, 64, 64]);
    expect([...host.containers.keys()].some((id) => ['c0001', 'c0002', 'c0003'].includes(id))).to.equal(false);
  });

  it('are tried again when the engine fails: one answer of 500 replaces no pod', () => {
    const host = start(large);
    const before = [...host.containers.keys()];
    const failed = { verb: 'UpdateResources', code: 'EngineFailure', message: 'busy', count: 1, lastAtMs: host.nowMs };
    for (const id of before) host.failures.set(`container:${id}`, failed);
    host.declare(withResources(small)).converge();
    expect([...host.containers.keys()]).to.deep.equal(before);
    expect(memoryLimits(host)).to.deep.equal([64, 64, 64]);
  });

  it('that the engine accepts and discards are asked for once', () => {
    const host = start(small);
    host.areResourcesTaken = false;
    host.declare(withResources(large)).run(3_000);
    expect(host.trace.filter((line) => line.startsWith('UpdateResources'))).to.have.length(3);
    expect(host.plan().waits.map(({ text }) => text)).to.include(
      'its resources stay as they are: the engine accepted the change and did not make it',
    );
    host.areResourcesTaken = true;
    host.declare(withResources(small)).converge();
    for (let time = 0; time < 2; time++) {
      host.change('c0002', { resources: { memoryBytes: 2 ** 30, nanoCpus: 500_000_000, cpuShares: 128 } });
      host.converge();
      expect(memoryLimits(host), 'what it does take is put right each time').to.deep.equal([64, 64, 64]);
    }
  });

  it('in place, after a rollout for resources, restart nothing when the state is lost then', () => {
    const host = start(small);
    host.declare(withResources(undefined)).converge(300);
    host.declare(withResources(small)).converge(300);
    const before = [...host.containers.keys()];
    host.objects.get('Pod')?.clear();
    host.objects.get('ReplicaSet')?.clear();
    host.memory = { pods: new Map(), deployments: new Map() };
    host.trace.length = 0;
    host.converge(300);
    expect(host.trace).to.deep.equal([]);
    expect([...host.containers.keys()]).to.deep.equal(before);
  });

  it('leave what ran before an upgrade alone: revisions named by the whole template stay', () => {
    const host = start(small);
    const exact = exactTemplateHash(withResources(small).spec.template);
    for (const { id, labels } of [...host.containers.values()])
      host.change(id, { labels: { ...labels, 'coxswain.dev/template-hash': exact, 'coxswain.dev/hash-version': '1' } });
    const before = [...host.containers.keys()];
    host.objects.get('Pod')?.clear();
    host.objects.get('ReplicaSet')?.clear();
    host.memory = { pods: new Map(), deployments: new Map() };
    host.converge();
    expect(host.trace).to.deep.equal([]);
    expect([...host.containers.keys()]).to.deep.equal(before);
    expect([...(host.objects.get('ReplicaSet')?.keys() ?? [])]).to.deep.equal([`default/web-${exact}`]);
    host.declare(withResources(large)).converge();
    expect([...host.containers.keys()], 'and can be changed in place').to.deep.equal(before);
    expect(memoryLimits(host)).to.deep.equal([128, 128, 128]);
  });
});

/** The one ordered stop, for every reason to stop: out of rotation, drained, preStop, signal, logs, removal. */
import { expect } from 'chai';
import type { Container, Deployment, Pod } from '../../src/model/objects.ts';
import type { Operation } from '../../src/model/operation.ts';
import { makeDeployment, makeIngress, makeService } from './objects.ts';
import { SimulatedHost } from './simulated-host.ts';

function withStop(change: Partial<Container>, graceSeconds = 30, replicas = 2, image = 'web:1'): Deployment {
  const deployment = makeDeployment({ replicas, image, maxSurge: 1, maxUnavailable: 0 });
  const { template } = deployment.spec;
  const containers = template.spec.containers.map((container) => ({ ...container, ...change }));
  const spec = { ...template.spec, containers, terminationGracePeriodSeconds: graceSeconds };
  return { ...deployment, spec: { ...deployment.spec, template: { ...template, spec } } };
}

const HOOK: Partial<Container> = { lifecycle: { preStop: { exec: { command: ['bye'] } } } };

function start(deployment: Deployment): SimulatedHost {
  const host = new SimulatedHost().declare(deployment, makeService(), makeIngress()).converge().run(2_000);
  host.trace.length = 0;
  return host;
}

/** The verbs that were applied to one container, in order. */
function verbsOn(host: SimulatedHost, id: string): readonly string[] {
  return host.trace.filter((line) => line.includes(` ${id}: `)).map((line) => line.split(' ')[0] ?? '');
}

function find<V extends Operation['verb']>(host: SimulatedHost, verb: V): Extract<Operation, { verb: V }> | undefined {
  return host.plan().operations.find((operation) => operation.verb === verb) as Extract<Operation, { verb: V }> | undefined;
}

/** Marks a pod as the API does. */
function markDeleted(host: SimulatedHost, pod: Pod | undefined): void {
  if (pod === undefined) throw new Error('there is no such pod');
  const metadata = { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
  host.objects.get('Pod')?.set(`default/${pod.metadata.name}`, { ...pod, metadata });
}

const ORDER = ['RunPreStop', 'StopContainer', 'SaveLogs', 'RemoveContainer'];

describe('an ordered stop', () => {
  const reasons: readonly { readonly name: string; readonly ids: readonly string[]; readonly cause: (host: SimulatedHost) => void }[] = [
    { name: 'a scale-down', ids: ['c0002'], cause: (host) => host.declare(withStop(HOOK, 30, 1)) },
    { name: 'a rollout', ids: ['c0001', 'c0002'], cause: (host) => host.declare(withStop(HOOK, 30, 2, 'web:2')) },
    { name: 'a Deployment that is no longer declared', ids: ['c0001', 'c0002'], cause: (host) => host.undeclare('Deployment', 'web') },
    { name: 'a pod deleted over the API', ids: ['c0001'], cause: (host) => markDeleted(host, host.pods()[0]) },
  ];
  for (const { name, ids, cause } of reasons) {
    it(`is made for ${name}`, () => {
      const host = start(withStop(HOOK));
      for (const id of ids) host.inFlight.set(id, 1);
      cause(host);
      host.run(5_000);
      for (const id of ids) {
        expect(host.routed.has(id), 'out of rotation').to.equal(false);
        expect(verbsOn(host, id), 'nothing happens to it while it has a request').to.deep.equal([]);
      }
      host.inFlight.clear();
      host.converge(300);
      for (const id of ids) expect(verbsOn(host, id)).to.deep.equal(ORDER);
    });
  }

  it('is not made for a crash: it is killed and replaced at once', () => {
    const host = start(withStop(HOOK));
    host.inFlight.set('c0001', 1);
    host.isHealthy = ({ id }) => id !== 'c0001';
    host.converge(300);
    expect(verbsOn(host, 'c0001')).to.deep.equal(['KillContainer', 'SaveLogs', 'RemoveContainer']);
  });

  it('waits for the ingress to confirm, and for an absent one 2 s', () => {
    const host = start(withStop(HOOK));
    host.isIngressConnected = false;
    host.declare(withStop(HOOK, 30, 1)).run(1_500);
    expect(verbsOn(host, 'c0002')).to.deep.equal([]);
    host.run(2_000);
    expect(verbsOn(host, 'c0002')).to.deep.equal(ORDER);
  });

  it('gives the hook and the signal one grace period between them', () => {
    const host = start(withStop(HOOK, 10));
    host.declare(withStop(HOOK, 10, 1)).step();
    expect(find(host, 'RunPreStop')?.timeoutMs).to.equal(10_000);
    host.busy.add('container:c0002');
    host.run(6_000);
    host.busy.clear();
    host.doneOnce.add('RunPreStop c0002');
    expect(find(host, 'StopContainer')?.graceMs).to.be.within(3_800, 4_000);
    host.nowMs += 60_000;
    expect(find(host, 'StopContainer')?.graceMs, 'a hook that used all of it up').to.equal(2_000);
  });

  it('goes on when the hook failed, and does not run it again', () => {
    const host = start(withStop(HOOK));
    host.failures.set('container:c0002', { verb: 'RunPreStop', code: 'Failed', message: 'exit code 1', count: 1, lastAtMs: host.nowMs });
    host.declare(withStop(HOOK, 30, 1)).converge(300);
    expect(verbsOn(host, 'c0002')).to.deep.equal(['StopContainer', 'SaveLogs', 'RemoveContainer']);
  });

  it('sends a hook that is a request to the container itself, its named port and headers resolved', () => {
    const httpGet = { path: '/bye', port: 'web', httpHeaders: [{ name: 'X-Why', value: 'stop' }] };
    const change: Partial<Container> = { lifecycle: { preStop: { httpGet } }, ports: [{ name: 'web', containerPort: 8080 }] };
    const host = start(withStop(change));
    host.declare(withStop(change, 30, 1)).step();
    const address = host.containers.get('c0002')?.networks['coxswain-default'];
    expect(find(host, 'RunPreStop')?.hook).to.deep.equal({
      type: 'http',
      isTls: false,
      host: address,
      port: 8080,
      path: '/bye',
      headers: { 'X-Why': 'stop' },
    });
  });

  it('has no hook and no patience with a grace period of 0', () => {
    const host = start(withStop(HOOK, 0));
    host.declare(withStop(HOOK, 0, 1)).converge(300);
    expect(verbsOn(host, 'c0002')).to.deep.equal(['StopContainer', 'SaveLogs', 'RemoveContainer']);
  });
});

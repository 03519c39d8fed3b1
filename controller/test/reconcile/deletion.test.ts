/** What goes when objects go, in which order, and that nothing stays behind: whatever is deleted, made again or forgotten in between. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { Deployment, KubernetesObject, Namespace, PersistentVolumeClaim } from '../../src/model/objects.ts';
import { makeDeployment, makeIngress, makeService } from './objects.ts';
import { SimulatedHost } from './simulated-host.ts';

function inNamespace<T extends KubernetesObject>(namespace: string, object: T): T {
  return { ...object, metadata: { ...object.metadata, namespace } };
}

function withEmptyDir(deployment: Deployment): Deployment {
  const { template } = deployment.spec;
  const volumes = [{ name: 'cache', emptyDir: {} }];
  return { ...deployment, spec: { ...deployment.spec, template: { ...template, spec: { ...template.spec, volumes } } } };
}

const claim = (namespace: string): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data', namespace },
  spec: { accessModes: ['ReadWriteOnce'] },
});

const namespaceNames = (host: SimulatedHost): readonly string[] => [...(host.objects.get('Namespace')?.keys() ?? [])].sort();
const networkNames = (host: SimulatedHost): readonly string[] => [...host.networks.keys()].sort();

/** Without pod names and ids. */
const verbs = (host: SimulatedHost): readonly string[] => host.trace.map((line) => line.split(' ')[0] ?? '');

/** Undeclares, as the applier does. */
function undeclare(host: SimulatedHost, namespace: string): void {
  for (const kind of ['Ingress', 'Service', 'Deployment', 'PersistentVolumeClaim'] as const)
    for (const key of [...(host.objects.get(kind)?.keys() ?? [])]) if (key.startsWith(`${namespace}/`)) host.objects.get(kind)?.delete(key);
}

function mark(host: SimulatedHost, kind: 'Deployment' | 'Namespace', key: string): void {
  const object = host.objects.get(kind)?.get(key);
  if (object === undefined) throw new Error(`there is no ${kind} ${key}`);
  host.objects.get(kind)?.set(key, { ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
}

describe('deletion', () => {
  it('the network of a namespace goes with the last thing in it, and comes back with the next', () => {
    const host = new SimulatedHost()
      .declare(makeDeployment(), inNamespace('shop', makeDeployment()), inNamespace('shop', makeService()))
      .converge();
    expect(networkNames(host)).to.deep.equal(['coxswain-default', 'coxswain-shop']);
    expect(namespaceNames(host)).to.deep.equal(['/default', '/shop']);
    host.objects.get('Deployment')?.delete('shop/web');
    host.converge();
    expect(networkNames(host), 'a Service is there still').to.deep.equal(['coxswain-default', 'coxswain-shop']);
    host.objects.get('Service')?.delete('shop/web');
    host.converge();
    expect(networkNames(host)).to.deep.equal(['coxswain-default']);
    expect(namespaceNames(host)).to.deep.equal(['/default']);
    host.declare(inNamespace('shop', makeDeployment())).converge();
    expect(networkNames(host)).to.deep.equal(['coxswain-default', 'coxswain-shop']);
  });

  it('a network that is being removed is not one to make a container in', () => {
    const host = new SimulatedHost().declare(inNamespace('shop', makeDeployment())).converge();
    undeclare(host, 'shop');
    while (!host.plan().operations.some(({ verb }) => verb === 'RemoveNetwork')) host.step();
    host.busy.add('network:coxswain-shop');
    host.declare(inNamespace('shop', makeDeployment()));
    for (let pass = 0; pass < 5; pass++) host.step();
    expect(host.containers.size).to.equal(0);
    host.networks.clear();
    host.busy.clear();
    host.converge();
    expect([...host.containers.values()].map(({ phase }) => phase)).to.deep.equal(['running']);
  });

  it('nothing is removed while the manifests have errors', () => {
    const host = new SimulatedHost().declare(inNamespace('shop', makeDeployment())).converge();
    undeclare(host, 'shop');
    host.isRemovalAllowed = false;
    for (let pass = 0; pass < 10; pass++) host.step();
    expect([networkNames(host), namespaceNames(host), host.containers.size]).to.deep.equal([['coxswain-shop'], ['/default', '/shop'], 1]);
  });

  it('an emptyDir whose pod nobody remembers goes; the volume of a claim stays', () => {
    const host = new SimulatedHost().declare(withEmptyDir(makeDeployment()), claim('default')).converge();
    host.volumes.set('coxswain-default_data', { name: 'coxswain-default_data', labels: { 'coxswain.dev/claim': 'data' } });
    host.step();
    expect(host.get<PersistentVolumeClaim>('PersistentVolumeClaim', 'data').status).to.deep.equal({ phase: 'Bound' });
    // The control plane dies between the removal of the container and that of its emptyDir.
    undeclare(host, 'default');
    while (host.containers.size > 0) host.step();
    expect(host.volumes.size).to.equal(2);
    host.objects.get('Pod')?.clear();
    host.memory = { pods: new Map(), deployments: new Map() };
    host.converge();
    expect([...host.volumes.keys()]).to.deep.equal(['coxswain-default_data']);
  });

  it('a claim is bound by the volume of its own namespace only', () => {
    const host = new SimulatedHost().declare(claim('default'), claim('shop'));
    host.volumes.set('coxswain-shop_data', { name: 'coxswain-shop_data', labels: { 'coxswain.dev/claim': 'data' } });
    host.step();
    const phases = ['default', 'shop'].map(
      (namespace) => (host.objects.get('PersistentVolumeClaim')?.get(`${namespace}/data`) as PersistentVolumeClaim).status?.phase,
    );
    expect(phases).to.deep.equal(['Pending', 'Bound']);
  });

  it('a Deployment that is deleted in the foreground goes after its pods and ReplicaSets', () => {
    const host = new SimulatedHost().declare(makeDeployment({ replicas: 2 }), makeService(), makeIngress()).converge();
    mark(host, 'Deployment', 'default/web');
    const seen: string[] = [];
    for (let pass = 0; pass < 40; pass++) {
      host.step();
      host.nowMs += 100;
      const here = ['Pod', 'ReplicaSet', 'Deployment'].filter((kind) => (host.objects.get(kind as 'Pod')?.size ?? 0) > 0).join(' ');
      if (seen.at(-1) !== here) seen.push(here);
    }
    expect(seen).to.deep.equal(['Pod ReplicaSet Deployment', 'ReplicaSet Deployment', '']);
    expect(host.containers.size).to.equal(0);
  });

  it('a Deployment that goes takes its ReplicaSet along only after its pods', () => {
    const host = new SimulatedHost().declare(makeDeployment({ replicas: 2 })).converge();
    host.undeclare('Deployment', 'web');
    host.step();
    expect(host.objects.get('ReplicaSet')?.size).to.equal(1);
    host.converge();
    expect([host.objects.get('ReplicaSet')?.size, host.containers.size]).to.deep.equal([0, 0]);
  });

  it('a paused or half rolled out Deployment ends as well', () => {
    const host = new SimulatedHost().declare(makeDeployment({ replicas: 4 })).converge();
    host.declare(makeDeployment({ replicas: 4, image: 'web:2' }));
    for (let pass = 0; pass < 4; pass++) host.step();
    const deployment = host.get<Deployment>('Deployment', 'web');
    host.objects.get('Deployment')?.set('default/web', { ...deployment, spec: { ...deployment.spec, paused: true } });
    mark(host, 'Deployment', 'default/web');
    host.converge();
    expect([host.objects.get('Deployment')?.size, host.objects.get('ReplicaSet')?.size, host.containers.size]).to.deep.equal([0, 0, 0]);
  });

  it('a namespace is emptied in order: routes, pods, what they used, its network, itself', () => {
    const host = new SimulatedHost()
      .declare(
        ...[makeDeployment({ replicas: 2 }), makeService(), makeIngress()].map((object) => inNamespace('shop', object)),
        claim('shop'),
      )
      .converge();
    mark(host, 'Namespace', '/shop');
    host.trace.length = 0;
    const seen: string[] = [];
    for (let pass = 0; pass < 40; pass++) {
      host.step();
      host.nowMs += 100;
      const here = ['Ingress', 'Pod', 'Deployment', 'Service', 'PersistentVolumeClaim', 'Namespace']
        .filter((kind) => [...(host.objects.get(kind as 'Pod')?.keys() ?? [])].some((key) => key.startsWith('shop/') || key === '/shop'))
        .join(' ');
      if (seen.at(-1) !== here) seen.push(here);
    }
    expect(seen).to.deep.equal([
      'Pod Deployment Service PersistentVolumeClaim Namespace',
      'Deployment Service PersistentVolumeClaim Namespace',
      'Service PersistentVolumeClaim Namespace',
      'Namespace',
      '',
    ]);
    expect(verbs(host).at(-1)).to.equal('RemoveNetwork');
    expect([networkNames(host), host.containers.size]).to.deep.equal([[], 0]);
  });

  it('what manifests declare in a namespace that is being deleted stays', () => {
    const declared = inNamespace('shop', makeDeployment());
    const host = new SimulatedHost().declare({
      ...declared,
      metadata: { ...declared.metadata, annotations: { 'coxswain.dev/source': 'web.yaml' } },
    });
    host.declare(inNamespace('shop', makeService('other'))).converge();
    mark(host, 'Namespace', '/shop');
    host.converge();
    const namespace = host.objects.get('Namespace')?.get('/shop') as Namespace;
    expect(namespace.metadata.deletionTimestamp).to.equal(undefined);
    expect(host.objects.get('Service')?.size).to.equal(0);
    expect([...host.containers.values()].map(({ phase }) => phase)).to.deep.equal(['running']);
  });

  const step = fc.record({
    do: fc.constantFrom('declare', 'undeclare', 'foreground', 'namespace', 'roll', 'forget', 'run'),
    namespace: fc.constantFrom('default', 'shop'),
    passes: fc.integer({ min: 1, max: 8 }),
  });

  for (const hostPorts of [undefined, '8000-8009']) {
    it(`leaks no container, network, emptyDir or port (${hostPorts ?? 'no'} host ports)`, () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
          const host = new SimulatedHost();
          const web = (namespace: string, image: string): Deployment =>
            inNamespace(
              namespace,
              withEmptyDir(
                makeDeployment({ replicas: 2, image, ...(hostPorts && { hostPorts: namespace === 'shop' ? '8100-8109' : hostPorts }) }),
              ),
            );
          for (const { do: what, namespace, passes } of steps) {
            const has = host.objects.get('Deployment')?.has(`${namespace}/web`) === true;
            if (what === 'declare') host.declare(web(namespace, 'web:1'), inNamespace(namespace, makeService()));
            if (what === 'roll') host.declare(web(namespace, 'web:2'), inNamespace(namespace, makeService()));
            if (what === 'undeclare') undeclare(host, namespace);
            if (what === 'foreground' && has) mark(host, 'Deployment', `${namespace}/web`);
            if (what === 'namespace' && host.objects.get('Namespace')?.has('/shop') === true) mark(host, 'Namespace', '/shop');
            if (what === 'forget') {
              host.objects.get('Pod')?.clear();
              host.memory = { pods: new Map(), deployments: new Map() };
            }
            for (let pass = 0; pass < passes; pass++) {
              host.probe();
              host.step();
              host.nowMs += 100;
            }
          }
          host.converge(1_000, 500);
          const wanted = [...(host.objects.get('Deployment')?.values() ?? [])];
          expect(host.containers.size).to.equal(wanted.length * 2);
          expect([...host.containers.values()].every(({ phase }) => phase === 'running')).to.equal(true);
          expect(host.volumes.size).to.equal(wanted.length * 2);
          expect(host.objects.get('ReplicaSet')?.size ?? 0).to.be.at.most(wanted.length * 2);
          const used = new Set(
            [...wanted, ...(host.objects.get('Service')?.values() ?? [])].map(({ metadata }) => `coxswain-${metadata.namespace ?? ''}`),
          );
          expect(networkNames(host).filter((name) => !used.has(name))).to.deep.equal([]);
          for (const kind of ['Deployment', 'Namespace'] as const)
            for (const { metadata } of host.objects.get(kind)?.values() ?? [])
              expect(metadata.deletionTimestamp, `${kind} ${metadata.name}`).to.equal(undefined);
          undeclare(host, 'default');
          undeclare(host, 'shop');
          host.converge(1_000, 500);
          expect([host.containers.size, host.volumes.size, host.networks.size, host.objects.get('ReplicaSet')?.size]).to.deep.equal([
            0, 0, 0, 0,
          ]);
        }),
        { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 100) },
      );
    }).timeout(60_000);
  }
});

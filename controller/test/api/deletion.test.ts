import { expect } from 'chai';
import type { KubernetesObject } from '../../src/model/objects.ts';
import { configMap, deployment, pod } from '../state/fixtures.ts';
import { startFixture } from './api-fixture.ts';
import type { ApiFixture } from './api-fixture.ts';

const ACTS = '/apis/apps/v1/namespaces/default/deployments/acts';

describe('DELETE', () => {
  let api: ApiFixture;

  beforeEach(async () => {
    api = await startFixture();
  });

  afterEach(() => api.close());

  it('removes a Deployment at once, or after its pods when asked to, and orphans nobody', async () => {
    api.store.create(deployment('acts'));
    const orphaned = await api.call('DELETE', ACTS, { propagationPolicy: 'Orphan' });
    expect(orphaned.code).to.equal(400);
    expect(orphaned.text).to.include('Orphan is not supported');
    expect((await api.call('DELETE', `${ACTS}?propagationPolicy=Sideways`)).code).to.equal(400);
    const marked = await api.call('DELETE', ACTS, { propagationPolicy: 'Foreground' });
    expect(marked.code).to.equal(200);
    expect(api.store.get('Deployment', 'default/acts')?.metadata.deletionTimestamp).to.be.a('string');
    expect((await api.call('DELETE', `${ACTS}?propagationPolicy=Background`)).body).to.include({ status: 'Success' });
    expect(api.store.get('Deployment', 'default/acts')).to.equal(undefined);
  });

  it('removes a namespace in order, but neither the default one nor one that manifests declare things in', async () => {
    expect((await api.call('DELETE', '/api/v1/namespaces/default')).code).to.equal(404);
    for (const name of ['default', 'shop']) api.store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    expect((await api.call('DELETE', '/api/v1/namespaces/default')).code).to.equal(403);
    const declared = configMap('greetings', 'hello');
    const metadata = { ...declared.metadata, namespace: 'shop', annotations: { 'coxswain.dev/source': 'shop.yaml' } };
    api.store.create({ ...declared, metadata });
    const refused = await api.call('DELETE', '/api/v1/namespaces/shop');
    expect(refused.code).to.equal(409);
    expect(refused.text).to.include('configmap/greetings.shop in shop.yaml');
    api.store.delete('ConfigMap', 'shop/greetings');
    expect((await api.call('DELETE', '/api/v1/namespaces/shop')).code).to.equal(200);
    expect(api.store.get('Namespace', '/shop')?.metadata.deletionTimestamp).to.be.a('string');
  });

  it('removes a ReplicaSet once it has no pods: it would leave them to nobody', async () => {
    const OLD = '/apis/apps/v1/namespaces/default/replicasets/acts-1';
    const owned = (kind: string, { metadata }: KubernetesObject): object => ({
      ownerReferences: [{ apiVersion: 'apps/v1', kind, name: metadata.name, uid: metadata.uid ?? '', controller: true }],
    });
    const acts = api.store.create(deployment('acts'));
    const metadata = { name: 'acts-1', namespace: 'default', ...owned('Deployment', acts) };
    const old = api.store.create({ apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata, spec: { selector: {} } });
    const serving = pod('acts-1-0');
    api.store.create({ ...serving, metadata: { ...serving.metadata, ...owned('ReplicaSet', old) } });
    const refused = await api.call('DELETE', OLD);
    expect(refused.code).to.equal(409);
    expect(refused.text).to.include('replicaset acts-1 has 1 pod of deployment/acts').and.to.include('coxswain rollout restart');
    api.store.delete('Pod', 'default/acts-1-0');
    expect((await api.call('DELETE', OLD)).code).to.equal(200);
  });
});

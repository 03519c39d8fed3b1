import { expect } from 'chai';
import type { StoreChange } from '../../src/state/change-history.ts';
import type { ObjectStore } from '../../src/state/object-store.ts';
import { StoreError } from '../../src/state/store-error.ts';
import { configMap, deployment, event, openStore, pod } from './fixtures.ts';
import { MemoryFileSystem } from './memory-file-system.ts';

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof StoreError) return error.code;
    throw error;
  }
  return 'no error';
}

describe('object store', () => {
  let disk: MemoryFileSystem;
  let store: ObjectStore;
  let changes: StoreChange[];

  beforeEach(async () => {
    disk = new MemoryFileSystem();
    ({ store } = await openStore(disk));
    changes = [];
    store.changes.on('change', (change) => changes.push(change));
  });

  it('gives a created object uid, creationTimestamp, generation and resourceVersion', () => {
    const created = store.create(deployment('acts'));
    expect(created.metadata.uid).to.match(/^[0-9a-f-]{36}$/);
    expect(created.metadata.creationTimestamp).to.equal('2026-01-31T10:15:00Z');
    expect(created.metadata.generation).to.equal(1);
    expect(created.metadata.resourceVersion).to.equal(store.resourceVersion);
    expect(store.get('Deployment', 'default/acts')).to.equal(created);
    expect(store.list('Deployment').size).to.equal(1);
  });

  it('keeps the uid and creationTimestamp a rebuilt object already has', () => {
    const created = store.create({
      ...pod('acts-0'),
      metadata: { name: 'acts-0', namespace: 'default', uid: 'u1', creationTimestamp: '2020-01-01T00:00:00Z' },
    });
    expect(created.metadata.uid).to.equal('u1');
    expect(created.metadata.creationTimestamp).to.equal('2020-01-01T00:00:00Z');
  });

  it('refuses by code: AlreadyExists, NotFound, Conflict', () => {
    const created = store.create(deployment('acts'));
    expect(codeOf(() => store.create(deployment('acts')))).to.equal('AlreadyExists');
    expect(codeOf(() => store.update(deployment('users')))).to.equal('NotFound');
    expect(codeOf(() => store.updateStatus(deployment('users')))).to.equal('NotFound');
    expect(codeOf(() => store.delete('Deployment', 'default/users'))).to.equal('NotFound');
    store.update(deployment('acts', 2));
    const stale = { expectedResourceVersion: created.metadata.resourceVersion };
    expect(codeOf(() => store.update(deployment('acts', 3), stale))).to.equal('Conflict');
    expect(codeOf(() => store.delete('Deployment', 'default/acts', { expectedUid: 'another' }))).to.equal('Conflict');
    expect(store.get('Deployment', 'default/acts')?.spec.replicas).to.equal(2);
  });

  it('bumps the generation with the spec only', () => {
    store.create(deployment('acts'));
    expect(
      store.update({ ...deployment('acts'), metadata: { name: 'acts', namespace: 'default', annotations: { a: 'b' } } }).metadata
        .generation,
    ).to.equal(1);
    expect(store.update(deployment('acts', 2)).metadata.generation).to.equal(2);
    expect(store.updateStatus({ ...deployment('acts', 9), status: { replicas: 2 } }).metadata.generation).to.equal(2);
    expect(store.get('Deployment', 'default/acts')?.spec.replicas).to.equal(2);
  });

  it('keeps the status over an update and the spec over a status update', () => {
    store.create(deployment('acts'));
    store.updateStatus({ ...deployment('acts'), status: { readyReplicas: 1 } });
    const updated = store.update(deployment('acts', 4));
    expect(updated.status).to.deep.equal({ readyReplicas: 1 });
    expect(updated.spec.replicas).to.equal(4);
  });

  it('does nothing when the content is the same', async () => {
    const created = store.create(deployment('acts'));
    store.updateStatus({ ...deployment('acts'), status: { readyReplicas: 1 } });
    store.putRecord('counts', { a: [1, 2] });
    await store.flushed();
    const version = store.resourceVersion;
    const { operations } = disk;
    changes.length = 0;
    store.update(deployment('acts'));
    store.update({ ...deployment('acts'), metadata: { ...created.metadata } });
    store.updateStatus({ ...deployment('acts'), status: { readyReplicas: 1 } });
    store.putRecord('counts', { a: [1, 2] });
    await store.flushed();
    expect(store.resourceVersion).to.equal(version);
    expect(changes).to.deep.equal([]);
    expect(disk.operations).to.equal(operations);
  });

  it('writes nothing for a status, a Pod, a Node or an EndpointSlice', async () => {
    store.create(deployment('acts'));
    await store.flushed();
    const { operations } = disk;
    store.updateStatus({ ...deployment('acts'), status: { readyReplicas: 1 } });
    store.create(pod('acts-0'));
    store.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'host' } });
    store.create({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'acts', namespace: 'default' },
      addressType: 'IPv4',
      endpoints: [],
      ports: [],
    });
    store.delete('Pod', 'default/acts-0');
    await store.flushed();
    expect(changes).to.have.length(6);
    expect(disk.operations).to.equal(operations);
  });

  it('writes all changes of one tick with one append and one sync', async () => {
    const operations: string[] = [];
    disk.beforeOperation = (name) => operations.push(name);
    for (let i = 0; i < 50; i += 1) store.create(configMap(`c${i}`, 'x'));
    await store.flushed();
    // The last two note the newest record's number, unsynced.
    expect(operations).to.deep.equal(['append', 'sync', 'truncate', 'append']);
  });

  it('tells listeners of every change in order, also of those a listener makes', () => {
    const seen: string[] = [];
    store.changes.on('change', ({ type, object }) => {
      if (type === 'ADDED' && object.kind === 'Deployment') store.create(configMap('from-listener', 'x'));
    });
    store.changes.on('change', ({ type, object }) => seen.push(`${type} ${object.kind}`));
    store.create(deployment('acts'));
    store.update(deployment('acts', 2));
    store.delete('Deployment', 'default/acts');
    expect(seen).to.deep.equal(['ADDED Deployment', 'ADDED ConfigMap', 'MODIFIED Deployment', 'DELETED Deployment']);
    const versions = changes.map((change) => change.resourceVersion);
    expect(versions).to.deep.equal([...versions].sort((a, b) => a - b));
    expect(changes[2]?.previous).to.have.nested.property('spec.replicas', 1);
  });

  it('marks a Pod as being deleted once, and an update cannot take that back', () => {
    store.create(pod('acts-0'));
    const marked = store.markDeleted('Pod', 'default/acts-0');
    expect(marked.metadata.deletionTimestamp).to.equal('2026-01-31T10:15:00Z');
    expect(store.markDeleted('Pod', 'default/acts-0')).to.equal(marked);
    expect(store.update(pod('acts-0', { a: 'b' })).metadata.deletionTimestamp).to.equal('2026-01-31T10:15:00Z');
  });

  it('keeps the newest Events only; a repeated one counts as new', async () => {
    ({ store } = await openStore(disk, { limits: { events: 3 } }));
    for (const name of ['a', 'b', 'c']) store.create(event(name));
    store.update({ ...event('a'), count: 2 });
    store.create(event('d'));
    expect([...store.list('Event').keys()]).to.deep.equal(['default/c', 'default/a', 'default/d']);
    await store.flushed();
    const { store: again } = await openStore(disk.copy());
    expect([...again.list('Event').keys()]).to.deep.equal(['default/c', 'default/a', 'default/d']);
  });

  it('lets a watch resume within the kept history and answers Expired outside of it', async () => {
    ({ store } = await openStore(disk, { limits: { history: 10 } }));
    const start = Number(store.resourceVersion);
    for (let i = 0; i < 5; i += 1) store.create(configMap(`c${i}`, 'x'));
    expect(store.changesAfter(start)).to.have.length(5);
    expect(store.changesAfter(start + 3).map((change) => change.object.metadata.name)).to.deep.equal(['c3', 'c4']);
    expect(store.changesAfter(Number(store.resourceVersion))).to.deep.equal([]);
    for (let i = 5; i < 40; i += 1) store.create(configMap(`c${i}`, 'x'));
    expect(store.changesAfter(Number(store.resourceVersion) - 10)).to.have.length(10);
    expect(codeOf(() => store.changesAfter(start))).to.equal('Expired');
    expect(codeOf(() => store.changesAfter(start - 1))).to.equal('Expired');
    expect(codeOf(() => store.changesAfter(Number(store.resourceVersion) + 1))).to.equal('Expired');
  });

  it('refuses changes after close', async () => {
    await store.close();
    expect(codeOf(() => store.create(deployment('acts')))).to.equal('Closed');
  });
});

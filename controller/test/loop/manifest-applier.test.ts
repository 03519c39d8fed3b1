import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { EventRecorder } from '../../src/loop/event-recorder.ts';
import { GeneratedSecrets } from '../../src/loop/generated-secrets.ts';
import { ManifestApplier } from '../../src/loop/manifest-applier.ts';
import type { ManifestError } from '../../src/manifest/manifest-error.ts';
import type { ManifestSnapshot } from '../../src/manifest/manifest-snapshot.ts';
import type { DeclarableObject, Deployment, Pod } from '../../src/model/objects.ts';
import type { ObjectStore } from '../../src/state/object-store.ts';
import { generatePassword } from '../../src/state/secret-files.ts';
import { nodeFileSystem } from '../../src/state/state-file-system.ts';
import { FakeRuntime } from '../runtime/fake-runtime.ts';
import { configMap, deployment, openStore, silent } from '../state/fixtures.ts';
import { MemoryFileSystem } from '../state/memory-file-system.ts';

/** File -> what it declares, in the order given. */
function snapshot(files: Readonly<Record<string, readonly DeclarableObject[]>>, errors: readonly ManifestError[] = []): ManifestSnapshot {
  const objects = Object.entries(files).flatMap(([file, all]) => all.map((object) => ({ object, source: { file, line: 1 } })));
  return { objects, errors, warnings: [] };
}

function barePod(image: string, change: Partial<Pod['metadata']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'tool', namespace: 'default', ...change },
    spec: { containers: [{ name: 'main', image }] },
  };
}

const BROKEN = { code: 'yaml', message: 'broken', source: { file: 'broken.yaml', line: 3, column: 1 } } as unknown as ManifestError;

describe('ManifestApplier', () => {
  const directory = mkdtempSync(join(tmpdir(), 'coxswain-applier-'));
  const fileSystem = (): MemoryFileSystem => new MemoryFileSystem();
  let files: MemoryFileSystem;
  let store: ObjectStore;
  let applier: ManifestApplier;
  let running: number;
  beforeEach(async () => {
    files = fileSystem();
    running = 0;
    await open();
  });
  afterEach(() => store.close());
  after(() => rmSync(directory, { recursive: true, force: true }));

  async function open(): Promise<void> {
    ({ store } = await openStore(files));
    const outside = { runtime: new FakeRuntime(), containers: () => [], fileSystem: nodeFileSystem, generatePassword, logger: silent };
    const secrets = new GeneratedSecrets({ directory, ...outside });
    const events = new EventRecorder(store, () => 0);
    applier = new ManifestApplier({
      store,
      secrets,
      events,
      runningReplicas: () => running,
      runningRestart: () => undefined,
      logger: silent,
    });
  }

  async function restart(): Promise<void> {
    await store.close();
    await open();
  }

  const web = (): Deployment => store.get('Deployment', 'default/web')!;
  const scale = (replicas: number): void => void store.update({ ...web(), spec: { ...web().spec, replicas } });
  const labelled = (replicas: number, tier: string): Deployment => {
    const object = deployment('web', replicas);
    return { ...object, metadata: { ...object.metadata, labels: { tier } } };
  };

  it('what is declared becomes objects, with the file they came from', async () => {
    const { changes } = await applier.apply(snapshot({ 'web.yaml': [deployment('web', 2), configMap('web', 'a')] }));
    expect(changes).to.deep.equal(['deployment/web created', 'configmap/web created']);
    expect(web().metadata.annotations).to.deep.equal({ 'coxswain.dev/source': 'web.yaml', 'coxswain.dev/declared-replicas': '2' });
    expect([...store.list('Event').values()].map(({ reason, message }) => `${reason}: ${message}`)).to.deep.equal([
      'Declared: Created from web.yaml',
      'Declared: Created from web.yaml',
    ]);
  });

  it('the same manifests again change nothing, over a restart too', async () => {
    const declared = snapshot({ 'web.yaml': [deployment('web', 2), configMap('web', 'a')] });
    await applier.apply(declared);
    const { resourceVersion } = store;
    expect((await applier.apply(declared)).changes).to.deep.equal([]);
    expect(store.resourceVersion).to.equal(resourceVersion);
    await restart();
    const before = store.resourceVersion;
    expect((await applier.apply(declared)).changes).to.deep.equal([]);
    expect(store.resourceVersion).to.equal(before);
  });

  it('a scale survives an unchanged manifest', async () => {
    const declared = snapshot({ 'web.yaml': [deployment('web', 2)] });
    await applier.apply(declared);
    scale(5);
    await applier.apply(declared);
    expect(web().spec.replicas).to.equal(5);
    await restart();
    await applier.apply(declared);
    expect(web().spec.replicas).to.equal(5);
  });

  it('a scale survives an edit of something else, over a restart too', async () => {
    await applier.apply(snapshot({ 'web.yaml': [labelled(2, 'a')] }));
    scale(5);
    expect((await applier.apply(snapshot({ 'web.yaml': [labelled(2, 'b')] }))).changes).to.deep.equal(['deployment/web configured']);
    expect(web().metadata.labels).to.deep.equal({ tier: 'b' });
    expect(web().spec.replicas).to.equal(5);
    await restart();
    await applier.apply(snapshot({ 'web.yaml': [labelled(2, 'c')] }));
    expect(web().spec.replicas).to.equal(5);
  });

  it('an image set over the API survives an edit of something else, over a restart too, and ends with an edit of the template', async () => {
    const image = (): string | undefined => web().spec.template.spec.containers[0]?.image;
    await applier.apply(snapshot({ 'web.yaml': [labelled(2, 'a')] }));
    const { template } = web().spec;
    const containers = template.spec.containers.map((container) => ({ ...container, image: 'web:9' }));
    store.update({ ...web(), spec: { ...web().spec, template: { ...template, spec: { ...template.spec, containers } } } });
    await applier.apply(snapshot({ 'web.yaml': [labelled(2, 'b')] }));
    expect(image()).to.equal('web:9');
    await restart();
    await applier.apply(snapshot({ 'moved.yaml': [labelled(2, 'b')] }));
    expect(image()).to.equal('web:9');
    const declared = labelled(2, 'b');
    const edited = { ...declared.spec.template, metadata: { ...declared.spec.template.metadata, annotations: { edited: 'yes' } } };
    await applier.apply(snapshot({ 'web.yaml': [{ ...declared, spec: { ...declared.spec, template: edited } }] }));
    expect(image()).to.equal('web:latest');
  });

  it('an edit of the replicas ends a scale', async () => {
    await applier.apply(snapshot({ 'web.yaml': [deployment('web', 2)] }));
    scale(5);
    await applier.apply(snapshot({ 'web.yaml': [deployment('web', 3)] }));
    expect(web().spec.replicas).to.equal(3);
  });

  it('an object that somebody deleted comes back', async () => {
    const declared = snapshot({ 'web.yaml': [deployment('web', 2), configMap('web', 'a')] });
    await applier.apply(declared);
    store.delete('Deployment', 'default/web');
    store.delete('ConfigMap', 'default/web');
    expect((await applier.apply(declared)).changes).to.deep.equal(['deployment/web created', 'configmap/web created']);
  });

  it('an object that an erroneous file declared comes back too: the file keeps what it last declared', async () => {
    await applier.apply(snapshot({ 'broken.yaml': [configMap('kept', 'a')] }));
    store.delete('ConfigMap', 'default/kept');
    await applier.apply(snapshot({ 'other.yaml': [configMap('other', 'a')] }, [BROKEN]));
    expect([...store.list('ConfigMap').keys()].sort()).to.deep.equal(['default/kept', 'default/other']);
  });

  it('what is no longer declared goes, and says so', async () => {
    await applier.apply(snapshot({ 'a.yaml': [configMap('a', '1')], 'b.yaml': [configMap('b', '1')] }));
    expect((await applier.apply(snapshot({ 'a.yaml': [configMap('a', '1')] }))).changes).to.deep.equal(['configmap/b deleted']);
    expect([...store.list('ConfigMap').keys()]).to.deep.equal(['default/a']);
    expect([...store.list('Event').values()].at(-1)?.message).to.equal('Deleted: no manifest declares it any more');
  });

  it('what nobody declared is left alone', async () => {
    await applier.apply(snapshot({ 'a.yaml': [configMap('a', '1')] }));
    store.create(configMap('by-hand', '1'));
    await applier.apply(snapshot({ 'a.yaml': [configMap('a', '2')] }));
    expect([...store.list('ConfigMap').keys()].sort()).to.deep.equal(['default/a', 'default/by-hand']);
  });

  it('an empty directory deletes nothing until it is confirmed', async () => {
    await applier.apply(snapshot({ 'a.yaml': [configMap('a', '1'), configMap('b', '1')] }));
    expect((await applier.apply(snapshot({}))).changes).to.deep.equal([]);
    expect(applier.conditions.map(({ code, message }) => `${code}: ${message}`)).to.deep.equal([
      'WouldDeleteEverything: this would delete all 2 objects; confirm with "coxswain apply --prune"',
    ]);
    expect(applier.isRemovalAllowed).to.equal(false);
    expect(store.list('ConfigMap').size).to.equal(2);
    expect((await applier.apply(snapshot({}), true)).changes).to.deep.equal(['configmap/a deleted', 'configmap/b deleted']);
    expect(applier.isRemovalAllowed).to.equal(true);
  });

  it('with an error anywhere nothing is removed', async () => {
    expect(applier.isRemovalAllowed, 'nothing was read yet').to.equal(false);
    await applier.apply(snapshot({ 'a.yaml': [configMap('a', '1')], 'b.yaml': [configMap('b', '1')] }));
    expect(applier.isRemovalAllowed).to.equal(true);
    expect((await applier.apply(snapshot({ 'a.yaml': [configMap('a', '1')] }, [BROKEN]))).changes).to.deep.equal([]);
    expect(applier.isRemovalAllowed).to.equal(false);
    expect(store.list('ConfigMap').size).to.equal(2);
  });

  describe('when only the record of what was applied was lost', () => {
    const both = { 'web.yaml': [deployment('web', 2)], 'other.yaml': [configMap('other', 'a')] };
    beforeEach(async () => {
      await applier.apply(snapshot(both));
      store.create(configMap('by-hand', 'mine'));
      store.putRecord('applied manifests', undefined);
      await restart();
    });

    it('what is no longer declared goes all the same, and what nobody declared stays', async () => {
      const { changes } = await applier.apply(snapshot({ 'web.yaml': [deployment('web', 2)] }));
      expect(changes).to.deep.equal(['configmap/other deleted']);
      expect([...store.list('ConfigMap').keys()]).to.deep.equal(['default/by-hand']);
    });

    it('the same manifests change nothing', async () => {
      expect((await applier.apply(snapshot(both))).changes).to.deep.equal([]);
    });

    it('with an error, or with nothing declared, nothing goes', async () => {
      expect((await applier.apply(snapshot({ 'web.yaml': [deployment('web', 2)] }, [BROKEN]))).changes).to.deep.equal([]);
      expect((await applier.apply(snapshot({}))).changes).to.deep.equal([]);
      expect(applier.conditions.map(({ code }) => code)).to.deep.equal(['WouldDeleteEverything']);
      expect([...store.list('ConfigMap').keys()].sort()).to.deep.equal(['default/by-hand', 'default/other']);
    });
  });

  describe('when the state was lost', () => {
    it('takes over the number of replicas that run', async () => {
      running = 5;
      await applier.apply(snapshot({ 'web.yaml': [deployment('web', 2)] }));
      expect(web().spec.replicas).to.equal(5);
      await applier.apply(snapshot({ 'web.yaml': [deployment('web', 2)] }));
      expect(web().spec.replicas, 'and keeps it as any scale').to.equal(5);
    });

    it('starts as declared when nothing runs', async () => {
      await applier.apply(snapshot({ 'web.yaml': [deployment('web', 2)] }));
      expect(web().spec.replicas).to.equal(2);
    });

    it('but not when it was not: a Deployment that is new is as declared', async () => {
      await applier.apply(snapshot({ 'a.yaml': [configMap('a', '1')] }));
      await restart();
      running = 5;
      await applier.apply(snapshot({ 'a.yaml': [configMap('a', '1')], 'web.yaml': [deployment('web', 2)] }));
      expect(web().spec.replicas).to.equal(2);
    });
  });

  describe('a pod declared by itself', () => {
    const tool = (): Pod => store.get('Pod', 'default/tool')!;

    it('is the same pod after a restart: its containers carry its uid', async () => {
      await applier.apply(snapshot({ 'tool.yaml': [barePod('tool:1')] }));
      const { uid } = tool().metadata;
      await restart();
      expect(store.get('Pod', 'default/tool'), 'pods are not saved').to.equal(undefined);
      await applier.apply(snapshot({ 'tool.yaml': [barePod('tool:1')] }));
      expect(tool().metadata.uid).to.equal(uid);
    });

    it('with another spec is another pod: the old one ends first', async () => {
      await applier.apply(snapshot({ 'tool.yaml': [barePod('tool:1')] }));
      const { uid } = tool().metadata;
      expect((await applier.apply(snapshot({ 'tool.yaml': [barePod('tool:2')] }))).changes).to.deep.equal(['pod/tool replaced']);
      expect(tool().metadata).to.include({ uid }).and.to.have.property('deletionTimestamp');
      store.delete('Pod', 'default/tool');
      expect((await applier.apply(snapshot({ 'tool.yaml': [barePod('tool:2')] }))).changes).to.deep.equal(['pod/tool created']);
      expect(tool().metadata.uid).to.not.equal(uid);
      expect(tool().spec.containers[0]?.image).to.equal('tool:2');
    });

    it('goes on when only the file that declares it has another name', async () => {
      await applier.apply(snapshot({ 'tool.yaml': [barePod('tool:1')] }));
      await applier.apply(snapshot({ 'renamed.yaml': [barePod('tool:1')] }));
      expect(tool().metadata).to.not.have.property('deletionTimestamp');
    });

    it('goes on when only an annotation changes', async () => {
      await applier.apply(snapshot({ 'tool.yaml': [barePod('tool:1', { annotations: { note: 'a' } })] }));
      await applier.apply(snapshot({ 'tool.yaml': [barePod('tool:1', { annotations: { note: 'b' } })] }));
      expect(tool().metadata).to.not.have.property('deletionTimestamp');
    });

    it('is stopped gracefully when it is no longer declared', async () => {
      await applier.apply(snapshot({ 'tool.yaml': [barePod('tool:1')], 'a.yaml': [configMap('a', '1')] }));
      await applier.apply(snapshot({ 'a.yaml': [configMap('a', '1')] }));
      expect(tool().metadata).to.have.property('deletionTimestamp');
    });
  });
});

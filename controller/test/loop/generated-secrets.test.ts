import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { EventRecorder } from '../../src/loop/event-recorder.ts';
import { GeneratedSecrets } from '../../src/loop/generated-secrets.ts';
import { ManifestApplier } from '../../src/loop/manifest-applier.ts';
import { LABEL } from '../../src/model/annotations.ts';
import type { Deployment, Secret } from '../../src/model/objects.ts';
import type { ContainerSpec } from '../../src/model/operation.ts';
import { generatePassword } from '../../src/state/secret-files.ts';
import { nodeFileSystem } from '../../src/state/state-file-system.ts';
import type { FakeContainer } from '../runtime/fake-container.ts';
import { FakeRuntime } from '../runtime/fake-runtime.ts';
import { deployment, openStore, silent } from '../state/fixtures.ts';
import { MemoryFileSystem } from '../state/memory-file-system.ts';

const SECRET: Secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'db', namespace: 'default', annotations: { 'coxswain.dev/generate': 'password' } },
};

/** Gets the key of the Secret as an environment variable. */
function consumer(name = 'db', secret = 'db', key = 'password'): Deployment {
  const object = deployment(name);
  const env = [{ name: 'PASSWORD', valueFrom: { secretKeyRef: { name: secret, key } } }];
  const containers = [{ name: 'main', image: 'db:1', env }];
  return { ...object, spec: { ...object.spec, template: { ...object.spec.template, spec: { containers } } } };
}

const decode = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString();

describe('GeneratedSecrets', () => {
  let directory: string;
  let runtime: FakeRuntime;
  let isEngineDown: boolean;
  beforeEach(() => {
    directory = join(mkdtempSync(join(tmpdir(), 'coxswain-secrets-')), 'secrets');
    isEngineDown = false;
    runtime = new FakeRuntime({ images: ['db:1'], fault: () => (isEngineDown ? 'before' : 'none') });
  });
  afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

  const generator = (): GeneratedSecrets =>
    new GeneratedSecrets({
      directory,
      runtime,
      containers: () => [...runtime.containers.values()].map((container: FakeContainer) => container.inspect()),
      fileSystem: nodeFileSystem,
      generatePassword,
      logger: silent,
    });

  async function run(name: string, owner: string, env: readonly string[]): Promise<void> {
    const labels = { [LABEL.instance]: 'default', [LABEL.owner]: owner, [LABEL.namespace]: 'default' };
    const spec = { name, image: 'db:1', env, labels, network: 'n', networkAliases: [], ports: [], mounts: [] } as unknown as ContainerSpec;
    await runtime.createContainer(spec, new AbortController().signal);
  }

  it('a value is generated once and then always the same', async () => {
    const first = await generator().valuesOf(SECRET, ['password'], []);
    expect(decode(first['password'])).to.match(/^[\w-]{32}$/);
    expect(await generator().valuesOf(SECRET, ['password'], [])).to.deep.equal(first);
  });

  it('is on disk, for its owner only, before it is used', async () => {
    await generator().valuesOf(SECRET, ['password'], []);
    expect(readdirSync(directory)).to.deep.equal(['default.db.yaml']);
    expect((statSync(join(directory, 'default.db.yaml')).mode & 0o777).toString(8)).to.equal('600');
    expect((statSync(directory).mode & 0o777).toString(8)).to.equal('700');
  });

  it('each key, name and namespace has its own value, and a new key leaves the others', async () => {
    const { password } = await generator().valuesOf(SECRET, ['password'], []);
    const both = await generator().valuesOf(SECRET, ['password', 'token'], []);
    expect(both['password']).to.equal(password);
    expect(both['token']).to.not.equal(password);
    const other = { ...SECRET, metadata: { ...SECRET.metadata, namespace: 'other' } };
    expect((await generator().valuesOf(other, ['password'], []))['password']).to.not.equal(password);
    expect((await generator().valuesOf(SECRET, ['token'], []))['token']).to.equal(both['token']);
    expect((await generator().valuesOf(SECRET, ['password'], []))['password']).to.equal(password);
  });

  it('is recovered from the environment of a container after its file was lost, and saved again', async () => {
    await run('db-0', 'Deployment/db', ['OTHER=x', 'PASSWORD=from=the=container']);
    const values = await generator().valuesOf(SECRET, ['password'], [consumer()]);
    expect(decode(values['password'])).to.equal('from=the=container');
    runtime.containers.clear();
    expect(await generator().valuesOf(SECRET, ['password'], [consumer()])).to.deep.equal(values);
  });

  it('the file counts more than a container', async () => {
    const first = await generator().valuesOf(SECRET, ['password'], [consumer()]);
    await run('db-0', 'Deployment/db', ['PASSWORD=stale']);
    expect(await generator().valuesOf(SECRET, ['password'], [consumer()])).to.deep.equal(first);
  });

  it('is not taken from what only looks alike: another owner, variable, Secret or namespace', async () => {
    await run('x-0', 'Deployment/x', ['PASSWORD=wrong']);
    await run('db-0', 'Deployment/db', ['PASSWORD2=wrong']);
    await run('y-0', 'Deployment/y', ['PASSWORD=wrong']);
    await run('z-0', 'Deployment/z', ['PASSWORD=wrong']);
    const elsewhere = consumer('z');
    const deployments = [consumer(), consumer('y', 'another'), { ...elsewhere, metadata: { ...elsewhere.metadata, namespace: 'other' } }];
    expect(decode((await generator().valuesOf(SECRET, ['password'], deployments))['password'])).to.match(/^[\w-]{32}$/);
  });

  it('is not taken from a container of the same owner in another namespace', async () => {
    const labels = { [LABEL.instance]: 'default', [LABEL.owner]: 'Deployment/db', [LABEL.namespace]: 'other' };
    const spec = { name: 'o', image: 'db:1', env: ['PASSWORD=theirs'], labels, network: 'n', networkAliases: [], ports: [], mounts: [] };
    await runtime.createContainer(spec as unknown as ContainerSpec, new AbortController().signal);
    expect(decode((await generator().valuesOf(SECRET, ['password'], [consumer()]))['password'])).to.not.equal('theirs');
  });

  it('a container that cannot be asked is passed over', async () => {
    await run('db-0', 'Deployment/db', ['PASSWORD=known']);
    isEngineDown = true;
    expect(decode((await generator().valuesOf(SECRET, ['password'], [consumer()]))['password'])).to.match(/^[\w-]{32}$/);
  });

  it('the applier completes a declared Secret once, over lost state too', async () => {
    const apply = async (): Promise<Secret | undefined> => {
      const { store } = await openStore(new MemoryFileSystem());
      const events = new EventRecorder(store, () => 0);
      const applier = new ManifestApplier({
        store,
        secrets: generator(),
        events,
        runningReplicas: () => 0,
        runningRestart: () => undefined,
        logger: silent,
      });
      const objects = [{ object: SECRET, source: { file: 'db.yaml', line: 1 } }];
      await applier.apply({ objects, errors: [], warnings: [] });
      await applier.apply({ objects, errors: [], warnings: [] });
      const secret = store.get('Secret', 'default/db');
      await store.close();
      return secret;
    };
    const first = await apply();
    expect(decode(first?.data?.['password'])).to.match(/^[\w-]{32}$/);
    expect((await apply())?.data).to.deep.equal(first?.data);
  });

  it('a value that the manifest gives is not generated', async () => {
    const { store } = await openStore(new MemoryFileSystem());
    const events = new EventRecorder(store, () => 0);
    const applier = new ManifestApplier({
      store,
      secrets: generator(),
      events,
      runningReplicas: () => 0,
      runningRestart: () => undefined,
      logger: silent,
    });
    const object: Secret = { ...SECRET, data: { password: Buffer.from('given').toString('base64') } };
    await applier.apply({ objects: [{ object, source: { file: 'db.yaml', line: 1 } }], errors: [], warnings: [] });
    expect(decode(store.get('Secret', 'default/db')?.data?.['password'])).to.equal('given');
    await store.close();
  });
});

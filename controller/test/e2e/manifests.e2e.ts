import { expect } from 'chai';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Deployment } from '../../src/model/objects.ts';
import { eventually } from '../eventually.ts';
import { System } from './system.ts';

describe('the manifests directory', function () {
  this.timeout(120_000);
  let system: System;
  let hasFailed = false;

  before(async () => {
    system = new System({ name: 'manifests', basePort: 18_400 });
    await system.up();
  });
  afterEach(function () {
    hasFailed ||= this.currentTest?.state === 'failed';
  });
  after(async () => {
    await system.remove(hasFailed);
  });

  it('an edited file must take effect within a second of the settled write', async () => {
    const startedAt = performance.now();
    system.manifest('acts.yaml', (text) => text.replace('replicas: 1', 'replicas: 2'));
    await eventually(async () => {
      const { spec } = await system.get<Deployment>('deployment', 'acts');
      expect(spec.replicas).to.equal(2);
    }, 5_000);
    // 200 ms to settle, one second at most, and what the command itself takes to start.
    expect(performance.now() - startedAt).to.be.lessThan(2_500);
    await system.untilReplicas(2);
  });

  it('a malformed file must be named with its line, and change nothing', async () => {
    const good = system.manifest('acts.yaml');
    const before = (await system.containers()).map(({ id }) => id).sort();
    system.manifest('acts.yaml', (text) => text.replace('replicas: 2', 'replicaz: 2'));
    const line = good.split('\n').findIndex((text) => text.includes('replicas: 2')) + 1;
    await eventually(async () => {
      const { status } = await system.status();
      const told = status.manifests.errors.map(({ file, line: at, message }) => `${file}:${at ?? 0} ${message}`).join('\n');
      expect(told).to.include(`acts.yaml:${line}`).and.to.include('replicaz').and.to.include('replicas');
    }, 5_000);
    writeFileSync(join(system.manifestDir, 'users.yaml'), '');
    await eventually(async () => {
      const { status } = await system.status();
      expect(status.manifests.errors.some(({ file }) => file === 'users.yaml')).to.equal(true);
    }, 5_000);
    expect((await system.containers()).map(({ id }) => id).sort()).to.deep.equal(before);
    system.manifest('acts.yaml', () => good);
  });

  it('an added file must run, a changed one roll out, a deleted one go', async () => {
    const users = (await system.get<Deployment>('deployment', 'users')).spec;
    const worker = (level: string): string =>
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'worker' },
        spec: {
          selector: { matchLabels: { app: 'worker' } },
          template: {
            metadata: { labels: { app: 'worker' } },
            spec: {
              ...users.template.spec,
              containers: users.template.spec.containers.map((container) => ({
                ...container,
                env: [...(container.env ?? []), { name: 'LOG_LEVEL', value: level }],
              })),
            },
          },
        },
      });
    // users.yaml is empty still: mend it first, or nothing undeclared would ever be removed.
    system.manifest('users.yaml', () => usersManifest);
    const file = join(system.manifestDir, 'worker.json');
    writeFileSync(file, worker('info'));
    await eventually(async () => expect(await system.replicas('worker')).to.have.length(1), 15_000);
    const [first] = await system.replicas('worker');
    writeFileSync(file, worker('warn'));
    await eventually(async () => {
      const now = await system.replicas('worker');
      expect(now.map(({ id }) => id))
        .to.have.length(1)
        .and.not.to.include(first?.id);
    }, 30_000);
    rmSync(file);
    await eventually(
      async () =>
        expect((await system.containers()).filter(({ labels }) => labels['coxswain.dev/owner'] === 'Deployment/worker')).to.have.length(0),
      30_000,
    );
  });

  it('an emptied directory must delete nothing', async () => {
    const before = (await system.containers()).map(({ id }) => id).sort();
    const files = ['acts.yaml', 'users.yaml', 'postgres.yaml'].map((name) => [name, system.manifest(name)] as const);
    for (const [name] of files) rmSync(join(system.manifestDir, name));
    await eventually(async () => {
      const { status } = await system.status();
      expect(status.conditions.map(({ type }) => type)).to.include('WouldDeleteEverything');
    }, 5_000);
    expect((await system.containers()).map(({ id }) => id).sort()).to.deep.equal(before);
    for (const [name, text] of files) writeFileSync(join(system.manifestDir, name), text);
    await eventually(async () => {
      const { status } = await system.status();
      expect(status.conditions.map(({ type }) => type)).not.to.include('WouldDeleteEverything');
    }, 5_000);
  });

  it('a second control plane for the same instance must say who holds it', async () => {
    const failure = await system.command('run').then(
      () => '',
      (error: unknown) => String(error),
    );
    expect(failure)
      .to.include(`instance "${system.instance}" is already run by process ${system.pid('control-plane')}`)
      .and.to.include(system.home);
  });

  let usersManifest = '';
  before(() => {
    usersManifest = system.manifest('users.yaml');
  });
});

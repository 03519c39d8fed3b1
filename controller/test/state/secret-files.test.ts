import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Secret } from '../../src/model/objects.ts';
import { generatePassword, readSecretFiles, writeSecretFile } from '../../src/state/secret-files.ts';
import { StoreError } from '../../src/state/store-error.ts';
import { diskFull, MemoryFileSystem } from './memory-file-system.ts';

const secret: Secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'postgres', namespace: 'default', annotations: { 'coxswain.dev/generate': 'password' } },
  data: { password: 'c2VjcmV0' },
};

describe('secret files', () => {
  let directory: string;

  beforeEach(async () => {
    directory = join(await mkdtemp(join(tmpdir(), 'coxswain-secrets-')), 'secrets');
  });

  afterEach(() => rm(join(directory, '..'), { recursive: true }));

  it('come back as they were written, private, without what only the store knows', async () => {
    await writeSecretFile(directory, { ...secret, metadata: { ...secret.metadata, uid: 'u1', resourceVersion: '7' } });
    expect(await readSecretFiles(directory)).to.deep.equal({ secrets: [secret], reports: [] });
    expect(await readdir(directory)).to.deep.equal(['default.postgres.yaml']);
    expect((await stat(directory)).mode & 0o777).to.equal(0o700);
    expect((await stat(join(directory, 'default.postgres.yaml'))).mode & 0o777).to.equal(0o600);
    expect(await readFile(join(directory, 'default.postgres.yaml'), 'utf8')).to.contain('kind: Secret');
  });

  it('are reported when they are not Secrets of their name, without their content', async () => {
    await writeSecretFile(directory, secret);
    await writeFile(join(directory, 'default.broken.yaml'), 'data: [secret-value');
    await writeFile(join(directory, 'default.other.yaml'), await readFile(join(directory, 'default.postgres.yaml')));
    await writeFile(join(directory, 'nonsense.yaml'), 'a: 1');
    const { secrets, reports } = await readSecretFiles(directory);
    expect(secrets).to.deep.equal([secret]);
    expect(reports).to.deep.equal([
      { file: 'default.broken.yaml', message: 'it is not YAML' },
      { file: 'default.other.yaml', message: 'it holds a Secret of another name or namespace' },
      { file: 'nonsense.yaml', message: 'its name is not <namespace>.<name>.yaml' },
    ]);
  });

  it('cannot be written outside of their directory, and a full disk is told by code', async () => {
    const escape: unknown = await writeSecretFile(directory, { ...secret, metadata: { name: '../x', namespace: 'default' } }).catch(
      (error: unknown) => error,
    );
    expect(escape).to.be.instanceOf(RangeError);
    const disk = new MemoryFileSystem();
    disk.beforeOperation = () => {
      throw diskFull();
    };
    const full: unknown = await writeSecretFile('/secrets', secret, disk).catch((error: unknown) => error);
    expect(full).to.be.instanceOf(StoreError).and.include({ code: 'DiskFull' });
  });

  it('generates passwords of 32 characters that need no quoting, never the same', () => {
    const passwords = Array.from({ length: 100 }, generatePassword);
    for (const password of passwords) expect(password).to.match(/^[A-Za-z0-9_-]{32}$/);
    expect(new Set(passwords).size).to.equal(100);
  });
});

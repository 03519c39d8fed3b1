/** The watch over a real directory. Each test has its own; nothing sleeps, everything is waited for. */
import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, rename, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually } from '../eventually.ts';
import { ManifestDirectory } from '../../src/manifest/manifest-directory.ts';
import type { ManifestSnapshot } from '../../src/manifest/manifest-snapshot.ts';
import { CONFIG_MAP, DEPLOYMENT, edit, join as documents, problemsOf, schemas, SECRET, SERVICE } from './fixtures.ts';

const DEADLINE_MS = 5000;
const OTHER = CONFIG_MAP.replace('web', 'other');

describe('the manifests directory', function () {
  this.timeout(20_000);
  let parent: string;
  let directory: string;
  let manifests: ManifestDirectory;
  let snapshots: ManifestSnapshot[];

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'coxswain-manifests-'));
    directory = join(parent, 'manifests');
    await mkdir(directory);
    snapshots = [];
    manifests = new ManifestDirectory({ directory, schemas });
    manifests.on('snapshot', (snapshot) => snapshots.push(snapshot));
  });

  afterEach(async () => {
    await manifests.stop();
    await rm(parent, { recursive: true, force: true });
  });

  function names(snapshot: ManifestSnapshot | undefined): readonly string[] | undefined {
    return snapshot?.objects.map(({ object, source }) => `${source.file} ${object.metadata.name}`);
  }

  async function saw(...expected: readonly string[]): Promise<ManifestSnapshot> {
    return await eventually(() => {
      expect(names(snapshots.at(-1))).to.deep.equal(expected);
      return snapshots.at(-1)!;
    }, DEADLINE_MS);
  }

  async function sawProblem(problem: string): Promise<void> {
    await eventually(() => {
      expect(snapshots.at(-1) && problemsOf(snapshots.at(-1)!)).to.equal(problem);
    }, DEADLINE_MS);
  }

  async function write(name: string, content: string): Promise<void> {
    await writeFile(join(directory, name), content);
  }

  it('reads what is there at the start, and says nothing more while nothing changes', async () => {
    await write('a.yaml', CONFIG_MAP);
    await write('b.yml', OTHER);
    manifests.start();
    await saw('a.yaml web', 'b.yml other');
    await write('.hidden.yaml', SECRET);
    await write('note.txt', 'x');
    await write('c.yaml', SECRET.replace('name: web', 'name: third'));
    await saw('a.yaml web', 'b.yml other', 'c.yaml third');
    expect(snapshots).to.have.length(2);
  });

  it('an empty directory is a snapshot of nothing', async () => {
    manifests.start();
    await saw();
    expect(problemsOf(snapshots[0]!)).to.equal('');
  });

  it('sees an edit within a second of its settling', async () => {
    await write('a.yaml', CONFIG_MAP);
    manifests.start();
    await saw('a.yaml web');
    const startedMs = performance.now();
    await write('a.yaml', edit(CONFIG_MAP, 'hello', 'goodbye'));
    await eventually(() => expect(JSON.stringify(snapshots.at(-1))).to.contain('goodbye'), DEADLINE_MS);
    expect(performance.now() - startedMs).to.be.below(200 + 1000 + 500);
    expect(performance.now() - startedMs).to.be.above(190);
  });

  it('sees files added, removed, and moved over another', async () => {
    await write('a.yaml', CONFIG_MAP);
    manifests.start();
    await saw('a.yaml web');
    await write('b.yaml', OTHER);
    await saw('a.yaml web', 'b.yaml other');
    await unlink(join(directory, 'a.yaml'));
    await saw('b.yaml other');
    await writeFile(join(parent, 'new'), documents(OTHER, CONFIG_MAP));
    await rename(join(parent, 'new'), join(directory, 'b.yaml'));
    await saw('b.yaml other', 'b.yaml web');
  });

  it('a file that is removed and made again, as some editors save, never disappears', async () => {
    await write('a.yaml', CONFIG_MAP);
    manifests.start();
    await saw('a.yaml web');
    await unlink(join(directory, 'a.yaml'));
    await new Promise((resolve) => setImmediate(resolve));
    await write('a.yaml', documents(CONFIG_MAP, OTHER));
    await saw('a.yaml web', 'a.yaml other');
    expect(snapshots).to.have.length(2);
  });

  it('a file written in pieces counts once it is whole', async () => {
    const text = documents(DEPLOYMENT, SERVICE, CONFIG_MAP);
    manifests.start();
    await saw();
    await write('a.yaml', '');
    for (let at = 0; at < text.length; at += 100) {
      await appendFile(join(directory, 'a.yaml'), text.slice(at, at + 100));
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await saw('a.yaml web', 'a.yaml web', 'a.yaml web');
    expect(snapshots).to.have.length(2);
  });

  it('a file that is cut short and written again keeps what it had', async () => {
    const text = documents(CONFIG_MAP, OTHER);
    await write('a.yaml', text);
    manifests.start();
    await saw('a.yaml web', 'a.yaml other');
    await truncate(join(directory, 'a.yaml'), CONFIG_MAP.length);
    // Longer than a whole edit needs to settle.
    await new Promise((resolve) => setTimeout(resolve, 400));
    await write('a.yaml', text.replace('hello', 'goodbye'));
    await eventually(() => expect(JSON.stringify(snapshots.at(-1))).to.contain('goodbye'), DEADLINE_MS);
    expect(snapshots.map(names)).to.deep.equal(Array(2).fill(['a.yaml web', 'a.yaml other']));
  });

  it('a directory that vanishes is an error, and its return is seen', async () => {
    await write('a.yaml', CONFIG_MAP);
    manifests.start();
    await saw('a.yaml web');
    await rename(directory, join(parent, 'away'));
    await sawProblem('DirectoryMissing : the manifests directory is missing');
    await rename(join(parent, 'away'), directory);
    await saw('a.yaml web');
    await write('b.yaml', OTHER);
    await saw('a.yaml web', 'b.yaml other');
  });

  it('a directory that is not there at the start is an error, and is seen when it comes', async () => {
    await rm(directory, { recursive: true });
    manifests.start();
    await sawProblem('DirectoryMissing : the manifests directory is missing');
    await mkdir(directory);
    await write('a.yaml', CONFIG_MAP);
    await saw('a.yaml web');
  });

  it('an emptied file is an error', async () => {
    await write('a.yaml', CONFIG_MAP);
    manifests.start();
    await saw('a.yaml web');
    await truncate(join(directory, 'a.yaml'));
    await sawProblem('EmptyFile a.yaml: declares nothing; its objects are kept until it declares something or is removed');
  });

  it('50 MB are refused without being read', async () => {
    await write('a.yaml', 'a: b');
    await truncate(join(directory, 'a.yaml'), 50_000_000);
    const startedMs = performance.now();
    const snapshot = await manifests.readNow();
    expect(performance.now() - startedMs).to.be.below(500);
    expect(problemsOf(snapshot)).to.equal('TooLarge a.yaml: 50000000 bytes, and the limit is 1048576');
  });

  it('what cannot be read is said, and does not stop the rest', async () => {
    await symlink(join(parent, 'nowhere'), join(directory, 'a.yaml'));
    await writeFile(join(directory, 'b.yaml'), Buffer.from([0x61, 0xff, 0xfe]));
    await mkdir(join(directory, 'c.yaml'));
    execFileSync('mkfifo', [join(directory, 'd.yaml')]);
    await symlink('circle.yaml', join(directory, 'circle.yaml'));
    await writeFile(join(parent, 'linked'), CONFIG_MAP);
    await symlink(join(parent, 'linked'), join(directory, 'e.yaml'));
    const expected = [
      'UnreadableFile a.yaml: cannot be read (ENOENT)',
      'BadYaml b.yaml: not UTF-8 text',
      'UnreadableFile circle.yaml: cannot be read (ELOOP)',
      'UnreadableFile d.yaml: not a file',
    ].join('\n');
    expect(problemsOf(await manifests.readNow())).to.equal(expected);
    manifests.start();
    await saw('e.yaml web');
    expect(problemsOf(snapshots.at(-1)!)).to.equal(expected);
  });

  it('readNow shows what has not settled, and emits nothing', async () => {
    await write('a.yaml', CONFIG_MAP);
    expect(names(await manifests.readNow())).to.deep.equal(['a.yaml web']);
    await write('a.yaml', OTHER);
    expect(names(await manifests.readNow())).to.deep.equal(['a.yaml other']);
    expect(snapshots).to.be.empty;
  });

  it('a file that never settles is an error, and does not hold up the others', async () => {
    await write('a.yaml', CONFIG_MAP);
    await write('b.yaml', OTHER);
    manifests.start();
    await saw('a.yaml web', 'b.yaml other');
    const writer = setInterval(() => void appendFile(join(directory, 'a.yaml'), '#\n'), 20);
    try {
      await write('b.yaml', edit(OTHER, 'hello', 'goodbye'));
      await eventually(() => {
        expect(problemsOf(snapshots.at(-1)!)).to.equal('UnreadableFile a.yaml: it is being written to without an end');
        expect(JSON.stringify(snapshots.at(-1))).to.contain('goodbye');
      }, 12_000);
    } finally {
      clearInterval(writer);
    }
    await saw('a.yaml web', 'b.yaml other');
  });
});

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { writeFiles } from '../../src/execute/write-files.ts';
import type { VolumeFile } from '../../src/execute/write-files.ts';

function file(path: string, content: string, mode = 0o644): VolumeFile {
  return { path, contentBase64: Buffer.from(content).toString('base64'), mode };
}

describe('writeFiles', () => {
  let root: string;
  let directory: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'coxswain-files-'));
    directory = join(root, 'volumes', 'config-1');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const names = (): readonly string[] => readdirSync(directory, { recursive: true }).map(String).sort();
  const read = (path: string): string => readFileSync(join(directory, path), 'utf8');
  const modeOf = (path: string): string => (statSync(join(directory, path)).mode & 0o777).toString(8);

  async function refusal(files: readonly VolumeFile[]): Promise<string> {
    try {
      await writeFiles(directory, files);
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error('it was written');
  }

  it('writes every file with its content, in folders as its path says', async () => {
    await writeFiles(directory, [file('a', 'A'), file('b/c/d.txt', 'D'), { ...file('bytes', ''), contentBase64: 'AP+A' }]);
    expect(names()).to.deep.equal(['a', 'b', 'b/c', 'b/c/d.txt', 'bytes']);
    expect([read('a'), read('b/c/d.txt')]).to.deep.equal(['A', 'D']);
    expect([...readFileSync(join(directory, 'bytes'))]).to.deep.equal([0x00, 0xff, 0x80]);
  });

  it('a file has the mode it was declared with, whatever the umask', async () => {
    const before = process.umask(0o077);
    try {
      await writeFiles(directory, [
        file('public', '', 0o644),
        file('shared', '', 0o666),
        file('secret', '', 0o400),
        file('script', '', 0o755),
      ]);
    } finally {
      process.umask(before);
    }
    expect(['.', 'public', 'shared', 'secret', 'script'].map(modeOf)).to.deep.equal(['755', '644', '666', '400', '755']);
  });

  it('no files make an empty directory', async () => {
    await writeFiles(directory, []);
    expect(names()).to.deep.equal([]);
  });

  it('replaces what was there as a whole', async () => {
    await writeFiles(directory, [file('a', 'old'), file('gone', 'old')]);
    await writeFiles(directory, [file('a', 'new')]);
    expect(names()).to.deep.equal(['a']);
    expect(read('a')).to.equal('new');
    expect(readdirSync(join(root, 'volumes')), 'nothing is left beside it').to.deep.equal(['config-1']);
  });

  for (const path of ['../escape', '../../escape', 'a/../../escape', '/etc/escape', '..', './../escape', 'a/b/../../../escape']) {
    it(`refuses the path "${path}", and what was there stays`, async () => {
      await writeFiles(directory, [file('a', 'old')]);
      expect(await refusal([file('a', 'new'), file(path, 'x')])).to.equal(`volume file path "${path}" leaves its volume`);
      expect(names()).to.deep.equal(['a']);
      expect(read('a')).to.equal('old');
      for (const place of [root, join(root, 'volumes'), '/etc']) expect(existsSync(join(place, 'escape')), place).to.equal(false);
    });
  }

  it('a path that turns around inside its volume is fine', async () => {
    await writeFiles(directory, [file('a/../b', 'B')]);
    expect(names()).to.include('b');
  });

  it('what a killed process left half written is not taken up', async () => {
    mkdirSync(`${directory}.new`, { recursive: true });
    writeFileSync(join(`${directory}.new`, 'torn'), 'half');
    await writeFiles(directory, [file('a', 'A')]);
    expect(names()).to.deep.equal(['a']);
  });

  it('a file that cannot be written leaves what was there', async () => {
    await writeFiles(directory, [file('a', 'old')]);
    expect(await refusal([file('a', 'new'), file('a/b', 'a is no folder')])).to.match(/ENOTDIR|EEXIST/);
    expect(read('a')).to.equal('old');
  });
});

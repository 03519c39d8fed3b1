import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { stepped, steppedFileSystem } from '../../src/loop/steps.ts';
import { nodeFileSystem } from '../../src/state/state-file-system.ts';

class Counter {
  #count = 0;
  get count(): number {
    return this.#count;
  }
  add(by: number): number {
    this.#count += by;
    return this.#count;
  }
  later(by: number): Promise<number> {
    return Promise.resolve(this.add(by));
  }
  fail(): Promise<never> {
    return Promise.reject(new Error('no'));
  }
}

describe('steps', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'coxswain-steps-test-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('tell of each named call before and after it, and change nothing about it', async () => {
    const noted: string[] = [];
    const counter = new Counter();
    const port = stepped(counter, { add: 'Add', later: 'Later', fail: (argument) => `fail ${String(argument)}` }, (name) =>
      noted.push(`${name} ${counter.count}`),
    );
    expect(port.add(2)).to.equal(2);
    expect(await port.later(3)).to.equal(5);
    expect(await port.fail().catch((error: unknown) => (error as Error).message)).to.equal('no');
    expect(port.count, 'what is not a call is as it was').to.equal(5);
    expect(noted).to.deep.equal([
      'before Add 0',
      'after Add 2',
      'before Later 2',
      'after Later 5',
      'before fail undefined 5',
      'after fail undefined 5',
    ]);
  });

  it('of a file system name the file, and reach into the journal', async () => {
    const noted: string[] = [];
    const files = steppedFileSystem(nodeFileSystem, 'state', (name) => noted.push(name));
    await files.writeAtomic(join(directory, 'snapshot.json'), Buffer.from('x'));
    const journal = await files.openJournal(join(directory, 'journal.log'));
    await journal.append(Buffer.from('y'));
    await journal.sync();
    await journal.close();
    expect(readFileSync(join(directory, 'journal.log'), 'utf8')).to.equal('y');
    expect(noted).to.deep.equal([
      'before state: write snapshot.json',
      'after state: write snapshot.json',
      'before state: append',
      'after state: append',
      'before state: sync',
      'after state: sync',
    ]);
  });

  it('a process that is to die at the second of a step dies there, once', () => {
    const file = join(directory, 'kill');
    const program = `
      import { killAtStep } from '${join(process.cwd(), 'controller/src/loop/kill-at-step.ts')}';
      const onStep = killAtStep('${file}');
      for (const name of ['a', 'b', 'a', 'b']) onStep(name);`;
    const run = (): NodeJS.Signals | null =>
      spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], { stdio: 'inherit' }).signal;
    writeFileSync(file, '2 a');
    expect(run()).to.equal('SIGKILL');
    expect(existsSync(file)).to.equal(false);
    expect(readFileSync(`${file}.steps`, 'utf8')).to.equal('a\nb\na\n');
    expect(run(), 'the wish is spent').to.equal(null);
  });
});

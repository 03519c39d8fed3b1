import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { findSavedLog, logFileName, saveLogs } from '../../src/execute/save-logs.ts';
import type { ContainerEnding } from '../../src/model/operation.ts';
import type { ContainerRuntime, LogOptions } from '../../src/runtime/container-runtime.ts';
import { RuntimeError } from '../../src/runtime/container-runtime.ts';

const TAIL = 64 * 1024;
const signal = new AbortController().signal;
const ENDING: ContainerEnding = {
  namespace: 'default',
  podName: 'web-0',
  containerId: 'c',
  image: 'web:1',
  exitCode: 137,
  reason: 'OOMKilled',
  startedAtMs: 1,
  finishedAtMs: 2,
};

describe('saveLogs', () => {
  let directory: string;
  beforeEach(() => {
    directory = join(mkdtempSync(join(tmpdir(), 'coxswain-logs-')), 'logs');
  });
  afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

  async function save(chunks: readonly Uint8Array[], podUid = 'uid-1'): Promise<LogOptions | undefined> {
    let asked: LogOptions | undefined;
    const runtime = {
      readLogs: (_id: string, options: LogOptions, onChunk: (chunk: Uint8Array) => void): Promise<void> => {
        asked = options;
        for (const chunk of chunks) onChunk(chunk);
        return Promise.resolve();
      },
    } as unknown as ContainerRuntime;
    await saveLogs(runtime, directory, 'c', podUid, ENDING, signal);
    return asked;
  }

  const saved = (podUid = 'uid-1'): Buffer => readFileSync(join(directory, logFileName(podUid)));

  it('keeps what a container wrote, readable by its owner only, and asks for the end of it only', async () => {
    const options = await save([Buffer.from('hello\n'), Buffer.from('world\n')]);
    expect(saved().toString()).to.equal('hello\nworld\n');
    expect((statSync(join(directory, logFileName('uid-1'))).mode & 0o777).toString(8)).to.equal('600');
    expect((statSync(directory).mode & 0o777).toString(8)).to.equal('700');
    expect(options).to.deep.equal({ tailLines: 1_000 });
  });

  it('keeps how the container ended, and finds the log of the newest pod of a name', async () => {
    await save([Buffer.from('older\n')], 'uid-1');
    expect(JSON.parse(readFileSync(join(directory, 'uid-1.json'), 'utf8'))).to.deep.equal(ENDING);
    writeFileSync(join(directory, 'uid-2.json'), JSON.stringify({ ...ENDING, finishedAtMs: 3 }));
    writeFileSync(join(directory, 'uid-3.json'), JSON.stringify({ ...ENDING, namespace: 'other', finishedAtMs: 4 }));
    writeFileSync(join(directory, 'uid-4.json'), '{"names');
    expect(await findSavedLog(directory, 'default', 'web-0')).to.equal(join(directory, 'uid-2.log'));
    expect(await findSavedLog(directory, 'default', 'web-1')).to.equal(undefined);
    expect(await findSavedLog(join(directory, 'absent'), 'default', 'web-0')).to.equal(undefined);
  });

  it('keeps an empty log as one', async () => {
    await save([]);
    expect(saved()).to.have.length(0);
  });

  it('keeps exactly 64 KiB, and the last ones', async () => {
    const text = Buffer.from(Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`).join(''));
    await save([text]);
    expect(saved().equals(text.subarray(-TAIL))).to.equal(true);
    expect(saved()).to.have.length(TAIL);
  });

  it('cut anywhere, the last 64 KiB are the same', async () => {
    const text = Buffer.from(Array.from({ length: 3 * TAIL }, (_, index) => 33 + (index % 89)));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 30 }),
        fc.nat({ max: text.length }),
        async (cuts, end) => {
          const whole = text.subarray(0, end);
          const points = [0, ...cuts.filter((cut) => cut < end).sort((a, b) => a - b), end];
          await save(points.slice(1).map((point, index) => whole.subarray(points[index], point)));
          expect(saved().equals(whole.subarray(-TAIL))).to.equal(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('the log of the next container of a pod takes the place of the one before', async () => {
    await save([Buffer.from('a long first log\n')]);
    await save([Buffer.from('second\n')]);
    expect(saved().toString()).to.equal('second\n');
  });

  it('keeps the logs of the newest 500 pods, and other files', async () => {
    mkdirSync(directory);
    writeFileSync(join(directory, 'README'), 'not a log');
    for (let index = 0; index < 500; index++) {
      const path = join(directory, logFileName(`old-${index}`));
      writeFileSync(path, '');
      // The higher the number, the older.
      utimesSync(path, 1_000_000 - index, 1_000_000 - index);
    }
    await save([Buffer.from('new')], 'new');
    const names = readdirSync(directory);
    expect(names).to.have.length(502);
    expect(names).to.include.members(['README', 'new.log', 'new.json', 'old-0.log', 'old-498.log']);
    expect(names).to.not.include('old-499.log');
  });

  it('a log that cannot be read leaves the one before', async () => {
    await save([Buffer.from('first\n')]);
    const runtime = { readLogs: () => Promise.reject(new RuntimeError('NotFound', 404, 'gone')) } as unknown as ContainerRuntime;
    let failure: unknown;
    await saveLogs(runtime, directory, 'c', 'uid-1', ENDING, signal).catch((error: unknown) => (failure = error));
    expect(failure).to.be.instanceOf(RuntimeError);
    expect(saved().toString()).to.equal('first\n');
  });
});

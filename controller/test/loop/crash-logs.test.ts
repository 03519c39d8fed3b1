import { expect } from 'chai';
import { CrashLogs } from '../../src/loop/crash-logs.ts';
import { CONTROL_LIMITS } from '../../src/loop/limits.ts';
import { eventually } from '../eventually.ts';

describe('crash logs', () => {
  it('of more containers than are remembered are read once each, the oldest lose their lines', async () => {
    const ids = Array.from({ length: CONTROL_LIMITS.crashLogsMost + 20 }, (_, index) => `c${index}`);
    let reads = 0;
    const wanted = (): readonly string[] => ids.filter((id) => !logs.tails.has(id));
    const logs = new CrashLogs({
      runtime: {
        readLogs: (id, _options, onChunk) => {
          reads++;
          onChunk(Buffer.from(`the end of ${id}`));
          return Promise.resolve();
        },
      },
      signal: new AbortController().signal,
      // As the loop does: a log that was read wakes it, and its next plan wants what it still does not know.
      onRead: () => {
        if (reads < 3 * ids.length) logs.want(wanted());
      },
    });
    logs.want(wanted());
    await eventually(() => expect(logs.tails.has(ids.at(-1) ?? '')).to.equal(true));
    expect(reads).to.equal(ids.length);
    expect(wanted()).to.deep.equal([]);
    expect(logs.tails.get('c0')).to.equal('');
    expect(logs.tails.get(ids.at(-1) ?? '')).to.equal(`the end of ${ids.at(-1)}`);
    expect([...logs.tails.values()].filter((text) => text !== '')).to.have.length(CONTROL_LIMITS.crashLogsMost);
  });
});

import { expect } from 'chai';
import { EngineLook } from '../../src/loop/engine-look.ts';

describe('EngineLook', () => {
  const signal = new AbortController().signal;
  let looks: { readonly resolve: () => void; readonly reject: (error: Error) => void }[];
  let lateEnds: number;
  let nowMs: number;
  let engine: EngineLook;

  beforeEach(() => {
    looks = [];
    lateEnds = 0;
    nowMs = 1_000;
    engine = new EngineLook({
      look: () => new Promise((resolve, reject) => looks.push({ resolve, reject })),
      patienceMs: 5,
      now: () => nowMs,
      onLateEnd: () => lateEnds++,
    });
  });

  it('a pass does not wait for an engine that hangs, and nothing is known before the first answer', async () => {
    expect(await engine.take(signal)).to.equal(false);
    expect(engine).to.include({ hasSeen: false, unreachableSinceMs: 1_000 });
  });

  it('one look at a time; the pass after its late end uses it, and no pass after that', async () => {
    await engine.take(signal);
    nowMs = 4_000;
    expect(await engine.take(signal)).to.equal(false);
    expect((engine.lastError as Error).message).to.equal('no answer for 3 s');
    expect(looks).to.have.length(1);
    looks[0]?.resolve();
    expect(await engine.take(signal)).to.equal(true);
    expect(engine).to.include({ hasSeen: true, unreachableSinceMs: undefined, lastError: undefined });
    expect(lateEnds).to.equal(1);
    expect(await engine.take(signal)).to.equal(false);
    expect(looks).to.have.length(2);
  });

  it('is unreachable since the first of the looks that failed', async () => {
    for (const at of [1_000, 2_000]) {
      nowMs = at;
      const taken = engine.take(signal);
      looks.at(-1)?.reject(new Error(`refused at ${at}`));
      expect(await taken).to.equal(false);
    }
    expect(engine.unreachableSinceMs).to.equal(1_000);
    expect((engine.lastError as Error).message).to.equal('refused at 2000');
    expect(lateEnds, 'they were waited for').to.equal(0);
  });
});

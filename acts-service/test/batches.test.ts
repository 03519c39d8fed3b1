import { expect } from 'chai';
import { Batches } from '../src/batches.ts';

describe('batches', () => {
  /** Writes that end when told to. */
  function underControl(lanes: number) {
    const running: { readonly content: string[]; readonly lane: number; end(error?: Error): void }[] = [];
    const batches = new Batches<string[], string>(
      lanes,
      () => [],
      (content, lane) =>
        new Promise((resolve, reject) => {
          running.push({ content, lane, end: (error) => (error === undefined ? resolve(content.join()) : reject(error)) });
        }),
    );
    const join = (item: string): Promise<string> => {
      const { content, result } = batches.join();
      content.push(item);
      return result;
    };
    return { batches, running, join };
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('one leaves at once on each free lane; what comes meanwhile shares the next', async () => {
    const { running, join } = underControl(2);
    const results = [join('a')];
    await turn();
    results.push(join('b'));
    await turn();
    results.push(join('c'), join('d'));
    await turn();
    expect(running.map(({ content }) => content.join())).to.deep.equal(['a', 'b']);
    expect(new Set(running.map(({ lane }) => lane))).to.deep.equal(new Set([0, 1]));
    running[1]!.end();
    await turn();
    expect(running[2]).to.deep.include({ content: ['c', 'd'], lane: running[1]!.lane });
    running[0]!.end();
    running[2]!.end();
    expect(await Promise.all(results)).to.deep.equal(['a', 'b', 'c,d', 'c,d']);
  });

  it('a failure is that of everyone in the batch and of no one else', async () => {
    const { running, join } = underControl(1);
    const first = Promise.allSettled([join('a'), join('b')]);
    await turn();
    const second = join('c');
    running[0]!.end(new Error('lost'));
    expect((await first).map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
    await turn();
    running[1]!.end();
    expect(await second).to.equal('c');
  });

  it('a full one waits in line, and settled waits for all', async () => {
    const { batches, running, join } = underControl(1);
    const results = [join('a')];
    await turn();
    results.push(join('b'));
    batches.seal();
    results.push(join('c'));
    const order: string[] = [];
    const settled = batches.settled().then(() => order.push('settled'));
    for (const index of [0, 1, 2]) {
      await turn();
      expect(running).to.have.lengthOf(index + 1);
      order.push(running[index]!.content.join());
      running[index]!.end();
    }
    await settled;
    expect(order).to.deep.equal(['a', 'b', 'c', 'settled']);
    await Promise.all(results);
  });
});

import { mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { ObjectStore } from '../../src/state/object-store.ts';
import { deployment, silent } from './fixtures.ts';

describe('object store on a real disk', () => {
  let directory: string;

  beforeEach(async () => {
    directory = join(await mkdtemp(join(tmpdir(), 'coxswain-store-')), 'state');
  });

  afterEach(() => rm(join(directory, '..'), { recursive: true }));

  it('keeps everything private and comes back, with and without a clean close', async () => {
    const { store } = await ObjectStore.open({ directory, logger: silent });
    store.create(deployment('acts'));
    await store.flushed();
    // The first store is simply abandoned, as a killed process abandons it.
    const { store: second, reports } = await ObjectStore.open({ directory, logger: silent });
    expect(reports).to.deep.equal([]);
    expect(second.get('Deployment', 'default/acts')).to.deep.equal(store.get('Deployment', 'default/acts'));
    second.update(deployment('acts', 2));
    await second.close();
    const { store: third } = await ObjectStore.open({ directory, logger: silent });
    third.update(deployment('acts', 3));
    await third.close();
    expect((await stat(directory)).mode & 0o777).to.equal(0o700);
    const names = (await readdir(directory)).sort();
    expect(names).to.deep.equal(['journal.prev.log', 'newest', 'snapshot.json', 'snapshot.prev.json']);
    for (const name of names) expect((await stat(join(directory, name))).mode & 0o777, name).to.equal(0o600);
  });

  it('a journal cut, replaced or deleted under the running store is noticed: the next write is not lost', async () => {
    const harms: readonly ((path: string) => Promise<void>)[] = [
      (path) => truncate(path, 10),
      (path) => rm(path),
      async (path) => {
        await rm(path);
        await writeFile(path, '');
      },
      (path) => rm(dirname(path), { recursive: true }),
    ];
    for (const [index, harm] of harms.entries()) {
      const place = join(directory, `harm-${index}`);
      const { store } = await ObjectStore.open({ directory: place, logger: silent });
      store.create(deployment('acts'));
      await store.flushed();
      await harm(join(place, 'journal.log'));
      store.update(deployment('acts', 2));
      await store.flushed();
      const { store: second, reports } = await ObjectStore.open({ directory: place, logger: silent });
      expect(reports).to.deep.equal([]);
      expect(second.get('Deployment', 'default/acts')?.spec.replicas).to.equal(2);
    }
  });

  it('opens 10,000 objects within half a second', async () => {
    const { store } = await ObjectStore.open({ directory, logger: silent });
    for (let i = 0; i < 10_000; i += 1) store.create(deployment(`d${i}`));
    await store.close();
    const { store: changed } = await ObjectStore.open({ directory, logger: silent });
    for (let i = 0; i < 1000; i += 1) changed.update(deployment(`d${i}`, 2));
    await changed.flushed();
    // The least of three: other work on the machine only adds to it.
    const tookMs: number[] = [];
    for (let i = 0; i < 3; i += 1) {
      const startedAt = performance.now();
      const { store: again, reports } = await ObjectStore.open({ directory, logger: silent });
      tookMs.push(performance.now() - startedAt);
      expect(reports).to.deep.equal([]);
      expect(again.list('Deployment').size).to.equal(10_000);
    }
    expect(Math.min(...tookMs)).to.be.lessThan(500);
  });
});

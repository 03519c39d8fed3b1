import { expect } from 'chai';
import fc from 'fast-check';
import type { ObjectStore } from '../../src/state/object-store.ts';
import type { StateReport } from '../../src/state/state-files.ts';
import { StoreError } from '../../src/state/store-error.ts';
import { configMap, deployment, durableStateOf, event, openStore } from './fixtures.ts';
import { diskFull, MemoryFileSystem } from './memory-file-system.ts';

type State = Record<string, unknown>;

function fingerprint(state: State): string {
  return JSON.stringify(Object.entries(state).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Changes of every sort, one at a time. */
const HISTORY: readonly ((store: ObjectStore) => void)[] = [
  (store) => store.create(deployment('acts')),
  (store) => store.create(configMap('c', 'Grüße, 世界')),
  (store) => store.update(deployment('acts', 3)),
  (store) => store.putRecord('counts acts', { armedAt: 12, buckets: [[1, 2]] }),
  (store) => store.delete('ConfigMap', 'default/c'),
  (store) => store.create(event('e1', 'line one\nline two')),
  (store) => store.create(configMap('c', 'again')),
  (store) => store.putRecord('counts acts', undefined),
  (store) => store.update({ ...event('e1'), count: 2 }),
];

/** Runs the history with a flush after each change; the states a crash may leave, the empty one first. */
async function record(disk: MemoryFileSystem): Promise<{ readonly states: string[]; readonly store: ObjectStore }> {
  const { store } = await openStore(disk);
  const states = [fingerprint(durableStateOf(store))];
  for (const change of HISTORY) {
    change(store);
    await store.flushed();
    states.push(fingerprint(durableStateOf(store)));
  }
  return { states, store };
}

async function reopen(
  disk: MemoryFileSystem,
): Promise<{ readonly state: string; readonly reports: readonly StateReport[]; readonly store: ObjectStore }> {
  const { store, reports } = await openStore(disk);
  return { state: fingerprint(durableStateOf(store)), reports, store };
}

function contentsOf(disk: MemoryFileSystem, name: string): Buffer {
  return disk.files.get(`/state/${name}`) ?? Buffer.alloc(0);
}

describe('durable state', () => {
  it('comes back after a crash and after a clean close', async () => {
    const disk = new MemoryFileSystem();
    const { states, store } = await record(disk);
    expect(await reopen(disk.copy())).to.include({ state: states.at(-1) });
    await store.close();
    expect([...disk.files.keys()].sort()).to.deep.equal(['/state/journal.prev.log', '/state/newest', '/state/snapshot.json']);
    const { state, reports } = await reopen(disk);
    expect(state).to.equal(states.at(-1));
    expect(reports).to.deep.equal([]);
  });

  it('survives the journal being cut at any byte: a prefix of the history, all of it that was whole', async () => {
    const disk = new MemoryFileSystem();
    const { states } = await record(disk);
    const journal = contentsOf(disk, 'journal.log');
    let newlines = 0;
    const reached = new Set<number>();
    for (let length = 0; length <= journal.length; length += 1) {
      if (length > 0 && journal[length - 1] === 0x0a) newlines += 1;
      const cut = disk.copy();
      cut.files.set('/state/journal.log', journal.subarray(0, length));
      // A crash that leaves no more of the journal has not come to noting its newest record.
      cut.files.delete('/state/newest');
      const { state, reports, store } = await reopen(cut);
      const index = states.indexOf(state);
      // The first line is the reservation of resourceVersions.
      expect(index, `cut at ${length}`).to.equal(Math.max(0, newlines - 1));
      reached.add(index);
      const isWhole = length === 0 || journal[length - 1] === 0x0a;
      expect(reports.map((report) => report.kind)).to.deep.equal(isWhole ? [] : ['Cut']);
      // What follows is written behind a clean end.
      store.create(configMap('after', 'crash'));
      await store.flushed();
      const again = await reopen(cut);
      expect(again.reports).to.deep.equal([]);
      expect(again.store.get('ConfigMap', 'default/after')?.data).to.deep.equal({ value: 'crash' });
    }
    expect(reached.size).to.equal(states.length);
  });

  it('a journal that was cut or deleted after it was written is told as a loss, at any length', async () => {
    const disk = new MemoryFileSystem();
    await record(disk);
    const journal = contentsOf(disk, 'journal.log');
    const lengths = [undefined, ...Array.from({ length: journal.length }, (_, length) => length)];
    for (const length of lengths) {
      const cut = disk.copy();
      if (length === undefined) cut.files.delete('/state/journal.log');
      else cut.files.set('/state/journal.log', journal.subarray(0, length));
      const { reports, store } = await reopen(cut);
      expect(reports.map(({ kind }) => kind)).to.include('Lost');
      // It is told once, and what follows is not lost.
      store.create(configMap('after', 'loss'));
      await store.flushed();
      const again = await reopen(cut);
      expect(again.reports).to.deep.equal([]);
      expect(again.store.get('ConfigMap', 'default/after')?.data).to.deep.equal({ value: 'loss' });
    }
  });

  for (const gone of [['journal.log'], ['snapshot.json'], ['journal.log', 'snapshot.json', 'newest', 'journal.prev.log']])
    it(`${gone.join(', ')} deleted under the running store: the next write puts everything in its place again`, async () => {
      const disk = new MemoryFileSystem();
      const { store } = await record(disk);
      await store.close();
      const second = await openStore(disk);
      second.store.create(configMap('second', 'x'));
      await second.store.flushed();
      for (const name of gone) disk.files.delete(`/state/${name}`);
      second.store.create(configMap('third', 'x'));
      await second.store.flushed();
      const { state, reports } = await reopen(disk);
      expect(state).to.equal(fingerprint(durableStateOf(second.store)));
      expect(reports).to.deep.equal([]);
    });

  it('never loses anything silently to a flipped bit, in any file', async () => {
    const disk = new MemoryFileSystem();
    const { store } = await record(disk);
    await store.close();
    const second = await openStore(disk);
    second.store.create(configMap('later', 'x'));
    for (const replicas of [4, 5]) second.store.update(deployment('acts', replicas));
    await second.store.close();
    const third = await openStore(disk);
    third.store.create(configMap('last', 'x'));
    third.store.putRecord('counts users', 7);
    await third.store.flushed();
    const expected = fingerprint(durableStateOf(third.store));
    const names = [...disk.files.keys()].sort().filter((name) => name !== '/state/newest');
    expect(names).to.deep.equal(['/state/journal.log', '/state/journal.prev.log', '/state/snapshot.json', '/state/snapshot.prev.json']);
    for (const name of names) {
      const data = disk.files.get(name) ?? Buffer.alloc(0);
      for (let position = 0; position < data.length; position += 1) {
        const damaged = disk.copy();
        const flipped = Buffer.from(data);
        flipped[position] = (flipped[position] ?? 0) ^ (1 << (position % 8));
        damaged.files.set(name, flipped);
        const { state, reports, store: opened } = await reopen(damaged);
        const where = `${name} at ${position}`;
        expect(reports, where).to.not.be.empty;
        // Only the newest journal has no second copy.
        if (name !== '/state/journal.log') expect(state, where).to.equal(expected);
        else if (state !== expected)
          expect(
            reports.some(({ kind }) => kind === 'Lost' || kind === 'Cut'),
            where,
          ).to.be.true;
        expect([...damaged.files.keys()].some((path) => path.includes('.corrupt-20260131T101500Z')) || reports[0]?.kind === 'Cut', where).to
          .be.true;
        // Repaired: the next start finds nothing amiss and the same state.
        opened.putRecord('after', 1);
        await opened.flushed();
        const again = await reopen(damaged);
        expect(again.reports, where).to.deep.equal([]);
        expect(again.store.getRecord('after')).to.equal(1);
      }
    }
  });

  it('uses the previous snapshot and both journals when the snapshot is gone', async () => {
    const disk = new MemoryFileSystem();
    const { states, store } = await record(disk);
    await store.close();
    const second = await openStore(disk);
    second.store.putRecord('more', 1);
    await second.store.close();
    disk.files.delete('/state/snapshot.json');
    const { state } = await reopen(disk);
    expect(state).to.not.equal(states.at(-1));
    expect(state).to.contain('record more');
  });

  it('keeps the records behind a damaged one, and says which is lost', async () => {
    const disk = new MemoryFileSystem();
    const { store } = await record(disk);
    store.create(configMap('behind', 'x'));
    await store.flushed();
    const lines = contentsOf(disk, 'journal.log').toString('utf8').split('\n');
    lines[3] = `${lines[3] ?? ''}!`;
    disk.files.set('/state/journal.log', Buffer.from(lines.join('\n')));
    const { reports, store: opened } = await reopen(disk);
    expect(opened.get('ConfigMap', 'default/behind')).to.exist;
    expect(reports.map((report) => report.message)).to.deep.equal([
      'journal.log is damaged (line 4: its checksum is wrong); it is kept as journal.log.corrupt-20260131T101500Z',
      'changes could not be read and are lost: 4',
    ]);
  });

  it('loses nothing flushed, stopped between any two file operations, rotations included', async () => {
    const limits = { journalBytes: 1500 };
    const rehearsal = new MemoryFileSystem();
    await play(rehearsal, limits);
    expect([...rehearsal.files.keys()]).to.include('/state/snapshot.prev.json');
    for (let stop = 1; stop <= rehearsal.operations; stop += 1) {
      for (const tornAppendBytes of [0, 100]) {
        const disk = new MemoryFileSystem();
        disk.tornAppendBytes = tornAppendBytes;
        disk.beforeOperation = (_name, index) => {
          if (index >= stop) {
            disk.tornAppendBytes = index === stop ? tornAppendBytes : 0;
            throw new Error('killed');
          }
        };
        const { flushed, made } = await play(disk, limits);
        const survivor = disk.copy();
        const { state, reports } = await reopen(survivor);
        const index = made.indexOf(state);
        expect(index, `killed at operation ${stop}`).to.be.at.least(flushed);
        expect(
          reports.every((report) => report.kind === 'Cut'),
          `killed at operation ${stop}`,
        ).to.be.true;
        expect([...survivor.files.keys()]).to.not.include('/state/snapshot.next.json');
      }
    }
  });

  it('survives being stopped at any operation of a repair', async () => {
    const disk = new MemoryFileSystem();
    const { states, store } = await record(disk);
    await store.close();
    const snapshot = contentsOf(disk, 'snapshot.json');
    snapshot[snapshot.length - 5] = 0;
    const rehearsal = disk.copy();
    await reopen(rehearsal);
    expect(rehearsal.operations).to.be.greaterThan(5);
    for (let stop = 1; stop <= rehearsal.operations; stop += 1) {
      const killed = disk.copy();
      killed.beforeOperation = (_name, index) => {
        if (index >= stop) throw new Error('killed');
      };
      await openStore(killed);
      const { state } = await reopen(killed.copy());
      expect(state, `killed at operation ${stop}`).to.equal(states.at(-1));
    }
  });

  it('goes on in memory while the disk is full, says so, and saves it all later', async () => {
    const disk = new MemoryFileSystem();
    const { store } = await openStore(disk, { limits: { retryDelayMs: 5 } });
    store.create(configMap('before', 'x'));
    await store.flushed();
    const told: string[] = [];
    const saved = new Promise<void>((resolve) => {
      store.changes.on('durability', (durability) => {
        told.push(durability.isDurable ? 'durable' : durability.error.code);
        if (durability.isDurable) resolve();
      });
    });
    disk.tornAppendBytes = 37;
    disk.beforeOperation = (name) => {
      if (name === 'append') throw diskFull();
    };
    store.create(configMap('during', 'x'));
    const failure = await store.flushed().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).to.be.instanceOf(StoreError).and.include({ code: 'DiskFull' });
    expect(store.get('ConfigMap', 'default/during')).to.exist;
    expect(store.durability.isDurable).to.be.false;
    store.create(configMap('during-too', 'x'));
    disk.beforeOperation = () => undefined;
    await saved;
    expect(told).to.deep.equal(['DiskFull', 'durable']);
    const { store: again, reports } = await reopen(disk.copy());
    expect(reports).to.deep.equal([]);
    expect([...again.list('ConfigMap').keys()]).to.deep.equal(['default/before', 'default/during', 'default/during-too']);
  });

  it('opens damaged files although the disk is full, and repairs them when it can', async () => {
    const disk = new MemoryFileSystem();
    const { states } = await record(disk);
    const journal = contentsOf(disk, 'journal.log');
    journal[journal.length - 1] = 0x20;
    journal[10] = 0x20;
    disk.beforeOperation = () => {
      throw diskFull();
    };
    const { store, reports } = await openStore(disk, { limits: { retryDelayMs: 5 } });
    expect(reports.map((report) => report.kind)).to.include('Quarantined');
    expect(store.durability.isDurable).to.be.false;
    disk.beforeOperation = () => undefined;
    store.create(configMap('after', 'x'));
    await store.flushed();
    const again = await reopen(disk.copy());
    expect(again.reports).to.deep.equal([]);
    expect(again.store.get('ConfigMap', 'default/after')).to.exist;
    expect(states).to.have.length(HISTORY.length + 1);
  });

  it('never gives out a resourceVersion twice, whatever is not written and wherever it stops', async () => {
    const disk = new MemoryFileSystem();
    let newest = 0;
    for (let run = 0; run < 5; run += 1) {
      // A clock that stands still proves that the reservation alone is enough.
      const { store } = await openStore(disk, { now: () => new Date(0) });
      expect(Number(store.resourceVersion)).to.be.at.least(newest);
      if (store.get('Deployment', 'default/acts') === undefined) store.create(deployment('acts'));
      await store.flushed();
      for (let i = 0; i < 2000; i += 1) store.updateStatus({ ...deployment('acts'), status: { replicas: run * 10_000 + i } });
      newest = Number(store.resourceVersion);
      if (run % 2 === 0) await store.close();
    }
    expect(newest).to.be.greaterThan(10_000);
  });

  it('refuses to start on the state of a newer version', async () => {
    const disk = new MemoryFileSystem();
    const { createHash } = await import('node:crypto');
    const hash = createHash('sha256').update('2\n').update('{}\n').digest('hex');
    disk.files.set('/state/snapshot.json', Buffer.from(`coxswain-state 2 sha256=${hash}\n{}\n`));
    const failure: unknown = await openStore(disk).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(StoreError).and.include({ code: 'UnsupportedVersion' });
  });

  it('agrees with a plain map over any changes, restarts, crashes and rotations', async () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const step = fc.oneof(
      fc.record({ do: fc.constant('put' as const), name, value: fc.string({ unit: 'grapheme' }) }),
      fc.record({ do: fc.constant('delete' as const), name, value: fc.constant('') }),
      fc.record({ do: fc.constant('record' as const), name, value: fc.string() }),
      fc.record({ do: fc.constantFrom('flush' as const, 'crash' as const, 'close' as const), name, value: fc.constant('') }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const disk = new MemoryFileSystem();
        const limits = { journalBytes: 800 };
        let { store } = await openStore(disk, { limits });
        const model = new Map<string, string>();
        for (const { do: what, name: key, value } of steps) {
          const existing = store.get('ConfigMap', `default/${key}`);
          if (what === 'put') {
            if (existing === undefined) store.create(configMap(key, value));
            else store.update(configMap(key, value));
            model.set(key, value);
          } else if (what === 'delete') {
            if (existing !== undefined) store.delete('ConfigMap', `default/${key}`);
            model.delete(key);
          } else if (what === 'record') {
            store.putRecord(key, value);
            model.set(`record ${key}`, value);
          } else {
            await store.flushed();
            if (what === 'close') await store.close();
            if (what !== 'flush') {
              const { store: next, reports } = await openStore(disk, { limits });
              expect(reports).to.deep.equal([]);
              store = next;
            }
          }
        }
        const seen = new Map<string, unknown>(
          [...store.list('ConfigMap').values()].map((object) => [object.metadata.name, object.data?.['value']]),
        );
        for (const recordName of store.recordNames()) seen.set(`record ${recordName}`, store.getRecord(recordName));
        expect(Object.fromEntries(seen)).to.deep.equal(Object.fromEntries(model));
      }),
      { numRuns: 100 },
    );
  });
});

/** Plays changes until the disk refuses; the states made so far and the index of the last one that was acknowledged as flushed. */
async function play(
  disk: MemoryFileSystem,
  limits: { journalBytes: number },
): Promise<{ readonly flushed: number; readonly made: string[] }> {
  const { store } = await openStore(disk, { limits: { ...limits, retryDelayMs: 60_000 } });
  const made = [fingerprint(durableStateOf(store))];
  let flushed = 0;
  for (let round = 0; round < 12; round += 1) {
    for (let i = 0; i < 2; i += 1) {
      const name = `c${(round * 2 + i) % 5}`;
      if (store.get('ConfigMap', `default/${name}`) === undefined) store.create(configMap(name, `${round}`));
      else store.update(configMap(name, `${round}`));
      made.push(fingerprint(durableStateOf(store)));
    }
    const attempted = made.length - 1;
    try {
      await store.flushed();
      flushed = attempted;
    } catch {
      return { flushed, made };
    }
  }
  await store.close().catch(() => undefined);
  return { flushed, made };
}

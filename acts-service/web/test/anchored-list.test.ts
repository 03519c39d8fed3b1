// The list against a service in memory that changes between any two requests.
import { expect } from 'chai';
import fc from 'fast-check';
import { AnchoredList, listLimits, type ActSource } from '../src/list/anchored-list.ts';

interface ModelAct {
  readonly actId: string;
}

type Change = { readonly kind: 'insert' | 'delete'; readonly where: number; readonly count: number };

/** Answers ranges as the service does; before each answer the next of `changes` happens. */
class ModelService implements ActSource<ModelAct> {
  acts: ModelAct[] = [];
  /** Acts that have been there all the time. */
  readonly lasting = new Set<string>();
  requests = 0;
  #made = 0;
  #changes: readonly Change[];

  constructor(initial: number, changes: readonly Change[] = []) {
    this.#changes = changes;
    this.insert(0, initial);
    for (const { actId } of this.acts) this.lasting.add(actId);
  }

  insert(index: number, count: number): void {
    this.acts.splice(index, 0, ...Array.from({ length: count }, () => ({ actId: String(++this.#made) })));
  }

  delete(index: number, count: number): void {
    for (const { actId } of this.acts.splice(index, count)) this.lasting.delete(actId);
  }

  stop(): void {
    this.#changes = [];
  }

  size(): Promise<number> {
    this.#change();
    return Promise.resolve(this.acts.length);
  }

  range(start: number, end: number): Promise<readonly ModelAct[] | undefined> {
    this.#change();
    expect(end - start, 'the service refuses more than 100').to.be.below(100);
    if (this.acts.length === 0) return Promise.resolve([]);
    return Promise.resolve(start < 1 || start > end || end > this.acts.length ? undefined : this.acts.slice(start - 1, end));
  }

  #change(): void {
    this.requests++;
    const change = this.#changes[this.requests % 60];
    if (change === undefined) return;
    const index = Math.floor(change.where * (this.acts.length + 1));
    if (change.kind === 'insert') this.insert(index, change.count);
    else this.delete(index, change.count);
  }
}

const ids = (acts: readonly ModelAct[]): string[] => acts.map(({ actId }) => actId);

async function readToEnd(list: AnchoredList<ModelAct>): Promise<void> {
  while (!list.isAtEnd) await list.more();
}

function expectNoDuplicates(list: AnchoredList<ModelAct>): void {
  const shown = ids(list.shown);
  expect(new Set(shown).size, `duplicates in ${shown.join()}`).to.equal(shown.length);
}

const change = fc.record<Change>({
  kind: fc.constantFrom('insert', 'delete'),
  // Mostly at the top, where acts arrive.
  where: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.999, noNaN: true })),
  count: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 0, max: 3 }) }, { weight: 1, arbitrary: fc.integer({ min: 20, max: 150 }) }),
});

describe('the anchored list', () => {
  for (const kind of ['insert', 'delete'] as const) {
    it(`misses none that was there all the time, by reading on alone (${kind}s between all requests)`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: 300 }), fc.array(change, { maxLength: 60 }), async (initial, changes) => {
          const service = new ModelService(
            initial,
            changes.map((each) => ({ ...each, kind })),
          );
          const list = new AnchoredList(service);
          for (let i = 0; i < 200 && !list.isAtEnd; i++) {
            await list.more(i % 3 === 1);
            expectNoDuplicates(list);
          }
          service.stop();
          await readToEnd(list);
          list.reveal();
          const shown = new Set(ids(list.shown));
          expect([...service.lasting].filter((actId) => !shown.has(actId))).to.deep.equal([]);
        }),
        { numRuns: 80 },
      );
    });
  }

  it('shows no act twice through any changes, and is exactly the service’s list once they have stopped', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 300 }), fc.array(change, { maxLength: 60 }), async (initial, changes) => {
        const service = new ModelService(initial, changes);
        const list = new AnchoredList(service);
        for (let i = 0; i < 30; i++) {
          await (i % 3 === 2 ? list.refreshTop() : i % 7 === 6 ? list.resync() : list.more());
          if (i % 10 === 9) list.reveal();
          expectNoDuplicates(list);
        }
        service.stop();
        await list.refreshTop();
        list.reveal();
        await readToEnd(list);
        await list.resync();
        await readToEnd(list);
        expect(ids(list.shown)).to.deep.equal(ids(service.acts));
        expect([list.isAtEnd, list.isOutdated, list.waiting, list.total]).to.deep.equal([true, false, 0, service.acts.length]);
      }),
      { numRuns: 100 },
    );
  });

  it('asks one range a page while nothing changes', async () => {
    const service = new ModelService(205);
    const list = new AnchoredList(service);
    await readToEnd(list);
    expect(ids(list.shown)).to.deep.equal(ids(service.acts));
    // The size first and at the end, a first short range, then long ones.
    expect(service.requests).to.equal(3 + Math.ceil((205 - listLimits.firstPage) / listLimits.page));
  });

  for (const expected of [10, 30, 45, 300, undefined]) {
    it(`is not misled by an expected size of ${String(expected)} instead of 45`, async () => {
      const service = Object.assign(new ModelService(45), { expectedSize: () => Promise.resolve(expected) });
      const list = new AnchoredList(service);
      await readToEnd(list);
      expect(ids(list.shown)).to.deep.equal(ids(service.acts));
    });
  }

  it('reads by the longest ranges on the way to an act far down', async () => {
    const service = new ModelService(500);
    const list = new AnchoredList(service);
    while (!list.isAtEnd) await list.more(true);
    expect(ids(list.shown)).to.deep.equal(ids(service.acts));
    // The number of acts at both ends, 20 acts, then 98 at a time.
    expect(service.requests).to.be.at.most(8);
  });

  it('keeps new acts waiting at the top until they are asked for', async () => {
    const service = new ModelService(50);
    const list = new AnchoredList(service);
    await list.more();
    const before = ids(list.shown);
    service.insert(0, 3);
    await list.refreshTop();
    expect([ids(list.shown), list.waiting]).to.deep.equal([before, 3]);
    list.reveal();
    expect([ids(list.shown), list.waiting]).to.deep.equal([ids(service.acts).slice(0, 23), 0]);
  });

  it('loses none of what is shown when one that waits is removed', async () => {
    const service = new ModelService(10);
    const list = new AnchoredList(service);
    await list.more();
    const before = ids(list.shown);
    service.insert(0, 2);
    await list.refreshTop();
    list.remove(service.acts[0]!.actId);
    expect([ids(list.shown), list.waiting]).to.deep.equal([before, 1]);
  });

  it('starts afresh when more is new than can be joined', async () => {
    const service = new ModelService(30);
    const list = new AnchoredList(service);
    await list.more();
    service.insert(0, 1000);
    await list.refreshTop();
    expect(list.waiting).to.be.above(100);
    list.reveal();
    await readToEnd(list);
    expect(ids(list.shown)).to.deep.equal(ids(service.acts));
  });

  it('sees by the number of acts that something went from the middle', async () => {
    const service = new ModelService(60);
    const list = new AnchoredList(service);
    await readToEnd(list);
    service.delete(40, 2);
    await list.refreshTop();
    expect(list.isOutdated).to.be.true;
    await list.resync();
    expect([ids(list.shown), list.isOutdated]).to.deep.equal([ids(service.acts), false]);
  });

  it('resyncs a list longer than one call reads over several calls', async () => {
    const service = new ModelService(1000);
    const list = new AnchoredList(service, { ...listLimits, requests: 4 });
    await readToEnd(list);
    service.delete(900, 5);
    service.insert(10, 5);
    await list.resync();
    expect(ids(list.shown)).to.not.deep.equal(ids(service.acts));
    for (let i = 0; i < 3; i++) await list.resync();
    list.reveal();
    expect(ids(list.shown)).to.deep.equal(ids(service.acts));
  });

  it('forgets what the reader deleted and reads on without a gap', async () => {
    const service = new ModelService(45);
    const list = new AnchoredList(service);
    await list.more();
    for (const index of [3, 3, 10]) {
      list.remove(service.acts[index]!.actId);
      service.delete(index, 1);
    }
    await readToEnd(list);
    expect(ids(list.shown)).to.deep.equal(ids(service.acts));
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { COUNT_BUCKET_MS } from '../../src/model/endpoint-table.ts';
import type { CounterReport } from '../../src/model/endpoint-table.ts';
import { CountedRequests } from '../../src/observe/counted-requests.ts';

const KEY = 'default/acts default/acts';
const ARMED = 1_000;

function report(buckets: CounterReport['buckets'], change: Partial<CounterReport> = {}): CounterReport {
  return { key: KEY, armGeneration: 0, armedAtMs: ARMED, buckets, ...change };
}

function total(counted: CountedRequests, keys: readonly string[] = [KEY]): number {
  return counted.view(keys, 0).countBetween(-Infinity, Infinity);
}

describe('CountedRequests', () => {
  let counted: CountedRequests;
  beforeEach(() => {
    counted = new CountedRequests('boot-1');
  });

  it('the first report arms the counter, later ones do not', () => {
    expect(counted.view([KEY], 0).armedAtMs).to.equal(undefined);
    expect(counted.take('run-1', report([[0, 1]]))).to.equal(true);
    expect(counted.take('run-1', report([[0, 2]]))).to.equal(false);
    expect(counted.view([KEY], 0).armedAtMs).to.equal(ARMED);
    expect(counted.arming(KEY)).to.deep.equal({ armGeneration: 0, armedAtMs: ARMED });
  });

  it('a report that comes twice counts once', () => {
    counted.take('run-1', report([[0, 3]]));
    counted.take('run-1', report([[0, 3]]));
    expect(total(counted)).to.equal(3);
  });

  it('a bucket that grew replaces what was known of it', () => {
    counted.take('run-1', report([[0, 3]]));
    counted.take('run-1', report([[0, 5]]));
    expect(total(counted)).to.equal(5);
  });

  it('a new run of the ingress adds to what the runs before it counted', () => {
    counted.take('run-1', report([[0, 3]]));
    counted.take('run-2', report([[0, 2]]));
    counted.take('run-2', report([[0, 4]]));
    counted.take('run-3', report([[1, 1]]));
    expect(total(counted)).to.equal(3 + 4 + 1);
  });

  it('a report of another arm generation is ignored', () => {
    counted.take('run-1', report([[0, 3]]));
    expect(counted.reset(KEY)).to.equal(1);
    expect(total(counted)).to.equal(0);
    expect(counted.take('run-1', report([[0, 9]]))).to.equal(false);
    expect(counted.view([KEY], 0).armedAtMs).to.equal(undefined);
    expect(counted.take('run-1', report([[0, 2]], { armGeneration: 1, armedAtMs: 5_000 }))).to.equal(true);
    expect(total(counted)).to.equal(2);
  });

  it('a report aligned to another arming is ignored: its buckets mean other times', () => {
    counted.take('run-1', report([[0, 3]]));
    counted.take('run-2', report([[0, 9]], { armedAtMs: ARMED + 70 }));
    expect(total(counted)).to.equal(3);
  });

  it('counts what arrived in a half-open interval since the arming', () => {
    counted.take(
      'run-1',
      report([
        [0, 1],
        [1, 2],
        [2, 4],
        [10, 8],
      ]),
    );
    const { countBetween } = counted.view([KEY], 0);
    expect(countBetween(0, 2 * COUNT_BUCKET_MS)).to.equal(3);
    expect(countBetween(COUNT_BUCKET_MS, 10 * COUNT_BUCKET_MS)).to.equal(6);
    expect(countBetween(10 * COUNT_BUCKET_MS, 11 * COUNT_BUCKET_MS)).to.equal(8);
  });

  it('several counters are one: armed with the first, each at its own times', () => {
    counted.take('run-1', report([[0, 1]], { key: 'a', armedAtMs: 2_000 }));
    counted.take('run-1', report([[0, 2]], { key: 'b', armedAtMs: 1_000 }));
    const view = counted.view(['a', 'b', 'c'], 0);
    expect(view.armedAtMs).to.equal(1_000);
    expect(view.countBetween(0, 1_000)).to.equal(2);
    expect(view.countBetween(1_000, 1_100)).to.equal(1);
  });

  it('is dirty once after each change', () => {
    expect(counted.takeDirty()).to.equal(false);
    counted.take('run-1', report([[0, 1]]));
    expect(counted.takeDirty()).to.equal(true);
    expect(counted.takeDirty()).to.equal(false);
    counted.reset(KEY);
    expect(counted.takeDirty()).to.equal(true);
    counted.take('run-1', report([[0, 1]]));
    expect(counted.takeDirty(), 'an ignored report changes nothing').to.equal(false);
  });

  it('goes on after a save and a load as if nothing had happened', () => {
    counted.take('run-1', report([[0, 3]]));
    counted.take('run-2', report([[1, 4]]));
    const loaded = new CountedRequests('boot-1');
    loaded.load(KEY, JSON.parse(JSON.stringify(counted.save(KEY))) as ReturnType<CountedRequests['save']>);
    expect(loaded.takeDirty()).to.equal(false);
    expect(loaded.take('run-2', report([[1, 6]]))).to.equal(false);
    expect(total(loaded)).to.equal(9);
    expect(loaded.view([KEY], 0).armedAtMs).to.equal(ARMED);
  });

  it('a disarmed counter stays disarmed over a save and a load', () => {
    counted.take('run-1', report([[0, 3]]));
    counted.reset(KEY);
    const loaded = new CountedRequests('boot-1');
    loaded.load(KEY, JSON.parse(JSON.stringify(counted.save(KEY))) as ReturnType<CountedRequests['save']>);
    expect(loaded.arming(KEY)).to.deep.equal({ armGeneration: 1, armedAtMs: undefined });
  });

  it('after a reboot it is disarmed under a new generation, and that is saved', () => {
    counted.take('run-1', report([[0, 3]]));
    const loaded = new CountedRequests('boot-2');
    loaded.load(KEY, counted.save(KEY));
    expect(loaded.arming(KEY)).to.deep.equal({ armGeneration: 1, armedAtMs: undefined });
    expect(total(loaded)).to.equal(0);
    expect(loaded.takeDirty()).to.equal(true);
    expect(loaded.save(KEY)).to.include({ bootId: 'boot-2', armGeneration: 1, armedAtMs: null });
  });

  it('forgets what is older than it is told to keep, of ended runs too, and nothing younger', () => {
    const hour = 3_600_000 / COUNT_BUCKET_MS;
    counted.take('run-1', report([[0, 1]]));
    counted.take('run-2', report([[hour, 2]]));
    counted.prune(ARMED + 2 * 3_600_000, 2 * 3_600_000);
    expect(total(counted)).to.equal(3);
    counted.prune(ARMED + 2 * 3_600_000 + COUNT_BUCKET_MS, 2 * 3_600_000);
    expect(total(counted)).to.equal(2);
    counted.prune(ARMED + 4 * 3_600_000, 2 * 3_600_000);
    expect(total(counted)).to.equal(0);
    expect(counted.view([KEY], 0).armedAtMs, 'it stays armed').to.equal(ARMED);
  });

  describe('property: reports of cumulative counts add up exactly', () => {
    /** For each run, how many requests fell into which bucket, one after the other; every prefix is a report. */
    const runs = fc.array(fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 });

    interface Sent {
      readonly runId: string;
      readonly report: CounterReport;
    }

    function reportsOf(requests: readonly number[], runId: string): readonly Sent[] {
      const counts = new Map<number, number>();
      return requests.map((bucket) => {
        counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
        return { runId, report: report([...counts]) };
      });
    }

    const sum = (all: readonly (readonly number[])[]): number => all.reduce((count, requests) => count + requests.length, 0);

    it('in order, each any number of times and some of them lost on the way to the last', () => {
      fc.assert(
        fc.property(runs, fc.infiniteStream(fc.nat({ max: 3 })), (all, repeats) => {
          const own = new CountedRequests('boot-1');
          for (const [index, requests] of all.entries()) {
            const sent = reportsOf(requests, `run-${index}`);
            for (const [at, one] of sent.entries()) {
              const times = at === sent.length - 1 ? 1 : Number(repeats.next().value ?? 1);
              for (let time = 0; time < times; time++) own.take(one.runId, one.report);
            }
          }
          expect(total(own)).to.equal(sum(all));
        }),
      );
    });

    it('repeated and reordered within a run', () => {
      fc.assert(
        fc.property(runs, fc.infiniteStream(fc.nat()), (all, random) => {
          const own = new CountedRequests('boot-1');
          for (const [index, requests] of all.entries()) {
            const sent = reportsOf(requests, `run-${index}`);
            const shuffled = shuffle([...sent, ...sent], random);
            for (const one of shuffled) own.take(one.runId, one.report);
          }
          expect(total(own)).to.equal(sum(all));
        }),
      );
    });

    it('repeated and reordered over runs: a late report of an ended run counts nothing twice', () => {
      fc.assert(
        fc.property(runs, fc.infiniteStream(fc.nat()), (all, random) => {
          const own = new CountedRequests('boot-1');
          const sent = all.flatMap((requests, index) => reportsOf(requests, `run-${index}`));
          for (const one of shuffle([...sent, ...sent], random)) own.take(one.runId, one.report);
          expect(total(own)).to.equal(sum(all));
        }),
      );
    });

    it('over a save and a load between any two reports', () => {
      fc.assert(
        fc.property(runs, fc.infiniteStream(fc.boolean()), (all, isRestarted) => {
          let own = new CountedRequests('boot-1');
          for (const [index, requests] of all.entries()) {
            for (const one of reportsOf(requests, `run-${index}`)) {
              own.take(one.runId, one.report);
              if (isRestarted.next().value !== true) continue;
              const next = new CountedRequests('boot-1');
              next.load(KEY, JSON.parse(JSON.stringify(own.save(KEY))) as ReturnType<CountedRequests['save']>);
              own = next;
              own.take(one.runId, one.report);
            }
          }
          expect(total(own)).to.equal(sum(all));
        }),
      );
    });
  });
});

function shuffle<T>(items: T[], random: Iterator<number>): T[] {
  for (let index = items.length - 1; index > 0; index--) {
    const other = Number(random.next().value ?? 0) % (index + 1);
    [items[index], items[other]] = [items[other]!, items[index]!];
  }
  return items;
}

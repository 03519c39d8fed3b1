import { expect } from 'chai';
import fc from 'fast-check';
import { RequestCounter } from '../../src/ingress/request-counter.ts';
import type { CounterReport } from '../../src/model/endpoint-table.ts';

const KEY = 'default/main default/web';

/** As the control plane keeps it: absolute counts per bucket. */
class Ledger {
  readonly buckets = new Map<number, number>();
  sequence = 0;

  take(counter: RequestCounter): void {
    for (let report = counter.report(); report !== undefined; report = counter.report()) {
      this.sequence = report.sequence;
      for (const { buckets } of report.counters) for (const [index, count] of buckets) this.buckets.set(index, count);
    }
  }

  get total(): number {
    return [...this.buckets.values()].reduce((sum, count) => sum + count, 0);
  }
}

function only(counter: RequestCounter): CounterReport {
  return counter.report()!.counters[0]!;
}

describe('request counter', () => {
  it('the first request arms it and opens bucket 0', () => {
    const counter = new RequestCounter();
    counter.count(KEY, 1_000);
    counter.count(KEY, 1_099);
    counter.count(KEY, 1_100);
    counter.count(KEY, 1_950);
    expect(counter.report()).to.deep.equal({
      sequence: 1,
      counters: [
        {
          key: KEY,
          armGeneration: 0,
          armedAtMs: 1_000,
          buckets: [
            [0, 2],
            [1, 1],
            [9, 1],
          ],
        },
      ],
    });
    expect(counter.report()).to.be.undefined;
  });

  it('a bucket that grows after it was saved is reported with its whole count', () => {
    const counter = new RequestCounter();
    counter.count(KEY, 1_000);
    counter.report();
    counter.saved(1, 1_050);
    counter.count(KEY, 1_060);
    expect(only(counter).buckets).to.deep.equal([[0, 2]]);
  });

  it('what was not saved is reported again on a new connection', () => {
    const counter = new RequestCounter();
    counter.count(KEY, 1_000);
    counter.report();
    counter.saved(1, 2_000);
    counter.count(KEY, 3_000);
    counter.report();
    counter.resend();
    expect(only(counter).buckets).to.deep.equal([[20, 1]]);
  });

  it('armed beforehand, buckets align to that time', () => {
    const counter = new RequestCounter();
    counter.arm(KEY, 3, 500);
    counter.count(KEY, 1_000);
    expect(only(counter)).to.deep.equal({ key: KEY, armGeneration: 3, armedAtMs: 500, buckets: [[5, 1]] });
  });

  it('a higher generation without a time disarms and forgets; the next request arms', () => {
    const counter = new RequestCounter();
    counter.count(KEY, 1_000);
    counter.arm(KEY, 1, undefined);
    expect(counter.report()).to.be.undefined;
    counter.count(KEY, 5_000);
    expect(only(counter)).to.deep.equal({ key: KEY, armGeneration: 1, armedAtMs: 5_000, buckets: [[0, 1]] });
  });

  it('the same generation without a time, or a lower one, changes nothing', () => {
    const counter = new RequestCounter();
    counter.arm(KEY, 2, 1_000);
    counter.count(KEY, 1_500);
    counter.arm(KEY, 2, undefined);
    counter.arm(KEY, 1, 9_000);
    expect(only(counter)).to.deep.equal({ key: KEY, armGeneration: 2, armedAtMs: 1_000, buckets: [[5, 1]] });
  });

  it('the same generation with another time moves the counts to its buckets', () => {
    const counter = new RequestCounter();
    counter.count(KEY, 1_000);
    counter.arm(KEY, 0, 400);
    expect(only(counter)).to.deep.equal({ key: KEY, armGeneration: 0, armedAtMs: 400, buckets: [[6, 1]] });
  });

  it('with the control plane away memory stays bounded and no count is lost', () => {
    const counter = new RequestCounter(1_000);
    const ledger = new Ledger();
    for (let i = 0; i < 500; i++) counter.count(KEY, i * 100);
    ledger.take(counter);
    for (let i = 500; i < 5_000; i++) counter.count(KEY, i * 100);
    ledger.take(counter);
    expect(ledger.total).to.equal(5_000);
    expect(ledger.buckets.size).to.be.below(1_600);
  });

  it('whatever is counted, lost, resent and saved, the ledger ends with every request in its bucket', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ type: fc.constant('count' as const), afterMs: fc.nat(250) }) },
      { weight: 3, arbitrary: fc.constant({ type: 'report' as const }) },
      { weight: 2, arbitrary: fc.constant({ type: 'saved' as const }) },
      { weight: 1, arbitrary: fc.constant({ type: 'lost' as const }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const counter = new RequestCounter();
        const ledger = new Ledger();
        const expected = new Map<number, number>();
        let nowMs = 7_000;
        let armedAtMs: number | undefined;
        for (const { type, ...rest } of steps) {
          if (type === 'count') {
            nowMs += 'afterMs' in rest ? rest.afterMs : 0;
            armedAtMs ??= nowMs;
            counter.count(KEY, nowMs);
            const index = Math.floor((nowMs - armedAtMs) / 100);
            expected.set(index, (expected.get(index) ?? 0) + 1);
          } else if (type === 'report') ledger.take(counter);
          else if (type === 'saved') counter.saved(ledger.sequence, nowMs);
          else {
            // A report that never arrives, then a new connection.
            counter.report();
            counter.resend();
          }
        }
        ledger.take(counter);
        expect(ledger.buckets).to.deep.equal(expected);
      }),
    );
  });
});

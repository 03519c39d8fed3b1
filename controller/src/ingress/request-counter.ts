/**
 * Counts requests per counter key in buckets aligned to the request that armed the counter. A report carries absolute counts per bucket, so it may
 * be repeated; buckets leave memory once they are over and saved by the control plane. While that is away they go on, coarser with age.
 */
import { COUNT_BUCKET_MS, type CounterKey, type CounterReport } from '../model/endpoint-table.ts';

/** Two hours' worth; past it the older half of the unsent ones is merged to one a minute. */
const BUCKET_LIMIT = (2 * 3_600_000) / COUNT_BUCKET_MS;
const COARSE_BUCKETS = 60_000 / COUNT_BUCKET_MS;
/** Buckets in one report: keeps its line far below the limit. */
const REPORT_BUCKETS = 5_000;

interface Bucket {
  readonly index: number;
  count: number;
  /** Sequence of the newest report with the present count; 0 = none. */
  sentIn: number;
  wasSent: boolean;
}

class Counter {
  armGeneration = 0;
  armedAtMs: number | undefined;
  readonly buckets = new Map<number, Bucket>();
  readonly unsent = new Set<Bucket>();

  reset(armGeneration: number, armedAtMs: number | undefined): void {
    this.armGeneration = armGeneration;
    this.armedAtMs = armedAtMs;
    this.buckets.clear();
    this.unsent.clear();
  }

  add(index: number, count: number): void {
    let bucket = this.buckets.get(index);
    if (bucket === undefined) {
      bucket = { index, count: 0, sentIn: 0, wasSent: false };
      this.buckets.set(index, bucket);
    }
    bucket.count += count;
    bucket.sentIn = 0;
    this.unsent.add(bucket);
  }

  /** Only counts that were never reported may move: another bucket's absolute count would otherwise take them a second time. */
  coarsen(limit: number): void {
    const movable = [...this.buckets.values()].filter((bucket) => !bucket.wasSent).sort((a, b) => a.index - b.index);
    for (const bucket of movable.slice(0, movable.length / 2)) {
      const index = bucket.index - (bucket.index % COARSE_BUCKETS);
      if (index === bucket.index) continue;
      this.buckets.delete(bucket.index);
      this.unsent.delete(bucket);
      this.add(index, bucket.count);
    }
    if (this.buckets.size <= limit) return;
    // Still full: reported long ago by a control plane that never confirmed. No window reaches back that far.
    for (const bucket of [...this.buckets.values()]) {
      if (this.buckets.size <= limit / 2) break;
      this.buckets.delete(bucket.index);
      this.unsent.delete(bucket);
    }
  }
}

export class RequestCounter {
  readonly #counters = new Map<CounterKey, Counter>();
  readonly #bucketLimit: number;
  #sequence = 0;

  constructor(bucketLimit = BUCKET_LIMIT) {
    this.#bucketLimit = bucketLimit;
  }

  /** The first one arms the counter. */
  count(key: CounterKey, nowMs: number): void {
    const counter = this.#counter(key);
    counter.armedAtMs ??= nowMs;
    counter.add(Math.max(0, Math.floor((nowMs - counter.armedAtMs) / COUNT_BUCKET_MS)), 1);
    if (counter.buckets.size > this.#bucketLimit) counter.coarsen(this.#bucketLimit);
  }

  /** A higher generation starts anew; the same one may only supply when the counter was armed. */
  arm(key: CounterKey, armGeneration: number, armedAtMs: number | undefined): void {
    const counter = this.#counter(key);
    if (armGeneration > counter.armGeneration) counter.reset(armGeneration, armedAtMs);
    else if (armGeneration === counter.armGeneration && armedAtMs !== undefined && armedAtMs !== counter.armedAtMs) {
      const { armedAtMs: own = armedAtMs, buckets } = counter;
      const counts = [...buckets.values()].map(({ index, count }) => ({ atMs: own + index * COUNT_BUCKET_MS, count }));
      counter.reset(armGeneration, armedAtMs);
      for (const { atMs, count } of counts) counter.add(Math.max(0, Math.floor((atMs - armedAtMs) / COUNT_BUCKET_MS)), count);
    }
  }

  /** The next report of what has changed; undefined when nothing has. Call again until then. */
  report(): { sequence: number; counters: CounterReport[] } | undefined {
    const counters: CounterReport[] = [];
    const sequence = this.#sequence + 1;
    let room = REPORT_BUCKETS;
    for (const [key, counter] of this.#counters) {
      const { armGeneration, armedAtMs, unsent } = counter;
      if (unsent.size === 0 || room <= 0 || armedAtMs === undefined) continue;
      const buckets: [number, number][] = [];
      for (const bucket of unsent) {
        if (room-- <= 0) break;
        buckets.push([bucket.index, bucket.count]);
        bucket.sentIn = sequence;
        bucket.wasSent = true;
        unsent.delete(bucket);
      }
      counters.push({ key, armGeneration, armedAtMs, buckets });
    }
    if (counters.length === 0) return undefined;
    this.#sequence = sequence;
    return { sequence, counters };
  }

  /** Everything reported up to `sequence` is durable. Buckets that may still grow stay: their counts are absolute. */
  saved(sequence: number, nowMs: number): void {
    for (const { armedAtMs = 0, buckets } of this.#counters.values()) {
      const current = Math.floor((nowMs - armedAtMs) / COUNT_BUCKET_MS);
      for (const bucket of buckets.values()) {
        if (bucket.sentIn > 0 && bucket.sentIn <= sequence && bucket.index < current) buckets.delete(bucket.index);
      }
    }
  }

  /** A new connection: what was not saved is reported again. */
  resend(): void {
    for (const { buckets, unsent } of this.#counters.values()) for (const bucket of buckets.values()) unsent.add(bucket);
  }

  #counter(key: CounterKey): Counter {
    const existing = this.#counters.get(key);
    if (existing !== undefined) return existing;
    const counter = new Counter();
    this.#counters.set(key, counter);
    return counter;
  }
}

/**
 * The counts that the ingress reports, kept durably: which requests arrived when, relative to the request that armed the counter.
 * Reports are absolute per bucket and ingress run, so one that is sent twice counts once; what an ingress that died had reported stays.
 */
import { COUNT_BUCKET_MS } from '../model/endpoint-table.ts';
import type { CounterKey, CounterReport } from '../model/endpoint-table.ts';
import type { CounterView } from '../reconcile/autoscaler.ts';

/** As it is saved. JSON. */
export interface CounterRecord {
  readonly armGeneration: number;
  /** CLOCK_MONOTONIC has a meaning only until the next boot. */
  readonly bootId: string;
  readonly armedAtMs: number | null;
  /** Of the ingress processes that reported, by their run id, the newest last: [bucket, requests]. */
  readonly runs: readonly (readonly [string, readonly (readonly [number, number])[]])[];
}

/** Absolute counts by bucket. */
type Buckets = Map<number, number>;

interface Counter {
  armGeneration: number;
  armedAtMs: number | undefined;
  /** Of each ingress run its own, so that a report which comes late, or twice, counts nothing twice. */
  readonly runs: Map<string, Buckets>;
}

/** Of older runs the counts stay, and what they still report is not taken any more. */
const RUNS_MOST = 16;
const FOLDED_RUNS = 'folded';

function newCounter(armGeneration: number): Counter {
  return { armGeneration, armedAtMs: undefined, runs: new Map() };
}

export class CountedRequests {
  readonly #bootId: string;
  readonly #counters = new Map<CounterKey, Counter>();
  #isDirty = false;

  constructor(bootId: string) {
    this.#bootId = bootId;
  }

  /** True once since the last call when something is to be saved. */
  takeDirty(): boolean {
    const isDirty = this.#isDirty;
    this.#isDirty = false;
    return isDirty;
  }

  keys(): Iterable<CounterKey> {
    return this.#counters.keys();
  }

  arming(key: CounterKey): { readonly armGeneration: number; readonly armedAtMs: number | undefined } {
    const { armGeneration, armedAtMs } = this.#counter(key);
    return { armGeneration, armedAtMs };
  }

  /** Takes one report; a report of another arm generation is of a counter that was reset since. Returns whether this armed the counter. */
  take(runId: string, report: CounterReport): boolean {
    const counter = this.#counter(report.key);
    // Our state is older than the ingress: it knows of resets that were lost here.
    if (report.armGeneration > counter.armGeneration && counter.armedAtMs === undefined) counter.armGeneration = report.armGeneration;
    if (report.armGeneration !== counter.armGeneration) return false;
    const isArming = counter.armedAtMs === undefined;
    if (isArming) counter.armedAtMs = report.armedAtMs;
    else if (counter.armedAtMs !== report.armedAtMs) return false;
    const buckets = bucketsOf(counter, runId);
    // Counts only grow: an older report that comes late takes nothing back.
    for (const [bucket, count] of report.buckets) buckets.set(bucket, Math.max(count, buckets.get(bucket) ?? 0));
    this.#isDirty = true;
    return isArming;
  }

  /** Disarms: the next counted request arms it anew. Returns the new generation. */
  reset(key: CounterKey): number {
    const counter = this.#counter(key);
    const armGeneration = counter.armGeneration + 1;
    this.#counters.set(key, newCounter(armGeneration));
    this.#isDirty = true;
    return armGeneration;
  }

  /** The sum over several counters of one autoscaler; armed since the first of them was. */
  view(keys: readonly CounterKey[], completeUntilMs: number): CounterView {
    const counters = keys.map((key) => this.#counter(key)).filter(({ armedAtMs }) => armedAtMs !== undefined);
    const armedAtMs = counters.length === 0 ? undefined : Math.min(...counters.map((counter) => counter.armedAtMs ?? Infinity));
    return {
      armedAtMs,
      completeUntilMs,
      countBetween: (fromMs, toMs) => counters.reduce((sum, counter) => sum + countIn(counter, fromMs, toMs, armedAtMs ?? 0), 0),
    };
  }

  save(key: CounterKey): CounterRecord {
    const { armGeneration, armedAtMs, runs } = this.#counter(key);
    return {
      armGeneration,
      bootId: this.#bootId,
      armedAtMs: armedAtMs ?? null,
      runs: [...runs].map(([runId, buckets]) => [runId, [...buckets]]),
    };
  }

  /** A record of another shape (a later or earlier version wrote it) is as good as none. */
  load(key: CounterKey, record: CounterRecord): void {
    if (!isRuns(record.runs)) return;
    if (record.bootId !== this.#bootId) {
      // The machine was rebooted: times of the old boot mean nothing now. Disarmed, under a new generation.
      this.#counters.set(key, newCounter(record.armGeneration + 1));
      this.#isDirty = true;
      return;
    }
    this.#counters.set(key, {
      armGeneration: record.armGeneration,
      armedAtMs: record.armedAtMs ?? undefined,
      runs: new Map(record.runs.map(([runId, buckets]) => [runId, new Map(buckets)])),
    });
  }

  /** Forgets buckets older than `keptMs`. */
  prune(nowMs: number, keptMs: number): void {
    for (const { armedAtMs, runs } of this.#counters.values()) {
      if (armedAtMs === undefined) continue;
      const oldest = (nowMs - armedAtMs - keptMs) / COUNT_BUCKET_MS;
      for (const buckets of runs.values()) for (const bucket of buckets.keys()) if (bucket < oldest) buckets.delete(bucket);
    }
  }

  #counter(key: CounterKey): Counter {
    let counter = this.#counters.get(key);
    if (counter === undefined) this.#counters.set(key, (counter = newCounter(0)));
    return counter;
  }
}

function isRuns(runs: unknown): boolean {
  return Array.isArray(runs);
}

function bucketsOf({ runs }: Counter, runId: string): Buckets {
  const known = runs.get(runId);
  if (known !== undefined) return known;
  const buckets: Buckets = new Map();
  runs.set(runId, buckets);
  const [oldest] = [...runs.keys()].filter((id) => id !== FOLDED_RUNS);
  if (runs.size > RUNS_MOST && oldest !== undefined) {
    const folded = runs.get(FOLDED_RUNS) ?? new Map<number, number>();
    for (const [bucket, count] of runs.get(oldest) ?? []) folded.set(bucket, (folded.get(bucket) ?? 0) + count);
    runs.delete(oldest);
    runs.set(FOLDED_RUNS, folded);
  }
  return buckets;
}

function countIn(counter: Counter, fromMs: number, toMs: number, originMs: number): number {
  const shiftMs = (counter.armedAtMs ?? originMs) - originMs;
  let sum = 0;
  for (const buckets of counter.runs.values()) {
    for (const [bucket, count] of buckets) {
      const atMs = bucket * COUNT_BUCKET_MS + shiftMs;
      if (atMs >= fromMs && atMs < toMs) sum += count;
    }
  }
  return sum;
}

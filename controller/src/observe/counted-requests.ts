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
  /** Of ingress runs that ended: [bucket, requests]. */
  readonly settled: readonly (readonly [number, number])[];
  readonly runId: string;
  /** Of the ingress run that reports now. */
  readonly running: readonly (readonly [number, number])[];
}

/** Longer than any window; older buckets are forgotten. */
const KEPT_MS = 2 * 3_600_000;

interface Counter {
  armGeneration: number;
  armedAtMs: number | undefined;
  settled: Map<number, number>;
  runId: string;
  running: Map<number, number>;
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
    if (report.armGeneration !== counter.armGeneration) return false;
    const isArming = counter.armedAtMs === undefined;
    if (isArming) counter.armedAtMs = report.armedAtMs;
    else if (counter.armedAtMs !== report.armedAtMs) return false;
    if (counter.runId !== runId) {
      for (const [bucket, count] of counter.running) counter.settled.set(bucket, (counter.settled.get(bucket) ?? 0) + count);
      counter.running = new Map();
      counter.runId = runId;
    }
    for (const [bucket, count] of report.buckets) counter.running.set(bucket, count);
    this.#isDirty = true;
    return isArming;
  }

  /** Disarms: the next counted request arms it anew. Returns the new generation. */
  reset(key: CounterKey): number {
    const counter = this.#counter(key);
    const armGeneration = counter.armGeneration + 1;
    this.#counters.set(key, { armGeneration, armedAtMs: undefined, settled: new Map(), runId: '', running: new Map() });
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
    const { armGeneration, armedAtMs, settled, runId, running } = this.#counter(key);
    return { armGeneration, bootId: this.#bootId, armedAtMs: armedAtMs ?? null, settled: [...settled], runId, running: [...running] };
  }

  load(key: CounterKey, record: CounterRecord): void {
    if (record.bootId !== this.#bootId) {
      // The machine was rebooted: times of the old boot mean nothing now. Disarmed, under a new generation.
      this.#counters.set(key, {
        armGeneration: record.armGeneration + 1,
        armedAtMs: undefined,
        settled: new Map(),
        runId: '',
        running: new Map(),
      });
      this.#isDirty = true;
      return;
    }
    this.#counters.set(key, {
      armGeneration: record.armGeneration,
      armedAtMs: record.armedAtMs ?? undefined,
      settled: new Map(record.settled),
      runId: record.runId,
      running: new Map(record.running),
    });
  }

  /** Forgets buckets older than any window. */
  prune(nowMs: number): void {
    for (const { armedAtMs, settled, running } of this.#counters.values()) {
      if (armedAtMs === undefined) continue;
      const oldest = (nowMs - armedAtMs - KEPT_MS) / COUNT_BUCKET_MS;
      for (const buckets of [settled, running]) for (const bucket of buckets.keys()) if (bucket < oldest) buckets.delete(bucket);
    }
  }

  #counter(key: CounterKey): Counter {
    let counter = this.#counters.get(key);
    if (counter === undefined) {
      counter = { armGeneration: 0, armedAtMs: undefined, settled: new Map(), runId: '', running: new Map() };
      this.#counters.set(key, counter);
    }
    return counter;
  }
}

function countIn(counter: Counter, fromMs: number, toMs: number, originMs: number): number {
  const shiftMs = (counter.armedAtMs ?? originMs) - originMs;
  let sum = 0;
  for (const buckets of [counter.settled, counter.running]) {
    for (const [bucket, count] of buckets) {
      const atMs = bucket * COUNT_BUCKET_MS + shiftMs;
      if (atMs >= fromMs && atMs < toMs) sum += count;
    }
  }
  return sum;
}

/**
 * When one container is probed. One request at a time; readiness and liveness that ask the same are one request.
 * - Until a probe's first success it goes every 50 ms, for as long as its budget (initial delay + failureThreshold x period) lasts; then by its period.
 * - With a startup probe nothing else runs until that has passed.
 * - Periods are kept on a grid, counted from the start of a probe: containers are 2 ms apart on it, not spread over the whole period. A CPU
 *   that is awake already, with warm caches, makes ten probes for the price of four (measured).
 */
import type { Probe } from '../model/objects.ts';
import type { ObservedProbes, ProbeKind } from '../model/observed.ts';
import type { Clock } from '../runtime/clock.ts';
import { resolveProbe, type ProbeRequest } from './probe-request.ts';
import type { ProbeRunner } from './probe-runner.ts';
import { VerdictCounter } from './probe-verdict.ts';
import type { ProbeTarget } from './prober.ts';

const EAGER_MS = 50;
const GRID_STEP_MS = 2;
/** A timer may fire this much early; less than a whole period later is then no new turn. */
const GRID_TOLERANCE_MS = 5;
/** Node's timers count whole milliseconds of the event loop's own time: without this one in two fires just too early, and twice. */
const TIMER_SLACK_MS = 1;

interface Check {
  readonly request: ProbeRequest;
  readonly requestKey: string;
  readonly timeoutMs: number;
  readonly periodMs: number;
  readonly counters: VerdictCounter[];
  dueAtMs: number;
  hasPassed: boolean;
}

interface Recheck {
  readonly kinds: Set<ProbeKind>;
  readonly promise: Promise<boolean>;
  readonly resolve: (isPassing: boolean) => void;
}

export class ProbeSchedule {
  readonly target: ProbeTarget;
  readonly slot: number;
  readonly #clock: Clock;
  readonly #runner: ProbeRunner;
  readonly #onResult: (isChanged: boolean) => void;
  readonly #startup: Check | undefined;
  readonly #checks: Check[] = [];
  #isStarted: boolean;
  #isBusy = false;
  #isStopped = false;
  #cancelTimer: (() => void) | undefined;
  #recheck: Recheck | undefined;

  constructor(target: ProbeTarget, slot: number, clock: Clock, runner: ProbeRunner, onResult: (isChanged: boolean) => void) {
    this.target = target;
    this.slot = slot;
    this.#clock = clock;
    this.#runner = runner;
    this.#onResult = onResult;
    const nowMs = clock.now();
    this.#startup = target.startup && this.#makeCheck('startup', target.startup);
    this.#isStarted = this.#startup === undefined;
    for (const kind of ['readiness', 'liveness'] as const) if (target[kind]) this.#add(this.#makeCheck(kind, target[kind]));
    for (const counter of this.#startup?.counters ?? []) {
      if (nowMs < counter.budgetEndMs) continue;
      this.#isStarted = true;
      counter.assumePassed(nowMs);
    }
  }

  get observed(): ObservedProbes {
    const observed: { -readonly [K in ProbeKind]?: VerdictCounter['verdict'] } = {};
    for (const check of this.#startup ? [this.#startup, ...this.#checks] : this.#checks) {
      for (const counter of check.counters) observed[counter.kind] = counter.verdict;
    }
    return observed;
  }

  start(): void {
    this.#next();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
    this.#recheck?.resolve(false);
    this.#recheck = undefined;
  }

  /** One round beside the schedule, begun after this call; calls that wait for the same round share it. */
  probeNow(kinds: readonly ProbeKind[]): Promise<boolean> {
    if (this.#isStopped) return Promise.resolve(false);
    if (!this.#recheck) {
      let resolve: Recheck['resolve'] = () => undefined;
      const promise = new Promise<boolean>((settle) => (resolve = settle));
      this.#recheck = { kinds: new Set(), promise, resolve };
    }
    for (const kind of kinds) this.#recheck.kinds.add(kind);
    const { promise } = this.#recheck;
    this.#next();
    return promise;
  }

  #makeCheck(kind: ProbeKind, probe: Probe): Check {
    const { containerId, address, ports, startedAtMs } = this.target;
    const request = resolveProbe(probe, containerId, address, ports);
    return {
      request,
      requestKey: JSON.stringify(request),
      timeoutMs: (probe.timeoutSeconds ?? 1) * 1000,
      periodMs: (probe.periodSeconds ?? 10) * 1000,
      counters: [new VerdictCounter(kind, probe, startedAtMs)],
      dueAtMs: 0,
      hasPassed: false,
    };
  }

  #add(check: Check): void {
    const same = this.#checks.find(
      (other) => other.requestKey === check.requestKey && other.periodMs === check.periodMs && other.timeoutMs === check.timeoutMs,
    );
    if (same) same.counters.push(...check.counters);
    else this.#checks.push(check);
  }

  /** Begins whatever is due, or waits for it. The only place where a probe starts: that keeps them to one at a time. */
  #next(): void {
    if (this.#isBusy || this.#isStopped) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#recheck) {
      void this.#occupy(this.#runRecheck(this.#recheck));
      return;
    }
    const check = this.#firstDue();
    if (check === undefined) return;
    const waitMs = check.dueAtMs - this.#clock.now();
    if (waitMs <= TIMER_SLACK_MS) void this.#occupy(this.#run(check));
    else this.#cancelTimer = this.#clock.setTimer(waitMs, () => this.#next());
  }

  async #occupy(work: Promise<unknown>): Promise<void> {
    this.#isBusy = true;
    await work;
    this.#isBusy = false;
    this.#next();
  }

  #firstDue(): Check | undefined {
    if (!this.#isStarted) return this.#startup;
    let first: Check | undefined;
    for (const check of this.#checks) if (first === undefined || check.dueAtMs < first.dueAtMs) first = check;
    return first;
  }

  async #runRecheck(recheck: Recheck): Promise<void> {
    this.#recheck = undefined;
    const checks = this.#checks.filter((check) => check.counters.some((counter) => recheck.kinds.has(counter.kind)));
    let isPassing = true;
    for (const check of this.#isStarted ? checks : [this.#startup]) {
      if (check !== undefined && !(await this.#run(check))) isPassing = false;
    }
    recheck.resolve(isPassing);
  }

  async #run(check: Check): Promise<boolean> {
    if (this.#isStopped) return false;
    const startedAtMs = this.#clock.now();
    const failure = await this.#runner.run(check.request, check.timeoutMs);
    if (this.#wasStopped()) return false;
    const nowMs = this.#clock.now();
    const isChanged = failure !== undefined && this.#count(check, failure, startedAtMs, nowMs);
    check.dueAtMs = this.#nextTurn(check, startedAtMs, nowMs);
    this.#onResult(isChanged);
    // Nobody could be asked: what was known stands.
    return failure === '' || (failure === undefined && check.counters.every(({ verdict }) => verdict.isPassing === true));
  }

  /** A method, because the compiler takes a field to be unchanged over an await. */
  #wasStopped(): boolean {
    return this.#isStopped;
  }

  #count(check: Check, failure: string, startedAtMs: number, nowMs: number): boolean {
    check.hasPassed ||= failure === '';
    let isChanged = false;
    for (const counter of check.counters) isChanged = counter.add(failure, startedAtMs, nowMs) || isChanged;
    if (check === this.#startup && failure === '') {
      this.#isStarted = true;
      for (const other of this.#checks) {
        for (const counter of other.counters) counter.beginAt(nowMs);
        // The same question would get the same answer: no second request before the container may become ready.
        if (other.requestKey !== check.requestKey) continue;
        isChanged = this.#count(other, failure, startedAtMs, nowMs) || isChanged;
        other.dueAtMs = this.#nextTurn(other, startedAtMs, nowMs);
      }
    }
    return isChanged;
  }

  #nextTurn(check: Check, startedAtMs: number, nowMs: number): number {
    const isEager = !check.hasPassed && check.counters.some((counter) => nowMs < counter.budgetEndMs);
    if (isEager) return startedAtMs + EAGER_MS;
    const offsetMs = (this.slot * GRID_STEP_MS) % check.periodMs;
    const turns = Math.floor((startedAtMs + check.periodMs - offsetMs + GRID_TOLERANCE_MS) / check.periodMs);
    return offsetMs + turns * check.periodMs;
  }
}

/** One probe's results counted against its thresholds. No clock of its own, no I/O. */
import type { Probe } from '../model/objects.ts';
import type { ProbeKind, ProbeVerdict } from '../model/observed.ts';

export class VerdictCounter {
  readonly kind: ProbeKind;
  readonly #probe: Probe;
  readonly #periodMs: number;
  /** Liveness does not count before this. */
  readonly #delayEndMs: number;
  #hasPassed = false;
  #budgetEndMs: number;
  #successes = 0;
  #lastCountedFailureMs = -Infinity;
  #verdict: ProbeVerdict = {
    isPassing: undefined,
    lastResultAtMs: 0,
    lastStartedAtMs: 0,
    sinceMs: 0,
    consecutiveFailures: 0,
    lastFailure: '',
  };

  constructor(kind: ProbeKind, probe: Probe, containerStartedAtMs: number) {
    this.kind = kind;
    this.#probe = probe;
    this.#periodMs = (probe.periodSeconds ?? 10) * 1000;
    this.#delayEndMs = containerStartedAtMs + (probe.initialDelaySeconds ?? 0) * 1000;
    this.#budgetEndMs = this.#delayEndMs + this.#failureThreshold * this.#periodMs;
  }

  get verdict(): ProbeVerdict {
    return this.#verdict;
  }

  /** Until then a container that has never passed is starting, not failing. */
  get budgetEndMs(): number {
    return this.#budgetEndMs;
  }

  get #failureThreshold(): number {
    return this.#probe.failureThreshold ?? 3;
  }

  /** The startup probe has passed: only now this one's own time begins. */
  beginAt(nowMs: number): void {
    this.#budgetEndMs = Math.max(this.#delayEndMs, nowMs) + this.#failureThreshold * this.#periodMs;
  }

  /** The container outlived its startup budget before this control plane saw it: it must have passed. */
  assumePassed(nowMs: number): void {
    this.#hasPassed = true;
    this.#verdict = { ...this.#verdict, isPassing: true, sinceMs: nowMs };
  }

  /** @returns whether `isPassing` changed */
  add(failure: string, startedAtMs: number, nowMs: number): boolean {
    const isChanged = failure === '' ? this.#addSuccess(nowMs) : this.#addFailure(failure, startedAtMs, nowMs);
    this.#verdict = { ...this.#verdict, lastResultAtMs: nowMs, lastStartedAtMs: startedAtMs };
    return isChanged;
  }

  #addSuccess(nowMs: number): boolean {
    this.#hasPassed = true;
    this.#successes++;
    this.#lastCountedFailureMs = -Infinity;
    this.#verdict = { ...this.#verdict, consecutiveFailures: 0 };
    return this.#successes >= (this.#probe.successThreshold ?? 1) && this.#decide(true, nowMs);
  }

  #addFailure(failure: string, startedAtMs: number, nowMs: number): boolean {
    this.#successes = 0;
    this.#verdict = { ...this.#verdict, lastFailure: failure };
    if (this.kind === 'liveness') {
      if (nowMs < this.#delayEndMs) return false;
      // Probes asked for in between (probeNow) must not burn a threshold that means "so many periods long": one hiccup would be a restart.
      if (startedAtMs - this.#lastCountedFailureMs < this.#periodMs / 2) return false;
    }
    this.#lastCountedFailureMs = startedAtMs;
    const consecutiveFailures = this.#verdict.consecutiveFailures + 1;
    this.#verdict = { ...this.#verdict, consecutiveFailures };
    if (!this.#hasPassed && nowMs < this.#budgetEndMs) return false;
    return consecutiveFailures >= this.#failureThreshold && this.#decide(false, nowMs);
  }

  #decide(isPassing: boolean, nowMs: number): boolean {
    if (this.#verdict.isPassing === isPassing) return false;
    this.#verdict = { ...this.#verdict, isPassing, sinceMs: nowMs };
    return true;
  }
}

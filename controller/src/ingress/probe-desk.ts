/**
 * Asks the control plane whether an endpoint is healthy; requests that ask about the same endpoint share one question. The answer is undefined
 * when there is none to be had: the control plane is away or too slow.
 */
export type Verdict = boolean | undefined;

interface Question {
  readonly waiting: ((verdict: Verdict) => void)[];
  readonly timer: NodeJS.Timeout;
}

export class ProbeDesk {
  readonly #ask: (endpointId: string, reason: string) => boolean;
  readonly #timeoutMs: number;
  readonly #open = new Map<string, Question>();

  /** @param ask sends the question; false when nobody listens. */
  constructor(ask: (endpointId: string, reason: string) => boolean, timeoutMs: number) {
    this.#ask = ask;
    this.#timeoutMs = timeoutMs;
  }

  /** `onVerdict` is called once, never within this call. */
  ask(endpointId: string, reason: string, onVerdict: (verdict: Verdict) => void): void {
    const open = this.#open.get(endpointId);
    if (open !== undefined) {
      open.waiting.push(onVerdict);
      return;
    }
    if (!this.#ask(endpointId, reason)) {
      setImmediate(onVerdict, undefined);
      return;
    }
    const timer = setTimeout(() => this.settle(endpointId, undefined), this.#timeoutMs);
    this.#open.set(endpointId, { waiting: [onVerdict], timer });
  }

  settle(endpointId: string, verdict: Verdict): void {
    const question = this.#open.get(endpointId);
    if (question === undefined) return;
    this.#open.delete(endpointId);
    clearTimeout(question.timer);
    for (const onVerdict of question.waiting) onVerdict(verdict);
  }

  /** The control plane went away. */
  settleAll(): void {
    for (const endpointId of [...this.#open.keys()]) this.settle(endpointId, undefined);
  }
}

/**
 * Looks at the engine for the loop, one look at a time. A pass waits for a look only so long: an engine that hangs must not keep the loop from
 * probing, routing and scaling. The look goes on meanwhile, and the first pass after its end uses what it saw. Knows nothing of what is seen.
 */
export interface EngineLookOptions {
  /** Rejects when the engine does not answer. */
  readonly look: (signal: AbortSignal) => Promise<void>;
  readonly patienceMs: number;
  readonly now: () => number;
  /** A look that a pass did not wait for has ended. */
  readonly onLateEnd: () => void;
}

interface Look {
  readonly startedAtMs: number;
  readonly ended: Promise<void>;
  outcome: 'pending' | 'seen' | 'failed';
  error: unknown;
  isLate: boolean;
}

export class EngineLook {
  readonly #options: EngineLookOptions;
  #look: Look | undefined;
  #unreachableSinceMs: number | undefined;
  #lastError: unknown;
  #hasSeen = false;

  constructor(options: EngineLookOptions) {
    this.#options = options;
  }

  /** Whether a look ever succeeded: before that nothing is known, which is not the same as nothing being there. */
  get hasSeen(): boolean {
    return this.#hasSeen;
  }

  /** When the first of the looks began that have not been answered since; undefined while the engine answers. */
  get unreachableSinceMs(): number | undefined {
    return this.#unreachableSinceMs;
  }

  /** Of the newest look that failed or is late. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** Whether what is known of the engine is up to date. */
  async take(signal: AbortSignal): Promise<boolean> {
    const look = (this.#look ??= this.#begin(signal));
    if (look.outcome === 'pending') await this.#wait(look);
    if (look.outcome === 'pending') {
      look.isLate = true;
      this.#unreachableSinceMs ??= look.startedAtMs;
      this.#lastError = new Error(`no answer for ${Math.round((this.#options.now() - look.startedAtMs) / 1000)} s`);
      return false;
    }
    this.#look = undefined;
    if (look.outcome === 'failed') {
      this.#unreachableSinceMs ??= look.startedAtMs;
      this.#lastError = look.error;
      return false;
    }
    this.#hasSeen = true;
    this.#unreachableSinceMs = undefined;
    this.#lastError = undefined;
    return true;
  }

  #begin(signal: AbortSignal): Look {
    const settle = (outcome: 'seen' | 'failed', error?: unknown): void => {
      look.outcome = outcome;
      look.error = error;
      if (look.isLate) this.#options.onLateEnd();
    };
    const ended = this.#options.look(signal).then(
      () => settle('seen'),
      (error: unknown) => settle('failed', error),
    );
    const look: Look = { startedAtMs: this.#options.now(), ended, outcome: 'pending', error: undefined, isLate: false };
    return look;
  }

  async #wait(look: Look): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.#options.patienceMs)));
    await Promise.race([look.ended, patience]);
    clearTimeout(timer);
  }
}

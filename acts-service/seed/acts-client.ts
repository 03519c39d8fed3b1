// Calls the Acts system as any client would: patient with replicas that are busy or being replaced, for a bounded time.
import { setTimeout as delay } from 'node:timers/promises';

/** What the person who runs the command can act on; anything else is a mistake of ours. */
export class SeedError extends Error {
  override readonly name = 'SeedError';
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** A problem document's `code`; empty without one. */
  readonly code: string;
}

const attemptMs = 60_000;
/** How long one call is tried again, counted from its first failure. */
const patienceMs = 60_000;
const pauseMs = 500;

export class ActsClient {
  readonly #base: URL;

  constructor(url: string) {
    this.#base = new URL('/api/v1/', url);
  }

  /** Fails at once, in words, when there is nothing to seed at this address. */
  async probe(): Promise<void> {
    let answer: Response;
    try {
      answer = await fetch(new URL('categories', this.#base), { signal: AbortSignal.timeout(10_000) });
    } catch (error) {
      throw new SeedError(
        `nothing answers at ${this.#base.origin} (${reason(error)}): is it running? "make up" starts it, --url says where it is`,
      );
    }
    await answer.arrayBuffer();
    const isActs = answer.status === 204 || (answer.status === 200 && (answer.headers.get('content-type') ?? '').includes('json'));
    if (isActs || answer.status >= 500 || answer.status === 429) return;
    throw new SeedError(
      `what answers at ${this.#base.origin} is no Acts service: GET ${this.#base.pathname}categories gave ${answer.status}`,
    );
  }

  /** Tried again while the system is busy or unreachable. Also after a lost answer: what was stored the first time is then refused as taken. */
  async call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answer> {
    const content = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
    let givesUpAt: number | undefined;
    for (;;) {
      let failure: string;
      let waitMs = pauseMs;
      try {
        const response = await fetch(new URL(path, this.#base), { method, ...content, signal: AbortSignal.timeout(attemptMs) });
        const text = await response.text();
        if (response.status !== 429 && response.status < 500) return { status: response.status, text, code: problemCode(text) };
        failure = `${response.status} ${problemCode(text)}`.trim();
        waitMs = retryAfterMs(response.headers.get('retry-after')) ?? pauseMs;
      } catch (error) {
        failure = reason(error);
      }
      givesUpAt ??= performance.now() + patienceMs;
      if (performance.now() + waitMs > givesUpAt) throw new SeedError(`${method} ${this.#base.pathname}${path} keeps failing: ${failure}`);
      await delay(waitMs);
    }
  }
}

/** Only the seconds form, which is what the Acts system sends. */
function retryAfterMs(header: string | null): number | undefined {
  return header !== null && /^\d{1,4}$/.test(header) ? Math.max(Number(header) * 1000, 100) : undefined;
}

function problemCode(text: string): string {
  try {
    const { code } = JSON.parse(text) as { code?: unknown };
    return typeof code === 'string' ? code : '';
  } catch {
    return '';
  }
}

function reason(error: unknown): string {
  // fetch says "fetch failed" and why in its cause.
  const { cause, name, message } = error as { cause?: { code?: unknown; message?: string }; name: string; message: string };
  if (name === 'TimeoutError') return 'no answer in time';
  return typeof cause?.code === 'string' ? cause.code : (cause?.message ?? message);
}

/**
 * Requests at a constant rate, whatever becomes of those before (open loop): none waits for another, none is repeated. A delay of this process
 * itself is made up for at once, and latency counts from the moment at which a request was due.
 */
import { Agent, request } from 'node:http';

export interface LoadOptions {
  readonly path: string;
  readonly perSecond: number;
  readonly method?: string;
  /** 'new': a connection for every request; 'kept': kept open and used again, as many as it takes. */
  readonly connections?: 'new' | 'kept';
  readonly timeoutMs?: number;
  readonly isFine?: (reply: { readonly status: number; readonly body: string }) => boolean;
}

/** Refused: no connection. Cut: a connection that ended before its answer did. Status: any answer that is not fine. */
export type FailureKind = 'refused' | 'cut' | 'timeout' | 'status' | 'other';

export interface LoadFailure {
  readonly kind: FailureKind;
  readonly text: string;
  /** performance.now(), milliseconds. */
  readonly sentAtMs: number;
  readonly endedAtMs: number;
}

export interface LoadResult {
  readonly sent: number;
  /** Anything but `isFine`, in words. */
  readonly failures: readonly string[];
  readonly failed: readonly LoadFailure[];
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
  /** The longest time in which no request got a fine answer: between two of them, before the first, or after the last. */
  readonly longestSilenceMs: number;
}

/** The timer's own resolution bounds how even the rate is. */
const TICK_MS = 2;
const KINDS: Readonly<Record<string, FailureKind>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'cut',
  EPIPE: 'cut',
  ETIMEDOUT: 'timeout',
};

export class Load {
  readonly #port: number;
  readonly #options: LoadOptions;
  readonly #agent: Agent | false;
  readonly #startedAtMs = performance.now();
  readonly #failed: LoadFailure[] = [];
  readonly #latenciesMs: number[] = [];
  readonly #pending = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #lastFineAtMs = this.#startedAtMs;
  #longestSilenceMs = 0;
  #sent = 0;

  constructor(target: { readonly ingressPort: number }, options: LoadOptions) {
    this.#port = target.ingressPort;
    this.#options = options;
    this.#agent = options.connections === 'new' ? false : new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 256 });
    this.#timer = setInterval(() => this.#sendDue(), TICK_MS);
  }

  get sent(): number {
    return this.#sent;
  }

  get failed(): readonly LoadFailure[] {
    return this.#failed;
  }

  /** Sends no more, waits for the answers that are out. */
  async stop(): Promise<LoadResult> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
    this.#noteSilence();
    if (this.#agent !== false) this.#agent.destroy();
    const sorted = this.#latenciesMs.sort((a, b) => a - b);
    const at = (share: number): number =>
      Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 10) / 10;
    const failures = this.#failed.map(({ kind, text }) => (kind === 'status' ? text : `${kind}: ${text}`));
    return {
      sent: this.#sent,
      failures,
      failed: this.#failed,
      medianMs: at(0.5),
      p99Ms: at(0.99),
      slowestMs: Math.round(at(1)),
      longestSilenceMs: Math.round(this.#longestSilenceMs),
    };
  }

  #noteSilence(): void {
    const nowMs = performance.now();
    this.#longestSilenceMs = Math.max(this.#longestSilenceMs, nowMs - this.#lastFineAtMs);
    this.#lastFineAtMs = nowMs;
  }

  #sendDue(): void {
    const { perSecond } = this.#options;
    const due = Math.floor(((performance.now() - this.#startedAtMs) * perSecond) / 1000);
    while (this.#sent < due) {
      const dueAtMs = this.#startedAtMs + ((this.#sent + 1) * 1000) / perSecond;
      this.#sent++;
      const call = this.#send(dueAtMs).finally(() => this.#pending.delete(call));
      this.#pending.add(call);
    }
  }

  async #send(dueAtMs: number): Promise<void> {
    const sentAtMs = performance.now();
    const fail = (kind: FailureKind, text: string): void => void this.#failed.push({ kind, text, sentAtMs, endedAtMs: performance.now() });
    try {
      const reply = await this.#exchange();
      const isFine = this.#options.isFine ?? (({ status }) => status < 400);
      if (isFine(reply)) this.#noteSilence();
      else fail('status', `${reply.status} ${reply.body.slice(0, 200)}`);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      fail(KINDS[code ?? ''] ?? 'other', message);
    }
    this.#latenciesMs.push(performance.now() - dueAtMs);
  }

  #exchange(): Promise<{ readonly status: number; readonly body: string }> {
    const { path, method = 'GET', timeoutMs = 15_000 } = this.#options;
    return new Promise((resolve, reject) => {
      const call = request({ host: '127.0.0.1', port: this.#port, path, method, agent: this.#agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      });
      const tooLate = Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' });
      const timer = setTimeout(() => call.destroy(tooLate), timeoutMs);
      call.on('error', reject);
      call.on('close', () => clearTimeout(timer));
      call.end();
    });
  }
}

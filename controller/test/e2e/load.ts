/** Requests at a constant rate, whatever the answers do (open loop), bounded in count by rate and time. */
import type { Reply, System } from './system.ts';

export interface LoadResult {
  readonly sent: number;
  /** Anything but `isFine`, in words. */
  readonly failures: readonly string[];
  readonly slowestMs: number;
}

export class Load {
  readonly #failures: string[] = [];
  readonly #pending = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  #slowestMs = 0;

  constructor(system: System, options: { readonly path: string; readonly perSecond: number; readonly isFine?: (reply: Reply) => boolean }) {
    const isFine = options.isFine ?? (({ status }) => status < 400);
    this.#timer = setInterval(() => {
      const startedAt = performance.now();
      this.#sent++;
      const call = system
        .http('GET', options.path)
        .then(
          (reply) => {
            if (!isFine(reply)) this.#failures.push(`${reply.status} ${reply.body.slice(0, 200)}`);
          },
          (error: unknown) => {
            this.#failures.push(String(error));
          },
        )
        .finally(() => {
          this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startedAt);
          this.#pending.delete(call);
        });
      this.#pending.add(call);
    }, 1000 / options.perSecond);
  }

  async stop(): Promise<LoadResult> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
    return { sent: this.#sent, failures: this.#failures, slowestMs: Math.round(this.#slowestMs) };
  }
}

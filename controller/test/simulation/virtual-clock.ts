/**
 * The one clock of a simulated run: every timer, Date, performance.now and process.hrtime of this process. Time moves when told, from timer to
 * timer; between two of them everything that can settle does. Two clocks at once are impossible: they share the globals.
 */
import { install } from '@sinonjs/fake-timers';
import type { Clock as FakeTimers } from '@sinonjs/fake-timers';

const realImmediate = globalThis.setImmediate;
const START_WALL_MS = Date.UTC(2026, 0, 31, 10, 15);
/** The machine has been up for a while: monotonic times near zero would look like "never". */
const STANDSTILL = 50_000;
const UPTIME_MS = 1_000_000;

export class VirtualClock {
  readonly #timers: FakeTimers;
  readonly #startMs: number;

  constructor() {
    this.#timers = install({
      now: START_WALL_MS - UPTIME_MS,
      toFake: [
        'setTimeout',
        'clearTimeout',
        'setInterval',
        'clearInterval',
        'setImmediate',
        'clearImmediate',
        'Date',
        'performance',
        'hrtime',
      ],
    });
    this.#timers.tick(UPTIME_MS);
    const fake = globalThis.setTimeout;
    // As in Node, where no timer is due at once: without it a loop that goes round and round takes no time.
    globalThis.setTimeout = ((run: () => void, delayMs?: number) => fake(run, Math.max(1, delayMs ?? 1))) as typeof setTimeout;
    this.#startMs = this.nowMs;
  }

  /** Monotonic milliseconds. */
  get nowMs(): number {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1_000 + nanoseconds / 1e6;
  }

  /** Since the run began. */
  get elapsedMs(): number {
    return Math.round(this.nowMs - this.#startMs);
  }

  /** The wall clock is set; timers and the monotonic clock do not notice. */
  jumpWall(byMs: number): void {
    this.#timers.setSystemTime(Date.now() + byMs);
  }

  async advance(byMs: number): Promise<void> {
    const reached = { is: false };
    setTimeout(() => (reached.is = true), byMs);
    await settle();
    let atMs = -1;
    let timers = 0;
    while (!reached.is) {
      if (this.elapsedMs !== atMs) [atMs, timers] = [this.elapsedMs, 0];
      // Time that does not pass for so long never will.
      if (++timers > STANDSTILL) throw new Error('virtual time stands still: something runs again and again at once');
      this.#timers.next();
      await settle();
    }
  }

  uninstall(): void {
    this.#timers.uninstall();
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => void realImmediate(resolve));
}

// Writes that wait for a category's row, as all do while a large category is deleted. A replica lets only some of its connections wait
// for that: with the one of the votes at least one is left, so reads, counts and the health check go on.
import { limits } from './limits.ts';
import { unavailable } from './problem.ts';
import { Semaphore } from './semaphore.ts';

export class LockingWrites {
  readonly #turns = new Semaphore({
    capacity: limits.lockingWrites,
    waiting: limits.lockingWritesWaiting,
    waitMs: limits.acquireTimeoutMs,
  });

  /** Rejects with 503 when there was no turn in time; nothing was written then. */
  async run<T>(write: () => Promise<T>): Promise<T> {
    const release = await this.#turns.acquire(1);
    if (release === undefined) {
      throw unavailable('database-unavailable', 'too many writes wait for others; nothing was stored', limits.retryAfterSeconds);
    }
    try {
      return await write();
    } finally {
      release();
    }
  }
}

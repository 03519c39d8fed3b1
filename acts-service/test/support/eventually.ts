// Waiting in tests: until a check passes, never for a time.
import { setTimeout as delay } from 'node:timers/promises';

/** Repeats the check until it stops throwing; after the deadline its last error is the test's failure. */
export async function eventually<T>(check: () => Promise<T> | T, deadlineMs = 5000): Promise<T> {
  const endsAt = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > endsAt) throw error;
    }
    await delay(10);
  }
}

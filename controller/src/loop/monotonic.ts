/** CLOCK_MONOTONIC in milliseconds: the clock the ingress counts by, the same in every process until reboot. */
import { systemClock } from '../runtime/clock.ts';
import type { Clock } from '../runtime/clock.ts';

export function monotonicNow(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}

export const monotonicClock: Clock = { ...systemClock, now: monotonicNow };

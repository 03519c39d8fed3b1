/** How bad a run's world is: chances of faults at engine calls, events and files. All off once the faults stop. */
import type { Random } from './random.ts';

export interface Weather {
  /** Chances for one engine call: it fails without effect, it works and the answer is lost, it never answers, it is slow, its answer is old. */
  readonly before: number;
  readonly after: number;
  readonly hang: number;
  readonly slow: number;
  /** Chances for one event: lost, told twice, told late. */
  readonly eventLost: number;
  readonly eventTwice: number;
  readonly eventLate: number;
}

export const CALM: Weather = { before: 0, after: 0, hang: 0, slow: 0, eventLost: 0, eventTwice: 0, eventLate: 0 };

export function randomWeather(random: Random): Weather {
  // Each seed has some kinds of bad luck and not others: what only one of them brings about is found as well.
  const some = (most: number): number => (random.chance(0.5) ? 0 : random.next() * most);
  return {
    before: some(0.08),
    after: some(0.08),
    hang: some(0.004),
    slow: some(0.1),
    eventLost: some(0.3),
    eventTwice: some(0.2),
    eventLate: some(0.3),
  };
}

/** CLOCK_MONOTONIC in whole milliseconds: the same in every process of the host until it reboots (unlike performance.now()). */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + Math.floor(nanoseconds / 1e6);
}

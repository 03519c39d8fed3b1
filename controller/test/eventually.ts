/** Waits until `check` stops throwing (or returns something other than false), then returns its result. Fails with its last error. */
export async function eventually<Result>(check: () => Result | Promise<Result>, deadlineMs = 2_000): Promise<Result> {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    try {
      const result = await check();
      if (result !== false) return result;
      if (performance.now() > endMs) throw new Error(`still false after ${deadlineMs} ms: ${check.toString()}`);
    } catch (error) {
      if (performance.now() > endMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

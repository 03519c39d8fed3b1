// Chooses between what the service answers and what was seen before.

/**
 * The answer; what was seen instead when no answer comes, or none within `patienceMs`: a connection that hangs is worse than none.
 * Never less than the answer: it is waited for when nothing was seen.
 */
export async function answerOrSeen<T>(answer: Promise<T>, seen: () => Promise<T | undefined>, patienceMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<T | undefined>((resolve) => {
    timer = setTimeout(() => resolve(seen()), patienceMs);
  });
  try {
    return (await Promise.race([answer, late])) ?? (await answer);
  } catch (error) {
    const before = await seen();
    if (before === undefined) throw error;
    return before;
  } finally {
    clearTimeout(timer);
  }
}

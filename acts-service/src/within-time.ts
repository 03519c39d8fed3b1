// Work with a deadline. It is not stopped, only no longer waited for.

/**
 * Rejects with `tooLate()` after `ms`, and one turn of the event loop: what had arrived while this process was held up itself is read in
 * between.
 */
export async function withinTime<T>(ms: number, work: PromiseLike<T>, tooLate: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => setImmediate(() => reject(tooLate())), ms);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

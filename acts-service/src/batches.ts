// Writes that meet while earlier ones are under way share the next statement and its commit: a commit each would cost most of the
// throughput. A few batches are under way at once, because a commit is mostly waiting for the disk.

interface Batch<B, R> {
  readonly content: B;
  readonly result: Promise<R>;
}

export class Batches<B, R> {
  readonly #open: () => B;
  readonly #write: (content: B, lane: number) => Promise<R>;
  readonly #freeLanes: number[];
  /** Of full batches, and of the one that gathers. */
  readonly #waiting: ((lane: number) => void)[] = [];
  readonly #underWay = new Set<Promise<R>>();
  #gathering: Batch<B, R> | undefined;

  /** `write` gets the number of its lane, 0 to lanes - 1; no two that run at the same time have the same. */
  constructor(lanes: number, open: () => B, write: (content: B, lane: number) => Promise<R>) {
    this.#open = open;
    this.#write = write;
    this.#freeLanes = Array.from({ length: lanes }, (_, lane) => lane);
  }

  /** The batch to join, now: it leaves as soon as a lane is free. */
  join(): Batch<B, R> {
    if (this.#gathering !== undefined) return this.#gathering;
    const content = this.#open();
    const result = this.#lane().then((lane) => {
      if (this.#gathering === batch) this.#gathering = undefined;
      return this.#write(content, lane).finally(() => {
        this.#release(lane);
        this.#underWay.delete(result);
      });
    });
    const batch = { content, result };
    this.#gathering = batch;
    this.#underWay.add(result);
    return batch;
  }

  /** The batch that gathers is full. */
  seal(): void {
    this.#gathering = undefined;
  }

  /** Resolves when all that was joined before is written, or has failed. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  #lane(): Promise<number> {
    const lane = this.#freeLanes.pop();
    return lane === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(lane);
  }

  #release(lane: number): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#freeLanes.push(lane);
    else next(lane);
  }
}

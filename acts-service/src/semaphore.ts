// A counting semaphore whose waiting line is bounded in length and in time: what cannot be served soon is told so.

interface Waiter {
  readonly weight: number;
  readonly grant: (release: Release) => void;
}

/** Gives back what was acquired; calling it again changes nothing. */
export type Release = () => void;

export interface SemaphoreBounds {
  readonly capacity: number;
  readonly waiting: number;
  readonly waitMs: number;
}

export class Semaphore {
  readonly #bounds: SemaphoreBounds;
  #free: number;
  #line: Waiter[] = [];

  constructor(bounds: SemaphoreBounds) {
    this.#bounds = bounds;
    this.#free = bounds.capacity;
  }

  /** Undefined when the line is full or the wait too long. First come, first served; more than the capacity counts as all of it. */
  async acquire(asked: number): Promise<Release | undefined> {
    const weight = Math.min(asked, this.#bounds.capacity);
    // Behind those who wait already, also when it would fit: else small ones would keep a large one out for ever.
    if (this.#line.length === 0 && weight <= this.#free) return this.#take(weight);
    if (this.#line.length >= this.#bounds.waiting) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#line = this.#line.filter((other) => other !== waiter);
        resolve(undefined);
        // The one that gave up may have been what held the others up.
        this.#serve();
      }, this.#bounds.waitMs);
      const waiter: Waiter = {
        weight,
        grant(release) {
          clearTimeout(timer);
          resolve(release);
        },
      };
      this.#line.push(waiter);
    });
  }

  #take(weight: number): Release {
    this.#free -= weight;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#free += weight;
      this.#serve();
    };
  }

  #serve(): void {
    for (let next = this.#line[0]; next !== undefined && next.weight <= this.#free; next = this.#line[0]) {
      this.#line.shift();
      next.grant(this.#take(next.weight));
    }
  }
}

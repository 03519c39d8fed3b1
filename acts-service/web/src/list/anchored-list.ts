// A category's acts, read by ranges while acts arrive and go. Positions shift under the reader, the order of two acts never does: each range
// is laid over what is known by the acts both hold, so that each act shows once and none is missed. Never guesses by position alone.

export interface Listed {
  readonly actId: string;
}

export interface ActSource<A extends Listed> {
  /** How many acts there are; 0 for an empty category. */
  size(): Promise<number>;
  /** 1-based, inclusive; undefined when the list has become too short for it. */
  range(start: number, end: number): Promise<readonly A[] | undefined>;
  /** How many there probably are, when that is known without asking: spares the first view a round trip. */
  expectedSize?(): Promise<number | undefined>;
}

export interface AnchoredListLimits {
  /** Acts asked for at first, then at a time, and those asked for again to find the place. */
  readonly firstPage: number;
  readonly page: number;
  readonly overlap: number;
  /** The API's own limit, used when much is to be read again. */
  readonly longestRange: number;
  /** Ranges asked for by one call, before it gives up and starts over or leaves the rest to the next call. */
  readonly requests: number;
}

/** How far joining reads before what is known is given up for a fresh start. */
const freshPages = 3;

export const listLimits: AnchoredListLimits = { firstPage: 20, page: 50, overlap: 2, longestRange: 100, requests: 30 };

export class AnchoredList<A extends Listed> {
  readonly #source: ActSource<A>;
  readonly #limits: AnchoredListLimits;
  /** In the service's order, without gaps except for acts that arrived since. */
  #acts: readonly A[] = [];
  /** So many of them are new, above the first one shown; they wait for reveal(). */
  #waiting = 0;
  /** A fresh start, when too much is new to be joined to what is known. */
  #replacement: AnchoredList<A> | undefined;
  #total = 0;
  /** Where the last range read on ended, and what the total was then. */
  #position = 0;
  #totalThen = 0;
  #isAtEnd = false;
  #isFirstRead = true;
  /** Where the next resync goes on; 1 after a complete one. */
  #resyncFrom = 1;

  constructor(source: ActSource<A>, limits: AnchoredListLimits = listLimits) {
    this.#source = source;
    this.#limits = limits;
  }

  get shown(): readonly A[] {
    return this.#waiting === 0 ? this.#acts : this.#acts.slice(this.#waiting);
  }

  get waiting(): number {
    return this.#replacement?.shown.length ?? this.#waiting;
  }

  get total(): number {
    return this.#total;
  }

  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Whether the number of acts says that something changed in the middle. */
  get isOutdated(): boolean {
    return this.#isAtEnd && this.#acts.length !== this.#total;
  }

  /** Reads on until at least one act more is known or the end is reached; by the longest ranges when the reader is far from it. */
  async more(isFar = false): Promise<void> {
    const known = this.#acts.length;
    for (let round = 0; round < this.#limits.requests; round++) {
      if (this.#acts.length === 0) await this.#readTop();
      else await this.#readOn(isFar ? this.#limits.longestRange : this.#limits.overlap + this.#limits.page);
      if (this.#isAtEnd || this.#acts.length > known) return;
    }
  }

  /** Looks for new acts at the top. They wait there until reveal(). */
  async refreshTop(): Promise<void> {
    if (this.#acts.length === 0) {
      await this.#readTop();
      return;
    }
    this.#total = await this.#source.size();
    if (this.#total === 0) {
      this.#clear();
      return;
    }
    const acts = await this.#source.range(1, Math.min(this.#limits.firstPage, this.#total));
    if (acts === undefined || acts.length === 0 || this.#merge(acts, true)) return;
    await this.#joinFromTop();
  }

  /** Shows what waits at the top. */
  reveal(): void {
    this.#waiting = 0;
    const fresh = this.#replacement;
    if (fresh === undefined) return;
    this.#replacement = undefined;
    this.#acts = fresh.#acts;
    this.#isAtEnd = fresh.#isAtEnd;
    this.#position = fresh.#position;
    this.#totalThen = fresh.#totalThen;
  }

  /** Reads again what is known, so many ranges a call, and puts right what changed in the middle. */
  async resync(): Promise<void> {
    const { longestRange, requests } = this.#limits;
    for (let round = 0; round < requests && this.#acts.length > 0; round++) {
      const start = Math.min(this.#resyncFrom, this.#total);
      const end = Math.min(start + longestRange - 1, this.#total);
      const acts = await this.#source.range(start, end);
      if (acts === undefined || acts.length === 0) {
        this.#total = await this.#source.size();
        if (this.#total === 0) {
          this.#clear();
          return;
        }
        continue;
      }
      // Sharing nothing with what is known, the list has moved on: from the top the next time.
      this.#resyncFrom = this.#merge(acts, start === 1) ? end : 1;
      if (this.#resyncFrom === 1 && end > 1) return;
      if (end === this.#total) {
        this.#resyncFrom = 1;
        return this.#checkEnd(acts, end);
      }
      if (acts.at(-1)?.actId === this.#acts.at(-1)?.actId) {
        this.#resyncFrom = 1;
        this.#isAtEnd = false;
        this.#standAt(end);
        return;
      }
    }
  }

  /** An act the reader deleted. */
  remove(actId: string): void {
    const index = this.#acts.findIndex((act) => act.actId === actId);
    if (index < 0) return;
    this.#acts = this.#acts.toSpliced(index, 1);
    if (index < this.#waiting) this.#waiting--;
    this.#total--;
  }

  async #readTop(): Promise<void> {
    const expected = this.#isFirstRead ? await this.#source.expectedSize?.() : undefined;
    this.#isFirstRead = false;
    this.#total = expected ?? (await this.#source.size());
    if (this.#total === 0) {
      this.#clear();
      return;
    }
    const end = Math.min(this.#limits.firstPage, this.#total);
    const acts = await this.#source.range(1, end);
    if (acts === undefined || acts.length === 0) return;
    this.#acts = acts;
    this.#waiting = 0;
    this.#isAtEnd = false;
    this.#standAt(end);
    if (end === this.#total) await this.#checkEnd(acts, end);
  }

  /** The next range, found by the acts it shares with what is known; further and further from where it should be when there are none. */
  async #readOn(length: number): Promise<void> {
    const { longestRange, requests } = this.#limits;
    if (await this.#readRange(this.#next(), length)) return;
    this.#total = await this.#source.size();
    if (this.#total === 0) {
      this.#clear();
      return;
    }
    const guess = this.#next();
    if (await this.#readRange(guess, longestRange)) return;
    for (let step = 1; step <= requests; step++) {
      for (const start of [guess - step * longestRange, guess + step * longestRange]) {
        if (start + longestRange > 1 && start <= this.#total && (await this.#readRange(start, longestRange))) return;
      }
    }
    // Nothing of what is known is near: all of it may be deleted.
    this.#clear();
    this.#isAtEnd = false;
  }

  /** Where the next range starts: most acts arrive at the top, so what has arrived has pushed everything down. */
  #next(): number {
    return this.#position - this.#limits.overlap + 1 + this.#total - this.#totalThen;
  }

  async #readRange(wantedStart: number, length: number): Promise<boolean> {
    const start = Math.max(1, Math.min(wantedStart, this.#total - this.#limits.overlap + 1));
    const end = Math.min(start + length - 1, this.#total);
    const acts = await this.#source.range(start, end);
    if (acts === undefined || acts.length === 0 || !this.#merge(acts, start === 1)) return false;
    this.#standAt(end);
    if (end === this.#total) await this.#checkEnd(acts, end);
    return true;
  }

  /** A range that ends where the list ends: what is known beyond it is deleted, unless the list has grown meanwhile. */
  async #checkEnd(acts: readonly A[], end: number): Promise<void> {
    this.#total = await this.#source.size();
    this.#isAtEnd = this.#total === end;
    if (!this.#isAtEnd) return;
    const last = acts.at(-1);
    this.#acts = this.#acts.slice(0, this.#acts.findIndex(({ actId }) => actId === last?.actId) + 1);
    this.#standAt(end);
  }

  /** More is new than one page: reads from the top until it meets what is known, or keeps it as a fresh start. */
  async #joinFromTop(): Promise<void> {
    const { longestRange, overlap } = this.#limits;
    const fresh = new AnchoredList<A>(this.#source, {
      ...this.#limits,
      firstPage: longestRange,
      page: longestRange - overlap,
    });
    for (let pages = 0; pages < freshPages && !fresh.#isAtEnd; pages++) {
      await fresh.more();
      if (this.#merge(fresh.#acts, true)) return;
    }
    this.#replacement = fresh;
  }

  /**
   * Lays a contiguous part of the service's list over the known acts; false when they share none. Between the first and the last shared act
   * the part is the truth; the known ones around it stay where they are, except above a part that starts at the very top.
   */
  #merge(part: readonly A[], isFromTop: boolean): boolean {
    const inPart = new Set(part.map(({ actId }) => actId));
    const first = this.#acts.findIndex(({ actId }) => inPart.has(actId));
    if (first < 0) return false;
    const last = this.#acts.findLastIndex(({ actId }) => inPart.has(actId));
    const above = isFromTop ? 0 : first;
    const survivor = this.#acts.find((act, index) => index >= this.#waiting && (index < above || index > last || inPart.has(act.actId)));
    this.#acts = [...this.#acts.slice(0, above), ...part, ...this.#acts.slice(last + 1)];
    // What is new above the first act still shown waits, so that nothing moves under the reader's eyes.
    this.#waiting = survivor === undefined ? 0 : this.#acts.findIndex(({ actId }) => actId === survivor.actId);
    if (isFromTop) this.#replacement = undefined;
    return true;
  }

  #standAt(position: number): void {
    this.#position = position;
    this.#totalThen = this.#total;
  }

  #clear(): void {
    this.#acts = [];
    this.#waiting = 0;
    this.#replacement = undefined;
    this.#resyncFrom = 1;
    this.#isAtEnd = true;
    this.#standAt(0);
  }
}

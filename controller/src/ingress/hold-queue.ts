/** Requests that wait, bodies unread, for an endpoint of their service: first come, first released. Bounded in number and time. */
import { HELD_BURST, HELD_BURST_EVERY_MS } from './limits.ts';
import type { IngressLimits } from './limits.ts';

export interface Holdable {
  /** Look at the table again. May hold again. */
  onRelease(): void;
  onHoldExpired(): void;
}

export interface HeldRequest {
  readonly key: string;
  readonly holdable: Holdable;
  /** Every endpoint refused the connection: worth another try although the table has not changed. */
  readonly isRechecked: boolean;
  readonly timer: NodeJS.Timeout;
}

export class HoldQueue {
  readonly #limits: IngressLimits;
  readonly #queues = new Map<string, Set<HeldRequest>>();
  #size = 0;
  #isRecheckDue = false;

  constructor(limits: IngressLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  get keys(): string[] {
    return [...this.#queues.keys()];
  }

  /** undefined when the queue is full. */
  add(key: string, holdable: Holdable, waitMs: number, isRechecked: boolean): HeldRequest | undefined {
    if (this.#size >= this.#limits.holdLimit) return undefined;
    const timer = setTimeout(() => {
      this.remove(held);
      holdable.onHoldExpired();
    }, waitMs);
    const held: HeldRequest = { key, holdable, isRechecked, timer };
    const queue = this.#queues.get(key) ?? new Set();
    this.#queues.set(key, queue.add(held));
    this.#size++;
    if (isRechecked) this.#recheckSoon();
    return held;
  }

  /** False when it waits no more. */
  remove(held: HeldRequest): boolean {
    const queue = this.#queues.get(held.key);
    if (queue?.delete(held) !== true) return false;
    clearTimeout(held.timer);
    this.#size--;
    if (queue.size === 0) this.#queues.delete(held.key);
    return true;
  }

  /** All at once: there is nothing to wait for any more. */
  release(key: string): void {
    for (const held of [...(this.#queues.get(key) ?? [])]) this.#release(held);
  }

  /**
   * A few at a time to each of `endpoints`: a thousand connections in one moment overflow the listen queue of a server that has just come up,
   * and those that the kernel drops there hang for seconds. Who holds again meanwhile waits for the next release.
   */
  releaseGently(key: string, endpoints: number): void {
    const waiting = [...(this.#queues.get(key) ?? [])];
    const releaseSome = (): void => {
      for (const held of waiting.splice(0, HELD_BURST * endpoints)) this.#release(held);
      if (waiting.length > 0) setTimeout(releaseSome, HELD_BURST_EVERY_MS).unref();
    };
    releaseSome();
  }

  #recheckSoon(): void {
    if (this.#isRecheckDue) return;
    this.#isRecheckDue = true;
    setTimeout(() => {
      this.#isRecheckDue = false;
      for (const queue of [...this.#queues.values()]) for (const held of [...queue]) if (held.isRechecked) this.#release(held);
    }, this.#limits.holdRecheckMs).unref();
  }

  #release(held: HeldRequest): void {
    if (this.remove(held)) held.holdable.onRelease();
  }
}

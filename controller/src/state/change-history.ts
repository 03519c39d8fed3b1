/** The newest changes, in order, so that a watch can resume where it was cut. Bounded: an older position is Expired. */
import type { KubernetesObject } from '../model/objects.ts';
import { StoreError } from './store-error.ts';

export interface StoreChange {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** After the change; for DELETED the last state, with the resourceVersion of the deletion. */
  readonly object: KubernetesObject;
  /** Before the change; undefined for ADDED. */
  readonly previous: KubernetesObject | undefined;
  readonly resourceVersion: number;
}

export class ChangeHistory {
  readonly #limit: number;
  #changes: StoreChange[] = [];
  /** Every change after this resourceVersion is kept. */
  #since: number;

  constructor(limit: number, since: number) {
    this.#limit = limit;
    this.#since = since;
  }

  add(change: StoreChange): void {
    this.#changes.push(change);
    // Cut in large steps: shifting an array by one for every change would cost its length each time.
    if (this.#changes.length >= this.#limit * 2) {
      const dropped = this.#changes.length - this.#limit;
      this.#since = this.#changes[dropped - 1]?.resourceVersion ?? this.#since;
      this.#changes = this.#changes.slice(dropped);
    }
  }

  /** Changes after `resourceVersion`, oldest first. Throws Expired when some of them are gone, or when that version was never given out. */
  after(resourceVersion: number, newest: number): readonly StoreChange[] {
    if (resourceVersion < this.#since || resourceVersion > newest) {
      throw new StoreError(
        'Expired',
        `resourceVersion ${resourceVersion} is not in the kept history (${this.#since} to ${newest}): list again`,
      );
    }
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle]?.resourceVersion ?? Infinity) <= resourceVersion) low = middle + 1;
      else high = middle;
    }
    return this.#changes.slice(low);
  }
}

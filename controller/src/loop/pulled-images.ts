/** Which images this instance pulled, durably: only those it may remove again. It decides nothing (reconcile/image-garbage.ts does). */
import type { OperationOutcome } from '../execute/executor.ts';
import type { ObservedImage } from '../model/observed.ts';
import type { ObjectStore } from '../state/object-store.ts';

const RECORD = 'pulled-images';
/** Beyond these the oldest are forgotten, and stay on the host. */
const REMEMBERED_MOST = 500;

export class PulledImages {
  readonly #store: Pick<ObjectStore, 'getRecord' | 'putRecord'>;
  /** Reference -> image id; "" until it was seen. */
  readonly #ids: Map<string, string>;

  constructor(store: Pick<ObjectStore, 'getRecord' | 'putRecord'>) {
    this.#store = store;
    this.#ids = new Map(Object.entries((store.getRecord(RECORD) as Readonly<Record<string, string>> | undefined) ?? {}));
  }

  get ids(): ReadonlyMap<string, string> {
    return this.#ids;
  }

  note({ operation, failure }: OperationOutcome): void {
    if (failure !== undefined) return;
    if (operation.verb === 'RemoveImage') this.#ids.delete(operation.image);
    // What was here before it was pulled is somebody else's, unless it came by us.
    else if (operation.verb === 'PullImage' && (!operation.wasPresent || this.#ids.has(operation.image)))
      this.#ids.set(operation.image, '');
    else return;
    for (const oldest of this.#ids.keys()) {
      if (this.#ids.size <= REMEMBERED_MOST) break;
      this.#ids.delete(oldest);
    }
    this.#save();
  }

  /** After a look at the engine for these. One that is gone, or whose name was given to another image, is not ours any more. */
  learn(looked: ReadonlySet<string>, images: ReadonlyMap<string, ObservedImage>): void {
    let isChanged = false;
    for (const [reference, id] of this.#ids) {
      const present = images.get(reference)?.id;
      if (present === id || !looked.has(reference)) continue;
      if (id === '' && present !== undefined) this.#ids.set(reference, present);
      else this.#ids.delete(reference);
      isChanged = true;
    }
    if (isChanged) this.#save();
  }

  #save(): void {
    this.#store.putRecord(RECORD, this.#ids.size === 0 ? undefined : Object.fromEntries(this.#ids));
  }
}

/** Events in the store: what happened to which object and why, counted when it repeats. The store keeps the newest thousand. */
import type { Event, KubernetesObject } from '../model/objects.ts';
import { digestUid } from '../reconcile/digest.ts';
import type { EventDraft } from '../reconcile/world.ts';
import type { ObjectStore } from '../state/object-store.ts';

export class EventRecorder {
  readonly #store: ObjectStore;
  readonly #now: () => number;

  /** @param now wall clock, milliseconds */
  constructor(store: ObjectStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  record(draft: EventDraft): void {
    const { involvedObject, type, reason, message } = draft;
    const namespace = involvedObject.namespace ?? 'default';
    const at = new Date(this.#now()).toISOString();
    const id = digestUid(`${involvedObject.kind}/${namespace}/${involvedObject.name}/${involvedObject.uid ?? ''}/${reason}/${message}`);
    const name = `${involvedObject.name.slice(0, 200)}.${id.replaceAll('-', '').slice(0, 16)}`;
    const known = this.#store.get('Event', `${namespace}/${name}`);
    if (known !== undefined) {
      this.#store.update<Event>({ ...known, count: known.count + 1, lastTimestamp: at });
      return;
    }
    this.#store.create<Event>({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject,
      type,
      reason,
      message,
      count: 1,
      firstTimestamp: at,
      lastTimestamp: at,
      source: { component: 'coxswain' },
    });
  }

  about(object: KubernetesObject, type: Event['type'], reason: string, message: string): void {
    const { name, namespace, uid } = object.metadata;
    this.record({
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name,
        ...(namespace !== undefined && { namespace }),
        ...(uid !== undefined && { uid }),
      },
      type,
      reason,
      message,
    });
  }
}

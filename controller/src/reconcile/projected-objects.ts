/** Objects as they become when the changes of plans are applied: what the store does with them, on copies. */
import { keyOf } from '../model/objects.ts';
import type { Kind, KubernetesObject, ObjectKey, ObjectMeta, Pod } from '../model/objects.ts';
import type { ObjectChange, ObjectMaps } from './world.ts';

export class ProjectedObjects {
  readonly #maps: Map<Kind, Map<ObjectKey, KubernetesObject>>;
  readonly #declaredPods: ReadonlyMap<ObjectKey, Pod>;

  /** `declaredPods`: what manifests declare comes back when it is gone. */
  constructor(objects: ObjectMaps, declaredPods: ReadonlyMap<ObjectKey, Pod>) {
    this.#maps = new Map(Object.entries(objects).map(([kind, map]) => [kind as Kind, new Map<ObjectKey, KubernetesObject>(map)]));
    this.#declaredPods = declaredPods;
  }

  /** The live maps: they change with this. */
  get maps(): ObjectMaps {
    return Object.fromEntries(this.#maps) as unknown as ObjectMaps;
  }

  apply(change: ObjectChange, timestamp: string): void {
    if (change.type === 'delete') {
      this.#maps.get(change.kind)?.delete(change.key);
      const declared = change.kind === 'Pod' ? this.#declaredPods.get(change.key) : undefined;
      if (declared !== undefined) this.#put(created(declared, timestamp));
      return;
    }
    const { object } = change;
    const known = this.#maps.get(object.kind)?.get(keyOf(object));
    if (change.type === 'create') {
      if (known === undefined) this.#put(created(object, timestamp));
    } else if (known !== undefined) this.#put(change.type === 'status' ? withStatusOf(known, object) : updated(known, object));
  }

  #put(object: KubernetesObject): void {
    let map = this.#maps.get(object.kind);
    if (map === undefined) this.#maps.set(object.kind, (map = new Map<ObjectKey, KubernetesObject>()));
    map.set(keyOf(object), object);
  }
}

function created(object: KubernetesObject, timestamp: string): KubernetesObject {
  return { ...object, metadata: { creationTimestamp: timestamp, ...('spec' in object && { generation: 1 }), ...object.metadata } };
}

function updated(known: KubernetesObject, object: KubernetesObject): KubernetesObject {
  const { uid, creationTimestamp, deletionTimestamp } = known.metadata;
  const metadata: ObjectMeta = {
    ...object.metadata,
    ...(uid !== undefined && { uid }),
    ...(creationTimestamp !== undefined && { creationTimestamp }),
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
  };
  return withStatusOf({ ...object, metadata }, known);
}

function withStatusOf(object: KubernetesObject, other: KubernetesObject): KubernetesObject {
  return 'status' in other ? ({ ...object, status: other.status } as KubernetesObject) : object;
}

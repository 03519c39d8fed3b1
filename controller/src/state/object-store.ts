/**
 * Every object the control plane knows. Reads and writes are synchronous, in memory; changes reach the disk in groups right after, and
 * `flushed` tells when. Objects are immutable: whoever changes one hands in a new one, and may keep what it was given.
 * It decides nothing: no defaults, no validation, no cascading deletes. Status, Pods, EndpointSlices and Nodes are observations, made anew
 * after a restart, and never written to disk.
 */
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'eventemitter3';
import type { Logger } from 'pino';
import { formatReference, keyOf } from '../model/objects.ts';
import type { Kind, KubernetesObject, ObjectKey, ObjectMeta, ObjectOf } from '../model/objects.ts';
import { ChangeHistory } from './change-history.ts';
import type { StoreChange } from './change-history.ts';
import { deepEqual } from '../model/deep-equal.ts';
import { DurableWriter } from './durable-writer.ts';
import type { Durability } from './durable-writer.ts';
import type { StateImage } from './snapshot.ts';
import { StateFiles } from './state-files.ts';
import type { LoadedState, StateReport } from './state-files.ts';
import { nodeFileSystem } from './state-file-system.ts';
import type { StateFileSystem } from './state-file-system.ts';
import { StoreError } from './store-error.ts';

const VOLATILE_KINDS: ReadonlySet<Kind> = new Set<Kind>(['Pod', 'EndpointSlice', 'Node']);
/** ResourceVersions reserved on disk ahead of use, so that none repeats after a crash; half of it is how far memory may run ahead of the disk. */
const RESERVATION = 100_000;

export interface ObjectStoreLimits {
  /** The journal is folded into a snapshot above this size. */
  readonly journalBytes: number;
  /** Only the newest Events are kept. */
  readonly events: number;
  /** At least so many changes are kept for watches to resume from. */
  readonly history: number;
  /** Between two attempts to write when the disk refuses. */
  readonly retryDelayMs: number;
}

const DEFAULT_LIMITS: ObjectStoreLimits = { journalBytes: 4 * 1024 * 1024, events: 1000, history: 2000, retryDelayMs: 1000 };

export interface ObjectStoreOptions {
  /** Made when absent, mode 0700. */
  readonly directory: string;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly fileSystem?: StateFileSystem;
  readonly limits?: Partial<ObjectStoreLimits>;
  /** Wall clock: creationTimestamp, names of quarantined files, and a lower bound of resourceVersion. */
  readonly now?: () => Date;
  /** Of objects that come without one. */
  readonly makeUid?: () => string;
}

export interface Preconditions {
  /** Conflict when the object is at another version. */
  readonly expectedResourceVersion?: string | undefined;
  /** Conflict when it is another object of that name. */
  readonly expectedUid?: string | undefined;
}

interface StoreEvents {
  change: [change: StoreChange];
  durability: [durability: Durability];
}

export class ObjectStore {
  /** 'change' is emitted synchronously, in order, after memory has changed. */
  readonly changes = new EventEmitter<StoreEvents>();
  readonly #objects = new Map<Kind, Map<ObjectKey, KubernetesObject>>();
  readonly #records: Map<string, unknown>;
  readonly #limits: ObjectStoreLimits;
  readonly #now: () => Date;
  readonly #makeUid: () => string;
  readonly #writer: DurableWriter;
  readonly #history: ChangeHistory;
  readonly #undelivered: StoreChange[] = [];
  #isDelivering = false;
  #resourceVersion: number;
  #reserved: number;

  private constructor(options: ObjectStoreOptions, files: StateFiles, loaded: LoadedState) {
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#now = options.now ?? (() => new Date());
    this.#makeUid = options.makeUid ?? randomUUID;
    this.#records = new Map(loaded.records);
    // The clock covers what the reservation cannot: a lost state directory, and a disk that was full for long.
    let newest = Math.max(loaded.reserved, this.#now().getTime());
    for (const object of loaded.objects) {
      this.#mapOf(object.kind).set(keyOf(object), object);
      newest = Math.max(newest, Number(object.metadata.resourceVersion ?? 0));
    }
    this.#resourceVersion = newest;
    this.#reserved = newest;
    this.#history = new ChangeHistory(this.#limits.history, newest);
    const { logger } = options;
    this.#writer = new DurableWriter({
      files,
      sequence: loaded.sequence,
      capture: () => this.#capture(),
      journalLimitBytes: this.#limits.journalBytes,
      retryDelayMs: this.#limits.retryDelayMs,
      onRotationFailure: (error) => logger.warn({ err: error }, 'the snapshot could not be written; the journal goes on'),
      onDurability: (durability) => {
        if (durability.isDurable) logger.info('the state is saved again');
        else logger.error({ err: durability.error }, 'the state is not saved; retrying');
        this.changes.emit('durability', durability);
      },
    });
  }

  /** Throws when the directory cannot be read or was written by a newer version; damage is repaired and told in `reports`. */
  static async open(options: ObjectStoreOptions): Promise<{ readonly store: ObjectStore; readonly reports: readonly StateReport[] }> {
    const timestamp = (options.now?.() ?? new Date()).toISOString().replace(/[-:]|\.\d+/g, '');
    const { files, loaded } = await StateFiles.load({
      directory: options.directory,
      fileSystem: options.fileSystem ?? nodeFileSystem,
      strip: withoutStatus,
      timestamp,
    });
    const store = new ObjectStore(options, files, loaded);
    for (const report of loaded.reports) options.logger.warn({ file: report.file, kind: report.kind }, report.message);
    await store.#writer.settle();
    // On disk before the first one is used. When the disk refuses, 'durability' tells, and the clock stands in.
    store.#reserve();
    await store.flushed().catch(() => undefined);
    return { store, reports: loaded.reports };
  }

  /** The version of the newest change to any object: what a list is at. */
  get resourceVersion(): string {
    return String(this.#resourceVersion);
  }

  get durability(): Durability {
    return this.#writer.durability;
  }

  get<K extends Kind>(kind: K, key: ObjectKey): ObjectOf<K> | undefined {
    return this.#mapOf(kind).get(key) as ObjectOf<K> | undefined;
  }

  /** The live map: it changes with the store. */
  list<K extends Kind>(kind: K): ReadonlyMap<ObjectKey, ObjectOf<K>> {
    return this.#mapOf(kind) as ReadonlyMap<ObjectKey, KubernetesObject> as ReadonlyMap<ObjectKey, ObjectOf<K>>;
  }

  /** Keeps a given uid, creationTimestamp, generation and status (a Pod rebuilt from its container has them). Throws AlreadyExists. */
  create<T extends KubernetesObject>(object: T): ObjectOf<T['kind']> {
    const key = keyOf(object);
    const map = this.#mapOf(object.kind);
    if (map.has(key)) throw new StoreError('AlreadyExists', `${nameOf(object)} already exists`);
    const resourceVersion = this.#nextResourceVersion();
    const metadata: ObjectMeta = {
      ...object.metadata,
      uid: object.metadata.uid ?? this.#makeUid(),
      creationTimestamp: object.metadata.creationTimestamp ?? toTimestamp(this.#now()),
      ...('spec' in object ? { generation: object.metadata.generation ?? 1 } : {}),
      resourceVersion: String(resourceVersion),
    };
    const created = { ...object, metadata } as KubernetesObject as ObjectOf<T['kind']>;
    map.set(key, created);
    this.#journalPut(created);
    this.#publish({ type: 'ADDED', object: created, previous: undefined, resourceVersion });
    if (object.kind === 'Event') this.#dropOldEvents(map);
    return created;
  }

  /**
   * Replaces everything but the status and what the store itself keeps (uid, creationTimestamp, generation, deletionTimestamp once set).
   * The same content again changes nothing and returns the stored object. Throws NotFound, Conflict.
   */
  update<T extends KubernetesObject>(object: T, preconditions: Preconditions = {}): ObjectOf<T['kind']> {
    const current = this.#require<T['kind']>(object.kind, keyOf(object), preconditions);
    const kept = current.metadata;
    const metadata: ObjectMeta = {
      ...object.metadata,
      ...(kept.uid === undefined ? {} : { uid: kept.uid }),
      ...(kept.creationTimestamp === undefined ? {} : { creationTimestamp: kept.creationTimestamp }),
      ...(kept.deletionTimestamp === undefined ? {} : { deletionTimestamp: kept.deletionTimestamp }),
      ...(kept.resourceVersion === undefined ? {} : { resourceVersion: kept.resourceVersion }),
      ...generationAfter(current, object),
    };
    const replacement: KubernetesObject = { ...object, metadata };
    const next = withStatus(replacement, statusOf(current)) as ObjectOf<T['kind']>;
    if (deepEqual(next, current)) return current;
    return this.#replace(current, next, true);
  }

  /** Replaces the status only; nothing is written to disk. Throws NotFound, Conflict. */
  updateStatus<T extends KubernetesObject>(object: T, preconditions: Preconditions = {}): ObjectOf<T['kind']> {
    const current = this.#require<T['kind']>(object.kind, keyOf(object), preconditions);
    const status = statusOf(object);
    if (deepEqual(status, statusOf(current))) return current;
    return this.#replace(current, withStatus(current, status), false);
  }

  /** Marks the object as being deleted (Pods stop gracefully; whoever stops them deletes them). Throws NotFound, Conflict. */
  markDeleted<K extends Kind>(kind: K, key: ObjectKey, preconditions: Preconditions = {}): ObjectOf<K> {
    const current = this.#require(kind, key, preconditions);
    if (current.metadata.deletionTimestamp !== undefined) return current;
    const metadata: ObjectMeta = { ...current.metadata, deletionTimestamp: toTimestamp(this.#now()) };
    return this.#replace(current, { ...current, metadata }, true);
  }

  /** Removes it at once and returns its last state. Throws NotFound, Conflict. */
  delete<K extends Kind>(kind: K, key: ObjectKey, preconditions: Preconditions = {}): ObjectOf<K> {
    const current = this.#require(kind, key, preconditions);
    this.#mapOf(kind).delete(key);
    const resourceVersion = this.#nextResourceVersion();
    const object = { ...current, metadata: { ...current.metadata, resourceVersion: String(resourceVersion) } };
    if (!VOLATILE_KINDS.has(kind)) this.#writer.enqueue({ delete: { kind, key } });
    this.#publish({ type: 'DELETED', object, previous: current, resourceVersion });
    return object;
  }

  /** A small durable value beside the objects, e.g. an autoscaler's counts. */
  getRecord(name: string): unknown {
    return this.#records.get(name);
  }

  /** `value` must be JSON; undefined removes the record. The same value again writes nothing. */
  putRecord(name: string, value: unknown): void {
    if (deepEqual(this.#records.get(name), value)) return;
    if (value === undefined) this.#records.delete(name);
    else this.#records.set(name, value);
    this.#writer.enqueue({ record: name, value });
  }

  recordNames(): readonly string[] {
    return [...this.#records.keys()];
  }

  /** Changes after a resourceVersion, oldest first. Throws Expired when they are no longer all kept. */
  changesAfter(resourceVersion: number): readonly StoreChange[] {
    return this.#history.after(resourceVersion, this.#resourceVersion);
  }

  /** Resolves when every change so far is on disk. Rejects with DiskFull or WriteFailed: the change is in force all the same, and saving it is retried. */
  flushed(): Promise<void> {
    return this.#writer.flushed();
  }

  /** Saves everything; later changes throw Closed. Throws when the disk refuses. */
  async close(): Promise<void> {
    await this.#writer.close();
    this.changes.removeAllListeners();
  }

  #require<K extends Kind>(kind: K, key: ObjectKey, preconditions: Preconditions): ObjectOf<K> {
    const current = this.get(kind, key);
    if (current === undefined) {
      const [namespace, name] = splitKey(key);
      throw new StoreError('NotFound', `${formatReference(kind, { name, namespace })} not found`);
    }
    const { expectedResourceVersion, expectedUid } = preconditions;
    if (expectedResourceVersion !== undefined && expectedResourceVersion !== current.metadata.resourceVersion) {
      throw new StoreError(
        'Conflict',
        `${nameOf(current)} has changed: it is at resourceVersion ${current.metadata.resourceVersion ?? '?'}, not ${expectedResourceVersion}`,
      );
    }
    if (expectedUid !== undefined && expectedUid !== current.metadata.uid) {
      throw new StoreError(
        'Conflict',
        `${nameOf(current)} is another object now: its uid is ${current.metadata.uid ?? '?'}, not ${expectedUid}`,
      );
    }
    return current;
  }

  #replace<T extends KubernetesObject>(current: T, next: T, isDurableChange: boolean): T {
    const resourceVersion = this.#nextResourceVersion();
    const object = { ...next, metadata: { ...next.metadata, resourceVersion: String(resourceVersion) } };
    const map = this.#mapOf(object.kind);
    const key = keyOf(object);
    // A repeated Event becomes the newest one.
    if (object.kind === 'Event') map.delete(key);
    map.set(key, object);
    if (isDurableChange) this.#journalPut(object);
    this.#publish({ type: 'MODIFIED', object, previous: current, resourceVersion });
    return object;
  }

  #dropOldEvents(events: ReadonlyMap<ObjectKey, KubernetesObject>): void {
    for (const key of events.keys()) {
      if (events.size <= this.#limits.events) return;
      this.delete('Event', key);
    }
  }

  #journalPut(object: KubernetesObject): void {
    if (!VOLATILE_KINDS.has(object.kind)) this.#writer.enqueue({ put: withoutStatus(object) });
  }

  #nextResourceVersion(): number {
    this.#resourceVersion += 1;
    if (this.#resourceVersion + RESERVATION / 2 > this.#reserved) this.#reserve();
    return this.#resourceVersion;
  }

  #reserve(): void {
    this.#reserved = this.#resourceVersion + RESERVATION;
    this.#writer.enqueue({ reserve: this.#reserved });
  }

  /** A listener may change the store: what that causes is delivered after the current change has reached every listener. */
  #publish(change: StoreChange): void {
    this.#history.add(change);
    this.#undelivered.push(change);
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    try {
      for (let next = this.#undelivered.shift(); next !== undefined; next = this.#undelivered.shift()) this.changes.emit('change', next);
    } finally {
      this.#isDelivering = false;
    }
  }

  #capture(): Omit<StateImage, 'sequence'> {
    const objects: KubernetesObject[] = [];
    for (const [kind, map] of this.#objects) if (!VOLATILE_KINDS.has(kind)) objects.push(...map.values());
    return { reserved: this.#reserved, objects, records: [...this.#records] };
  }

  #mapOf(kind: Kind): Map<ObjectKey, KubernetesObject> {
    let map = this.#objects.get(kind);
    if (map === undefined) this.#objects.set(kind, (map = new Map<ObjectKey, KubernetesObject>()));
    return map;
  }
}

function splitKey(key: ObjectKey): readonly [namespace: string | undefined, name: string] {
  const slash = key.indexOf('/');
  return [slash > 0 ? key.slice(0, slash) : undefined, key.slice(slash + 1)];
}

function nameOf(object: KubernetesObject): string {
  return formatReference(object.kind, object.metadata);
}

function toTimestamp(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

function statusOf(object: KubernetesObject): unknown {
  return 'status' in object ? object.status : undefined;
}

function withStatus<T extends KubernetesObject>(object: T, status: unknown): T {
  if (status === undefined) return withoutStatus(object);
  return { ...object, status };
}

function withoutStatus<T extends KubernetesObject>(object: T): T {
  if (!('status' in object)) return object;
  const { status: _status, ...rest } = object;
  return rest as unknown as T;
}

function generationAfter(current: KubernetesObject, next: KubernetesObject): { readonly generation?: number } {
  const generation = current.metadata.generation;
  if (generation === undefined) return {};
  const before = 'spec' in current ? current.spec : undefined;
  const after = 'spec' in next ? next.spec : undefined;
  return { generation: deepEqual(before, after) ? generation : generation + 1 };
}

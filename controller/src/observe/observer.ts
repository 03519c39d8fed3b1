/**
 * Docker -> ObservedState, cheaply: one list call a resync, one inspect for each container that changed. Events say which; a list that
 * differs from what is known says so too. Between resyncs an event costs one inspect, not a list.
 */
import type { Logger } from 'pino';
import { LABEL } from '../model/annotations.ts';
import type { ContainerResources, ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume } from '../model/observed.ts';
import type { ContainerRuntime, ListedContainer, RuntimeEvent } from '../runtime/container-runtime.ts';
import { RuntimeError } from '../runtime/container-runtime.ts';
import { withDeadline } from '../runtime/deadline.ts';

export interface ObserverOptions {
  readonly runtime: ContainerRuntime;
  readonly instance: string;
  readonly callTimeoutMs: number;
  readonly logger: Logger;
  /** Something happened at the engine: observe again. */
  readonly onEvent: (event: RuntimeEvent | undefined) => void;
}

/**
 * Docker answers an inspection of a container only when it has done with starting or ending it, which takes seconds when many do. A look
 * waits this long for containers that are known already; then it goes on with what is known, and they stay pending.
 */
const INSPECT_PATIENCE_MS = 100;

/** Networks, volumes and images change rarely: they are listed again after their events, and every so many resyncs. */
const SLOW_RESYNC_EVERY = 15;

/** More than can go while one answer is on its way. */
const GONE_KEPT = 2_000;

/** Those that are declared are given to it once more, which changes nothing if it has them. */
const UNKNOWN_RESOURCES: ContainerResources = { memoryBytes: 0, nanoCpus: 0, cpuShares: 0 };

export class Observer {
  readonly #options: ObserverOptions;
  readonly #containers = new Map<string, ObservedContainer>();
  readonly #statuses = new Map<string, string>();
  /** The newest list. */
  #listed: ReadonlyMap<string, ListedContainer> = new Map();
  #listedAt = 0;
  readonly #dirty = new Set<string>();
  /**
   * When those that went last were found to be gone: an answer that was on its way then would bring them back. One that was asked for later is
   * believed: Docker tells of a new container a moment before it can be inspected.
   */
  readonly #gone = new Map<string, number>();
  /** Counts lists, inspections and ends: their order. */
  #tick = 0;
  readonly #inspecting = new Map<string, Promise<void>>();
  /** Those a look did not wait for: their answer is news. */
  readonly #late = new Set<string>();
  #signal = new AbortController().signal;
  #networks: ReadonlyMap<string, ObservedNetwork> = new Map();
  #volumes: ReadonlyMap<string, ObservedVolume> = new Map();
  readonly #images = new Map<string, ObservedImage>();
  #isListDue = true;
  #areVolumesDue = true;
  #areNetworksDue = true;
  #resyncs = 0;

  constructor(options: ObserverOptions) {
    this.#options = options;
  }

  get containers(): ReadonlyMap<string, ObservedContainer> {
    return this.#containers;
  }
  get networks(): ReadonlyMap<string, ObservedNetwork> {
    return this.#networks;
  }
  get volumes(): ReadonlyMap<string, ObservedVolume> {
    return this.#volumes;
  }
  get images(): ReadonlyMap<string, ObservedImage> {
    return this.#images;
  }

  /** Watches events until the signal aborts. */
  watch(signal: AbortSignal): Promise<void> {
    const { runtime, instance, onEvent } = this.#options;
    this.#signal = signal;
    return runtime.watchEvents(
      [`${LABEL.instance}=${instance}`],
      (event) => {
        if (this.#note(event)) onEvent(event);
      },
      () => {
        this.#isListDue = true;
        this.#areNetworksDue = true;
        this.#areVolumesDue = true;
        onEvent(undefined);
      },
      signal,
    );
  }

  /** The next refresh lists everything instead of looking at what changed. */
  resyncDue(): void {
    this.#isListDue = true;
    this.#resyncs++;
    if (this.#resyncs % SLOW_RESYNC_EVERY === 0) {
      this.#areNetworksDue = true;
      this.#areVolumesDue = true;
      this.#images.clear();
    }
  }

  /** An operation on this container ended: look at it again. */
  touch(subject: string): void {
    if (subject.startsWith('container:')) this.#dirty.add(subject.slice('container:'.length));
    else if (subject.startsWith('pod:')) this.#isListDue = true;
    else if (subject.startsWith('network:')) this.#areNetworksDue = true;
    else if (subject.startsWith('volume:')) this.#areVolumesDue = true;
    else if (subject.startsWith('image:')) this.#images.delete(subject.slice('image:'.length));
  }

  /** A container that was just created: known at once, without a list. */
  expect(containerId: string): void {
    this.#dirty.add(containerId);
  }

  /** Whether a newer look at the subject of an operation was asked for and is not there yet: what is known of it may be stale. */
  isPending(subject: string): boolean {
    if (!subject.startsWith('container:')) return false;
    const id = subject.slice('container:'.length);
    return this.#dirty.has(id) || this.#inspecting.has(id);
  }

  /** Brings the observed state up to date, except what is pending then. Rejects with RuntimeError when the engine does not answer; what was known stays. */
  refresh(imageReferences: Iterable<string>, signal: AbortSignal): Promise<void> {
    return withDeadline(signal, this.#options.callTimeoutMs, (deadline) => this.#refresh(imageReferences, deadline));
  }

  async #refresh(imageReferences: Iterable<string>, deadline: AbortSignal): Promise<void> {
    const { runtime, instance } = this.#options;
    const labels = [`${LABEL.instance}=${instance}`];
    const work: Promise<void>[] = [];
    if (this.#isListDue) work.push(this.#list(labels, deadline));
    if (this.#areNetworksDue) work.push(runtime.listNetworks(labels, deadline).then((all) => this.#takeNetworks(all)));
    if (this.#areVolumesDue) work.push(runtime.listVolumes(labels, deadline).then((all) => this.#takeVolumes(all)));
    for (const reference of imageReferences) if (!this.#images.has(reference)) work.push(this.#findImage(reference, deadline));
    await Promise.all(work);
    await this.#inspectDirty(deadline);
  }

  async #inspectDirty(deadline: AbortSignal): Promise<void> {
    // Nothing is decided without a container that nobody has seen: what runs would look as if it were missing.
    const unknown = new Map<string, Promise<void>>();
    for (const id of [...this.#dirty]) {
      if (this.#inspecting.has(id)) continue;
      this.#dirty.delete(id);
      if (this.#containers.has(id)) this.#inspecting.set(id, this.#inspectInTheBackground(id));
      else unknown.set(id, this.#inspect(id, deadline));
    }
    const results = await Promise.allSettled(unknown.values());
    await settledWithin([...this.#inspecting.values()], INSPECT_PATIENCE_MS);
    for (const id of this.#inspecting.keys()) this.#late.add(id);
    // One container that cannot be inspected is asked again; it must not stop the others.
    const ids = [...unknown.keys()];
    for (const [index, result] of results.entries()) {
      if (result.status !== 'rejected') continue;
      const error: unknown = result.reason;
      if (error instanceof RuntimeError && error.code === 'Unreachable') throw error;
      this.#options.logger.warn({ err: error }, 'a container could not be inspected; what the list says of it stands');
      this.#takeListed(ids[index] ?? '');
    }
  }

  /**
   * What the list says of a container that nobody could inspect, until somebody can: it must not look as if it were not there. When it started
   * and how it ended is not in the list.
   */
  #takeListed(id: string): void {
    const listed = this.#listed.get(id);
    if (listed === undefined || this.#containers.has(id) || this.#isGoneSince(id, this.#listedAt)) return;
    const { status: _status, ...known } = listed;
    const startedAtMs = listed.phase === 'created' ? 0 : Date.now();
    this.#containers.set(id, {
      ...known,
      startedAtMs,
      finishedAtMs: 0,
      exitCode: 0,
      isOomKilled: false,
      error: '',
      resources: UNKNOWN_RESOURCES,
    });
  }

  /** Longer than the look that began it, if need be. */
  async #inspectInTheBackground(id: string): Promise<void> {
    const { callTimeoutMs, logger, onEvent } = this.#options;
    try {
      await withDeadline(this.#signal, callTimeoutMs, (deadline) => this.#inspect(id, deadline));
    } catch (error) {
      // The next look lists, and so finds out whether the engine is there at all.
      this.#isListDue = true;
      this.#late.delete(id);
      if (!this.#signal.aborted) logger.warn({ err: error }, 'a container could not be inspected; its last known state stands');
      return;
    } finally {
      this.#inspecting.delete(id);
    }
    // Something else may have happened to it meanwhile.
    if (this.#late.delete(id) || this.#dirty.has(id)) onEvent(undefined);
  }

  #note(event: RuntimeEvent): boolean {
    switch (event.type) {
      case 'container':
        // exec_* and health_status say nothing about the container's own state.
        if (event.action.startsWith('exec_') || event.action === 'top' || event.action === 'resize' || event.action === 'kill')
          return false;
        if (event.action === 'destroy') {
          this.#forget(event.id);
        } else this.#dirty.add(event.id);
        return true;
      case 'network':
        if (event.action !== 'connect' && event.action !== 'disconnect') this.#areNetworksDue = true;
        // Each start connects and each end disconnects: a list for every one of them would be most of the work while many start.
        else if (event.containerId === undefined) this.#isListDue = true;
        else if (this.#containers.has(event.containerId)) this.#dirty.add(event.containerId);
        return event.action !== 'connect';
      case 'volume':
        if (event.action === 'mount' || event.action === 'unmount') return false;
        this.#areVolumesDue = true;
        return true;
      case 'image':
        this.#images.clear();
        return event.action !== 'tag';
    }
  }

  async #list(labels: readonly string[], signal: AbortSignal): Promise<void> {
    this.#isListDue = false;
    const before = new Set(this.#containers.keys());
    const begunAt = ++this.#tick;
    let listed: readonly ListedContainer[];
    try {
      listed = await this.#options.runtime.listContainers(labels, signal);
    } catch (error) {
      this.#isListDue = true;
      throw error;
    }
    this.#listed = new Map(listed.map((container) => [container.id, container]));
    this.#listedAt = begunAt;
    const seen = new Set<string>();
    for (const container of listed) {
      seen.add(container.id);
      const known = this.#containers.get(container.id);
      if (known === undefined || known.phase !== container.phase || !sameNetworks(known.networks, container.networks))
        this.#dirty.add(container.id);
      else if (container.phase !== 'running' && this.#statuses.get(container.id) === undefined) this.#dirty.add(container.id);
      this.#statuses.set(container.id, container.status);
    }
    for (const id of this.#containers.keys()) {
      if (seen.has(id)) continue;
      // Made and seen while the list was on its way: it says nothing of this one.
      if (!before.has(id)) {
        this.#dirty.add(id);
        continue;
      }
      this.#containers.delete(id);
      this.#statuses.delete(id);
    }
  }

  #forget(id: string): void {
    this.#containers.delete(id);
    this.#statuses.delete(id);
    this.#gone.delete(id);
    this.#gone.set(id, ++this.#tick);
    const [oldest] = this.#gone.keys();
    if (this.#gone.size > GONE_KEPT && oldest !== undefined) this.#gone.delete(oldest);
  }

  #isGoneSince(id: string, tick: number): boolean {
    return (this.#gone.get(id) ?? 0) > tick;
  }

  async #inspect(id: string, signal: AbortSignal): Promise<void> {
    const begunAt = ++this.#tick;
    try {
      const container = await this.#options.runtime.inspectContainer(id, signal);
      if (container.labels[LABEL.instance] === this.#options.instance && !this.#isGoneSince(id, begunAt))
        this.#containers.set(id, container);
    } catch (error) {
      if (error instanceof RuntimeError && error.code === 'NotFound') {
        this.#forget(id);
        return;
      }
      this.#dirty.add(id);
      throw error;
    }
  }

  async #findImage(reference: string, signal: AbortSignal): Promise<void> {
    try {
      const image = await this.#options.runtime.findImage(reference, signal);
      if (image !== undefined) this.#images.set(reference, image);
    } catch (error) {
      // A reference the engine refuses is an image that is not there: the pod that names it says so when it is pulled.
      if (!(error instanceof RuntimeError) || error.code === 'Unreachable' || error.code === 'Timeout') throw error;
    }
  }

  #takeNetworks(networks: readonly ObservedNetwork[]): void {
    this.#areNetworksDue = false;
    this.#networks = new Map(networks.map((network) => [network.id, network]));
  }

  #takeVolumes(volumes: readonly ObservedVolume[]): void {
    this.#areVolumesDue = false;
    this.#volumes = new Map(volumes.map((volume) => [volume.name, volume]));
  }
}

function sameNetworks(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

async function settledWithin(work: readonly Promise<unknown>[], timeoutMs: number): Promise<void> {
  if (work.length === 0) return;
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
  await Promise.race([Promise.allSettled(work), patience]);
  clearTimeout(timer);
}

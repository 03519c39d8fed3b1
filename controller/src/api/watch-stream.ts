/**
 * One watch: changes of a kind as JSON lines. An object that enters the selection is ADDED, one that leaves it DELETED, whatever it
 * did otherwise. A client that does not keep up is cut off; it resumes from the last resourceVersion it saw.
 */
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import type { KindDescription, KubernetesObject } from '../model/objects.ts';
import type { StoreChange } from '../state/change-history.ts';
import type { ObjectStore } from '../state/object-store.ts';
import { StoreError } from '../state/store-error.ts';
import { ApiError } from './api-error.ts';
import type { ObjectPredicate } from './object-selector.ts';

/** Bytes a client may be behind. */
const MAX_BACKLOG_BYTES = 8 * 1024 * 1024;

export interface WatchOptions {
  readonly description: KindDescription;
  readonly predicate: ObjectPredicate;
  /** Undefined: the current objects come first, as ADDED. */
  readonly resourceVersion: number | undefined;
  /** After the current objects: a BOOKMARK that says so (WatchList of kubectl >= 1.35). */
  readonly sendsInitialEventsEnd: boolean;
  readonly timeoutMs: number | undefined;
}

/** The stream ends by timeout, with an ERROR line when the position is Expired, or by being destroyed. */
export function openWatch(store: ObjectStore, options: WatchOptions): Readable {
  const { description, predicate, resourceVersion } = options;
  const stream = new PassThrough();
  const send = (type: string, object: unknown): void => {
    stream.write(`${JSON.stringify({ type, object })}\n`);
    if (stream.writableLength > MAX_BACKLOG_BYTES) stream.destroy();
  };
  const sendChange = (change: StoreChange): void => {
    if (change.object.kind !== description.kind || stream.destroyed || stream.writableEnded) return;
    const isIn = change.type !== 'DELETED' && predicate(change.object);
    const wasIn = change.previous !== undefined && predicate(change.previous);
    if (isIn) send(wasIn ? 'MODIFIED' : 'ADDED', change.object);
    else if (wasIn) send('DELETED', change.object);
  };

  if (resourceVersion === undefined) {
    for (const object of store.list(description.kind).values()) if (predicate(object)) send('ADDED', object);
    if (options.sendsInitialEventsEnd) send('BOOKMARK', bookmark(description, store.resourceVersion));
  } else {
    try {
      for (const change of store.changesAfter(resourceVersion)) sendChange(change);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      send('ERROR', new ApiError('Expired', error.message).toStatus());
      stream.end();
      return stream;
    }
  }

  const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => stream.end(), options.timeoutMs).unref();
  const stop = (): void => {
    clearTimeout(timer);
    store.changes.off('change', sendChange);
  };
  store.changes.on('change', sendChange);
  stream.once('close', stop);
  stream.once('finish', stop);
  return stream;
}

function bookmark(
  description: KindDescription,
  resourceVersion: string,
): Pick<KubernetesObject, 'kind' | 'metadata'> & { readonly apiVersion: string } {
  const annotations = { 'k8s.io/initial-events-end': 'true' };
  return { kind: description.kind, apiVersion: description.apiVersion, metadata: { name: '', annotations, resourceVersion } };
}

import { pino } from 'pino';
import type { ConfigMap, Deployment, Event, Pod } from '../../src/model/objects.ts';
import { ObjectStore } from '../../src/state/object-store.ts';
import type { ObjectStoreOptions } from '../../src/state/object-store.ts';
import type { MemoryFileSystem } from './memory-file-system.ts';

export const silent = pino({ level: 'silent' });

export function openStore(fileSystem: MemoryFileSystem, options: Partial<ObjectStoreOptions> = {}): ReturnType<typeof ObjectStore.open> {
  return ObjectStore.open({ directory: '/state', logger: silent, fileSystem, now: () => new Date('2026-01-31T10:15:00Z'), ...options });
}

export function configMap(name: string, value: string): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data: { value } };
}

export function deployment(name: string, replicas = 1): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default', labels: { app: name } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image: `${name}:latest` }] } },
    },
  };
}

export function pod(name: string, labels: Readonly<Record<string, string>> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels },
    spec: { containers: [{ name: 'main', image: 'acts:latest' }] },
    status: { phase: 'Running' },
  };
}

export function event(name: string, message = 'it happened'): Event {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: 'default' },
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'acts-0' },
    type: 'Normal',
    reason: 'Started',
    message,
    count: 1,
    firstTimestamp: '2026-01-31T10:15:00Z',
    lastTimestamp: '2026-01-31T10:15:00Z',
  };
}

/** Everything durable a store holds, for comparison. */
export function durableStateOf(store: ObjectStore): Record<string, unknown> {
  const state: Record<string, unknown> = {};
  for (const kind of ['Deployment', 'ConfigMap', 'Event'] as const) {
    for (const [key, object] of store.list(kind)) {
      const { status: _status, ...rest } = { status: undefined, ...object };
      state[`${kind} ${key}`] = JSON.parse(JSON.stringify(rest));
    }
  }
  for (const name of store.recordNames()) state[`record ${name}`] = store.getRecord(name);
  return state;
}

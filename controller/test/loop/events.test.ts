import { expect } from 'chai';
import { EventRecorder } from '../../src/loop/event-recorder.ts';
import { operationEvent } from '../../src/loop/operation-events.ts';
import type { Event } from '../../src/model/objects.ts';
import type { ContainerEnding, ContainerSpec, Operation } from '../../src/model/operation.ts';
import type { EventDraft } from '../../src/reconcile/world.ts';
import type { ObjectStore } from '../../src/state/object-store.ts';
import { deployment, openStore } from '../state/fixtures.ts';
import { MemoryFileSystem } from '../state/memory-file-system.ts';

const POD: EventDraft['involvedObject'] = { kind: 'Pod', name: 'web-0', namespace: 'default', uid: 'uid-1' };

describe('EventRecorder', () => {
  let store: ObjectStore;
  let nowMs: number;
  let recorder: EventRecorder;
  beforeEach(async () => {
    ({ store } = await openStore(new MemoryFileSystem()));
    nowMs = Date.UTC(2026, 0, 31);
    recorder = new EventRecorder(store, () => nowMs);
  });
  afterEach(() => store.close());

  const events = (): readonly Event[] => [...store.list('Event').values()];
  const draft = (change: Partial<EventDraft> = {}): EventDraft => ({
    involvedObject: POD,
    type: 'Warning',
    reason: 'BackOff',
    message: 'back-off 1 s',
    ...change,
  });

  it('records what happened to which object, when and why', () => {
    recorder.record(draft());
    const [event] = events();
    expect(event?.metadata.name).to.match(/^web-0\.[0-9a-f]{16}$/);
    expect({ ...event, metadata: event?.metadata.namespace }).to.deep.equal({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: 'default',
      involvedObject: POD,
      type: 'Warning',
      reason: 'BackOff',
      message: 'back-off 1 s',
      count: 1,
      firstTimestamp: '2026-01-31T00:00:00.000Z',
      lastTimestamp: '2026-01-31T00:00:00.000Z',
      source: { component: 'coxswain' },
    });
  });

  it('counts a repeat instead of recording it again, and keeps when it was first', () => {
    for (let time = 0; time < 3; time++) {
      recorder.record(draft());
      nowMs += 1_000;
    }
    expect(events().map(({ count, firstTimestamp, lastTimestamp }) => ({ count, firstTimestamp, lastTimestamp }))).to.deep.equal([
      { count: 3, firstTimestamp: '2026-01-31T00:00:00.000Z', lastTimestamp: '2026-01-31T00:00:02.000Z' },
    ]);
  });

  it('tells apart objects, reasons and messages', () => {
    recorder.record(draft());
    recorder.record(draft({ reason: 'Failed' }));
    recorder.record(draft({ message: 'back-off 2 s' }));
    recorder.record(draft({ involvedObject: { ...POD, uid: 'uid-2' } }));
    recorder.record(draft({ involvedObject: { ...POD, name: 'web-1' } }));
    recorder.record(draft({ involvedObject: { ...POD, namespace: 'other' } }));
    expect(events().map(({ count }) => count)).to.deep.equal([1, 1, 1, 1, 1, 1]);
  });

  it('a repeated event becomes the newest', () => {
    recorder.record(draft());
    recorder.record(draft({ reason: 'Failed' }));
    recorder.record(draft());
    expect(events().map(({ reason, count }) => `${reason} ${count}`)).to.deep.equal(['Failed 1', 'BackOff 2']);
  });

  it('says which object it is about', () => {
    const stored = store.create(deployment('web'));
    recorder.about(stored, 'Normal', 'Declared', 'Created from web.yaml');
    expect(events()[0]?.involvedObject).to.deep.equal({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name: 'web',
      namespace: 'default',
      uid: stored.metadata.uid,
    });
  });

  it('an object with the longest name still gets an event', () => {
    recorder.record(draft({ involvedObject: { ...POD, name: 'x'.repeat(253) } }));
    expect(events()[0]?.metadata.name).to.have.length.at.most(253);
  });
});

describe('operationEvent', () => {
  const base = { subject: 'container:c', resource: 'pod/web-0', cause: 'liveness probe failed: HTTP 500' };
  const containerId = 'c0ffee'.repeat(10);
  const tables: readonly { readonly operation: Operation; readonly event: string | undefined }[] = [
    {
      operation: { ...base, verb: 'PullImage', image: 'web:1', forContainer: '', wasPresent: false, isFirst: true },
      event: 'Normal Pulled Pulled image web:1',
    },
    {
      operation: { ...base, verb: 'CreateContainer', spec: { name: 'web-0.1' } as unknown as ContainerSpec },
      event: 'Normal Created Created container web-0.1: liveness probe failed: HTTP 500',
    },
    { operation: { ...base, verb: 'StartContainer', containerId }, event: 'Normal Started Started container c0ffeec0ffee' },
    {
      operation: { ...base, verb: 'KillContainer', containerId },
      event: 'Normal Killing Killed container c0ffeec0ffee: liveness probe failed: HTTP 500',
    },
    {
      operation: { ...base, verb: 'StopContainer', containerId, graceMs: 1 },
      event: 'Normal Killing Stopped container c0ffeec0ffee: liveness probe failed: HTTP 500',
    },
    {
      operation: { ...base, verb: 'UnpauseContainer', containerId },
      event: 'Normal Unpaused UnpauseContainer pod/web-0 c0ffeec0ffee: liveness probe failed: HTTP 500',
    },
    { operation: { ...base, verb: 'RemoveContainer', containerId }, event: undefined },
    { operation: { ...base, verb: 'SaveLogs', containerId, podUid: 'u', ending: {} as ContainerEnding }, event: undefined },
    { operation: { ...base, verb: 'CreateNetwork', network: 'n', labels: {} }, event: undefined },
    { operation: { ...base, verb: 'WriteFiles', directory: '/d', files: [] }, event: undefined },
  ];
  for (const { operation, event } of tables) {
    it(`${operation.verb} that succeeded: ${event ?? 'nothing to tell'}`, () => {
      const told = operationEvent({ operation, containerId: undefined, failure: undefined, durationMs: 1 }, POD);
      expect(told && `${told.type} ${told.reason} ${told.message}`).to.equal(event);
      if (told !== undefined) expect(told.involvedObject).to.equal(POD);
    });
    it(`${operation.verb} that failed is a warning with the code and the engine's words`, () => {
      const failure = { verb: operation.verb, code: 'EngineFailure', message: 'no space', count: 1, lastAtMs: 0 };
      expect(operationEvent({ operation, containerId: undefined, failure, durationMs: 1 }, POD)).to.deep.equal({
        involvedObject: POD,
        type: 'Warning',
        ...(operation.verb === 'PullImage'
          ? { reason: 'ErrImagePull', message: 'Failed to pull image "web:1" (EngineFailure): no space' }
          : { reason: 'Failed', message: `${operation.verb} failed (EngineFailure): no space` }),
      });
    });
  }
});

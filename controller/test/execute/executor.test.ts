import { setMaxListeners } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Executor } from '../../src/execute/executor.ts';
import type { ExecutorOptions, OperationOutcome } from '../../src/execute/executor.ts';
import type { ContainerSpec, Operation } from '../../src/model/operation.ts';
import { eventually } from '../eventually.ts';
import { FakeClock } from '../observe/fake-clock.ts';
import { FakeRuntime } from '../runtime/fake-runtime.ts';
import type { CallName, Fault } from '../runtime/fake-runtime.ts';
import { silent } from '../state/fixtures.ts';

const PULL = { forContainer: 'uid-1/0', wasPresent: false, isFirst: true };
const ENDING = {
  namespace: 'default',
  podName: 'web-0',
  containerId: 'c',
  image: 'web:1',
  exitCode: 0,
  reason: 'Completed',
  startedAtMs: 1,
  finishedAtMs: 2,
};
const base = { resource: 'pod/web-0', cause: 'test' };

function volume(name: string): Operation {
  return { ...base, verb: 'CreateVolume', subject: `volume:${name}`, volume: name, labels: {} };
}

function makeSpec(name: string): ContainerSpec {
  const lists = { env: [], networkAliases: [], ports: [], mounts: [], capabilitiesAdded: [], capabilitiesDropped: [] };
  return { name, image: 'web:1', labels: {}, network: 'net', ...lists } as unknown as ContainerSpec;
}

describe('Executor', () => {
  let directory: string;
  let clock: FakeClock;
  let runtime: FakeRuntime;
  let fault: (callName: CallName) => Fault;
  let latencyMs: number;
  let outcomes: OperationOutcome[];
  let stopping: AbortController;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'coxswain-executor-'));
    clock = new FakeClock();
    fault = () => 'none';
    latencyMs = 0;
    outcomes = [];
    stopping = new AbortController();
    setMaxListeners(0, stopping.signal);
    runtime = new FakeRuntime({
      clock,
      images: ['web:1'],
      registry: ['web:2'],
      fault: (callName) => fault(callName),
      latencyMs: () => latencyMs,
      program: () => ({ logs: ['hello', 'world'] }),
    });
  });
  afterEach(() => {
    stopping.abort();
    rmSync(directory, { recursive: true, force: true });
  });

  function executor(change: Partial<ExecutorOptions> = {}): Executor {
    return new Executor({
      runtime,
      now: () => clock.now(),
      concurrency: 16,
      callTimeoutMs: 60_000,
      pullTimeoutMs: 60_000,
      logDirectory: join(directory, 'logs'),
      logger: silent,
      onOutcome: (outcome) => outcomes.push(outcome),
      signal: stopping.signal,
      ...change,
    });
  }

  async function perform(own: Executor, operation: Operation): Promise<OperationOutcome> {
    expect(own.start([operation])).to.deep.equal([operation]);
    await own.idle();
    return outcomes.at(-1)!;
  }

  describe('each verb does its one thing', () => {
    it('networks, volumes and images come and go', async () => {
      const own = executor();
      await perform(own, { ...base, verb: 'CreateNetwork', subject: 'network:net', network: 'net', labels: { a: 'b' } });
      await perform(own, volume('data'));
      await perform(own, { ...base, verb: 'PullImage', subject: 'image:web:2', ...PULL, image: 'web:2' });
      expect([runtime.networks.get('net')?.labels, [...runtime.volumes.keys()], runtime.images.has('web:2')]).to.deep.equal([
        { a: 'b' },
        ['data'],
        true,
      ]);
      await perform(own, { ...base, verb: 'RemoveNetwork', subject: 'network:net', network: 'net' });
      await perform(own, { ...base, verb: 'RemoveVolume', subject: 'volume:data', volume: 'data' });
      expect([runtime.networks.size, runtime.volumes.size]).to.deep.equal([0, 0]);
      expect(outcomes.map(({ failure }) => failure)).to.deep.equal([undefined, undefined, undefined, undefined, undefined]);
    });

    it('a container from its creation to its removal', async () => {
      const own = executor();
      await perform(own, { ...base, verb: 'CreateNetwork', subject: 'network:net', network: 'net', labels: {} });
      await perform(own, { ...base, verb: 'CreateNetwork', subject: 'network:two', network: 'two', labels: {} });
      const { containerId = '' } = await perform(own, { ...base, verb: 'CreateContainer', subject: 'pod:1', spec: makeSpec('web-0') });
      const container = runtime.containers.get(containerId)!;
      const target = { ...base, subject: `container:${containerId}`, containerId };
      const states: string[] = [container.phase];
      const next = async (operation: Operation): Promise<void> => {
        expect((await perform(own, operation)).failure, operation.verb).to.equal(undefined);
        states.push(container.phase);
      };
      await next({ ...target, verb: 'StartContainer' });
      await next({ ...target, verb: 'ConnectNetwork', network: 'two', aliases: ['web'] });
      expect(container.aliasesIn('two')).to.deep.equal(['web']);
      container.phase = 'paused';
      await next({ ...target, verb: 'UnpauseContainer' });
      await next({ ...target, verb: 'RunPreStop', hook: { type: 'exec', command: ['true'] }, timeoutMs: 1_000 });
      await next({ ...target, verb: 'KillContainer' });
      await next({ ...target, verb: 'SaveLogs', podUid: 'uid-1', ending: ENDING });
      expect(readFileSync(join(directory, 'logs', 'uid-1.log'), 'utf8')).to.equal('hello\nworld\n');
      await next({ ...target, verb: 'RemoveContainer' });
      expect(states).to.deep.equal(['created', 'running', 'running', 'running', 'running', 'exited', 'exited', 'exited']);
      expect(runtime.containers.size).to.equal(0);
    });

    it('files are written, and that is remembered', async () => {
      const own = executor();
      const files = [{ path: 'a', contentBase64: Buffer.from('x').toString('base64'), mode: 0o644 }];
      await perform(own, { ...base, verb: 'WriteFiles', subject: 'files:a', directory: join(directory, 'v'), files });
      expect(readdirSync(join(directory, 'v'))).to.deep.equal(['a']);
      expect([...own.writtenDirectories]).to.deep.equal([join(directory, 'v')]);
    });

    it('files that could not be written are not remembered as written', async () => {
      const own = executor();
      const files = [{ path: '../a', contentBase64: '', mode: 0o644 }];
      const outcome = await perform(own, { ...base, verb: 'WriteFiles', subject: 'files:a', directory: join(directory, 'v'), files });
      expect(outcome.failure).to.include({ code: 'Failed', message: 'volume file path "../a" leaves its volume' });
      expect([...own.writtenDirectories]).to.deep.equal([]);
    });
  });

  it('an outcome tells the container that was made, and how long it took', async () => {
    latencyMs = 120;
    const own = executor();
    own.start([{ ...base, verb: 'CreateContainer', subject: 'pod:1', spec: makeSpec('web-0') }]);
    await clock.advance(200);
    await own.idle();
    expect(outcomes.map(({ containerId, durationMs, failure }) => ({ containerId, durationMs, failure }))).to.deep.equal([
      { containerId: runtime.findByName('web-0')?.id, durationMs: 120, failure: undefined },
    ]);
  });

  describe('concurrency', () => {
    it('runs as many as it has slots, in order, and the rest not at all', async () => {
      latencyMs = 100;
      const own = executor({ concurrency: 2 });
      const all = ['a', 'b', 'c'].map(volume);
      expect(own.start(all)).to.deep.equal(all.slice(0, 2));
      expect([...own.busySubjects]).to.deep.equal(['volume:a', 'volume:b']);
      expect(own.start(all.slice(2))).to.deep.equal([]);
      await clock.advance(100);
      await own.idle();
      expect([...runtime.volumes.keys()]).to.deep.equal(['a', 'b']);
      expect(own.start(all.slice(2))).to.deep.equal(all.slice(2));
      await clock.advance(100);
      await own.idle();
      expect([...runtime.volumes.keys()]).to.deep.equal(['a', 'b', 'c']);
    });

    it('never runs two operations on one subject', async () => {
      latencyMs = 100;
      const own = executor();
      const remove: Operation = { ...base, verb: 'RemoveVolume', subject: 'volume:a', volume: 'a' };
      expect(own.start([volume('a'), remove])).to.deep.equal([volume('a')]);
      expect(own.start([remove])).to.deep.equal([]);
      await clock.advance(100);
      await own.idle();
      expect(own.start([remove])).to.deep.equal([remove]);
    });

    it('a slot and its subject are free when the outcome is told', async () => {
      const busy: number[] = [];
      const own: Executor = executor({ onOutcome: () => busy.push(own.busySubjects.size) });
      own.start([volume('a')]);
      await own.idle();
      expect(busy).to.deep.equal([0]);
    });

    it('is idle at once when nothing runs', async () => {
      await executor().idle();
    });
  });

  describe('deadlines', () => {
    const limits = { callTimeoutMs: 30, pullTimeoutMs: 90 };

    async function timed(operation: Operation): Promise<{ readonly code: string | undefined; readonly tookMs: number }> {
      fault = () => 'hang';
      const startedAt = performance.now();
      const { failure } = await perform(executor(limits), operation);
      return { code: failure?.code, tookMs: performance.now() - startedAt };
    }

    it('a call that hangs ends as a timeout and frees its subject', async () => {
      const { code, tookMs } = await timed(volume('a'));
      expect(code).to.equal('Timeout');
      expect(tookMs).to.be.within(25, 85);
    });

    it('a pull has its own', async () => {
      const { code, tookMs } = await timed({ ...base, verb: 'PullImage', subject: 'image:web:2', ...PULL, image: 'web:2' });
      expect(code).to.equal('Timeout');
      expect(tookMs).to.be.at.least(85);
    });

    it('a stop gets its grace period on top', async () => {
      const { tookMs } = await timed({ ...base, verb: 'StopContainer', subject: 'container:c', containerId: 'c', graceMs: 60 });
      expect(tookMs).to.be.at.least(85);
    });

    it('a preStop command has its own', async () => {
      const operation: Operation = {
        ...base,
        verb: 'RunPreStop',
        subject: 'container:c',
        containerId: 'c',
        hook: { type: 'exec', command: ['x'] },
        timeoutMs: 90,
      };
      const { tookMs } = await timed(operation);
      expect(tookMs).to.be.at.least(85);
    });

    it('the end of the process ends what is under way', async () => {
      fault = () => 'hang';
      const own = executor();
      own.start([volume('a'), volume('b')]);
      stopping.abort();
      await own.idle();
      expect(outcomes.map(({ failure }) => failure?.code)).to.deep.equal(['Timeout', 'Timeout']);
    });
  });

  describe('memory of failures', () => {
    it('counts them until a success, and keeps the newest words and time', async () => {
      const own = executor();
      fault = () => 'before';
      await perform(own, volume('a'));
      await clock.advance(500);
      await perform(own, volume('a'));
      expect([...own.failures]).to.deep.equal([
        [
          'volume:a',
          {
            verb: 'CreateVolume',
            code: 'EngineFailure',
            message: 'createVolume: injected failure',
            count: 2,
            lastAtMs: clock.now(),
          },
        ],
      ]);
      fault = () => 'none';
      await perform(own, volume('a'));
      expect([...own.failures]).to.deep.equal([]);
    });

    it('another verb on the same subject counts anew', async () => {
      const own = executor();
      fault = () => 'before';
      await perform(own, volume('a'));
      await perform(own, volume('a'));
      await perform(own, { ...base, verb: 'RemoveVolume', subject: 'volume:a', volume: 'a' });
      expect(own.failures.get('volume:a')).to.include({ verb: 'RemoveVolume', count: 1 });
    });

    it('tells a lost reply from a refusal', async () => {
      const own = executor();
      fault = () => 'after';
      await perform(own, volume('a'));
      fault = () => 'none';
      await perform(own, { ...base, verb: 'StartContainer', subject: 'container:gone', containerId: 'gone' });
      expect([...own.failures].map(([subject, { code }]) => `${subject} ${code}`)).to.deep.equal([
        'volume:a Unreachable',
        'container:gone NotFound',
      ]);
    });

    it('is bounded: the oldest are forgotten', async () => {
      const own = executor({ concurrency: Infinity });
      fault = () => 'before';
      own.start(Array.from({ length: 2_100 }, (_, index) => volume(String(index))));
      await own.idle();
      expect(own.failures.size).to.equal(2_000);
      expect(own.failures.has('volume:99')).to.equal(false);
      expect(own.failures.has('volume:100')).to.equal(true);
    });
  });

  it('the memory of written directories is bounded', async () => {
    const own = executor();
    const total = 2_500;
    for (let index = 0; index < total; index += 100) {
      const batch = Array.from({ length: 100 }, (_, offset): Operation => {
        const name = `files-${index + offset}`;
        return { ...base, verb: 'WriteFiles', subject: name, directory: join(directory, name), files: [] };
      });
      const batches = executorBatches(batch, 16);
      for (const part of batches) {
        own.start(part);
        await own.idle();
      }
    }
    await eventually(() => expect(outcomes).to.have.length(total));
    expect(own.writtenDirectories.size).to.be.lessThan(total);
  });
});

function executorBatches(operations: readonly Operation[], size: number): readonly (readonly Operation[])[] {
  return Array.from({ length: Math.ceil(operations.length / size) }, (_, index) => operations.slice(index * size, (index + 1) * size));
}

import { expect } from 'chai';
import type { Probe } from '../../src/model/objects.ts';
import type { ProbeKind } from '../../src/model/observed.ts';
import type { ProbeRequest } from '../../src/observe/probe-request.ts';
import type { ProbeRunner } from '../../src/observe/probe-runner.ts';
import { Prober, type ProbeTarget } from '../../src/observe/prober.ts';
import { FakeClock } from './fake-clock.ts';

/** Answers by path from a table; counts, and never allows two at once for one address. */
class ScriptedRunner implements ProbeRunner {
  readonly sent: { readonly atMs: number; readonly path: string; readonly address: string }[] = [];
  readonly failures = new Map<string, string | undefined>();
  readonly #busy = new Set<string>();
  latencyMs = 0;
  maximumInFlight = 0;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  async run(request: ProbeRequest): Promise<string | undefined> {
    if (request.type !== 'http') throw new Error('only http here');
    expect(this.#busy.has(request.address), 'two probes in flight for one container').to.equal(false);
    this.#busy.add(request.address);
    this.sent.push({ atMs: this.#clock.now(), path: request.path, address: request.address });
    if (this.latencyMs > 0) await new Promise<void>((resolve) => this.#clock.setTimer(this.latencyMs, resolve));
    this.#busy.delete(request.address);
    return this.failures.has(request.path) ? this.failures.get(request.path) : '';
  }

  close(): void {
    // Nothing is open.
  }
}

function probe(path: string, change: Partial<Probe> = {}): Probe {
  return { httpGet: { path, port: 8080 }, periodSeconds: 1, failureThreshold: 1, ...change };
}

class World {
  readonly clock = new FakeClock();
  readonly runner = new ScriptedRunner(this.clock);
  readonly changes: string[] = [];
  readonly #stopping = new AbortController();
  readonly prober = new Prober({
    runtime: { exec: () => Promise.reject(new Error('unused')) },
    clock: this.clock,
    runner: this.runner,
    signal: this.#stopping.signal,
    onChange: (containerId) => this.changes.push(containerId),
  });

  target(change: Partial<ProbeTarget> = {}): ProbeTarget {
    return { containerId: 'a', podName: 'pod-a', address: '10.0.0.1', ports: [], startedAtMs: this.clock.now(), ...change };
  }

  isPassing(kind: ProbeKind, containerId = 'a'): boolean | undefined {
    return this.prober.probes.get(containerId)?.[kind]?.isPassing;
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** Number of requests since the last time it was asked. */
  takeCount(): number {
    return this.runner.sent.splice(0).length;
  }
}

describe('Prober', () => {
  let world: World;
  beforeEach(() => (world = new World()));
  afterEach(() => world.stop());

  it('probes every 50 ms until the first success, then by the period', async () => {
    world.runner.failures.set('/h', 'connection refused');
    world.prober.sync([world.target({ readiness: probe('/h', { failureThreshold: 30 }) })]);
    await world.clock.advance(500);
    expect(world.takeCount()).to.equal(11);
    expect(world.isPassing('readiness')).to.equal(undefined);
    world.runner.failures.clear();
    await world.clock.advance(50);
    expect(world.isPassing('readiness')).to.equal(true);
    expect(world.changes).to.deep.equal(['a']);
    world.takeCount();
    await world.clock.advance(10_000);
    expect(world.takeCount()).to.equal(10);
  });

  it('serves readiness and liveness that ask the same with one request', async () => {
    world.prober.sync([world.target({ readiness: probe('/h'), liveness: probe('/h') })]);
    await world.clock.advance(10_050);
    expect(world.takeCount()).to.be.within(11, 12);
    expect([world.isPassing('readiness'), world.isPassing('liveness')]).to.deep.equal([true, true]);
  });

  it('sends both where they differ, one after the other', async () => {
    world.runner.latencyMs = 100;
    world.prober.sync([world.target({ readiness: probe('/ready'), liveness: probe('/live') })]);
    await world.clock.advance(10_500);
    const paths = world.runner.sent.map((request) => request.path);
    expect(paths.filter((path) => path === '/ready').length).to.be.within(11, 12);
    expect(paths.filter((path) => path === '/live').length).to.be.within(11, 12);
  });

  it('fails a start only when failureThreshold x period have passed, then probes by the period', async () => {
    world.runner.failures.set('/h', 'HTTP 503');
    world.prober.sync([world.target({ startup: probe('/h', { failureThreshold: 3 }), liveness: probe('/h') })]);
    await world.clock.advance(2990);
    expect(world.isPassing('startup')).to.equal(undefined);
    await world.clock.advance(60);
    expect(world.isPassing('startup')).to.equal(false);
    expect(world.isPassing('liveness')).to.equal(undefined);
    expect(world.prober.probes.get('a')?.startup?.lastFailure).to.equal('HTTP 503');
    world.takeCount();
    await world.clock.advance(10_000);
    expect(world.takeCount()).to.be.within(9, 11);
  });

  it('holds readiness and liveness back until the startup probe has passed', async () => {
    world.runner.failures.set('/start', 'HTTP 503');
    world.prober.sync([world.target({ startup: probe('/start', { failureThreshold: 60 }), readiness: probe('/h') })]);
    await world.clock.advance(1000);
    expect(new Set(world.runner.sent.map((request) => request.path))).to.deep.equal(new Set(['/start']));
    world.runner.failures.clear();
    await world.clock.advance(60);
    expect([world.isPassing('startup'), world.isPassing('readiness')]).to.deep.equal([true, true]);
    world.takeCount();
    await world.clock.advance(5000);
    expect(new Set(world.runner.sent.map((request) => request.path))).to.deep.equal(new Set(['/h']));
  });

  it('takes a passed startup probe for the first success of a readiness probe that asks the same', async () => {
    world.prober.sync([world.target({ startup: probe('/h', { failureThreshold: 120 }), readiness: probe('/h'), liveness: probe('/h') })]);
    await world.clock.advance(1);
    expect(world.takeCount()).to.equal(1);
    expect([world.isPassing('startup'), world.isPassing('readiness'), world.isPassing('liveness')]).to.deep.equal([true, true, true]);
  });

  it('needs as many successes and failures in a row as the thresholds say', async () => {
    world.prober.sync([world.target({ readiness: probe('/h', { successThreshold: 2, failureThreshold: 3 }) })]);
    await world.clock.advance(10);
    expect(world.isPassing('readiness')).to.equal(undefined);
    await world.clock.advance(1010);
    expect(world.isPassing('readiness')).to.equal(true);
    world.runner.failures.set('/h', 'HTTP 500');
    await world.clock.advance(2000);
    expect(world.isPassing('readiness')).to.equal(true);
    expect(world.prober.probes.get('a')?.readiness?.consecutiveFailures).to.equal(2);
    await world.clock.advance(1000);
    expect(world.isPassing('readiness')).to.equal(false);
    expect(world.changes).to.deep.equal(['a', 'a']);
  });

  it('does not count liveness before its initial delay', async () => {
    world.runner.failures.set('/live', 'HTTP 500');
    world.prober.sync([world.target({ readiness: probe('/h'), liveness: probe('/live', { initialDelaySeconds: 20 }) })]);
    await world.clock.advance(20_900);
    expect(world.isPassing('liveness')).to.equal(undefined);
    await world.clock.advance(1200);
    expect(world.isPassing('liveness')).to.equal(false);
    expect(world.isPassing('readiness')).to.equal(true);
  });

  it('judges a container that started long ago by its thresholds alone', async () => {
    world.runner.failures.set('/h', 'HTTP 500');
    const startup = probe('/h', { failureThreshold: 120 });
    const target = world.target({ startup, readiness: probe('/h'), liveness: probe('/h', { failureThreshold: 2 }), startedAtMs: 0 });
    world.prober.sync([target]);
    await world.clock.advance(10);
    expect([world.isPassing('startup'), world.isPassing('readiness'), world.isPassing('liveness')]).to.deep.equal([true, false, undefined]);
    await world.clock.advance(1000);
    expect(world.isPassing('liveness')).to.equal(false);
  });

  it('keeps containers apart, but near one another', async () => {
    const probes = { readiness: probe('/h') };
    const targets = ['a', 'b', 'c', 'd'].map((containerId, i) => world.target({ ...probes, containerId, address: `10.0.0.${i + 1}` }));
    world.prober.sync(targets);
    await world.clock.advance(3500);
    world.takeCount();
    await world.clock.advance(1000);
    const times = world.runner.sent.map((request) => request.atMs).sort((a, b) => a - b);
    expect(times.length).to.equal(4);
    expect(new Set(times).size).to.equal(4);
    expect(times[3]! - times[0]!).to.be.at.most(6);
  });

  it('does not drift, and schedules from the start of a slow probe', async () => {
    world.runner.latencyMs = 700;
    world.prober.sync([world.target({ readiness: probe('/h', { timeoutSeconds: 3 }) })]);
    await world.clock.advance(20_000);
    expect(world.takeCount()).to.be.within(20, 21);
  });

  it('probes now, beside the schedule, and shares a round that has not begun', async () => {
    world.runner.latencyMs = 100;
    world.prober.sync([world.target({ readiness: probe('/h'), liveness: probe('/h', { failureThreshold: 2 }) })]);
    await world.clock.advance(500);
    world.takeCount();
    world.runner.failures.set('/h', 'HTTP 500');
    const first = world.prober.probeNow('a');
    const others = [world.prober.probeNow('a'), world.prober.probeNow('a')];
    await world.clock.advance(220);
    expect(await Promise.all([first, ...others])).to.deep.equal([false, false, false]);
    expect(world.takeCount()).to.equal(2);
    expect(world.isPassing('readiness')).to.equal(false);
    // Two failures within one period are one for liveness: a burst of reports must not restart a container.
    expect(world.isPassing('liveness')).to.equal(true);
    world.runner.failures.clear();
    const again = world.prober.probeNow('a', ['readiness']);
    await world.clock.advance(120);
    expect(await again).to.equal(true);
    expect(world.isPassing('readiness')).to.equal(true);
  });

  it('says false for a container it does not know, true for one without probes', async () => {
    world.prober.sync([world.target({})]);
    expect(await world.prober.probeNow('unknown')).to.equal(false);
    const answer = world.prober.probeNow('a');
    await world.clock.advance(1);
    expect(await answer).to.equal(true);
  });

  it('forgets a container that is no longer wanted, and ends what waits for it', async () => {
    world.runner.latencyMs = 100;
    world.prober.sync([world.target({ readiness: probe('/h') })]);
    await world.clock.advance(10);
    const waiting = world.prober.probeNow('a');
    world.prober.sync([]);
    await world.clock.advance(5000);
    expect(await waiting).to.equal(false);
    expect(world.takeCount()).to.equal(1);
    expect([...world.prober.probes.keys()]).to.deep.equal([]);
    expect(world.changes).to.deep.equal([]);
  });

  it('goes on undisturbed when an equal target comes again, and starts over after a restart', async () => {
    const target = world.target({ readiness: probe('/h') });
    world.prober.sync([target]);
    await world.clock.advance(100);
    const before = world.prober.probes.get('a');
    world.prober.sync([structuredClone(target)]);
    expect(world.prober.probes.get('a')).to.equal(before);
    world.prober.sync([{ ...target, startedAtMs: target.startedAtMs + 100 }]);
    expect(world.isPassing('readiness')).to.equal(undefined);
  });

  it('keeps a verdict while nobody can be asked', async () => {
    const target = world.target({ liveness: probe('/live'), readiness: probe('/ready') });
    world.prober.sync([target]);
    await world.clock.advance(100);
    for (const path of ['/live', '/ready']) world.runner.failures.set(path, undefined);
    await world.clock.advance(10_000);
    expect([world.isPassing('liveness'), world.isPassing('readiness')]).to.deep.equal([true, true]);
    expect(await world.prober.probeNow('a')).to.equal(true);
    for (const path of ['/live', '/ready']) world.runner.failures.set(path, 'HTTP 500');
    await world.clock.advance(2_000);
    expect([world.isPassing('liveness'), world.isPassing('readiness')]).to.deep.equal([false, false]);
  });
});

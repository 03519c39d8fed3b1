/** Load while everything changes: no GET may fail. CHURN_SECONDS is fixed here; longer runs belong to the bench. */
import http from 'node:http';
import { expect } from 'chai';
import { eventually } from '../eventually.ts';
import { Fixture, type TestEndpoint } from './ingress-fixture.ts';

const CHURN_MS = 5_000;
const CLIENTS = 16;

describe('ingress under churn', function () {
  this.timeout(30_000);
  let fixture: Fixture;
  beforeEach(async () => (fixture = await Fixture.start()));
  afterEach(() => fixture.stop());

  async function load(change: () => Promise<void>): Promise<{ requests: number; failures: Map<string, number> }> {
    const failures = new Map<string, number>();
    let requests = 0;
    const endMs = performance.now() + CHURN_MS;
    const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
    const client = async (): Promise<void> => {
      while (performance.now() < endMs) {
        requests++;
        const result = await fixture.request('/api/x', { agent }).then(
          ({ status, body }) => (status === 200 ? '' : `${status} ${body}`),
          (error: unknown) => String(error),
        );
        if (result !== '') failures.set(result, (failures.get(result) ?? 0) + 1);
      }
    };
    const churn = async (): Promise<void> => {
      while (performance.now() < endMs) await change();
    };
    await Promise.all([churn(), ...Array.from({ length: CLIENTS }, client)]);
    agent.destroy();
    return { requests, failures };
  }

  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

  it('endpoints swapped all the time, drained before they go: no request fails, each counts once', async () => {
    let current = [await fixture.endpoint('x'), await fixture.endpoint('y')];
    await fixture.publish(current);
    const { requests, failures } = await load(async () => {
      const next = await fixture.endpoint('z');
      const [leaving, ...staying] = current as [TestEndpoint, ...TestEndpoint[]];
      current = [...staying, next];
      await fixture.publish(current);
      while ((fixture.link.observed.inFlight.get(leaving.id) ?? 0) > 0) await pause();
      leaving.kill();
      await pause();
    });
    expect([...failures]).to.deep.equal([]);
    expect(requests).to.be.above(1_000);
    await eventually(() => {
      const buckets = new Map(fixture.counts.flatMap(({ counters }) => counters.flatMap(({ buckets: own }) => own)));
      expect([...buckets.values()].reduce((sum, count) => sum + count, 0)).to.equal(requests);
    });
  });

  it('endpoints killed under load, one replica only: no GET fails', async () => {
    const dead = new Set<string>();
    fixture.verdict = (id) => !dead.has(id);
    let current = await fixture.endpoint('x', (_, response) => setTimeout(() => response.end('x'), 1));
    await fixture.publish([current]);
    const { requests, failures } = await load(async () => {
      dead.add(current.id);
      current.kill();
      await pause();
      await fixture.publish([]);
      await pause();
      current = await fixture.endpoint('x', (_, response) => setTimeout(() => response.end('x'), 1));
      await fixture.publish([current]);
      for (let i = 0; i < 5; i++) await pause();
    });
    expect([...failures]).to.deep.equal([]);
    expect(requests).to.be.above(500);
  });
});

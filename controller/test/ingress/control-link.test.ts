import net from 'node:net';
import { expect } from 'chai';
import { monotonicMs } from '../../src/ingress/monotonic-clock.ts';
import type { FromIngress } from '../../src/model/endpoint-table.ts';
import { IngressLink } from '../../src/observe/ingress-link.ts';
import { eventually } from '../eventually.ts';
import { Fixture, type TestEndpoint } from './ingress-fixture.ts';

const KEY = 'default/main default/web';

describe('ingress counts', () => {
  let fixture: Fixture;
  let a: TestEndpoint;
  beforeEach(async () => {
    fixture = await Fixture.start({ holdTimeoutMs: 100 });
    a = await fixture.endpoint('A');
  });
  afterEach(() => fixture.stop());

  /** As the control plane would keep it. */
  function total(): number {
    const buckets = new Map<string, number>();
    for (const { counters } of fixture.counts) {
      for (const { armGeneration, buckets: own } of counters) for (const [i, n] of own) buckets.set(`${armGeneration} ${i}`, n);
    }
    return [...buckets.values()].reduce((sum, count) => sum + count, 0);
  }

  it('each routed request under the counted paths counts once, others do not', async () => {
    await fixture.publish([a]);
    const before = monotonicMs();
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => fixture.request(`/api/v1?${i}`, i % 2 === 0 ? {} : { method: 'POST', body: 'x' })),
    );
    for (const path of ['/', '/api', '/api/_health?x', '/apis/', '/other?/api/']) await fixture.request(path);
    await eventually(() => total() === 50);
    const report = fixture.counts[0]?.counters[0];
    expect(report).to.include({ key: KEY, armGeneration: 0 });
    expect(report?.armedAtMs).to.be.within(before, monotonicMs());
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(total()).to.equal(50);
  });

  it('a request counts once, retried or held or failed', async () => {
    const dead = await fixture.deadEndpoint('dead');
    const bad = await fixture.endpoint('bad', (_, response) => response.writeHead(503).end());
    fixture.verdict = () => false;
    await fixture.publish([dead, bad, a]);
    await fixture.request('/api/x');
    await fixture.publish([]);
    expect((await fixture.request('/api/x')).status).to.equal(503);
    await fixture.publish([], { isReplacementExpected: false });
    expect((await fixture.request('/api/x')).status).to.equal(503);
    await eventually(() => total() === 3);
  });

  it('a report comes within 20 ms or so, not before the table of its connection', async () => {
    await fixture.publish([a]);
    await fixture.request('/api/x');
    const start = performance.now();
    await eventually(() => total() === 1);
    expect(performance.now() - start).to.be.below(60);
  });

  it('counts while the control plane is away arrive with the next, unsaved ones again', async () => {
    fixture.link.arm(KEY, 4, monotonicMs() - 1_000);
    await fixture.publish([a]);
    await fixture.request('/api/x');
    await eventually(() => total() === 1);
    await fixture.disconnectControlPlane();
    fixture.counts.length = 0;
    for (let i = 0; i < 5; i++) await fixture.request('/api/x');
    await fixture.connectControlPlane();
    await fixture.publish([a]);
    await eventually(() => total() === 6);
    expect(fixture.counts[0]?.counters[0]).to.include({ armGeneration: 4 });
    fixture.link.countsSaved(fixture.counts.at(-1)?.sequence ?? 0);
    await new Promise((resolve) => setTimeout(resolve, 110));
    fixture.link.countsSaved(fixture.counts.at(-1)?.sequence ?? 0);
    await fixture.publish([a]);
    await fixture.disconnectControlPlane();
    fixture.counts.length = 0;
    await fixture.connectControlPlane();
    await fixture.publish([a]);
    await fixture.request('/api/x');
    await eventually(() => total() === 1);
  });

  it('disarming starts anew with the next request', async () => {
    await fixture.publish([a]);
    await fixture.request('/api/x');
    await eventually(() => total() === 1);
    fixture.link.arm(KEY, 1);
    await fixture.publish([a]);
    const before = monotonicMs();
    await fixture.request('/api/x');
    await eventually(() => fixture.counts.some(({ counters }) => counters[0]?.armGeneration === 1));
    const report = fixture.counts.at(-1)?.counters[0];
    expect(report?.buckets).to.deep.equal([[0, 1]]);
    expect(report?.armedAtMs).to.be.at.least(before);
  });
});

describe('ingress control socket', () => {
  let fixture: Fixture;
  /** Ends the links a test makes of its own. */
  let abort: AbortController;
  beforeEach(async () => {
    abort = new AbortController();
    fixture = await Fixture.start();
  });
  afterEach(() => {
    abort.abort();
    return fixture.stop();
  });

  it('malformed messages are dropped, and the connection lives on', async () => {
    const a = await fixture.endpoint('A');
    await fixture.publish([a]);
    await fixture.disconnectControlPlane();
    const messages: FromIngress[] = [];
    const client = net.connect(fixture.controlSocketPath);
    client.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.trim().split('\n')) messages.push(JSON.parse(line) as FromIngress);
    });
    await eventually(() => messages.length === 3);
    expect(messages.map(({ type }) => type)).to.deep.equal(['hello', 'draining', 'applied']);
    for (const line of [
      'nonsense',
      '[]',
      'null',
      '{"type":"x"}',
      '{"type":"table"}',
      '{"type":"table","table":{"routes":[],"services":[{}]}}',
    ]) {
      client.write(`${line}\n`);
    }
    client.write(`{"type":"${'x'.repeat(9_000_000)}"}\n`);
    client.write(`${JSON.stringify({ type: 'table', table: { version: 77, routes: [], services: [] } })}\n`);
    await eventually(() => messages.some((message) => message.type === 'applied' && message.version === 77));
    expect(await fixture.request('/')).to.include({ status: 404 });
    client.destroy();
  });

  it('a new control plane replaces the old one', async () => {
    const first = fixture.link;

    const second = new IngressLink({ socketPath: fixture.controlSocketPath, logger: fixture.logger, signal: abort.signal });
    await eventually(() => second.observed.isConnected && !first.observed.isConnected);
  });

  it('the link survives an ingress restart: it reconnects and sends its table and arming again', async () => {
    const a = await fixture.endpoint('A');
    await fixture.publish([a]);
    const { link } = fixture;
    fixture.abort.abort();
    await fixture.ingress.stopped;
    await eventually(() => !link.observed.isConnected);
    expect(link.observed.routedEndpointIds.has(a.id)).to.be.true;
    const next = await Fixture.start({}, false);
    try {
      const moved = new IngressLink({ socketPath: next.controlSocketPath, logger: next.logger, signal: abort.signal });
      const generations: number[] = [];
      moved.on('counts', ({ counters }) => generations.push(...counters.map(({ armGeneration }) => armGeneration)));
      moved.arm(KEY, 7, 1_000);
      moved.publish({
        version: 1,
        routes: [
          { ingress: 'default/main', path: '/', pathType: 'Prefix', serviceKey: 'default/web:1', countPaths: ['/'], uncountedPaths: [] },
        ],
        services: [{ key: 'default/web:1', endpoints: [a.endpoint], isReplacementExpected: false }],
      });
      await eventually(() => moved.observed.routedEndpointIds.has(a.id));
      await next.request('/');
      await eventually(() => generations.includes(7));
    } finally {
      await next.stop();
    }
  });

  it('a server that talks nonsense does not crash the link', async () => {
    const path = `${fixture.directory}/fake.sock`;
    const server = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(
        'nonsense\n{"type":"applied","endpointIds":["early"]}\n{"type":"hello","runId":"r","pid":1}\n{"type":"draining","inFlight":{"a":"b"}}\n',
      );
      socket.write('{"type":"applied","endpointIds":["x"]}\n');
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));

    const link = new IngressLink({ socketPath: path, logger: fixture.logger, signal: abort.signal });
    await eventually(() => link.observed.routedEndpointIds.has('x'));
    expect(link.observed.inFlight.size).to.equal(0);
    server.close();
  });
});

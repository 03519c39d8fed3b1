import { existsSync, statSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import net from 'node:net';
import { expect } from 'chai';
import { IngressError, startIngress } from '../../src/ingress/ingress-process.ts';
import { eventually } from '../eventually.ts';
import { Fixture, type TestEndpoint } from './ingress-fixture.ts';

describe('ingress drain', () => {
  let fixture: Fixture;
  let open: ServerResponse[];
  let a: TestEndpoint;
  let b: TestEndpoint;
  beforeEach(async () => {
    fixture = await Fixture.start();
    open = [];
    a = await fixture.endpoint('A', (_, response) => open.push(response));
    b = await fixture.endpoint('B');
  });
  afterEach(() => fixture.stop());

  it('in-flight requests of an endpoint that left are told with the table, then at each end', async () => {
    const seen: [routed: boolean, inFlight: number | undefined][] = [];
    await fixture.publish([a]);
    const answers = [fixture.request('/1'), fixture.request('/2')];
    await eventually(() => open.length === 2);
    fixture.link.on('observed', ({ routedEndpointIds, inFlight }) => seen.push([routedEndpointIds.has(a.id), inFlight.get(a.id)]));
    await fixture.publish([b]);
    open[0]?.end('one');
    await eventually(() => fixture.link.observed.inFlight.get(a.id) === 1);
    open[1]?.end('two');
    await eventually(() => (fixture.link.observed.inFlight.get(a.id) ?? 0) === 0);
    expect((await Promise.all(answers)).map(({ body }) => body)).to.deep.equal(['one', 'two']);
    // Never "not routed and nothing in flight" in between.
    expect(seen).to.deep.equal([
      [true, 2],
      [false, 2],
      [false, 1],
      [false, 0],
    ]);
  });

  it('a response is in flight until the client has it', async () => {
    await fixture.publish([a]);
    const client = net.connect(fixture.port, '127.0.0.1', () => client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    client.pause();
    await eventually(() => open.length === 1);
    open[0]?.end(Buffer.alloc(30_000_000));
    await fixture.publish([b]);
    expect(fixture.link.observed.inFlight.get(a.id)).to.equal(1);
    client.resume();
    await eventually(() => (fixture.link.observed.inFlight.get(a.id) ?? 0) === 0);
    client.destroy();
  });

  it('an aborted request is over', async () => {
    await fixture.publish([a]);
    const client = net.connect(fixture.port, '127.0.0.1', () => client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    await eventually(() => open.length === 1);
    await fixture.publish([]);
    expect(fixture.link.observed.inFlight.get(a.id)).to.equal(1);
    client.destroy();
    await eventually(() => (fixture.link.observed.inFlight.get(a.id) ?? 0) === 0);
  });

  it('a new control plane learns what is routed and what drains', async () => {
    await fixture.publish([a]);
    const answer = fixture.request('/');
    await eventually(() => open.length === 1);
    await fixture.publish([b]);
    await fixture.disconnectControlPlane();
    await fixture.connectControlPlane();
    await eventually(() => fixture.link.observed.routedEndpointIds.has(b.id));
    expect(fixture.link.observed.inFlight.get(a.id)).to.equal(1);
    open[0]?.end();
    await answer;
  });

  it('an endpoint that returns while it drains keeps its count', async () => {
    await fixture.publish([a]);
    const answer = fixture.request('/');
    await eventually(() => open.length === 1);
    await fixture.publish([]);
    await fixture.publish([a]);
    await fixture.publish([]);
    expect(fixture.link.observed.inFlight.get(a.id)).to.equal(1);
    open[0]?.end();
    await answer;
    await eventually(() => (fixture.link.observed.inFlight.get(a.id) ?? 0) === 0);
  });

  it('stopping finishes what is under way, then closes idle connections', async () => {
    await fixture.publish([a]);
    const answer = fixture.request('/', { headers: { Connection: 'keep-alive' } });
    await eventually(() => open.length === 1);
    const idle = net.connect(fixture.port, '127.0.0.1');
    await new Promise((resolve) => idle.once('connect', resolve));
    fixture.abort.abort();
    open[0]?.end('finished');
    expect(await answer).to.include({ body: 'finished' });
    await fixture.ingress.stopped;
    expect(existsSync(fixture.controlSocketPath)).to.be.false;
  });

  it('stopping cuts what does not finish in time', async () => {
    await fixture.publish([a]);
    const answer = fixture.request('/').catch((error: unknown) => error as NodeJS.ErrnoException);
    await eventually(() => open.length === 1);
    fixture.abort.abort();
    await fixture.ingress.stopped;
    expect(await answer).to.include({ code: 'ECONNRESET' });
  });
});

describe('ingress binding', () => {
  it('the control socket is for its owner only, and a stale one is replaced', async () => {
    const fixture = await Fixture.start();
    try {
      expect(statSync(fixture.controlSocketPath).mode & 0o777).to.equal(0o600);
    } finally {
      await fixture.stop();
    }
  });

  it('a taken port: PortTaken, with what to do; the control socket of the running one is left alone', async () => {
    const fixture = await Fixture.start();
    try {
      const { logger, controlSocketPath } = fixture;
      const { signal } = new AbortController();
      const error = await startIngress({ listenHost: '127.0.0.1', listenPort: fixture.port, controlSocketPath, logger, signal }).catch(
        (failure: unknown) => failure,
      );
      expect(error).to.be.instanceOf(IngressError);
      expect(error).to.include({
        code: 'PortTaken',
        message: `port ${fixture.port} is in use by another program: stop that program, or choose another port with INGRESS_PORT`,
      });
      await fixture.publish([]);
    } finally {
      await fixture.stop();
    }
  });
});

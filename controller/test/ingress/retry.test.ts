import type net from 'node:net';
import { expect } from 'chai';
import { eventually } from '../eventually.ts';
import { Fixture, type TestEndpoint } from './ingress-fixture.ts';

describe('ingress retry', () => {
  let fixture: Fixture;
  let good: TestEndpoint;
  beforeEach(async () => {
    fixture = await Fixture.start({ holdTimeoutMs: 300, probeTimeoutMs: 200 });
    good = await fixture.endpoint('good');
  });
  afterEach(() => fixture.stop());

  const failing = (status: number): Promise<TestEndpoint> =>
    fixture.endpoint(`HTTP ${status}`, (_, response) => response.writeHead(status, { 'X-Original': 'yes' }).end(`answer ${status}`));
  /** As docker-proxy with nothing behind it. */
  const closing = (onRequest: (socket: net.Socket) => void = (socket) => socket.resetAndDestroy()): Promise<TestEndpoint> =>
    fixture.rawEndpoint('closing', (socket) => socket.on('data', () => onRequest(socket)));

  describe('nothing was sent', () => {
    for (const method of ['GET', 'POST', 'DELETE']) {
      it(`${method}: a refused connection leads to the next endpoint`, async () => {
        await fixture.publish([await fixture.deadEndpoint('dead'), good]);
        for (let i = 0; i < 4; i++) expect(await fixture.request('/', { method, body: 'x' })).to.include({ status: 200, body: 'good' });
      });

      it(`${method}: the second address of an endpoint serves when the first refuses`, async () => {
        const dead = await fixture.deadEndpoint('dead');
        const both = { ...good.endpoint, addresses: [...dead.endpoint.addresses, ...good.endpoint.addresses] };
        Object.assign(good, { endpoint: both });
        await fixture.publish([good]);
        expect(await fixture.request('/', { method, body: 'x' })).to.include({ status: 200, body: 'good' });
        expect(fixture.probes).to.be.empty;
      });
    }

    it('the control plane hears of an endpoint that refuses', async () => {
      const dead = await fixture.deadEndpoint('dead');
      await fixture.publish([dead, good]);
      await fixture.request('/');
      await eventually(() => fixture.probes.includes(dead.id));
    });
  });

  for (const status of [500, 502, 503, 504]) {
    it(`GET answered ${status}, probe fails: the next endpoint answers`, async () => {
      const bad = await failing(status);
      fixture.verdict = (id) => id !== bad.id;
      await fixture.publish([bad, good]);
      expect(await fixture.request('/')).to.include({ status: 200, body: 'good' });
      expect(fixture.probes).to.deep.equal([bad.id]);
    });

    it(`GET answered ${status}, probe passes: the answer stands${status === 503 ? ', after one more try' : ''}`, async () => {
      const bad = await failing(status);
      await fixture.publish([bad]);
      const answer = await fixture.request('/');
      expect(answer).to.include({ status, body: `answer ${status}` });
      expect(answer.headers).to.include({ 'x-original': 'yes' });
      expect(bad.received).to.have.length(status === 503 ? 2 : 1);
    });
  }

  it('GET answered 503 by an endpoint that is well by now: another one answers', async () => {
    await fixture.publish([await failing(503), good]);
    expect(await fixture.request('/')).to.include({ status: 200, body: 'good' });
  });

  it('GET answered 500 by a healthy endpoint: no other one is asked', async () => {
    await fixture.publish([await failing(500), good]);
    expect(await fixture.request('/')).to.include({ status: 500 });
    expect(good.received).to.be.empty;
  });

  it('a large bad answer that stands arrives whole', async () => {
    const large = 'x'.repeat(3_000_000);
    await fixture.publish([await fixture.endpoint('bad', (_, response) => response.writeHead(500).end(large)), good]);
    const { status, body } = await fixture.request('/');
    expect(status).to.equal(500);
    expect(body === large).to.be.true;
  });

  describe('an endpoint that left the table and owes an answer', () => {
    let answer: () => void;
    let slow: TestEndpoint;
    beforeEach(async () => {
      slow = await fixture.endpoint('slow', (_, response) => (answer = () => response.end('late')));
      await fixture.publish([slow]);
    });
    const sent = (method: string): Promise<{ status: number; body: string }> => {
      const answered = fixture.request('/', { method, ...(method === 'POST' && { body: 'x' }) });
      return eventually(() => slow.received.length > 0)
        .then(() => fixture.publish([good]))
        .then(() => answered);
    };

    it('is given up when its container is gone, though the connection never ends', async () => {
      fixture.verdict = (id) => id !== slow.id;
      expect(await sent('GET')).to.include({ status: 200, body: 'good' });
    });

    it('is waited for while it runs: it drains', async () => {
      const answered = sent('GET');
      await eventually(() => fixture.probes.includes(slow.id), 5_000);
      answer();
      expect(await answered).to.include({ status: 200, body: 'late' });
    });

    it('keeps what must not be sent twice', async () => {
      fixture.verdict = (id) => id !== slow.id;
      const answered = sent('POST');
      setTimeout(() => answer(), 1_500);
      expect(await answered).to.include({ status: 200, body: 'late' });
      expect(good.received).to.deep.equal([]);
    });
  });

  it('HEAD is retried as GET is', async () => {
    const bad = await failing(503);
    fixture.verdict = () => false;
    await fixture.publish([bad, good]);
    expect(await fixture.request('/', { method: 'HEAD' })).to.include({ status: 200 });
  });

  for (const status of [400, 404, 501, 505]) {
    it(`${status} is an answer: nobody is asked`, async () => {
      await fixture.publish([await failing(status), good]);
      expect(await fixture.request('/')).to.include({ status });
      expect(fixture.probes).to.be.empty;
    });
  }

  it('POST answered 503: the answer stands, nobody is asked', async () => {
    await fixture.publish([await failing(503), good]);
    expect(await fixture.request('/', { method: 'POST', body: 'x' })).to.include({ status: 503, body: 'answer 503' });
    expect(fixture.probes).to.be.empty;
  });

  it('DELETE without a body, answered 503 or cut, is not sent twice', async () => {
    fixture.verdict = () => false;
    await fixture.publish([await failing(503), good]);
    expect(await fixture.request('/', { method: 'DELETE' })).to.include({ status: 503, body: 'answer 503' });
    await fixture.publish([await closing(), good]);
    const answers = [await fixture.request('/', { method: 'DELETE' }), await fixture.request('/', { method: 'DELETE' })];
    expect(answers.map(({ status }) => status)).to.have.members([200, 502]);
    expect(good.received).to.have.length(1);
  });

  it('GET with a body is not sent twice', async () => {
    const bad = await fixture.endpoint(
      'bad',
      (request, response) => void request.resume().on('end', () => response.writeHead(503).end('x')),
    );
    fixture.verdict = () => false;
    await fixture.publish([bad, good]);
    expect(await fixture.request('/', { body: 'x' })).to.include({ status: 503 });
  });

  it('GET cut before its first byte, probe fails: the next endpoint answers', async () => {
    for (const end of [(socket: net.Socket) => socket.resetAndDestroy(), (socket: net.Socket) => socket.end()]) {
      const bad = await closing(end);
      fixture.verdict = (id) => id !== bad.id;
      await fixture.publish([bad, good]);
      expect(await fixture.bodies(2)).to.equal('goodgood');
      expect(fixture.probes).to.include(bad.id);
    }
  });

  it('GET cut, probe passes: retried elsewhere once', async () => {
    await fixture.publish([await closing(), good]);
    expect(await fixture.request('/')).to.include({ status: 200, body: 'good' });
    await fixture.publish([await closing(), await closing(), good]);
    const answers = [await fixture.request('/'), await fixture.request('/'), await fixture.request('/')];
    expect(answers.map(({ status }) => status)).to.deep.equal([502, 200, 502]);
  });

  it('GET cut by the only endpoint, probe passes: it gets one more chance', async () => {
    let requests = 0;
    const flaky = await closing((socket) => {
      if (++requests === 1) socket.resetAndDestroy();
      else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    await fixture.publish([flaky]);
    expect(await fixture.request('/')).to.include({ status: 200, body: 'ok' });
  });

  it('POST cut after it was sent: 502, sent once', async () => {
    let requests = 0;
    const bad = await closing((socket) => {
      requests++;
      socket.resetAndDestroy();
    });
    await fixture.publish([bad, good]);
    const { status, body } = await fixture.request('/', { method: 'POST', body: 'x' });
    expect(status).to.equal(502);
    expect(JSON.parse(body)).to.include({
      service: 'default/web:8000',
      detail: 'endpoint closing closed the connection without an answer',
    });
    expect(requests).to.equal(1);
    expect(good.received).to.be.empty;
  });

  it('requests that ask about one endpoint share one probe', async () => {
    const bad = await failing(500);
    fixture.verdict = () => undefined;
    await fixture.publish([bad]);
    const answers = Promise.all(Array.from({ length: 20 }, () => fixture.request('/')));
    await eventually(() => bad.received.length === 20);
    await eventually(() => fixture.probes.length > 0);
    fixture.link.answerProbe(bad.id, true);
    expect((await answers).every(({ status }) => status === 500)).to.be.true;
    expect(fixture.probes).to.have.length(1);
  });

  it('an endpoint known to be unhealthy is not probed for each request it still had', async () => {
    const open: (() => void)[] = [];
    const bad = await fixture.endpoint('bad', (_, response) => open.push(() => response.writeHead(503).end()));
    fixture.verdict = () => false;
    await fixture.publish([bad]);
    const answers = [fixture.request('/'), fixture.request('/')];
    await eventually(() => open.length === 2);
    open[0]?.();
    await eventually(() => fixture.probes.length === 1);
    open[1]?.();
    expect((await Promise.all(answers)).map(({ status }) => status)).to.deep.equal([503, 503]);
    expect(fixture.probes).to.have.length(1);
  });

  it('a verdict that does not come in time counts as none', async () => {
    fixture.verdict = () => undefined;
    await fixture.publish([await failing(503), good]);
    expect(await fixture.request('/')).to.include({ status: 200, body: 'good' });
  });

  it('all unhealthy, replacement on its way: the request waits for it', async () => {
    const bad = await failing(503);
    fixture.verdict = () => false;
    await fixture.publish([bad]);
    const answer = fixture.request('/');
    await eventually(() => fixture.probes.length === 1);
    await fixture.publish([good]);
    expect(await answer).to.include({ status: 200, body: 'good' });
  });

  it('left the table, then answers 503: the request waits for a ready one, and nobody is asked', async () => {
    let answerBadly = (): unknown => undefined;
    const leaving = await fixture.endpoint('leaving', (_, response) => (answerBadly = () => response.writeHead(503).end('answer 503')));
    await fixture.publish([leaving]);
    const answer = fixture.request('/');
    await eventually(() => leaving.received.length === 1);
    await fixture.publish([]);
    answerBadly();
    const isEarly = await Promise.race([answer.then(() => true), new Promise((resolve) => setTimeout(resolve, 100, false))]);
    expect(isEarly).to.equal(false);
    await fixture.publish([good]);
    expect(await answer).to.include({ status: 200, body: 'good' });
    expect(fixture.probes).to.deep.equal([]);
  });

  it('the only endpoint dies: the request waits for its replacement', async () => {
    const dying = await closing();
    fixture.verdict = () => false;
    await fixture.publish([dying]);
    const answer = fixture.request('/');
    await eventually(() => fixture.probes.length === 1);
    await fixture.publish([]);
    await fixture.publish([good]);
    expect(await answer).to.include({ status: 200, body: 'good' });
  });

  it('a request that kills everything it reaches is given up', async () => {
    const limited = await Fixture.start({ sendLimit: 3, holdTimeoutMs: 2_000 });
    try {
      limited.verdict = () => false;
      let kills = 0;
      const killers = await Promise.all(
        Array.from({ length: 5 }, () =>
          limited.rawEndpoint('x', (socket) =>
            socket.on('data', () => {
              kills++;
              socket.resetAndDestroy();
            }),
          ),
        ),
      );
      await limited.publish(killers);
      expect(await limited.request('/')).to.include({ status: 502 });
      expect(kills).to.equal(3);
    } finally {
      await limited.stop();
    }
  });

  describe('control plane away', () => {
    it('GET answered 503: the other endpoints are asked', async () => {
      await fixture.publish([await failing(503), good]);
      await fixture.disconnectControlPlane();
      expect(await fixture.bodies(3)).to.equal('goodgoodgood');
    });

    it('no endpoint answers better: the first answer stands', async () => {
      await fixture.publish([await failing(503), await failing(500), await closing()]);
      await fixture.disconnectControlPlane();
      expect(await fixture.request('/')).to.include({ status: 503, body: 'answer 503' });
    });

    it('cut, then a bad answer: the bad answer stands', async () => {
      await fixture.publish([await closing(), await failing(500)]);
      await fixture.disconnectControlPlane();
      expect(await fixture.request('/')).to.include({ status: 500, body: 'answer 500' });
    });

    it('it goes away during a probe: the request goes on without a verdict', async () => {
      fixture.verdict = () => undefined;
      await fixture.publish([await failing(503), good]);
      const answer = fixture.request('/');
      await eventually(() => fixture.probes.length === 1);
      await fixture.disconnectControlPlane();
      expect(await answer).to.include({ status: 200, body: 'good' });
    });

    it('the only endpoint comes back by itself: a waiting request finds it', async () => {
      const dead = await fixture.deadEndpoint('dead');
      const { port } = dead.endpoint.addresses[0]!;
      await fixture.publish([dead]);
      await fixture.disconnectControlPlane();
      const answer = fixture.request('/', { method: 'POST', body: 'x' });
      const again = await fixture.endpoint('again');
      const moved = again.server.close();
      moved.listen(port, '127.0.0.1');
      expect(await answer).to.include({ status: 200, body: 'again' });
    });
  });

  describe('connections to endpoints', () => {
    it('are reused', async () => {
      await fixture.publish([good]);
      await fixture.bodies(5);
      expect(good.connections).to.equal(1);
    });

    it('GET on a connection the endpoint closes at that moment is sent again on a new one', async () => {
      let requests = 0;
      const racing = await fixture.rawEndpoint('racing', (socket) => {
        let own = 0;
        socket.on('data', () => {
          requests++;
          // The second request on a connection meets a reset, as when an idle timeout runs out at that moment.
          if (++own === 2) socket.resetAndDestroy();
          else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        });
      });
      await fixture.publish([racing]);
      expect(await fixture.bodies(3)).to.equal('okokok');
      expect(requests).to.equal(5);
      expect(fixture.probes).to.be.empty;
    });

    it('POST uses no connection that has been idle for a second', async () => {
      await fixture.publish([good]);
      await fixture.request('/', { method: 'POST', body: 'x' });
      await fixture.request('/', { method: 'POST', body: 'x' });
      expect(good.connections).to.equal(1);
      await new Promise((resolve) => setTimeout(resolve, 1_050));
      await fixture.request('/', { method: 'POST', body: 'x' });
      expect(good.connections).to.equal(2);
      await fixture.request('/');
      expect(good.connections).to.equal(2);
    });

    it('with unread bytes behind an answer are not reused', async () => {
      const chatty = await fixture.rawEndpoint('chatty', (socket) =>
        socket.on('data', () =>
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'),
        ),
      );
      await fixture.publish([chatty]);
      expect(await fixture.bodies(3)).to.equal('okokok');
      expect(chatty.connections).to.equal(3);
    });

    it('are closed when the endpoint leaves the table, and idle ones before the endpoint would', async () => {
      await fixture.publish([good]);
      await fixture.bodies(1);
      expect(good.sockets.size).to.equal(1);
      await fixture.publish([]);
      await eventually(() => good.sockets.size === 0);
      const brief = await fixture.endpoint('brief');
      (brief.server as { keepAliveTimeout?: number }).keepAliveTimeout = 2_000;
      await fixture.publish([brief]);
      await fixture.bodies(1);
      await eventually(() => brief.sockets.size === 0, 4_000);
    });
  });
});

import { expect } from 'chai';
import { eventually } from '../eventually.ts';
import { Fixture, SERVICE, type TestEndpoint } from './ingress-fixture.ts';

describe('ingress hold', () => {
  let fixture: Fixture;
  let a: TestEndpoint;
  afterEach(() => fixture.stop());

  async function start(...options: Parameters<typeof Fixture.start>): Promise<void> {
    fixture = await Fixture.start(...options);
    a = await fixture.endpoint('A', (request, response) => void request.pipe(response.writeHead(200)));
  }

  it('requests wait, bodies unread, and are released first come, first served', async () => {
    await start();
    const report = new Promise((resolve) => fixture.link.on('report', (message) => message.held === 3 && resolve(message)));
    await fixture.publish([]);
    const answers: Promise<unknown>[] = [];
    for (const i of [1, 2, 3]) {
      answers.push(fixture.request(`/${i}`, { method: 'POST', body: 'x'.repeat(500_000) }));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await report).to.include({ held: 3, heldTotal: 3, inFlight: 3, failedTotal: 0 });
    await fixture.publish([a]);
    for (const answer of await Promise.all(answers)) expect(answer).to.include({ status: 200, body: 'x'.repeat(500_000) });
    expect(a.received).to.deep.equal(['POST /1', 'POST /2', 'POST /3']);
  });

  it('no endpoint and none expected: 503 at once, with Retry-After', async () => {
    await start();
    await fixture.publish([], { isReplacementExpected: false });
    const { status, headers, body } = await fixture.request('/');
    expect(status).to.equal(503);
    expect(headers['retry-after']).to.equal('1');
    expect(JSON.parse(body)).to.deep.equal({
      type: 'about:blank',
      title: 'Service Unavailable',
      status: 503,
      detail: 'the Service has no ready endpoint',
      service: SERVICE,
    });
  });

  it('the wait ends with 503 at the deadline', async () => {
    await start({ holdTimeoutMs: 100 });
    await fixture.publish([]);
    const { status, headers, body } = await fixture.request('/', { method: 'POST', body: 'x' });
    expect(status).to.equal(503);
    expect(headers['retry-after']).to.equal('1');
    expect(body).to.contain('no endpoint became ready in time');
  });

  it('the wait ends with 503 when the replacement is called off', async () => {
    await start();
    await fixture.publish([]);
    const answer = fixture.request('/');
    await eventually(() => held(1));
    await fixture.publish([], { isReplacementExpected: false });
    expect(await answer).to.include({ status: 503 });
  });

  it('more than the limit are refused at once', async () => {
    await start({ holdLimit: 5 });
    await fixture.publish([]);
    const refused: string[] = [];
    const answers = Array.from({ length: 8 }, async () => {
      const answer = await fixture.request('/');
      if (answer.status === 503) refused.push(answer.body);
      return answer;
    });
    await eventually(() => refused.length === 3);
    expect(refused[0]).to.contain('too many requests are waiting');
    await fixture.publish([a]);
    expect((await Promise.all(answers)).filter(({ status }) => status === 200)).to.have.length(5);
  });

  it('a client that leaves frees its place', async () => {
    await start({ holdLimit: 1 });
    await fixture.publish([]);
    const gone = new AbortController();
    const leaving = fixture.request('/gone', { signal: gone.signal }).catch(() => 'gone');
    await eventually(() => held(1));
    gone.abort();
    expect(await leaving).to.equal('gone');
    await eventually(() => held(0));
    const answer = fixture.request('/');
    await eventually(() => held(1));
    await fixture.publish([a]);
    expect(await answer).to.include({ status: 200 });
    expect(a.received).to.deep.equal(['GET /']);
  });

  it('before the first table requests wait to be routed', async () => {
    await start({}, false);
    const answers = [fixture.request('/one'), fixture.request('/two')];
    await fixture.connectControlPlane();
    await fixture.publish([a]);
    for (const answer of await Promise.all(answers)) expect(answer.status).to.equal(200);
  });

  it('no table ever: 503 at the deadline', async () => {
    await start({ holdTimeoutMs: 100 }, false);
    expect(await fixture.request('/')).to.include({ status: 503 });
  });

  it('control plane away: requests wait as its last table says, and the next one releases them', async () => {
    await start();
    await fixture.publish([]);
    await fixture.disconnectControlPlane();
    const answer = fixture.request('/');
    await fixture.connectControlPlane();
    await fixture.publish([a]);
    expect(await answer).to.include({ status: 200 });
  });

  /** By the ingress's own report, so that nothing but the protocol is used. */
  async function held(count: number): Promise<boolean> {
    return new Promise((resolve) => fixture.link.once('report', (message) => resolve(message.held === count)));
  }
});

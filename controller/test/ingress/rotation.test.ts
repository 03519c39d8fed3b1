import { expect } from 'chai';
import { Fixture, type TestEndpoint } from './ingress-fixture.ts';

describe('ingress rotation', () => {
  let fixture: Fixture;
  let a: TestEndpoint;
  let b: TestEndpoint;
  let c: TestEndpoint;

  beforeEach(async () => {
    fixture = await Fixture.start();
    a = await fixture.endpoint('A');
    b = await fixture.endpoint('B');
    c = await fixture.endpoint('C');
  });
  afterEach(() => fixture.stop());

  it('six requests go A B C A B C', async () => {
    await fixture.publish([a, b, c]);
    expect(await fixture.bodies(6)).to.equal('ABCABC');
  });

  it('one connection of a client goes round as well', async () => {
    await fixture.publish([a, b, c]);
    const text = await fixture.raw(
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5) + 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    expect([...text.matchAll(/\r\n\r\n([ABC])/g)].map(([, body]) => body).join('')).to.equal('ABCABC');
  });

  it('a joining endpoint does not restart the cycle', async () => {
    await fixture.publish([a, b]);
    expect(await fixture.bodies(3)).to.equal('ABA');
    await fixture.publish([a, b, c]);
    expect(await fixture.bodies(5)).to.equal('BCABC');
  });

  it('a leaving endpoint does not restart the cycle', async () => {
    await fixture.publish([a, b, c]);
    expect(await fixture.bodies(1)).to.equal('A');
    await fixture.publish([a, c]);
    expect(await fixture.bodies(3)).to.equal('CAC');
    await fixture.publish([a, b, c]);
    expect(await fixture.bodies(3)).to.equal('ABC');
  });

  it('after the endpoint picked last left, the one behind it is next', async () => {
    await fixture.publish([a, b, c]);
    expect(await fixture.bodies(2)).to.equal('AB');
    await fixture.publish([a, c]);
    expect(await fixture.bodies(2)).to.equal('CA');
  });

  it('concurrent requests are spread evenly', async () => {
    await fixture.publish([a, b, c]);
    await Promise.all(Array.from({ length: 90 }, () => fixture.request('/')));
    expect([a, b, c].map(({ received }) => received.length)).to.deep.equal([30, 30, 30]);
  });

  it('an unhealthy endpoint is skipped until the next table', async () => {
    const bad = await fixture.endpoint('bad', (_, response) => response.writeHead(503).end('bad'));
    fixture.verdict = (id) => id !== bad.id;
    await fixture.publish([a, bad, c]);
    expect(await fixture.bodies(6)).to.equal('ACACAC');
    expect(bad.received).to.have.length(1);
    await fixture.publish([a, bad, c]);
    expect(await fixture.bodies(3)).to.not.contain('bad');
    expect(bad.received).to.have.length(2);
  });
});

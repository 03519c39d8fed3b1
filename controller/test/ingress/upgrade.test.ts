import type http from 'node:http';
import type { Socket } from 'node:net';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import { eventually } from '../eventually.ts';
import { Fixture } from './ingress-fixture.ts';

describe('ingress upgrade', () => {
  let fixture: Fixture;
  beforeEach(async () => (fixture = await Fixture.start()));
  afterEach(() => fixture.stop());

  it('a WebSocket is spliced, counts as in flight, and closes both ends', async () => {
    const endpoint = await fixture.endpoint('A');
    const sockets = new WebSocketServer({ server: endpoint.server as http.Server });
    sockets.on('connection', (socket) => socket.on('message', (bytes: Buffer) => socket.send(bytes)));
    await fixture.publish([endpoint]);
    const client = new WebSocket(`ws://127.0.0.1:${fixture.port}/chat`);
    await new Promise((resolve) => client.once('open', resolve));
    const large = Buffer.alloc(3_000_000, 'x');
    const echo = new Promise<Buffer>((resolve) => client.once('message', (bytes: Buffer) => resolve(bytes)));
    client.send(large);
    expect((await echo).equals(large)).to.be.true;
    await fixture.publish([]);
    expect(fixture.link.observed.inFlight.get(endpoint.id)).to.equal(1);
    client.close();
    await new Promise((resolve) => client.once('close', resolve));
    await eventually(() => sockets.clients.size === 0);
    await eventually(() => (fixture.link.observed.inFlight.get(endpoint.id) ?? 0) === 0);
  });

  it('an endpoint that dies closes the client connection', async () => {
    const endpoint = await fixture.endpoint('A');
    new WebSocketServer({ server: endpoint.server as http.Server });
    await fixture.publish([endpoint]);
    const client = new WebSocket(`ws://127.0.0.1:${fixture.port}/`);
    client.on('error', () => undefined);
    await new Promise((resolve) => client.once('open', resolve));
    endpoint.kill();
    await new Promise((resolve) => client.once('close', resolve));
  });

  it('any protocol passes, early bytes included', async () => {
    const endpoint = await fixture.endpoint('A');
    endpoint.server.on('upgrade', (request: http.IncomingMessage, socket: Socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Yes: 1\r\n\r\nhello ');
      socket.pipe(socket);
      expect(request.headers).to.include({ connection: 'Upgrade', upgrade: 'echo' });
    });
    await fixture.publish([endpoint]);
    const text = await fixture.raw('GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly', (all) =>
      all.endsWith('early'),
    );
    expect(text).to.equal('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Yes: 1\r\n\r\nhello early');
  });

  it('an endpoint that declines answers as to any request', async () => {
    const endpoint = await fixture.endpoint('A', (_, response) => response.writeHead(426).end('no'));
    await fixture.publish([endpoint]);
    const text = await fixture.raw('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n');
    expect(text).to.match(/^HTTP\/1\.1 426 [^]*Connection: close\r\n[^]*no/);
  });

  it('it waits for an endpoint like any request', async () => {
    await fixture.publish([]);
    const client = new WebSocket(`ws://127.0.0.1:${fixture.port}/`);
    const opened = new Promise((resolve) => client.once('open', resolve));
    const endpoint = await fixture.endpoint('A');
    new WebSocketServer({ server: endpoint.server as http.Server });
    await fixture.publish([endpoint]);
    await opened;
    client.terminate();
  });
});

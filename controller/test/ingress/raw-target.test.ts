import { connect } from 'node:net';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { answerClientErrors, repairPacket } from '../../src/ingress/raw-target.ts';

describe('raw request targets', () => {
  let server: Server;
  beforeEach(async () => {
    server = createServer((request, response) =>
      response.end(`${request.method ?? ''} ${request.url ?? ''} from ${request.socket.remoteAddress ?? '?'}`),
    );
    answerClientErrors(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  /** What the server sends until it closes the connection. */
  function exchange(...packets: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      let received = '';
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      socket.setEncoding('latin1');
      socket.on('data', (chunk: string) => {
        received += chunk;
        const next = packets.shift();
        if (next !== undefined) socket.write(Buffer.from(next, 'latin1'));
      });
      socket.on('close', () => resolve(received));
      socket.on('error', reject);
      socket.write(Buffer.from(packets.shift() ?? '', 'latin1'));
    });
  }

  for (const [name, target, url] of [
    ['blanks', '/categories/good deeds/acts?start=1&end=2', '/categories/good%20deeds/acts?start=1&end=2'],
    ['UTF-8 as it is', '/categories/caf\xc3\xa9', '/categories/caf%C3%A9'],
    ['both, and what is encoded already', '/a b/%20/\xe2\x82\xac', '/a%20b/%20/%E2%82%AC'],
  ] as const) {
    it(`are percent-encoded: ${name}`, async () => {
      const answer = await exchange(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
      expect(answer).to.match(/^HTTP\/1\.1 200 OK\r\n/);
      expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).to.include(`GET ${url} from 127.0.0.1`);
    });
  }

  it('are taken on a connection that has served another request before', async () => {
    const answer = await exchange(
      'GET /first HTTP/1.1\r\nHost: x\r\n\r\n',
      'DELETE /a b HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n',
    );
    expect(answer).to.include('GET /first from').and.to.include('DELETE /a%20b from');
  });

  it('of a request with a body are refused, as is what is no request', async () => {
    expect(await exchange('POST /a b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi')).to.match(/^HTTP\/1\.1 400 /);
    expect(await exchange('DELETE /a b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi')).to.match(/^HTTP\/1\.1 400 /);
    expect(await exchange('nonsense\r\n\r\n')).to.match(/^HTTP\/1\.1 400 /);
  });

  it('never become a second request', () => {
    expect(repairPacket(Buffer.from('GET /a b HTTP/1.1\r\nHost: x\r\n\r\nGET /c HTTP/1.1\r\n\r\n'))).to.equal(undefined);
    expect(repairPacket(Buffer.from('GET /a HTTP/1.1 HTTP/1.1\r\nHost: x\r\n\r\n'))?.toString()).to.equal(
      'GET /a%20HTTP/1.1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    expect(repairPacket(Buffer.from('GET /a b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'))).to.equal(undefined);
  });
});

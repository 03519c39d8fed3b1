import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import net from 'node:net';
import { expect } from 'chai';
import { eventually } from '../eventually.ts';
import { Fixture, type TestEndpoint } from './ingress-fixture.ts';

const MIB = 1024 * 1024;

describe('ingress forwarding', () => {
  let fixture: Fixture;
  beforeEach(async () => (fixture = await Fixture.start()));
  afterEach(() => fixture.stop());

  async function serve(handler: (request: http.IncomingMessage, response: http.ServerResponse) => void): Promise<TestEndpoint> {
    const endpoint = await fixture.endpoint('A', handler);
    await fixture.publish([endpoint]);
    return endpoint;
  }

  async function serveRaw(onRequest: (socket: net.Socket, text: string) => void): Promise<TestEndpoint> {
    const endpoint = await fixture.rawEndpoint('A', (socket) => {
      let text = '';
      socket.setEncoding('latin1').setDefaultEncoding('latin1');
      socket.on('data', (chunk: string) => {
        text += chunk;
        if (!text.includes('\r\n\r\n')) return;
        onRequest(socket, text);
        text = '';
      });
    });
    await fixture.publish([endpoint]);
    return endpoint;
  }

  const isAnswered = (text: string): boolean => /\r\n\r\n.*(done|0\r\n\r\n)/s.test(text);

  it('request headers keep case, order and duplicates; hop-by-hop ones and those named in Connection go', async () => {
    let seen = '';
    await serveRaw((socket, text) => {
      seen = text;
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone');
    });
    await fixture.raw(
      'GET /p?q=%20&q=2&[]{}|"<>^`# HTTP/1.1\r\nHost: Example.ORG:81\r\nX-Two: a\r\nx-two: b\r\nCookie: k=v\r\nX-Named: secret\r\n' +
        'X-Request-Id: mine\r\nx-forwarded-for: 10.0.0.1\r\nTE: trailers\r\nKeep-Alive: timeout=1\r\nX-Bytes: \xff\xe9\r\n' +
        'Connection: keep-alive, X-Named, Host\r\nProxy-Authorization: x\r\n\r\n',
      isAnswered,
    );
    expect(seen).to.equal(
      'GET /p?q=%20&q=2&[]{}|"<>^`# HTTP/1.1\r\nHost: Example.ORG:81\r\nX-Two: a\r\nx-two: b\r\nCookie: k=v\r\nX-Request-Id: mine\r\n' +
        'X-Bytes: \xff\xe9\r\nX-Forwarded-Host: Example.ORG:81\r\nX-Forwarded-For: 10.0.0.1, 127.0.0.1\r\nX-Forwarded-Proto: http\r\n\r\n',
    );
  });

  it('X-Request-Id is made when the client sends none', async () => {
    await serve((request, response) => response.end(request.headers['x-request-id']));
    expect((await fixture.request('/')).body).to.match(/^[\w-]{12}\.\w+$/);
  });

  it('response headers keep case and duplicates; hop-by-hop ones and those named in Connection go', async () => {
    await serveRaw((socket) =>
      socket.write(
        'HTTP/1.1 203 Made Up Reason\r\nSet-Cookie: a=1\r\nset-COOKIE: b=2; Path=/\r\nX-Named: 1\r\nConnection: x-named\r\n' +
          'Proxy-Authenticate: x\r\nX-Bytes: \xe9\xa0\r\nX-Empty:\r\nDate: yesterday\r\nContent-Length: 4\r\n\r\ndone',
      ),
    );
    const text = await fixture.raw('GET / HTTP/1.1\r\nHost: x\r\n\r\n', isAnswered);
    expect(text).to.equal(
      'HTTP/1.1 203 Made Up Reason\r\nSet-Cookie: a=1\r\nset-COOKIE: b=2; Path=/\r\nX-Bytes: \xe9\xa0\r\nX-Empty: \r\nDate: yesterday\r\n' +
        'Content-Length: 4\r\nConnection: keep-alive\r\nKeep-Alive: timeout=75\r\n\r\ndone',
    );
  });

  it('a URI of 16 KiB and more passes', async () => {
    await serve((request, response) => response.end(String(request.url?.length)));
    expect((await fixture.request(`/${'x'.repeat(20_000)}`)).body).to.equal('20001');
  });

  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
    it(`${method} passes with its body`, async () => {
      await serve((request, response) => {
        response.setHeader('X-Length', request.headers['content-length'] ?? 'none');
        request.pipe(response.writeHead(200, { 'X-Method': request.method ?? '' }));
      });
      const answer = await fixture.request('/', { method, body: 'payload' });
      expect(answer.body).to.equal('payload');
      expect(answer.headers).to.include({ 'x-method': method, 'x-length': '7' });
    });
  }

  it('a chunked body stays chunked, with its trailers, both ways', async () => {
    let trailers: string[] = [];
    await serve((request, response) => {
      response.writeHead(200, { Trailer: 'X-Sum' });
      request.on('data', (chunk: Buffer) => response.write(chunk));
      request.on('end', () => {
        trailers = request.rawTrailers;
        response.addTrailers({ 'X-Sum': request.headers['transfer-encoding'] ?? '' });
        response.end();
      });
    });
    const text = await fixture.raw(
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-Up: 1\r\n\r\n',
      (all) => all.includes('X-Sum: chunked\r\n\r\n'),
    );
    expect(text).to.contain('X-Sum: chunked');
    expect(text.replaceAll(/\r\n[0-9a-f]*\r\n/g, '')).to.contain('hello world');
    expect(trailers).to.deep.equal(['X-Up', '1']);
  });

  it('HEAD, 204 and 304 have no body and leave the connection usable', async () => {
    const endpoint = await serve((request, response) => {
      if (request.method === 'HEAD') response.writeHead(200, { 'Content-Length': 1234 }).end();
      else if (request.url === '/304') response.writeHead(304, { ETag: '"x"' }).end();
      else response.writeHead(204).end();
    });
    const head = await fixture.request('/', { method: 'HEAD' });
    expect(head).to.deep.include({ status: 200, body: '' });
    expect(head.headers['content-length']).to.equal('1234');
    expect(await fixture.request('/304')).to.deep.include({ status: 304, body: '' });
    const empty = await fixture.request('/204');
    expect(empty).to.deep.include({ status: 204, body: '' });
    expect(empty.headers).to.not.have.any.keys('content-length', 'transfer-encoding');
    expect(endpoint.connections).to.equal(1);
  });

  it('100-continue is asked of the endpoint; a refusal reaches the client before its body', async () => {
    const endpoint = await serve((request, response) => void request.resume().on('end', () => response.end('done')));
    const head = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n';
    const continued = await fixture.raw(head, (text) => text.includes('100 Continue\r\n\r\n'));
    expect(continued).to.equal('HTTP/1.1 100 Continue\r\n\r\n');
    endpoint.server.on('checkContinue', (_: unknown, response: http.ServerResponse) => response.writeHead(413).end());
    expect(await fixture.raw(head)).to.match(/^HTTP\/1\.1 413 [^]*Connection: close/);
  });

  it('103 Early Hints pass', async () => {
    await serve((_, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.end('done');
    });
    const text = await fixture.raw('GET / HTTP/1.1\r\nHost: x\r\n\r\n', isAnswered);
    expect(text).to.match(/^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 OK/);
  });

  it('a body that ends with the connection is whole; one cut short breaks the client connection', async () => {
    let answer = 'HTTP/1.1 200 OK\r\n\r\nall of it';
    await serveRaw((socket) => socket.end(answer));
    expect((await fixture.request('/')).body).to.equal('all of it');
    answer = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all';
    const failure = await fixture.request('/').catch((error: unknown) => error as NodeJS.ErrnoException);
    expect(failure).to.include({ code: 'ECONNRESET' });
  });

  for (const [name, answer] of [
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n'],
    ['a control character', 'HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n'],
    ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['101 unasked', 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n'],
    ['no HTTP', 'SSH-2.0-OpenSSH_9\r\n\r\n'],
  ] as const) {
    it(`an endpoint that answers with ${name}: 502`, async () => {
      await serveRaw((socket) => socket.write(answer, 'latin1'));
      const { status, body } = await fixture.request('/');
      expect(status).to.equal(502);
      expect(JSON.parse(body)).to.include({ service: 'default/web:8000' });
    });
  }

  it('a chunked answer in single bytes arrives whole', async () => {
    await serveRaw((socket) => {
      const bytes = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n 123456789\r\n0\r\n\r\n';
      let i = 0;
      const next = (): void => {
        if (i < bytes.length) socket.write(bytes.charAt(i++), () => setImmediate(next));
      };
      next();
    });
    expect((await fixture.request('/')).body).to.equal('hello 123456789');
  });

  it('an answer before the end of a large upload is passed on', async () => {
    await serve((_, response) => response.writeHead(413, { Connection: 'close' }).end('too large'));
    const answer = await fixture.request('/', { method: 'POST', body: Buffer.alloc(200_000) });
    expect(answer).to.include({ status: 413, body: 'too large' });
  });

  it('200 MiB stream both ways at once in bounded memory', async () => {
    await serve((request, response) => request.pipe(response));
    const block = randomBytes(MIB);
    const sent = createHash('sha256');
    const got = createHash('sha256');
    let size = 0;
    const before = process.memoryUsage().rss;
    let peak = 0;
    await new Promise<void>((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port: fixture.port, method: 'POST', agent: false }, (response) => {
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          got.update(chunk);
          peak = Math.max(peak, process.memoryUsage.rss());
        });
        response.on('end', resolve);
      });
      request.on('error', reject);
      let left = 200;
      const write = (): void => {
        while (left-- > 0) {
          sent.update(block);
          if (!request.write(block)) {
            request.once('drain', write);
            return;
          }
        }
        request.end();
      };
      write();
    });
    expect(size).to.equal(200 * MIB);
    expect(got.digest('hex')).to.equal(sent.digest('hex'));
    expect((peak - before) / MIB).to.be.below(100);
  });

  it('a client that does not read stops the endpoint from sending', async () => {
    let written = 0;
    const block = Buffer.alloc(MIB);
    let isClosed = false;
    await serve((_, response) => {
      response.on('close', () => (isClosed = true));
      const write = (): void => {
        while (written < 200 * MIB) {
          written += MIB;
          if (!response.write(block)) {
            response.once('drain', write);
            return;
          }
        }
      };
      write();
    });
    const client = net.connect(fixture.port, '127.0.0.1', () => client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    client.pause();
    let last = -1;
    await eventually(async () => {
      last = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return written > 0 && written === last;
    }, 5_000);
    expect(written).to.be.below(60 * MIB);
    client.destroy();
    await eventually(() => isClosed);
  });

  it('an endpoint that does not read stops the client from sending', async () => {
    const endpoint = await fixture.rawEndpoint('A', (socket) => socket.pause());
    await fixture.publish([endpoint]);
    for (const framing of [`Content-Length: ${200 * MIB}`, 'Transfer-Encoding: chunked']) {
      const client = net.connect(fixture.port, '127.0.0.1');
      client.write(`PUT / HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`);
      const block = framing.startsWith('C') ? Buffer.alloc(MIB) : `${MIB.toString(16)}\r\n${'x'.repeat(MIB)}\r\n`;
      let sent = 0;
      const write = (): void => {
        sent += MIB;
        if (sent < 200 * MIB && !client.destroyed) client.write(block, write);
      };
      write();
      let last = 0;
      await eventually(async () => {
        last = sent;
        await new Promise((resolve) => setTimeout(resolve, 100));
        return sent > MIB && sent === last;
      }, 5_000);
      expect(sent).to.be.below(60 * MIB);
      client.destroy();
    }
  });

  it('a client that leaves before the answer aborts the request at the endpoint', async () => {
    let isClosed = false;
    const endpoint = await serve((request) => request.socket.on('close', () => (isClosed = true)));
    const client = net.connect(fixture.port, '127.0.0.1', () => client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
    await eventually(() => endpoint.received.length === 1);
    client.destroy();
    await eventually(() => isClosed);
  });

  it('HTTP/1.0 clients are served', async () => {
    await serve((request, response) => response.end(`${request.httpVersion} done`));
    expect(await fixture.raw('GET / HTTP/1.0\r\n\r\n')).to.match(/Connection: close\r\n[^]*1\.1 done$/);
  });

  it('two Host headers: 400; a transfer coding besides chunked: 501', async () => {
    await serve((_, response) => response.end());
    expect(await fixture.raw('GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', (text) => text.includes('400'))).to.contain(
      'more than one Host',
    );
    const coded = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n';
    expect(await fixture.raw(coded, (text) => text.includes('501'))).to.contain('not supported');
  });

  it('no answer in time: 504, and the endpoint is let go', async () => {
    const slow = await Fixture.start({ responseTimeoutMs: 100 });
    try {
      let isClosed = false;
      const endpoint = await slow.endpoint('slow', (request) => request.socket.on('close', () => (isClosed = true)));
      await slow.publish([endpoint]);
      const { status, body } = await slow.request('/');
      expect(status).to.equal(504);
      expect(body).to.contain('slow did not answer in time');
      await eventually(() => isClosed);
    } finally {
      await slow.stop();
    }
  });
});

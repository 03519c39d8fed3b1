import { expect } from 'chai';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { call, callRaw } from './support/client.ts';
import { freshDatabase } from './support/postgres.ts';
import { startTestReplica, type TestReplica } from './support/replicas.ts';

const page = `<!doctype html><title>Acts</title>${'<p>good deeds</p>'.repeat(200)}`;
const script = `console.log(${JSON.stringify('x'.repeat(5000))});`;

describe('the web app', () => {
  let directory: string;
  let acts: TestReplica;
  let users: TestReplica;
  before(async function () {
    this.timeout(30_000);
    directory = await mkdtemp(join(tmpdir(), 'web-root-'));
    const root = join(directory, 'dist');
    await mkdir(join(root, 'assets'), { recursive: true });
    await writeFile(join(directory, 'secret.txt'), 'secret');
    await writeFile(join(root, 'index.html'), page);
    await writeFile(join(root, 'sw.js'), '// worker');
    await writeFile(join(root, 'manifest.webmanifest'), '{}');
    await writeFile(join(root, 'assets', 'app-1a2b.js'), script);
    await writeFile(join(root, 'assets', 'icon.png'), Buffer.alloc(3000, 1));
    const database = await freshDatabase();
    acts = await startTestReplica('acts', database, { WEB_ROOT: root });
    users = await startTestReplica('users', database, { WEB_ROOT: root });
  });
  after(async () => {
    await Promise.all([acts.stop(), users.stop()]);
    await rm(directory, { recursive: true });
  });

  const types: Record<string, [type: string, caching: string]> = {
    '/': ['text/html; charset=utf-8', 'no-cache'],
    '/index.html': ['text/html; charset=utf-8', 'no-cache'],
    '/sw.js': ['text/javascript; charset=utf-8', 'no-cache'],
    '/manifest.webmanifest': ['application/manifest+json; charset=utf-8', 'no-cache'],
    '/assets/app-1a2b.js': ['text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
    '/assets/icon.png': ['image/png', 'public, max-age=31536000, immutable'],
  };
  for (const [path, [type, caching]] of Object.entries(types)) {
    it(`${path} is ${type}, ${caching}`, async () => {
      const { status, headers } = await call(acts.url, 'GET', path);
      expect([status, headers['content-type'], headers['cache-control']]).to.deep.equal([200, type, caching]);
    });
  }

  it('comes compressed to those who ask, as different representations', async () => {
    const path = '/assets/app-1a2b.js';
    const plain = await call(acts.url, 'GET', path);
    const gzip = await call(acts.url, 'GET', path, { headers: { 'Accept-Encoding': 'gzip' } });
    const brotli = await call(acts.url, 'GET', path, { headers: { 'Accept-Encoding': 'gzip, br' } });
    expect([plain, gzip, brotli].map(({ headers }) => headers['content-encoding'])).to.deep.equal([undefined, 'gzip', 'br']);
    expect(plain.text).to.equal(script);
    expect(gunzipSync(gzip.bytes).toString()).to.equal(script);
    expect(brotliDecompressSync(brotli.bytes).toString()).to.equal(script);
    expect(new Set([plain, gzip, brotli].map(({ headers }) => headers.etag)).size).to.equal(3);
    for (const { headers } of [plain, gzip, brotli]) expect(headers.vary).to.equal('Accept-Encoding');
    const icon = await call(acts.url, 'GET', '/assets/icon.png', { headers: { 'Accept-Encoding': 'br' } });
    expect([icon.headers['content-encoding'], icon.headers.vary], 'pictures are compressed already').to.deep.equal([undefined, undefined]);
  });

  it('is 304 to those who have it', async () => {
    const { headers } = await call(acts.url, 'GET', '/', { headers: { 'Accept-Encoding': 'br' } });
    const again = await call(acts.url, 'GET', '/', { headers: { 'Accept-Encoding': 'br', 'If-None-Match': headers.etag! } });
    expect([again.status, again.text, again.headers.etag]).to.deep.equal([304, '', headers.etag]);
    const other = await call(acts.url, 'GET', '/', { headers: { 'If-None-Match': headers.etag! } });
    expect(other.status, 'the plain one is another').to.equal(200);
  });

  it('HEAD has the length and no body', async () => {
    const head = await call(acts.url, 'HEAD', '/');
    expect([head.status, head.text, head.headers['content-length']]).to.deep.equal([200, '', String(page.length)]);
  });

  it('takes no other method', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const answer = await call(acts.url, method, '/index.html');
      expect([answer.status, answer.headers.allow]).to.deep.equal([405, 'OPTIONS, GET, HEAD']);
    }
    expect((await call(acts.url, 'OPTIONS', '/index.html')).headers.allow).to.equal('OPTIONS, GET, HEAD');
  });

  it('has nothing but its files, whatever the path', async () => {
    const paths = [
      '/nothing',
      '/assets',
      '/assets/',
      '/../secret.txt',
      '/..%2fsecret.txt',
      '/assets/../../secret.txt',
      '/%2e%2e/secret.txt',
    ];
    for (const path of [...paths, '//etc/passwd', '/assets/..\\..\\secret.txt', '/index.html%00', '/index.html/']) {
      const answer = await callRaw(acts.url, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(answer, path)
        .to.match(/^HTTP\/1.1 404 /)
        .and.to.not.include('secret');
    }
  });

  it('runs its own scripts and nothing else, and warns of nothing over plain http', async () => {
    const { headers } = await call(acts.url, 'GET', '/');
    const policy = String(headers['content-security-policy']).split(';').sort();
    expect(policy).to.deep.equal(
      [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
      ].sort(),
    );
    expect(headers).to.include({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY' });
    expect(headers['permissions-policy']).to.include('camera=(self)');
    const secureContextsOnly = ['strict-transport-security', 'cross-origin-opener-policy', 'origin-agent-cluster'];
    expect(headers).to.not.have.any.keys(...secureContextsOnly);
  });

  it('is not counted', async () => {
    await call(acts.url, 'DELETE', '/api/v1/_count');
    await call(acts.url, 'GET', '/');
    expect((await call(acts.url, 'GET', '/api/v1/_count')).text).to.equal('[0]');
  });

  it('is served by the acts role only', async () => {
    expect((await call(users.url, 'GET', '/')).json()).to.include({ service: 'users' });
    expect((await call(users.url, 'GET', '/index.html')).status).to.equal(404);
  });
});

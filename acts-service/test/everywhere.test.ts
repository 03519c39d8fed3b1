import { expect } from 'chai';
import { gzipSync } from 'node:zlib';
import { call, callRaw } from './support/client.ts';
import { actBody, addCategory, addUser, password, upload } from './support/fixtures.ts';
import { freshDatabase } from './support/postgres.ts';
import { startSystem, type TestSystem } from './support/replicas.ts';

describe('everywhere', () => {
  let system: TestSystem;
  let url: string;
  const bodyLimit = 20_000;
  before(async function () {
    this.timeout(30_000);
    system = await startSystem(await freshDatabase(), {
      BODY_LIMIT_BYTES: String(bodyLimit),
      ACTS_FAULT_INJECTION: 'any',
      WEB_ROOT: '/nowhere',
    });
    url = system.acts.url;
    await addUser(system.users.url, 'alice');
    await addCategory(url, 'trees');
  });
  after(() => system.stop());

  const acts = '/api/v1';
  const allowed: Record<string, Record<string, string>> = {
    users: { '/users': 'GET POST', '/users/alice': 'DELETE', '/_count': 'GET DELETE', '/_health': 'GET' },
    acts: {
      '/categories': 'GET POST',
      '/categories/trees': 'DELETE',
      '/categories/trees/acts': 'GET',
      '/categories/trees/acts/size': 'GET',
      '/acts': 'POST',
      '/acts/upvote': 'POST',
      '/acts/count': 'GET',
      '/acts/1': 'DELETE',
      '/acts/1/image': 'GET',
      '/acts/1/thumbnail': 'GET',
      '/_count': 'GET DELETE',
      '/_health': 'GET',
      '/_crash': 'POST',
    },
  };
  for (const [role, paths] of Object.entries(allowed)) {
    for (const [path, methods] of Object.entries(paths)) {
      it(`${path} of ${role} takes ${methods} and is 405 for all else`, async () => {
        const base = role === 'users' ? system.users.url : url;
        const right = methods.split(' ');
        if (right.includes('GET')) right.push('HEAD');
        for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND']) {
          if (right.includes(method)) continue;
          const answer = await call(base, method, acts + path);
          expect(answer.status, method).to.equal(405);
          expect(answer.headers.allow?.split(', ').sort(), method).to.deep.equal(['OPTIONS', ...right].sort());
          expect(answer.headers['content-type']).to.equal('application/problem+json');
        }
      });
    }
  }

  it('DELETE /acts/upvote and /acts/count are 405, not 400: specific routes win', async () => {
    for (const path of ['upvote', 'count']) expect((await call(url, 'DELETE', `/api/v1/acts/${path}`)).status).to.equal(405);
    for (const method of ['GET', 'DELETE']) expect((await call(url, method, '/api/v1/acts')).status).to.equal(405);
  });

  it('an unknown route is 404, for every method', async () => {
    const paths = [
      '/api/v1',
      '/api/v2/acts',
      '/api/v1/act',
      '/api/v1/users',
      '/api/v1/acts/1/upvote',
      '/api/v1/categories/a/b',
      '/API/V1/acts',
      '/x',
    ];
    for (const path of paths) {
      for (const method of ['GET', 'POST', 'DELETE', 'PUT']) {
        const answer = await call(url, method, path);
        expect(answer.status, `${method} ${path}`).to.equal(404);
        expect(answer.json()).to.include({ code: 'not-found' });
      }
    }
  });

  it('errors are problem documents that tell nothing of the code', async () => {
    const answer = await call(url, 'POST', '/api/v1/acts', { body: '{' });
    expect(answer.headers['content-type']).to.equal('application/problem+json');
    expect(answer.json()).to.deep.equal({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      code: 'malformed-json',
      detail: 'the body is not JSON in UTF-8',
    });
  });

  it('HEAD is answered wherever GET is, without a body', async () => {
    await upload(url);
    const paths = [
      '/categories',
      '/categories/trees/acts',
      '/categories/trees/acts/size',
      '/acts/count',
      '/acts/1/image',
      '/_count',
      '/_health',
    ];
    for (const path of paths) {
      const answer = await call(url, 'HEAD', `/api/v1${path}`);
      expect([answer.status, answer.text], path).to.deep.equal([200, '']);
    }
    expect((await call(system.users.url, 'HEAD', '/api/v1/users')).status).to.equal(200);
  });

  it('OPTIONS answers a CORS preflight and allows every origin', async () => {
    const headers = {
      Origin: 'http://app.example',
      'Access-Control-Request-Method': 'DELETE',
      'Access-Control-Request-Headers': 'content-type',
    };
    const preflight = await call(url, 'OPTIONS', '/api/v1/acts/1', { headers });
    expect(preflight.status).to.equal(204);
    expect(preflight.headers['access-control-allow-origin']).to.equal('*');
    expect(preflight.headers['access-control-allow-methods']).to.include('DELETE');
    expect(preflight.headers['access-control-allow-headers']).to.equal('content-type');
    const failed = await call(url, 'POST', '/api/v1/acts', { headers: { Origin: 'http://app.example' } });
    expect([failed.status, failed.headers['access-control-allow-origin']]).to.deep.equal([400, '*']);
    expect((await call(url, 'OPTIONS', '/api/v1/acts')).headers.allow).to.equal('OPTIONS, POST');
  });

  describe('bodies', () => {
    const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
      call(url, 'POST', '/api/v1/categories', { body, headers });

    it('are JSON whatever the content type says, also when it says nothing', async () => {
      const types = [
        'application/json',
        'application/json; charset=utf-8',
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
        'nonsense',
      ];
      for (const [index, type] of types.entries()) {
        expect((await post(`["type ${index}"]`, { 'Content-Type': type })).status, type).to.equal(201);
      }
      const answer = await callRaw(
        url,
        'POST /api/v1/categories HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 8\r\n\r\n["bare"]',
      );
      expect(answer).to.match(/^HTTP\/1.1 201 /);
    });

    it('may be compressed or chunked', async () => {
      expect((await post(gzipSync('["gzipped"]'), { 'Content-Encoding': 'gzip' })).status).to.equal(201);
      const chunked =
        'POST /api/v1/categories HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n["c\r\n8\r\nhunked"]\r\n0\r\n\r\n';
      expect(await callRaw(url, chunked)).to.match(/^HTTP\/1.1 201 /);
    });

    it('over the limit are 413, of exactly the limit are read', async () => {
      const longest = `["${'x'.repeat(bodyLimit - 4)}"]`;
      expect((await post(longest)).status).to.equal(201);
      const answer = await post(`${longest} `);
      expect([answer.status, answer.headers['content-type']]).to.deep.equal([413, 'application/problem+json']);
      expect((await post(Buffer.alloc(3_000_000, 'x'))).status).to.equal(413);
      expect((await post(gzipSync(`["${'y'.repeat(bodyLimit)}"]`), { 'Content-Encoding': 'gzip' })).status, 'inflated').to.equal(413);
      const chunk = 'x'.repeat(bodyLimit);
      const size = bodyLimit.toString(16);
      const head = 'POST /api/v1/acts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
      expect(await callRaw(url, `${head}${size}\r\n${chunk}\r\n${size}\r\n${chunk}\r\n0\r\n\r\n`)).to.match(/^HTTP\/1.1 413 /);
    });

    it('that are no JSON in UTF-8 are 400', async () => {
      const bodies = [
        '',
        ' ',
        '{',
        '["a"]x',
        "['a']",
        '["a",]',
        '[“a”]',
        'undefined',
        Buffer.from('5b22ff225d', 'hex'),
        Buffer.from('["a"]', 'utf16le'),
        '['.repeat(9999),
      ];
      for (const body of bodies) expect((await post(body)).status, String(body).slice(0, 20)).to.equal(400);
      expect((await post('not gzip', { 'Content-Encoding': 'gzip' })).status).to.equal(400);
      expect((await post('["a"]', { 'Content-Encoding': 'nonsense' })).status).to.equal(400);
    });

    it('with the same key twice are 400', async () => {
      expect((await call(url, 'POST', '/api/v1/acts', { body: actBody().replace('{', '{"actId":2,') })).status).to.equal(400);
    });
  });

  describe('names in paths', () => {
    const size = (segment: string): string => `/api/v1/categories/${segment}/acts/size`;

    it('are percent-decoded as UTF-8', async () => {
      for (const name of ['a b', 'ä/ö?#%', '100%', '+', '"<>\\^`{|}', '..', '漢字😀', 'acts', 'size']) {
        await addCategory(url, name);
        const segment = encodeURIComponent(name).replace(/\./g, '%2E');
        expect((await call(url, 'GET', size(segment))).status, name).to.equal(204);
      }
    });

    it('may be raw, as old clients send them, in all that HTTP lets through', async () => {
      const name = 'G"\'<>{}|\\^`[]~!$&()*+,;=:@';
      await addCategory(url, name);
      const head = `GET /api/v1/categories/${name}/acts/size HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
      expect(await callRaw(url, head)).to.match(/^HTTP\/1.1 204 /);
      expect((await call(url, 'DELETE', `/api/v1/categories/${name}`)).status).to.equal(200);
    });

    it('of 8 KiB work, each byte percent-encoded', async () => {
      const name = 'ü'.repeat(4096);
      await addCategory(url, name);
      expect((await call(url, 'GET', size(encodeURIComponent(name)))).status).to.equal(204);
      expect((await call(url, 'DELETE', `/api/v1/categories/${encodeURIComponent(name)}`)).status).to.equal(200);
    });

    for (const segment of ['%', '%zz', '%e4', '%ff', 'a%2', '%ED%A0%80', '%C0%AF', '%00', 'a%00b']) {
      it(`${segment} is 400`, async () => {
        expect((await call(url, 'GET', size(segment))).status).to.equal(400);
        expect((await call(url, 'DELETE', `/api/v1/categories/${segment}`)).status).to.equal(400);
        expect((await call(system.users.url, 'DELETE', `/api/v1/users/${segment}`)).status).to.equal(400);
      });
    }
  });

  it('the front page says what this is', async () => {
    expect((await call(url, 'GET', '/')).json()).to.deep.equal({ service: 'acts', api: '/api/v1', web: 'not built' });
    expect((await call(system.users.url, 'GET', '/')).json()).to.deep.equal({ service: 'users', api: '/api/v1' });
  });

  it('the original mobile app works unchanged', async () => {
    // Epoch milliseconds as the id, one fixed timestamp, the category raw in the URL, and only 201 is success.
    await addUser(system.users.url, 'mobile');
    expect((await call(system.users.url, 'POST', '/api/v1/users', { json: { username: 'mobile', password } })).status).to.equal(400);
    await addCategory(url, 'Wege&{Stege}');
    for (const actId of [1571234567890, 1571234567891]) {
      const json = {
        actId,
        username: 'mobile',
        timestamp: '10-10-2019:45-23-03',
        caption: 'c',
        categoryName: 'Wege&{Stege}',
        imgB64: 'aGVs\nbG8=\n',
      };
      const answer = await call(url, 'POST', '/api/v1/acts', { json });
      expect([answer.status, answer.text]).to.deep.equal([201, '{}']);
    }
    const list = await callRaw(url, 'GET /api/v1/categories/Wege&{Stege}/acts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(list).to.match(/^HTTP\/1.1 200 /);
    expect([...list.matchAll(/"actId":(\d+)/g)].map(([, id]) => id)).to.deep.equal(['1571234567891', '1571234567890']);
    expect(list).to.include('"imgB64":"aGVsbG8="').and.to.include('"timestamp":"10-10-2019:45-23-03"');
    expect((await call(url, 'POST', '/api/v1/acts/upvote', { json: [1571234567890] })).status).to.equal(200);
    expect((await call(url, 'DELETE', '/api/v1/acts/1571234567890')).status).to.equal(200);
  });
});

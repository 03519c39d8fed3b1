import { expect } from 'chai';
import fc from 'fast-check';
import pg from 'pg';
import { call, callRaw } from './support/client.ts';
import { actFields, addCategory, addUser, password, upload } from './support/fixtures.ts';
import { freshDatabase } from './support/postgres.ts';
import { startSystem, type TestSystem } from './support/replicas.ts';

// Seeded: a failure prints the seed and the shrunk request; `FUZZ_RUNS` makes it longer.
const runs = Number(process.env.FUZZ_RUNS ?? 1000);

describe('hostile requests', () => {
  let system: TestSystem;
  let watcher: pg.Client;
  before(async function () {
    this.timeout(30_000);
    system = await startSystem(await freshDatabase(), { BODY_LIMIT_BYTES: '50000' });
    await addUser(system.users.url, 'alice');
    await addCategory(system.acts.url, 'trees');
    await upload(system.acts.url);
    watcher = new pg.Client(system.database);
    await watcher.connect();
  });
  after(async () => {
    await watcher.end();
    await system.stop();
  });

  /** Everything stored, password hashes and counts aside. */
  async function stored(): Promise<unknown> {
    const { rows } = await watcher.query<{ stored: unknown }>(
      `SELECT json_build_array((SELECT json_agg(name ORDER BY id) FROM users), (SELECT json_agg(name ORDER BY id) FROM categories),
                               (SELECT json_agg(acts ORDER BY seq) FROM acts)) AS stored`,
    );
    return rows[0]?.stored;
  }

  const nasty = fc.oneof(
    fc.constantFrom<unknown>(
      '',
      '\0',
      '__proto__',
      'constructor',
      '\ud800',
      "'; DROP TABLE acts; --",
      '%00',
      '../..',
      'x'.repeat(9000),
      -1,
      Infinity,
      null,
      true,
      [],
      {},
    ),
    fc.string({ unit: 'binary' }),
    fc.integer(),
    fc.double(),
    fc.jsonValue(),
  );
  const jsonText = fc.oneof(
    fc
      .record({ ...Object.fromEntries(Object.keys(actFields()).map((field) => [field, nasty])), upvotes: nasty }, { requiredKeys: [] })
      .map((value) => JSON.stringify(value)),
    // One thing wrong with an upload that is right otherwise.
    fc
      .tuple(fc.constantFrom(...Object.keys(actFields())), nasty)
      .map(([field, value]) => JSON.stringify({ ...actFields({ actId: 2 }), [field]: value })),
    fc
      .tuple(fc.constantFrom('username', 'password'), nasty)
      .map(([field, value]) => JSON.stringify({ username: 'mallory', password, [field]: value })),
    nasty.map((value) => JSON.stringify([value])),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '[',
      '{',
      '"',
      '[1',
      '{"actId":',
      '[1e400]',
      '[-0]',
      '[01]',
      '9'.repeat(40_000),
      '['.repeat(40_000),
      `"${'\\"'.repeat(20_000)}`,
      '\ufeff[1]',
    ),
    // Torn in the middle.
    fc.nat(200).map((length) => JSON.stringify(actFields({ actId: 3 })).slice(0, length)),
  );
  const segment = fc.oneof(
    fc.constantFrom(
      'users',
      'categories',
      'acts',
      'trees',
      'alice',
      '1',
      'upvote',
      'count',
      'image',
      'size',
      '_count',
      '_health',
      '_crash',
      '',
      '.',
      '..',
      '%',
      '%zz',
      '%00',
      '%2f',
      '%ED%A0%80',
      '__proto__',
    ),
    fc.string({ unit: 'grapheme' }).map((text) => { try { return encodeURIComponent(text); } catch { return '%'; } }), // prettier-ignore
    fc.string().map((text) => text.replace(/[^\u0021-\u007e]/g, '')),
  );
  const query = fc.oneof(
    fc.constantFrom(
      '',
      '?',
      '?start',
      '?start=1',
      '?start=0&end=9',
      '?start=1&end=1e3',
      '?start=%zz&end=%',
      '?images=',
      '?images=none&images=x',
    ),
    fc.string().map((text) => `?${text.replace(/[^\u0021-\u007e]/g, '')}`),
  );
  const hostile = fc.record({
    role: fc.constantFrom('users' as const, 'acts' as const),
    method: fc.constantFrom('GET', 'POST', 'POST', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE'),
    path: fc.oneof(
      fc.constantFrom('/api/v1/acts', '/api/v1/acts/upvote', '/api/v1/users', '/api/v1/categories', '/api/v1/categories/trees/acts'),
      fc.tuple(fc.array(segment, { maxLength: 5 }), query).map(([segments, search]) => `/api/v1/${segments.join('/')}${search}`),
      segment.map((text) => `/${text}`),
    ),
    body: jsonText,
    headers: fc.constantFrom<Record<string, string>>(
      {},
      { 'Content-Type': 'text/plain' },
      { 'Content-Type': 'multipart/form-data; boundary=' },
      { 'Content-Encoding': 'gzip' },
      { 'Content-Encoding': 'br' },
      { 'If-None-Match': '*' },
      { 'X-Forwarded-For': '\u00ff' },
      { Origin: 'null' },
    ),
  });

  it(`${runs} of them: never 5xx, and a refused one stores nothing`, async function () {
    this.timeout(120_000);
    let expected = await stored();
    await fc.assert(
      fc.asyncProperty(hostile, async ({ role, method, path, body, headers }) => {
        const bodiless = method === 'GET' || method === 'HEAD' || method === 'TRACE';
        const { status } = await call(system[role].url, method, path, { ...(bodiless ? {} : { body }), headers });
        expect(status).to.be.below(500);
        const now = await stored();
        if (status >= 400) expect(now).to.deep.equal(expected);
        expected = now;
      }),
      { numRuns: runs, endOnFailure: false },
    );
    for (const { url } of [system.users, system.acts]) expect((await call(url, 'GET', '/api/v1/_health')).status).to.equal(200);
  });

  it('broken HTTP is refused, and the next client is served', async () => {
    const broken = [
      '\0\0\0\0\r\n\r\n',
      'GET\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'POST /api/v1/acts HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
      'POST /a b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
      'GET /a b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ];
    for (const bytes of broken) expect(await callRaw(system.acts.url, bytes)).to.match(/^HTTP\/1.1 400 /);
    // A raw target without a body is no broken HTTP here: the first mobile app writes names into the URL as they are.
    expect(await callRaw(system.acts.url, 'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n')).to.match(/^HTTP\/1.1 404 /);
    const huge = await callRaw(system.acts.url, `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(huge).to.match(/^HTTP\/1.1 431 /);
    expect((await call(system.acts.url, 'GET', '/api/v1/_health')).status).to.equal(200);
  });
});

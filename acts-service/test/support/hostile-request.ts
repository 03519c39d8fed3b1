// Requests as an attacker or a broken client would send them, generated from a seed: mostly one or two things wrong with a request that
// would be right, because those get furthest.
import fc, { type Arbitrary } from 'fast-check';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { bodyFor, strangeNumber } from './hostile-body.ts';

export interface HostileRequest {
  readonly role: 'users' | 'acts';
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

export interface HostileBytes {
  readonly role: 'users' | 'acts';
  readonly bytes: Buffer;
  /** Whether this is a whole request that asks for the connection to be closed; if not, the client hangs up after it. */
  readonly isWhole: boolean;
}

const role = fc.constantFrom('users' as const, 'acts' as const);
const segment = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('alice', 'trees', '1', '2', '%74rees', '%2561', '9'.repeat(1000), '9'.repeat(1001)) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '',
      '.',
      '..',
      '%',
      '%zz',
      '%00',
      '%2f',
      '%ED%A0%80',
      '%C0%80',
      '__proto__',
      'upvote',
      'count',
      'size',
      'image',
      'acts',
    ),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme' }).map((text) => { try { return encodeURIComponent(text); } catch { return '%'; } }) }, // prettier-ignore
  { weight: 1, arbitrary: fc.string().map((text) => text.replace(/[^\u0021-\u007e]/g, '')) },
);

const query = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.integer({ min: -1, max: 4 }), fc.integer({ min: -1, max: 4 }))
      .map(([start, end]) => `?start=${start}&end=${end}`),
  },
  {
    weight: 2,
    arbitrary: fc
      .array(
        fc.tuple(
          fc.constantFrom('start', 'end', 'images', 'start[]', '__proto__', 'st%61rt', ''),
          fc.oneof(strangeNumber, segment, fc.constant('none')),
        ),
        { maxLength: 4 },
      )
      .map((pairs) => `?${pairs.map(([key, value]) => `${key}=${value.replace(/#/g, '')}`).join('&')}`),
  },
  { weight: 1, arbitrary: fc.string().map((text) => `?${text.replace(/[^\u0021-\u007e]/g, '')}`) },
);

const templates: readonly (readonly [method: string, template: string])[] = [
  ...([
    ['POST', '/api/v1/acts'],
    ['POST', '/api/v1/acts'],
    ['POST', '/api/v1/acts/upvote'],
    ['POST', '/api/v1/users'],
    ['POST', '/api/v1/categories'],
  ] as const),
  ...([
    ['GET', '/api/v1/users'],
    ['DELETE', '/api/v1/users/*'],
    ['GET', '/api/v1/categories'],
    ['DELETE', '/api/v1/categories/*'],
  ] as const),
  ...([
    ['GET', '/api/v1/categories/*/acts'],
    ['GET', '/api/v1/categories/*/acts'],
    ['GET', '/api/v1/categories/*/acts/size'],
  ] as const),
  ...([
    ['GET', '/api/v1/acts/*/image'],
    ['GET', '/api/v1/acts/*/thumbnail'],
    ['DELETE', '/api/v1/acts/*'],
    ['GET', '/api/v1/acts/count'],
  ] as const),
  ...([
    ['GET', '/api/v1/_count'],
    ['DELETE', '/api/v1/_count'],
    ['GET', '/api/v1/_health'],
    ['POST', '/api/v1/_crash'],
    ['GET', '/openapi.json'],
  ] as const),
  ...([
    ['GET', '/api/v1/*/*'],
    ['POST', '/*'],
    ['GET', '/*/*/*/*/*'],
  ] as const),
];

const headers = fc
  .array(
    fc.constantFrom<readonly [string, string]>(
      ...(['text/plain', 'multipart/form-data; boundary=', 'application/json; charset=utf-16', 'nonsense', ''] as const).map(
        (type) => ['Content-Type', type] as const,
      ),
      ...(['*', '"x"', 'W/"x"', '"'] as const).map((tag) => ['If-None-Match', tag] as const),
      ...(['gzip', 'br', 'identity;q=0', 'x, *'] as const).map((encoding) => ['Accept-Encoding', encoding] as const),
      ['X-Forwarded-For', '\u00ff, 1.2.3.4'],
      ['X-Forwarded-For', 'x'.repeat(5000)],
      ['X-Request-Id', `"${'x'.repeat(3000)}`],
      ['X-HTTP-Method-Override', 'DELETE'],
      ['Accept', 'image/*;q=x'],
      ['Range', 'bytes=0-0,1-'],
      ['Origin', 'null'],
      ['Access-Control-Request-Method', 'DELETE'],
      ['Access-Control-Request-Headers', 'a,b, \u00ff'],
      ['Expect', '100-continue'],
      ['Cookie', 'a=b; '.repeat(1000)],
      ['Host', '[::1'],
      ['__proto__', 'x'],
    ),
    { maxLength: 3 },
  )
  // fromEntries defines `__proto__` instead of assigning it.
  .map((pairs) => Object.fromEntries(pairs) as Record<string, string>);

const compressed: Readonly<Record<string, (body: Buffer) => Buffer>> = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync };
const encoding = fc.option(fc.tuple(fc.constantFrom('gzip', 'deflate', 'br', 'nonsense'), fc.boolean()), { freq: 20 });

export const hostileRequest: Arbitrary<HostileRequest> = fc.constantFrom(...templates).chain(([rightMethod, template]) =>
  fc
    .record({
      segments: fc.array(segment, { minLength: 5, maxLength: 5 }),
      anyRole: role,
      isElsewhere: fc.integer({ min: 0, max: 9 }),
      method: fc.oneof(
        { weight: 6, arbitrary: fc.constant(rightMethod) },
        { weight: 1, arbitrary: fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND') },
      ),
      query,
      headers,
      encoding,
      body: bodyFor(template),
      isBare: fc.integer({ min: 0, max: 9 }),
    })
    .map((made) => {
      const segments = [...made.segments];
      const path = template.replace(/\*/g, () => segments.shift() ?? '') + made.query;
      const home = template.startsWith('/api/v1/users') ? 'users' : template.startsWith('/api/v1/_') ? made.anyRole : 'acts';
      const sent = { role: made.isElsewhere === 0 ? made.anyRole : home, method: made.method, path, headers: made.headers };
      const takesBody = made.method === 'POST' ? made.isBare !== 0 : made.isBare === 0 && made.method !== 'HEAD' && made.method !== 'TRACE';
      if (!takesBody) return sent;
      if (made.encoding === null) return { ...sent, body: made.body };
      const [name, isTrue] = made.encoding;
      return {
        ...sent,
        headers: { ...made.headers, 'Content-Encoding': name },
        body: (isTrue ? compressed[name] : undefined)?.(made.body) ?? made.body,
      };
    }),
);

const rawPart = fc.oneof(
  fc.constantFrom(
    'GET ',
    'POST ',
    'CONNECT x:1',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    ' HTTP/1.1',
    ' HTTP/1.0',
    ' HTTP/9.9',
    '\r\n',
    '\n',
    '\r',
    '\r\n\r\n',
    '\0',
  ),
  fc.constantFrom(
    '/api/v1/acts',
    '/api/v1/users',
    'http://[::1',
    '*',
    '\u00ff\u00fe',
    'Host: x',
    'Content-Length: 5',
    'Content-Length: -1',
    'Content-Length: 1e3',
  ),
  fc.constantFrom(
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: gzip, chunked',
    'Upgrade: websocket',
    'Connection: upgrade',
    ': x',
    'a b: c',
    ' folded',
    '5\r\n["a"]\r\n0\r\n\r\n',
  ),
  fc.string({ unit: 'binary-ascii' }),
);

const rawTarget = fc.oneof(
  segment,
  fc.uint8Array({ maxLength: 40 }).map((bytes) =>
    Buffer.from(bytes)
      .toString('latin1')
      .replace(/[\r\n]/g, ''),
  ),
  fc.constantFrom('categories/good deeds/acts', 'categories/%/acts', 'users/\u00fc', 'acts/\u0661', 'categories/a\tb/acts/size'),
);

export const hostileBytes: Arbitrary<HostileBytes> = fc.record({ role, isWhole: fc.boolean() }).chain(({ role: to, isWhole }) => {
  const text = isWhole
    ? fc
        .tuple(
          fc.constantFrom('GET', 'DELETE', 'OPTIONS', 'get', 'G\u00ffT', 'BREW'),
          rawTarget,
          fc.constantFrom('1.1', '1.0', '0.9', '2.0'),
        )
        .map(([method, target, version]) => `${method} /api/v1/${target} HTTP/${version}\r\nHost: x\r\nConnection: close\r\n\r\n`)
    : fc.array(rawPart, { maxLength: 12 }).map((parts) => parts.join(''));
  return text.map((all) => ({ role: to, isWhole, bytes: Buffer.from(all, 'latin1') }));
});

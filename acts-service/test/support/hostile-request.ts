// Requests as an attacker or a broken client would send them, generated from a seed: mostly one or two things wrong with a request that
// would be right, because those get furthest.
import fc, { type Arbitrary } from 'fast-check';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { actBody, password } from './fixtures.ts';

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
const digits = (length: number): string => '9'.repeat(length);

const strangeText = fc.oneof(
  fc.constantFrom(
    '',
    '\0',
    'a\0',
    '__proto__',
    'constructor',
    'toString',
    '\ud800',
    '\udc00',
    '\ufeff',
    '\u202e',
    '%00',
    '%',
    '../..',
    '*',
    ' ',
  ),
  fc.constantFrom(
    "'; DROP TABLE acts; --",
    '$1',
    '?',
    '??',
    '{{7*7}}',
    '<script>',
    'alice',
    'trees',
    'Alice',
    'x'.repeat(300),
    'ü'.repeat(9000),
  ),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
);

const strangeNumber = fc.oneof(
  fc.constantFrom('-0', '0', '1', '1.0', '1e3', '1e400', '-1', '01', '+1', '0x1', '.5', '1.', '1e', 'NaN', 'Infinity', '9007199254740993'),
  fc.constantFrom(digits(309), digits(1000), digits(1001), digits(30_000)),
  fc.double().map(String),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
);

const twoDigits = fc.integer({ min: -1, max: 100 }).map((value) => String(value).padStart(2, '0'));
const nearlyTimestamp = fc
  .tuple(twoDigits, twoDigits, fc.integer({ min: -1, max: 11_000 }), twoDigits, twoDigits, twoDigits)
  .map(([day, month, year, second, minute, hour]) => `${day}-${month}-${String(year).padStart(4, '0')}:${second}-${minute}-${hour}`);

const strangeValue: Arbitrary<string> = fc.oneof(
  strangeText.map((text) => JSON.stringify(text)),
  strangeNumber,
  nearlyTimestamp.map((text) => JSON.stringify(text)),
  fc.string({ unit: fc.constantFrom('A', 'Q', '=', '+', '/', '-', '\n', '\r', ' ') }).map((text) => JSON.stringify(text)),
  fc.constantFrom('null', 'true', '[]', '{}', '[[]]', '{"__proto__":1}', '"\\ud800"', '"\\u0000"', '"\\x"', '""'),
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc.nat(2000).map((levels) => '['.repeat(levels) + ']'.repeat(levels)),
);

/** Right bodies, field by field as JSON text; of arrays the elements. */
const upload = Object.entries(JSON.parse(actBody({ actId: 2 })) as Record<string, unknown>);
const rightBodies: Readonly<Record<string, Readonly<Record<string, string>> | readonly string[]>> = {
  '/api/v1/users': { username: '"mallory"', password: JSON.stringify(password) },
  '/api/v1/acts': Object.fromEntries(upload.map(([field, value]) => [field, JSON.stringify(value)])),
  '/api/v1/categories': ['"rivers"'],
  '/api/v1/acts/upvote': ['1'],
};

function objectText(fields: readonly (readonly [string, string])[]): string {
  return `{${fields.map(([field, value]) => `${JSON.stringify(field)}:${value}`).join(',')}}`;
}

/** One of the right bodies with up to two fields replaced, added, left out or named twice. */
function changedBody(path: string): Arbitrary<string> {
  const right = rightBodies[path] ?? rightBodies['/api/v1/acts']!;
  if (Array.isArray(right))
    return fc.array(fc.oneof(strangeValue, fc.constantFrom(...(right as string[]))), { maxLength: 3 }).map((all) => `[${all.join()}]`);
  const fields = Object.entries(right);
  const name = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...fields.map(([field]) => field)) },
    { weight: 1, arbitrary: strangeText },
  );
  const change = fc.tuple(name, fc.option(strangeValue, { freq: 5 }), fc.boolean());
  return fc.array(change, { maxLength: 2 }).map((changes) => {
    let all = [...fields];
    for (const [field, value, isTwice] of changes) {
      if (!isTwice || value === null) all = all.filter(([other]) => other !== field);
      if (value !== null) all.push([field, value]);
    }
    return objectText(all);
  });
}

/** A few bytes cut out, put in or repeated. */
function damaged(text: Arbitrary<string>): Arbitrary<Buffer> {
  return fc
    .tuple(text, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(20), fc.uint8Array({ maxLength: 4 }))
    .map(([whole, place, length, bytes]) => {
      const buffer = Buffer.from(whole);
      const at = Math.floor(place * buffer.length);
      return Buffer.concat([buffer.subarray(0, at), bytes, buffer.subarray(at + length)]);
    });
}

const eightMebibytes = 8 * 1024 * 1024;
/** About as long as a body may be, or far longer. */
const hugeBody = fc
  .tuple(fc.constantFrom('caption', 'imgB64', 'username', 'actId', 'extra', '[', '{"a":', '"'), fc.constantFrom(-300, 0, 1, 3_000_000))
  .map(([kind, excess]) => {
    const length = eightMebibytes - 250 + excess;
    if (kind.length < 6 && kind !== 'actId' && kind !== 'extra') return Buffer.from(kind.repeat(length / kind.length));
    const value = kind === 'actId' ? digits(length) : `"${'A'.repeat(length - (length % 4))}"`;
    const right = Object.entries(rightBodies['/api/v1/acts'] as Record<string, string>).filter(([field]) => field !== kind);
    return Buffer.from(objectText([...right, [kind, value]]));
  });

function bodyFor(path: string): Arbitrary<Buffer> {
  const changed = changedBody(path);
  return fc.oneof(
    { weight: 300, arbitrary: changed.map((text) => Buffer.from(text)) },
    { weight: 80, arbitrary: damaged(changed) },
    { weight: 30, arbitrary: strangeValue.map((text) => Buffer.from(text)) },
    { weight: 30, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
    {
      weight: 5,
      arbitrary: fc
        .constantFrom('['.repeat(100_000), '{"a":'.repeat(20_000), '[1,'.repeat(20_000), '"\\'.repeat(30_000))
        .map((text) => Buffer.from(text)),
    },
    { weight: 1, arbitrary: hugeBody },
  );
}

const segment = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('alice', 'trees', '1', '2', '%74rees', '%2561', digits(1000), digits(1001)) },
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

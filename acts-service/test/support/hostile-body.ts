// Bodies for hostile requests (hostile-request.ts).
import fc, { type Arbitrary } from 'fast-check';
import { actBody, password } from './fixtures.ts';

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

export const strangeNumber = fc.oneof(
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

/** Bodies for the route with this path; for one that takes none, those of an upload. */
export function bodyFor(path: string): Arbitrary<Buffer> {
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

// Every field of every body, everything that can be wrong with it: status, code, words, and that nothing is stored.
import { expect } from 'chai';
import { call } from './support/client.ts';
import { actFields, addCategory, addUser, password, upload } from './support/fixtures.ts';
import { freshDatabase } from './support/postgres.ts';
import { startSystem, type TestSystem } from './support/replicas.ts';
import { watchDatabase, type Watcher } from './support/stored.ts';

type Role = 'users' | 'acts';
/** Code and detail of a 400. */
type Refusal = readonly [code: string, detail: string];

const name = 'must be a text of at least one character, without NUL and lone surrogates';
const id = 'must be an unsigned integer of at most 1,000 digits, with no sign, leading zero, fraction or exponent';
const timestamp = 'must be a real date and time, DD-MM-YYYY:SS-MM-HH (seconds, minutes, hours), such as 31-12-2019:59-30-23';
const caption = 'must be a text without NUL and lone surrogates';
const image = 'must be base64 (RFC 4648 section 4, padded); line breaks inside are dropped';
const secret = 'must be exactly 40 hexadecimal digits (an SHA-1)';
const malformed: Refusal = ['malformed-json', 'the body is not JSON in UTF-8'];

interface BodyRoute {
  readonly role: Role;
  readonly path: string;
  /** A body that would be taken, field by field as JSON text. */
  readonly good: Readonly<Record<string, string>>;
  readonly isArray?: true;
  /** What a body of another type is told. */
  readonly whole: string;
  readonly refusals: Readonly<Record<string, Refusal>>;
}

const goodAct = Object.fromEntries(Object.entries(actFields()).map(([field, value]) => [field, JSON.stringify(value)]));
const routes: readonly BodyRoute[] = [
  {
    role: 'users',
    path: '/api/v1/users',
    good: { username: '"mallory"', password: JSON.stringify(password) },
    whole: 'must be an object with the fields username and password',
    refusals: { username: ['bad-name', `username ${name}`], password: ['bad-password', `password ${secret}`] },
  },
  {
    role: 'acts',
    path: '/api/v1/acts',
    good: goodAct,
    whole: 'must be an object with the fields actId, username, timestamp, caption, categoryName and imgB64',
    refusals: {
      actId: ['bad-act-id', `actId ${id}`],
      username: ['bad-name', `username ${name}`],
      timestamp: ['bad-timestamp', `timestamp ${timestamp}`],
      caption: ['bad-caption', `caption ${caption}`],
      categoryName: ['bad-name', `categoryName ${name}`],
      imgB64: ['bad-image', `imgB64 ${image}`],
    },
  },
  {
    role: 'acts',
    path: '/api/v1/categories',
    good: { element: '"rivers"' },
    isArray: true,
    whole: 'must be an array of exactly one name',
    refusals: { element: ['bad-name', `the element ${name}`] },
  },
  {
    role: 'acts',
    path: '/api/v1/acts/upvote',
    good: { element: '1' },
    isArray: true,
    whole: 'must be an array of exactly one actId',
    refusals: { element: ['bad-act-id', `the element ${id}`] },
  },
];

function bodyOf(route: BodyRoute, overrides: Readonly<Record<string, string>> = {}): string {
  const fields = Object.entries({ ...route.good, ...overrides });
  if (route.isArray) return `[${fields.map(([, value]) => value).join(',')}]`;
  return `{${fields.map(([field, value]) => `${JSON.stringify(field)}:${value}`).join(',')}}`;
}

const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
const lone = '\\ud800';
const mebibytes = (n: number): string => 'x'.repeat(n * 1024 * 1024);

describe('bad input', () => {
  let system: TestSystem;
  let watcher: Watcher;
  before(async function () {
    this.timeout(30_000);
    system = await startSystem(await freshDatabase());
    await addUser(system.users.url, 'alice');
    await addCategory(system.acts.url, 'trees');
    await upload(system.acts.url, { actId: 7 });
    watcher = await watchDatabase(system.database);
  });
  after(async () => {
    await watcher.close();
    await system.stop();
  });

  async function isRefused(route: BodyRoute, body: string | Buffer, [code, detail]: Refusal): Promise<void> {
    const before = await watcher.stored();
    const shown = `${route.path} with ${body.toString('utf8').slice(0, 150)}`;
    const answer = await call(system[route.role].url, 'POST', route.path, { body });
    expect(answer.json(), shown).to.deep.equal({ type: 'about:blank', title: 'Bad Request', status: 400, code, detail });
    expect(await watcher.stored(), shown).to.equal(before);
  }

  for (const route of routes) {
    describe(`POST ${route.path}`, () => {
      it('bodies that are no JSON in UTF-8', async () => {
        const good = bodyOf(route);
        const closing = good.slice(-1);
        const texts = [
          ...['', ' ', '\0', '{', '[', '"', 'nul', 'undefined', 'NaN', "['a']", '{a:1}', '//\n[1]', '<xml/>', 'username=a&password=b'],
          ...[`${good.slice(0, -1)},${closing}`, `,${good}`, `${good}${good}`, `${good}x`, `${good}\0`, good.slice(0, -1)],
          ...[good.replace('"', '“'), good.replace(/:|\[/, '$&\u00a0'), deep(100_000), '['.repeat(100_000), `{"a":${deep(30_000)}}`],
        ].filter((text) => text !== good);
        for (const text of texts) await isRefused(route, text, malformed);
        await isRefused(route, Buffer.from(good, 'utf16le'), malformed);
        await isRefused(route, Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(good)]), malformed);
      });

      it('values of another type than the body has', async () => {
        const others = ['null', 'true', '0', '-1e999', '"a"', '""', '"[1]"', route.isArray ? '{"0":1,"length":1}' : '[]', deep(500)];
        const counts = route.isArray ? ['[]', `[${Object.values(route.good).join()},"b"]`] : [`[${bodyOf(route)}]`];
        for (const body of [...others, ...counts]) {
          if (route.isArray && body === deep(500)) continue;
          await isRefused(route, body, ['bad-body', `the body ${route.whole}`]);
        }
      });

      for (const [field, refusal] of Object.entries(route.refusals)) {
        const isText = field !== 'actId' && route.good[field]?.startsWith('"') === true;

        it(`${field} of another type`, async () => {
          const values = ['null', 'true', '[]', '{}', '["alice"]', '[1]', '{"actId":1}', '{"__proto__":"alice"}', deep(500)];
          const others = isText ? ['0', '1.5', '-0', '1e400', '9'.repeat(60_000)] : ['"1"', '""', '"alice"'];
          for (const value of [...values, ...others]) await isRefused(route, bodyOf(route, { [field]: value }), refusal);
        });

        it(`${field} as no JSON can be`, async () => {
          const bytes = ['ff', 'c0 80', 'ed a0 80', 'f4 90 80 80', 'e4', '00', '01', '0a', '1f'];
          for (const hex of bytes) {
            const [head = '', tail = ''] = bodyOf(route, { [field]: '"a@z"' }).split('a@z');
            const body = Buffer.concat([Buffer.from(head), Buffer.from(hex.replaceAll(' ', ''), 'hex'), Buffer.from(tail)]);
            await isRefused(route, body, malformed);
          }
          const values = [
            route.isArray ? ',' : '',
            '"\\x41"',
            '"\\u12"',
            '"\\',
            '01',
            '+1',
            '.5',
            '1.',
            '0x1',
            '1e',
            '--1',
            'Infinity',
            '9'.repeat(8_000_000),
          ];
          for (const value of values) await isRefused(route, bodyOf(route, { [field]: value }), malformed);
        });

        if (isText && field !== 'imgB64' && field !== 'timestamp') {
          it(`${field} with what PostgreSQL cannot keep`, async () => {
            const filler = 'x'.repeat(8192);
            const texts = [
              '\\u0000',
              'a\\u0000b',
              lone,
              '\\udc00',
              `\\udc00${lone}`,
              `${lone}${lone}`,
              `${filler}\\u0000`,
              `${filler}${lone}`,
            ];
            for (const text of texts) await isRefused(route, bodyOf(route, { [field]: `"${text}"` }), refusal);
          });
        }

        if (!route.isArray) {
          it(`${field} missing, under another name or twice`, async () => {
            const { [field]: value = '', ...others } = route.good;
            const without = `{${Object.entries(others)
              .map(([key, other]) => `"${key}":${other}`)
              .join()}`;
            await isRefused(route, `${without}}`, ['bad-body', `${field} is missing`]);
            await isRefused(route, `${without},"__proto__":{"${field}":${value}}}`, ['bad-body', `${field} is missing`]);
            if (route.role === 'users')
              await isRefused(route, `${without},"${field.toUpperCase()}":${value}}`, ['bad-body', `${field} is missing`]);
            await isRefused(route, `${without},"${field}":${value},"${field}":7}`, malformed);
          });
        }
      }
    });
  }

  const uploads = routes[1]!;

  it('fields that an upload does not have are named, cut to a length and with strange characters escaped', async () => {
    const table: [string, string][] = [
      ['upvotes', 'upvotes'],
      ['', ''],
      ['__proto__', '__proto__'],
      ['constructor', 'constructor'],
      ['actid', 'actid'],
      ['a\u0001\ud800"', 'a\u0001\ud800"'],
      ['\u202eevil', '\u202eevil'],
      ['k'.repeat(1_000_000), `${'k'.repeat(40)}...`],
    ];
    for (const [field, shown] of table) {
      const body = bodyOf(uploads, { actId: '8' }).replace(/}$/, `,${JSON.stringify(field)}:0}`);
      await isRefused(uploads, body, ['bad-body', `there is no field ${JSON.stringify(shown)} in this body`]);
    }
  });

  it('numbers that are no actId', async () => {
    const numbers = [
      '-0',
      '-1',
      '1.0',
      '1e3',
      '1E3',
      '1e-3',
      '0.1',
      '0e0',
      '1e400',
      '-1e400',
      '9007199254740993.0',
      `1${'0'.repeat(1000)}`,
      '9'.repeat(60_000),
    ];
    for (const number of numbers) {
      await isRefused(uploads, bodyOf(uploads, { actId: number }), ['bad-act-id', `actId ${id}`]);
      await isRefused(routes[3]!, `[${number}]`, ['bad-act-id', `the element ${id}`]);
    }
  });

  it('timestamps that no calendar or clock has', async () => {
    const timestamps = [
      ...[
        '29-02-2023:00-00-00',
        '29-02-2100:00-00-00',
        '30-02-2024:00-00-00',
        '31-02-2019:00-00-00',
        '31-06-2019:00-00-00',
        '31-09-2019:00-00-00',
      ],
      ...[
        '31-11-2019:00-00-00',
        '00-00-0000:00-00-00',
        '01-01-10000:00-00-00',
        '01-01-2019:61-00-00',
        '01-01-2019:00-00-25',
        '01-01-2019:99-99-99',
      ],
      ...[
        '０１-01-2019:00-00-00',
        '01-01-२०१९:00-00-00',
        '01-01-2019:00-00-٠٠',
        '-1-01-2019:00-00-00',
        '+1-01-2019:00-00-00',
        '01-01-2019:00-00-00Z',
      ],
      ...[
        '01-01-2019:00-00-00\0',
        '\u202e01-01-2019:00-00-00',
        '01–01–2019:00-00-00',
        '10-10-2019:45-23',
        'now',
        'infinity',
        'x'.repeat(1_000_000),
      ],
    ];
    for (const text of timestamps)
      await isRefused(uploads, bodyOf(uploads, { timestamp: JSON.stringify(text) }), uploads.refusals.timestamp!);
  });

  it('passwords that are not exactly 40 hexadecimal digits', async () => {
    const [users] = routes as [BodyRoute];
    const passwords = [
      '',
      '0',
      `${password} `,
      ` ${password}`,
      `${password}\0`,
      password.replace('3', '３'),
      password.replace('d', 'ԁ'),
      mebibytes(7),
    ];
    for (const text of passwords) await isRefused(users, bodyOf(users, { password: JSON.stringify(text) }), users.refusals.password!);
  });

  it('names that nobody has, however long or special', async () => {
    for (const text of ['__proto__', 'constructor', 'Alice', 'alice\u200b', 'a\u0301lice', mebibytes(7)]) {
      await isRefused(uploads, bodyOf(uploads, { username: JSON.stringify(text) }), ['unknown-user', 'there is no such user']);
      await isRefused(uploads, bodyOf(uploads, { categoryName: JSON.stringify(text) }), ['unknown-category', 'there is no such category']);
    }
  });

  it('the limit of 8 MiB is a limit of the whole body, for every field', async () => {
    for (const route of routes) {
      for (const field of Object.keys(route.good)) {
        const tooMuch = await call(system[route.role].url, 'POST', route.path, { body: bodyOf(route, { [field]: `"${mebibytes(8)}"` }) });
        expect(tooMuch.json(), `${route.path} ${field}`).to.include({ status: 413, code: 'body-too-large' });
      }
    }
    expect(await watcher.stored()).to.match(/^\["alice"\]\|\["trees"\]\|/);
  });
});

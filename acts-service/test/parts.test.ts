// The small pure parts, where a table or a property says more than a request.
import { expect } from 'chai';
import fc from 'fast-check';
import { isActId } from '../src/act-id.ts';
import { decodeImage } from '../src/base64-image.ts';
import { scanCount } from '../src/decoding-cost.ts';
import { readConfig } from '../src/config.ts';
import { LosslessNumber, MalformedJson, parseJson } from '../src/json-text.ts';
import { encodeRawCharacters } from '../src/request-target.ts';
import { timestampToSql } from '../src/timestamp.ts';

/** Numbers back to doubles, to compare with JSON.parse. */
function toDoubles(value: unknown): unknown {
  if (value instanceof LosslessNumber) return Number(value.value);
  if (Array.isArray(value)) return value.map(toDoubles);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, element]) => [key, toDoubles(element)]));
}

describe('parseJson', () => {
  it('reads what JSON.parse reads, long strings included', () => {
    const long = fc
      .tuple(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 3000 }))
      .map(([text, times]) => text.repeat(times).slice(0, 3000));
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(long, { maxLength: 5 }), fc.constantFrom(undefined, 1, '\t'), (value, strings, space) => {
        const text = JSON.stringify({ value, strings, [strings[0]?.slice(0, 200) ?? 'key']: strings }, null, space);
        fc.pre(text.length < 60_000);
        expect(toDoubles(parseJson(Buffer.from(text)))).to.deep.equal(JSON.parse(text));
      }),
    );
  });

  it('reads UTF-8 only, with or without a byte order mark', () => {
    const long = '\ufeffü'.repeat(200);
    expect(parseJson(Buffer.from(`\ufeff["${long}","\ufeff"]`))).to.deep.equal([long, '\ufeff']);
    for (const hex of ['5b22ff225d', `5b22${'ff'.repeat(300)}225d`, 'ff', '5b22c3225d', `5b22${'61'.repeat(300)}c3225d`]) {
      expect(() => parseJson(Buffer.from(hex, 'hex')), hex.slice(0, 20)).to.throw(MalformedJson);
    }
  });

  it('refuses control characters in a string of any length', () => {
    for (const times of [1, 1000]) expect(() => parseJson(Buffer.from(`["${'a'.repeat(times)}\n"]`))).to.throw(MalformedJson);
  });

  it('refuses what JSON.parse refuses', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.jsonValue().map((value) => JSON.stringify(value)),
        ),
        fc.nat(50),
        fc.string({ maxLength: 2 }),
        (text, at, insert) => {
          const torn = text.slice(0, at) + insert + text.slice(at + 1);
          let valid = true;
          try {
            JSON.parse(torn);
          } catch {
            valid = false;
          }
          if (!valid) expect(() => parseJson(Buffer.from(torn))).to.throw(MalformedJson);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keeps every digit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 999n }), (id) => {
        const [number] = parseJson(Buffer.from(`[${id.toString()}]`)) as [LosslessNumber];
        expect(number.value).to.equal(id.toString());
        expect(isActId(number.value)).to.equal(true);
      }),
    );
  });

  it('reads eight megabytes in a fraction of the time a health check has', () => {
    const text = JSON.stringify({ actId: 1, imgB64: 'A'.repeat(8_000_000), caption: '"\\'.repeat(100) });
    const before = process.cpuUsage();
    parseJson(Buffer.from(text));
    const { user, system } = process.cpuUsage(before);
    // lossless-json alone takes 700 ms.
    expect((user + system) / 1000).to.be.below(400);
  });
});

describe('hostile bodies of eight megabytes', () => {
  const most = 8_000_000;
  const least = most / 32;
  const cases: Record<string, (bytes: number) => unknown> = {
    'millions of commas': (bytes) => expect(() => parseJson(Buffer.from(`[${' ,'.repeat(bytes / 2)}`))).to.throw(MalformedJson),
    'a line break after every character': (bytes) =>
      expect(decodeImage('A\n'.repeat(bytes / 2))?.bytes).to.have.length((bytes / 2 / 4) * 3),
    'nothing but scans': (bytes) => expect(scanCount(Buffer.alloc(bytes, 'ffda', 'hex'), 50)).to.equal(51),
  };
  /** Milliseconds of CPU, the least of three: other work on the machine only adds to it. */
  const cost = (work: () => unknown): number => {
    const once = (): number => {
      const before = process.cpuUsage();
      work();
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    };
    return Math.min(once(), once(), once());
  };
  for (const [name, work] of Object.entries(cases)) {
    it(`cost what their size is, not its square: ${name}`, () => {
      // 32 times the size: 32 times the cost, 1,024 times if each byte looked at all others.
      const small = Math.max(
        cost(() => work(least)),
        1,
      );
      expect(cost(() => work(most)) / small).to.be.below(32 * 8);
    });
  }
});

describe('pictures as base64', () => {
  it('come back as the text that came, for every text that is taken', () => {
    const base64 = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')),
      fc.string({ unit: fc.constantFrom('A', 'B', 'Q', 'w', 'x', 'z', '0', '9', '+', '/', '=', '\n', '\r') }),
    );
    fc.assert(
      fc.property(base64, (text) => {
        const image = decodeImage(text);
        // As act-list-sql.ts puts it together.
        if (image !== undefined) expect(image.bytes.toString('base64').slice(0, -4) + image.tail).to.equal(text.replace(/[\r\n]/g, ''));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('timestamps', () => {
  it('are taken for every real second from year 1 to 9999', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }),
        (date) => {
          const sql = date.toISOString().slice(0, 19).replace('T', ' ');
          const [, year, month, day, hour, minute, second] = /^(\d+)-(\d+)-(\d+) (\d+):(\d+):(\d+)$/.exec(sql) as unknown as string[];
          expect(timestampToSql(`${day}-${month}-${year}:${second}-${minute}-${hour}`)).to.equal(sql);
        },
      ),
    );
  });
});

describe('raw characters in a target', () => {
  it('are encoded, what is encoded already stays', () => {
    expect(encodeRawCharacters('/a%20b/ü"{}|#?x=1&y=%zz')).to.equal('/a%20b/%FC%22%7B%7D%7C%23?x=1&y=%zz');
  });
});

describe('readConfig', () => {
  const env = { ROLE: 'acts', USERS_URL: 'http://users:8080', PGHOST: 'db', PGUSER: 'u' };

  it('fills in the defaults', () => {
    expect(readConfig(env)).to.deep.equal({
      config: {
        role: 'acts',
        port: 8080,
        database: { host: 'db', port: 5432, user: 'u', database: 'u' },
        usersUrl: 'http://users:8080/',
        serviceOrigin: 'http://acts:8080',
        faultInjection: 'off',
        bodyLimitBytes: 8 * 1024 * 1024,
        logLevel: 'info',
        shutdownGraceMs: 8000,
        metricsPort: 9464,
        corsOrigins: '*',
        writesPerMinute: 300_000,
        trustProxy: false,
        requestTimeoutMs: 180_000,
        webRoot: undefined,
      },
    });
  });

  it('prefers DATABASE_URL and never repeats it', () => {
    const url = 'postgres://u:secret@db/x';
    expect(readConfig({ ROLE: 'users', DATABASE_URL: url })).to.have.nested.property('config.database.connectionString', url);
    expect(JSON.stringify(readConfig({ ROLE: 'users', DATABASE_URL: 'mysql://u:secret@db' }))).to.not.include('secret');
  });

  it('knows off and 0 of metrics, and refuses to give two servers one port', () => {
    for (const METRICS_PORT of ['off', '0']) {
      expect(readConfig({ ...env, METRICS_PORT }))
        .to.have.property('config')
        .that.includes({ metricsPort: undefined });
    }
    expect(readConfig({ ...env, PORT: '9464' })).to.deep.equal({
      errors: ['METRICS_PORT must be another port than PORT, not "9464" as well'],
    });
  });

  it('reports every mistake at once', () => {
    const wrong = {
      ROLE: 'acts',
      PORT: '99999',
      ACTS_FAULT_INJECTION: 'yes',
      BODY_LIMIT_BYTES: '8MB',
      LOG_LEVEL: 'loud',
      USERS_URL: 'users',
      PGHOST: '',
      METRICS_PORT: 'none',
      CORS_ORIGINS: 'https://app.example, app.example,https://app.example/',
      WRITE_LIMIT_PER_MINUTE: '-1',
      TRUST_PROXY: 'yes',
      REQUEST_TIMEOUT_MS: '1s',
    };
    expect(readConfig(wrong)).to.deep.equal({
      errors: [
        'PORT must be a whole number from 0 to 65535, not "99999"',
        'ACTS_FAULT_INJECTION must be one of off, direct, any, not "yes"',
        'BODY_LIMIT_BYTES must be a whole number from 1 to 268435456, not "8MB"',
        'LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent, not "loud"',
        'METRICS_PORT must be a whole number from 0 to 65535 (0 or off: none), not "none"',
        'CORS_ORIGINS must be *, off, or origins such as https://app.example separated by commas, not "app.example"',
        'CORS_ORIGINS must be *, off, or origins such as https://app.example separated by commas, not "https://app.example/"',
        'WRITE_LIMIT_PER_MINUTE must be a whole number from 0 to 1000000000 (0: no limit), not "-1"',
        'TRUST_PROXY must be one of true, false, not "yes"',
        'REQUEST_TIMEOUT_MS must be a whole number from 100 to 3600000, not "1s"',
        'PGHOST (or DATABASE_URL) is required',
        'PGUSER (or DATABASE_URL) is required',
        'USERS_URL must be an http:// URL, not "users"',
      ],
    });
  });
});

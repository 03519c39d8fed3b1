// Paths and queries that are wrong, and what is nearly wrong but right.
import { expect } from 'chai';
import { call, callRaw } from './support/client.ts';
import { addCategory, addUser, upload } from './support/fixtures.ts';
import { freshDatabase } from './support/postgres.ts';
import { startSystem, type TestSystem } from './support/replicas.ts';
import { watchDatabase, type Watcher } from './support/stored.ts';

const badPath = ['bad-path', 'the name in the path is not percent-encoded UTF-8'];
const badName = ['bad-name', 'the name in the path holds a character that no name has'];

describe('bad paths and queries', () => {
  let system: TestSystem;
  let watcher: Watcher;
  before(async function () {
    this.timeout(30_000);
    system = await startSystem(await freshDatabase());
    await addUser(system.users.url, 'alice');
    for (const name of ['trees', '%61', '%']) await addCategory(system.acts.url, name);
    for (const actId of [1, 2, 3]) await upload(system.acts.url, { actId });
    watcher = await watchDatabase(system.database);
  });
  after(async () => {
    await watcher.close();
    await system.stop();
  });

  async function isRefused(
    role: 'users' | 'acts',
    method: string,
    path: string,
    status: number,
    code: string,
    detail?: string,
  ): Promise<void> {
    const before = await watcher.stored();
    const answer = await call(system[role].url, method, path);
    const expected = detail === undefined ? { status, code } : { status, code, detail };
    expect(answer.json(), `${method} ${path.slice(0, 200)}`).to.include(expected);
    expect(await watcher.stored()).to.equal(before);
  }

  const unknown = ['unknown', 'there is no such'];
  const segments: readonly (readonly [readonly string[], readonly string[]])[] = [
    [badPath, ['%', '%%', '%6', '%6g', '%u0041', 'trees%', '%e4', '%80', '%c0%80', '%f4%90%80%80', '%ed%a0%80', '%ed%a0%bd%ed%b8%80']],
    [badName, ['%00', 'trees%00']],
    [unknown, ['%2574rees', '%25%37%34rees', '%20trees', 'trees%20', 'tre%65s%0a', 'trees+', 'TREES', '__proto__', 'constructor']],
    [unknown, ['%2e%2e', '..%2ftrees', '%C3%BC%20'.repeat(2000)]],
  ];
  for (const [[code = '', detail = ''], names] of segments) {
    for (const segment of names) {
      it(`the name ${segment.slice(0, 30)} is ${code} wherever a path has a name`, async () => {
        const of = (thing: string): readonly [string, string] =>
          code === 'unknown' ? [`${code}-${thing}`, `${detail} ${thing}`] : [code, detail];
        await isRefused('users', 'DELETE', `/api/v1/users/${segment}`, 400, ...of('user'));
        await isRefused('acts', 'DELETE', `/api/v1/categories/${segment}`, 400, ...of('category'));
        for (const path of ['acts', 'acts?start=1&end=1', 'acts?images=none', 'acts/size']) {
          await isRefused('acts', 'GET', `/api/v1/categories/${segment}/${path}`, 400, ...of('category'));
        }
      });
    }
  }

  it('names are decoded once: %2561 is the name %61, and %25 the name %', async () => {
    for (const segment of ['%2561', '%25', '%74%72ees']) {
      expect((await call(system.acts.url, 'GET', `/api/v1/categories/${segment}/acts/size`)).status, segment).to.be.oneOf([200, 204]);
    }
  });

  const ids = [
    '١',
    '1%00',
    '%201',
    '1%20',
    '1e0',
    '0x1',
    '01',
    '+1',
    '--1',
    '1,2',
    '1;2',
    '%',
    '%zz',
    '__proto__',
    'NaN',
    '9'.repeat(1001),
    '9'.repeat(60_000),
  ];
  for (const id of ids) {
    it(`the act ${id.slice(0, 20)} (${id.length}) is unknown wherever a path has an id`, async () => {
      const segment = /[^ -~]/.test(id) ? encodeURIComponent(id) : id;
      await isRefused('acts', 'DELETE', `/api/v1/acts/${segment}`, 400, 'unknown-act', 'there is no such act');
      for (const picture of ['image', 'thumbnail'])
        await isRefused('acts', 'GET', `/api/v1/acts/${segment}/${picture}`, 404, 'unknown-act');
    });
  }

  const together = 'start and end are given together, once each';
  const whole = (bound: string): string => `${bound} must be a whole number`;
  const order = 'start must be at least 1 and at most end';
  const beyond = "end is beyond the category's 3 acts";
  const queries: Record<string, string> = {
    'start=1': together,
    'end=1': together,
    'start=1&start=1&end=1': together,
    'start=1&end=1&end=1': together,
    'start=1&start=2&end=3&end=3': together,
    'START=1&end=1': together,
    'start=1&en%64=1&end=2': together,
    'start=&end=1': whole('start'),
    'start=1&end=': whole('end'),
    'start=%20%31&end=1': whole('start'),
    'start=+1&end=1': whole('start'),
    'start=-1&end=1': whole('start'),
    'start=1&end=%zz': whole('end'),
    'start=1&end=%D9%A3': whole('end'),
    'start=1&end=%00': whole('end'),
    'start=1.0&end=1': whole('start'),
    'start=1&end=1e0': whole('end'),
    'start=1&end=0x1': whole('end'),
    'start=NaN&end=1': whole('start'),
    'start=1&end=Infinity': whole('end'),
    'start=%ff&end=1': whole('start'),
    'start=0&end=0': order,
    'start=2&end=1': order,
    'start=1&end=4': beyond,
    'start=4&end=4': beyond,
    [`start=1&end=${'9'.repeat(1000)}`]: beyond,
    [`start=${'9'.repeat(30_000)}&end=${'9'.repeat(30_000)}`]: beyond,
  };
  for (const [query, detail] of Object.entries(queries)) {
    it(`?${query.slice(0, 40)} is refused: ${detail}`, async () => {
      await isRefused('acts', 'GET', `/api/v1/categories/trees/acts?${query}`, 400, 'bad-range', detail);
    });
  }

  it('what a query holds besides is ignored', async () => {
    const queries = [
      '',
      '?',
      '?&&',
      '?=',
      '?%',
      '?%zz=%zz',
      '?__proto__=1',
      '?constructor[prototype]=1',
      '?start[]=1&end[]=1',
      `?${'x=1&'.repeat(9000)}`,
    ];
    for (const query of queries) {
      const answer = await call(system.acts.url, 'GET', `/api/v1/categories/trees/acts${query}`);
      expect([answer.status, (answer.json() as unknown[]).length], query.slice(0, 40)).to.deep.equal([200, 3]);
    }
    expect((await call(system.acts.url, 'GET', '/api/v1/categories/trees/acts?start=001&end=0000003')).json()).to.have.lengthOf(3);
  });

  it('targets that are no paths of ours are 404 or no HTTP at all, and never an error of ours', async () => {
    const targets = [
      '/api/v1/../v1/acts',
      '/api//v1/acts',
      '//api/v1/acts',
      '/api/v1/%61cts',
      '/api/v1/acts%2Fcount',
      '/api/v1/acts/1/image/x',
      '/api%2fv1/acts',
    ];
    for (const target of targets) await isRefused('acts', 'POST', target, 404, 'not-found');
    for (const target of [
      '*',
      'api/v1/acts',
      'http://',
      '?',
      '#',
      'http://[::1',
      'ftp://[x]y',
      'http://x:y/api/v1/_count',
      '\\api\\v1\\acts',
    ]) {
      const answer = await callRaw(system.acts.url, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      expect(answer, target).to.match(/^HTTP\/1\.1 (?:200|400|404) /);
    }
  });
});

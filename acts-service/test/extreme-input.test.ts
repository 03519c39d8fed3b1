// What is extreme and right: taken, and given back exactly.
import { expect } from 'chai';
import { call } from './support/client.ts';
import { addCategory, addUser, upload } from './support/fixtures.ts';
import { freshDatabase, sql } from './support/postgres.ts';
import { startSystem, type TestSystem } from './support/replicas.ts';

const controls = Array.from({ length: 31 }, (_, index) => String.fromCharCode(index + 1)).join('');

const texts: Record<string, string> = {
  'every control character but NUL': `${controls}\u007f\u0080\u009f`,
  'blanks only': ' \t\n\u00a0\u3000',
  'emoji of several code points': '👩‍👩‍👧‍👦🏳️‍🌈👋🏽🇩🇪',
  'right to left, with marks that turn the direction': 'שלום \u202eעולם\u202c مرحبا ١٢٣',
  'letters in two spellings': 'e\u0301\u00e9\u212b\u00c5',
  'characters that end lines or texts elsewhere': '\u2028\u2029\ufeff\ufffe\uffff\u0085',
  'what other languages would run': `"'\`;--</script><svg/onload=1>\${1}{{1}}%s%n\\u0000\\`,
  'code points beyond the basic plane': '\u{10000}\u{1f600}\u{10ffff}',
  'special keys': '__proto__',
  '8 KiB': 'ü'.repeat(4096),
  '1 MiB': '漢'.repeat(349_525),
};

describe('extreme input', () => {
  let system: TestSystem;
  before(async function () {
    this.timeout(30_000);
    system = await startSystem(await freshDatabase(), { WRITE_LIMIT_PER_MINUTE: '0' });
  });
  after(() => system.stop());
  beforeEach(() => sql(system.database, 'TRUNCATE users, categories, acts CASCADE'));

  for (const [what, text] of Object.entries(texts)) {
    it(`${what}: as username, category, caption and in paths`, async () => {
      const { users, acts } = system;
      const actId = '9'.repeat(1000);
      expect((await addUser(users.url, text)).status).to.equal(201);
      expect((await addCategory(acts.url, text)).status).to.equal(201);
      expect((await upload(acts.url, { actId, username: text, categoryName: text, caption: text })).status).to.equal(201);
      expect((await call(users.url, 'GET', '/api/v1/users')).json()).to.deep.equal([text]);
      expect((await call(acts.url, 'GET', '/api/v1/categories')).text).to.equal(`{${JSON.stringify(text)}:1}`);

      // In a path only as long as a request line may be.
      const segment = encodeURIComponent(text).replaceAll('.', '%2E');
      if (segment.length > 50_000) return;
      const list = await call(acts.url, 'GET', `/api/v1/categories/${segment}/acts`);
      expect(list.text).to.include(`"actId":${actId},`);
      expect((list.json() as unknown[])[0]).to.include({ username: text, categoryName: text, caption: text });
      expect((await call(acts.url, 'GET', `/api/v1/categories/${segment}/acts/size`)).text).to.equal('[1]');
      expect((await call(acts.url, 'DELETE', `/api/v1/categories/${segment}`)).status).to.equal(200);
      expect((await call(users.url, 'DELETE', `/api/v1/users/${segment}`)).status).to.equal(200);
      expect((await call(users.url, 'GET', '/api/v1/users')).status).to.equal(204);
    });
  }

  it('spellings that look alike are different names', async () => {
    const names = ['é', 'e\u0301', 'É', ' é', 'é ', 'é\u200b', 'é\ufeff'];
    for (const name of names) expect((await addUser(system.users.url, name)).status).to.equal(201);
    expect((await call(system.users.url, 'GET', '/api/v1/users')).json()).to.deep.equal(names);
  });

  it('escaped, raw and surrounded by white space or a byte order mark, JSON is the same', async () => {
    const bodies = [
      '["\\u0061"]',
      '\ufeff["b"]',
      '\r\n\t [ \n"c"\t] \r\n',
      '["\\ud83d\\ude00"]',
      '["\\/"]',
      `${' '.repeat(1_000_000)}["d"]`,
    ];
    for (const body of bodies)
      expect((await call(system.acts.url, 'POST', '/api/v1/categories', { body })).status, body.slice(-20)).to.equal(201);
    const { text } = await call(system.acts.url, 'GET', '/api/v1/categories');
    expect(text).to.equal('{"a":0,"b":0,"c":0,"😀":0,"/":0,"d":0}');
  });

  it('a picture that fills the body limit to the byte comes back', async () => {
    await addUser(system.users.url, 'alice');
    await addCategory(system.acts.url, 'trees');
    const imgB64 = 'QUJD'.repeat(2_097_000);
    const caption = 'x'.repeat(8 * 1024 * 1024 - imgB64.length - 112);
    const body = `{"actId":1,"username":"alice","timestamp":"01-01-2019:00-00-00","caption":"${caption}","categoryName":"trees","imgB64":"${imgB64}"}`;
    expect(body.length).to.equal(8 * 1024 * 1024);
    expect((await call(system.acts.url, 'POST', '/api/v1/acts', { body })).status).to.equal(201);
    expect((await call(system.acts.url, 'POST', '/api/v1/acts', { body: `${body} ` })).status).to.equal(413);
    const [act] = (await call(system.acts.url, 'GET', '/api/v1/categories/trees/acts')).json() as [{ caption: string; imgB64: string }];
    expect([act.caption === caption, act.imgB64 === imgB64]).to.deep.equal([true, true]);
  });

  it('a new user may send fields that nobody asked for', async () => {
    const json = { username: 'alice', password: 'a'.repeat(40), email: 'a@example.org', admin: true };
    expect((await call(system.users.url, 'POST', '/api/v1/users', { json })).status).to.equal(201);
  });
});

import { expect } from 'chai';
import { call } from './support/client.ts';
import { actBody, actFields, addCategory, addUser, upload } from './support/fixtures.ts';
import { freshDatabase, sql } from './support/postgres.ts';
import { startSystem, type TestSystem } from './support/replicas.ts';

describe('acts', () => {
  let system: TestSystem;
  let url: string;
  before(async function () {
    this.timeout(30_000);
    system = await startSystem(await freshDatabase());
    url = system.acts.url;
    await addUser(system.users.url, 'alice');
    await addCategory(url, 'trees');
  });
  after(() => system.stop());
  beforeEach(() => sql(system.database, 'TRUNCATE acts'));

  const post = (body: string): Promise<number> => call(url, 'POST', '/api/v1/acts', { body }).then(({ status }) => status);
  const listText = async (query = ''): Promise<string> => (await call(url, 'GET', `/api/v1/categories/trees/acts${query}`)).text;
  const count = async (): Promise<string> => (await call(url, 'GET', '/api/v1/acts/count')).text;

  describe('POST /acts', () => {
    it('stores an act: 201 and {}, and it is listed with all seven fields', async () => {
      const answer = await upload(url, { actId: 7, caption: 'ein "Baum"\n🌳' });
      expect([answer.status, answer.text]).to.deep.equal([201, '{}']);
      expect(JSON.parse(await listText())).to.deep.equal([{ ...actFields({ actId: 7, caption: 'ein "Baum"\n🌳' }), upvotes: 0 }]);
    });

    it('an id in use is 400, whatever the category', async () => {
      await upload(url);
      await addCategory(url, 'rivers');
      expect((await upload(url, { categoryName: 'rivers' })).json()).to.include({ status: 400, code: 'act-exists' });
      expect(await count()).to.equal('[1]');
    });

    it('an unknown user is 400, and names are matched whole', async () => {
      await addUser(system.users.url, 'xyz');
      for (const username of ['nobody', 'x', 'xy', 'yz', 'Alice', 'alice ', '']) {
        expect((await upload(url, { username })).status, username).to.equal(400);
      }
      expect(await count()).to.equal('[0]');
    });

    it('an unknown category is 400', async () => {
      expect((await upload(url, { categoryName: 'none' })).json()).to.include({ status: 400, code: 'unknown-category' });
    });

    it('deleting a user keeps its acts', async () => {
      await addUser(system.users.url, 'bob');
      await upload(url, { username: 'bob' });
      await call(system.users.url, 'DELETE', '/api/v1/users/bob');
      expect(JSON.parse(await listText())).to.have.nested.property('[0].username', 'bob');
    });

    for (const field of Object.keys(actFields())) {
      it(`without ${field} is 400`, async () => {
        const others = Object.entries(actFields()).filter(([name]) => name !== field);
        expect(await post(JSON.stringify(Object.fromEntries(others)))).to.equal(400);
        expect(await post(JSON.stringify({ ...actFields(), [field]: null }))).to.equal(400);
        expect(await post(JSON.stringify({ ...actFields(), [field]: field === 'actId' ? '1' : 1 }))).to.equal(400);
        expect(await count()).to.equal('[0]');
      });
    }

    for (const extra of ['"upvotes":0', '"extra":1', '"__proto__":{}', '"constructor":1', '"actID":1']) {
      it(`with ${extra} besides is 400`, async () => {
        expect(await post(actBody().replace(/}$/, `,${extra}}`))).to.equal(400);
        expect(await count()).to.equal('[0]');
      });
    }

    it('fields that only __proto__ has are missing', async () => {
      expect(await post(`{"__proto__":${actBody()}}`)).to.equal(400);
    });

    const goodTimestamps = [
      '01-01-2019:00-00-00',
      '31-12-9999:59-59-23',
      '29-02-2024:00-00-00',
      '29-02-2000:01-02-03',
      '01-01-0001:00-00-00',
    ];
    for (const timestamp of goodTimestamps) {
      it(`takes the timestamp ${timestamp} and gives it back`, async () => {
        expect((await upload(url, { timestamp })).status).to.equal(201);
        expect(JSON.parse(await listText())).to.have.nested.property('[0].timestamp', timestamp);
      });
    }

    const badTimestamps = [
      '', '2019-01-01:00-00-00', '1-1-2019:0-0-0', '00-01-2019:00-00-00', '32-01-2019:00-00-00', '29-02-2019:00-00-00', '29-02-1900:00-00-00',
      '31-04-2019:00-00-00', '01-13-2019:00-00-00', '01-00-2019:00-00-00', '01-01-2019:60-00-00', '01-01-2019:00-60-00', '01-01-2019:00-00-24',
      '01-01-0000:00-00-00', '01-01-2019 00-00-00', '01-01-2019:00:00:00', ' 01-01-2019:00-00-00', '01-01-2019:00-00-00\n', '٠١-01-2019:00-00-00',
    ]; // prettier-ignore
    for (const timestamp of badTimestamps) {
      it(`refuses the timestamp ${JSON.stringify(timestamp)}`, async () => {
        expect((await upload(url, { timestamp })).json()).to.include({ status: 400, code: 'bad-timestamp' });
        expect(await count()).to.equal('[0]');
      });
    }

    it('imgB64 comes back as the same text without the line breaks', async () => {
      const texts = [
        '',
        'aGVsbG8=',
        'aGVs\r\nbG8=\n',
        'TQ==',
        'TR==',
        'TWE=',
        'TWF=',
        '++//',
        'a\nG\rV\r\n\r\ns',
        Buffer.alloc(3_000_001, 7).toString('base64'),
      ];
      for (const [actId, imgB64] of texts.entries())
        expect((await upload(url, { actId, imgB64 })).status, imgB64.slice(0, 20)).to.equal(201);
      const listed = JSON.parse(await listText()) as { imgB64: string }[];
      expect(listed.reverse().map(({ imgB64 }) => imgB64)).to.deep.equal(texts.map((text) => text.replace(/[\r\n]/g, '')));
    });

    for (const imgB64 of [
      'a',
      'ab',
      'abc',
      'abcde',
      'ab=c',
      '=abc',
      'a===',
      '====',
      'ab==ab==',
      'ab c',
      'ab-_',
      'abcd ',
      'abcé',
      'data:image/png;base64,aGVsbG8=',
      'aGVs\tbG8=',
      'aGVs\0bG8=',
    ]) {
      it(`refuses the imgB64 ${JSON.stringify(imgB64)}`, async () => {
        expect((await upload(url, { imgB64 })).json()).to.include({ status: 400, code: 'bad-image' });
        expect(await count()).to.equal('[0]');
      });
    }

    it('a caption that PostgreSQL cannot keep exactly is 400, an empty one is fine', async () => {
      for (const caption of ['a\0b', '\ud800', '\udc00x']) expect((await upload(url, { caption })).status).to.equal(400);
      expect((await upload(url, { caption: '' })).status).to.equal(201);
    });
  });

  describe('actId', () => {
    const goodIds = ['0', '1', '9007199254740993', '18446744073709551616', '9'.repeat(309), `1${'0'.repeat(999)}`, '9'.repeat(1000)];
    for (const actId of goodIds) {
      it(`${actId.slice(0, 25)} (${actId.length} digits) makes the round trip as a number`, async () => {
        expect((await upload(url, { actId })).status).to.equal(201);
        expect(await listText()).to.match(new RegExp(`^\\[\\{"actId":${actId},`));
        expect((await call(url, 'POST', '/api/v1/acts/upvote', { body: `[${actId}]` })).status).to.equal(200);
        expect((await call(url, 'DELETE', `/api/v1/acts/${actId}`)).status).to.equal(200);
      });
    }

    it('ids that are one double are two acts', async () => {
      expect((await upload(url, { actId: '9007199254740992' })).status).to.equal(201);
      expect((await upload(url, { actId: '9007199254740993' })).status).to.equal(201);
    });

    for (const actId of [
      '1.0',
      '1e3',
      '1E3',
      '-0',
      '-1',
      '007',
      '00',
      '1.5',
      '+1',
      '0x1',
      '"1"',
      '[1]',
      '{}',
      'true',
      'null',
      'NaN',
      '',
      `1${'0'.repeat(1000)}`,
    ]) {
      it(`${actId.slice(0, 20) || 'nothing'} (${actId.length}) is 400 in an upload and a vote`, async () => {
        expect((await upload(url, { actId })).status).to.equal(400);
        expect((await call(url, 'POST', '/api/v1/acts/upvote', { body: `[${actId}]` })).status).to.equal(400);
        expect(await count()).to.equal('[0]');
      });
    }

    it('eight million digits are refused without effort', async () => {
      const startedAt = performance.now();
      expect((await upload(url, { actId: '9'.repeat(8_000_000) })).status).to.equal(400);
      expect((await call(url, 'POST', '/api/v1/acts/upvote', { body: `[${'1'.repeat(8_000_000)}]` })).status).to.equal(400);
      expect(performance.now() - startedAt).to.be.below(2000);
    });

    for (const actId of ['abc', '1.0', '1e3', '-1', '007', '%31x', '%00', '%zz', '1'.repeat(1001)]) {
      it(`DELETE /acts/${actId.slice(0, 20)} is 400`, async () => {
        expect((await call(url, 'DELETE', `/api/v1/acts/${actId}`)).status).to.equal(400);
      });
    }
  });

  describe('votes, deletion, count', () => {
    it('POST /acts/upvote adds one: 200 and {}', async () => {
      await upload(url);
      for (let vote = 0; vote < 3; vote++) {
        const answer = await call(url, 'POST', '/api/v1/acts/upvote', { body: '[1]' });
        expect([answer.status, answer.text]).to.deep.equal([200, '{}']);
      }
      expect(JSON.parse(await listText())).to.have.nested.property('[0].upvotes', 3);
    });

    for (const body of ['[2]', '[]', '[1,1]', '{"actId":1}', '1', '["1"]', '[null]', '[1', '']) {
      it(`POST /acts/upvote of ${body || 'nothing'} is 400 and votes for nothing`, async () => {
        await upload(url);
        expect((await call(url, 'POST', '/api/v1/acts/upvote', { body })).status).to.equal(400);
        expect(JSON.parse(await listText())).to.have.nested.property('[0].upvotes', 0);
      });
    }

    it('DELETE /acts/{actId} is 200 and {}, then 400', async () => {
      await upload(url);
      const first = await call(url, 'DELETE', '/api/v1/acts/1');
      expect([first.status, first.text]).to.deep.equal([200, '{}']);
      expect((await call(url, 'DELETE', '/api/v1/acts/1')).json()).to.include({ status: 400, code: 'unknown-act' });
      expect(await count()).to.equal('[0]');
    });

    it('GET /acts/count is [total], [0] at first', async () => {
      expect(await count()).to.equal('[0]');
      await upload(url, { actId: 1 });
      await upload(url, { actId: 2 });
      expect(await count()).to.equal('[2]');
    });
  });

  describe('GET /acts/{actId}/image', () => {
    const noPictures = [
      '',
      'hello',
      '<svg xmlns="http://www.w3.org/2000/svg"/>',
      '<!doctype html><script>1</script>',
      'GIF89a',
      'RIFF0000WEBP',
      '\xff\xd8',
      'BM000000',
    ];
    for (const content of noPictures) {
      it(`serves ${JSON.stringify(content)} as an attachment that is never sniffed`, async () => {
        await upload(url, { imgB64: Buffer.from(content, 'latin1').toString('base64') });
        const { status, headers, bytes } = await call(url, 'GET', '/api/v1/acts/1/image');
        expect([status, bytes.toString('latin1')]).to.deep.equal([200, content]);
        expect(headers).to.include({
          'content-type': 'application/octet-stream',
          'content-disposition': 'attachment',
          'x-content-type-options': 'nosniff',
        });
      });
    }

    it('is cacheable by ETag: 304 for the same picture, 200 for another under the same id', async () => {
      await upload(url);
      const { headers } = await call(url, 'GET', '/api/v1/acts/1/image');
      expect(headers['cache-control']).to.match(/max-age=\d+/);
      const conditional = { headers: { 'If-None-Match': headers.etag ?? '' } };
      const again = await call(url, 'GET', '/api/v1/acts/1/image', conditional);
      expect([again.status, again.text, again.headers.etag]).to.deep.equal([304, '', headers.etag]);
      await call(url, 'DELETE', '/api/v1/acts/1');
      await upload(url, { imgB64: 'bmV3' });
      expect((await call(url, 'GET', '/api/v1/acts/1/image', conditional)).text).to.equal('new');
    });

    it('is 404 for an act that is not there, or never can be', async () => {
      for (const id of ['1', 'abc', '1.0', '9'.repeat(1001), 'upvote']) {
        const answer = await call(url, 'GET', `/api/v1/acts/${id}/image`);
        expect([answer.status, answer.headers.etag], id).to.deep.equal([404, undefined]);
      }
    });
  });
});

// GET /acts/{actId}/image and /thumbnail on a real replica: types, tags, caching, and what is never shown as a picture.
import { expect } from 'chai';
import { request } from 'node:http';
import sharp from 'sharp';
import { limits } from '../src/limits.ts';
import { call, type Answer } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { addCategory, addUser, upload } from './support/fixtures.ts';
import { animation, blankPng, drawing, formats, picture } from './support/pictures.ts';
import { freshDatabase, sql } from './support/postgres.ts';
import { startSystem, type TestSystem } from './support/replicas.ts';

describe('pictures', () => {
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

  const post = async (bytes: Buffer): Promise<number> => (await upload(url, { imgB64: bytes.toString('base64') })).status;
  const get = (what: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> =>
    call(url, method, `/api/v1/acts/1/${what}`, { headers });
  const isDefused = (answer: Answer): void => {
    expect(answer.headers['x-content-type-options']).to.equal('nosniff');
    expect(answer.headers['content-security-policy']).to.equal("default-src 'none'; sandbox");
  };

  for (const format of formats) {
    it(`a ${format} is served as it was uploaded, and has a thumbnail`, async () => {
      const bytes = await picture(format, 640, 320);
      expect(await post(bytes)).to.equal(201);
      const image = await get('image');
      expect([image.status, image.headers['content-type'], image.bytes.equals(bytes)]).to.deep.equal([200, `image/${format}`, true]);
      expect(image.headers['content-disposition']).to.equal(undefined);
      isDefused(image);
      const thumbnail = await get('thumbnail');
      expect([thumbnail.status, thumbnail.headers['content-type']]).to.deep.equal([200, 'image/webp']);
      expect(await sharp(thumbnail.bytes).metadata()).to.include({ format: 'webp', width: 480, height: 240 });
      isDefused(thumbnail);
    });
  }

  const lies: Record<string, () => Promise<Buffer> | Buffer> = {
    'an SVG with script': () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    'an HTML page': () => Buffer.from('<!doctype html><script>alert(1)</script>'),
    'half a JPEG': async () => (await picture('jpeg', 200, 200)).subarray(0, 3000),
    'a decompression bomb': () => blankPng(30_000, 30_000),
    nothing: () => Buffer.alloc(0),
  };
  for (const [name, make] of Object.entries(lies)) {
    it(`${name} is an attachment that is never sniffed, and has no thumbnail`, async () => {
      const bytes = await make();
      expect(await post(bytes)).to.equal(201);
      const image = await get('image');
      expect([image.status, image.bytes.equals(bytes)]).to.deep.equal([200, true]);
      expect(image.headers).to.include({ 'content-type': 'application/octet-stream', 'content-disposition': 'attachment' });
      isDefused(image);
      const thumbnail = await get('thumbnail');
      expect([thumbnail.status, thumbnail.headers.etag, thumbnail.headers['cache-control']]).to.deep.equal([404, undefined, 'no-store']);
      expect(thumbnail.json()).to.include({ code: 'no-thumbnail' });
    });
  }

  it('a list carries the thumbnails where it is asked to, and nothing where there is none', async () => {
    expect(await post(await picture('jpeg', 640, 320))).to.equal(201);
    expect((await upload(url, { actId: 2, imgB64: 'aGVsbG8=' })).status).to.equal(201);
    const thumbnail = (await get('thumbnail')).bytes.toString('base64');
    for (const query of ['images=thumbnails', 'start=1&end=2&images=thumbnails']) {
      const list = (await call(url, 'GET', `/api/v1/categories/trees/acts?${query}`)).json() as { actId: number; imgB64: string }[];
      expect(list.map(({ actId, imgB64 }) => [actId, imgB64])).to.deep.equal([
        [2, ''],
        [1, thumbnail],
      ]);
    }
  });

  it('a polyglot is a picture, and nothing but a picture', async () => {
    const polyglot = Buffer.concat([await picture('gif'), Buffer.from('/*<html><script>alert(1)</script>*/')]);
    await post(polyglot);
    const image = await get('image');
    expect([image.headers['content-type'], image.bytes.equals(polyglot)]).to.deep.equal(['image/gif', true]);
    isDefused(image);
    expect((await get('thumbnail')).bytes.includes('script')).to.equal(false);
  });

  it('thousands of frames have one small thumbnail', async () => {
    await post(await animation('gif', 3000));
    expect((await get('thumbnail')).bytes.length).to.be.below(1000);
  });

  for (const what of ['image', 'thumbnail']) {
    describe(`the tag of /${what}`, () => {
      it('makes a second answer 304, and is another for another picture under the same id', async () => {
        await post(await picture('jpeg'));
        const { headers } = await get(what);
        const condition = { 'If-None-Match': headers.etag ?? '' };
        const again = await get(what, condition);
        expect([again.status, again.text, again.headers.etag]).to.deep.equal([304, '', headers.etag]);
        await call(url, 'DELETE', '/api/v1/acts/1');
        await post(await picture('png'));
        const other = await get(what, condition);
        expect(other.status).to.equal(200);
        expect(other.headers.etag).to.not.equal(headers.etag);
      });

      it('as ?v= makes the answer one for ever; without it, or with another, it is asked for again', async () => {
        await post(await picture('jpeg'));
        const plain = await get(what);
        expect(plain.headers['cache-control']).to.equal('public, max-age=300, stale-while-revalidate=86400');
        const tag = JSON.parse(plain.headers.etag ?? '') as string;
        for (const version of [tag, tag.slice(0, 16)]) {
          const answer = await get(`${what}?v=${version}`);
          expect(answer.headers['cache-control'], version).to.equal('public, max-age=31536000, immutable');
        }
        for (const version of [tag.slice(0, 15), 'f'.repeat(16), '', `${tag}0`]) {
          const answer = await get(`${what}?v=${version}`);
          expect([answer.status, answer.headers['cache-control']], version).to.deep.equal([200, plain.headers['cache-control']]);
        }
      });

      it('comes with HEAD too', async () => {
        await post(await picture('webp'));
        const [head, full] = [await get(what, {}, 'HEAD'), await get(what)];
        expect(head.text).to.equal('');
        for (const name of ['etag', 'content-type', 'content-length', 'cache-control']) {
          expect(head.headers[name], name).to.equal(full.headers[name]);
        }
      });
    });

    it(`/${what} is 404 for an act that is not there, or never can be`, async () => {
      for (const id of ['1', 'abc', '1.0', '9'.repeat(1001), 'upvote']) {
        const answer = await call(url, 'GET', `/api/v1/acts/${id}/${what}`);
        expect([answer.status, answer.headers.etag], id).to.deep.equal([404, undefined]);
      }
    });
  }

  it('the tags of image and thumbnail differ: each is of its own bytes', async () => {
    await post(await picture('webp'));
    expect((await get('image')).headers.etag).to.not.equal((await get('thumbnail')).headers.etag);
  });

  describe('of an earlier version', () => {
    const forget = () => sql(system.database, 'UPDATE acts SET picture_type = NULL, thumbnail = NULL, thumbnail_type = NULL');
    const stored = async () => (await sql(system.database, 'SELECT picture_type, octet_length(thumbnail) > 0 AS made FROM acts'))[0];

    for (const what of ['image', 'thumbnail']) {
      it(`are examined at the first request for the ${what}`, async () => {
        await post(await picture('png'));
        const before = await get(what);
        await forget();
        const first = await get(what);
        expect([first.status, first.headers.etag]).to.deep.equal([200, before.headers.etag]);
        expect(await stored()).to.deep.equal({ picture_type: 'image/png', made: true });
      });
    }

    it('are attachments when they are none', async () => {
      await post(Buffer.from('hello'));
      await forget();
      expect((await get('image')).headers['content-disposition']).to.equal('attachment');
      expect(await stored()).to.deep.equal({ picture_type: '', made: null });
      await forget();
      expect((await get('thumbnail')).status).to.equal(404);
    });
  });

  it('a large one is read in parts as the client takes it, and cut when the act goes meanwhile', async () => {
    const bytes = Buffer.concat([await picture('jpeg'), Buffer.alloc(6_000_000, 7)]);
    await post(bytes);
    expect((await get('image')).bytes.equals(bytes)).to.equal(true);
    const cut = new Promise<number>((resolve, reject) => {
      request(`${url}/api/v1/acts/1/image`, (response) => {
        let received = 0;
        // Takes nothing until the act is gone; what the sockets and the replica hold by then is less than the whole.
        void call(url, 'DELETE', '/api/v1/acts/1').then(() => response.on('data', (chunk: Buffer) => (received += chunk.length)));
        response.on('end', () => reject(new Error('it came whole')));
        response.on('error', () => resolve(received));
      })
        .on('error', reject)
        .end();
    });
    expect(await cut).to.be.below(bytes.length);
  });
});

describe('an upload while pictures are being looked at', () => {
  it('is taken all the same, and its thumbnail made later', async function () {
    this.timeout(60_000);
    const system = await startSystem(await freshDatabase());
    try {
      await addUser(system.users.url, 'alice');
      await addCategory(system.acts.url, 'trees');
      // Each takes long enough that the line is longer than it may be.
      const large = (await (await drawing(5000, 5000)).jpeg({ quality: 10, progressive: true }).toBuffer()).toString('base64');
      const count = limits.picturesWaiting + 10;
      const answers = await Promise.all(Array.from({ length: count }, (_, actId) => upload(system.acts.url, { actId, imgB64: large })));
      expect(answers.map(({ status }) => status)).to.deep.equal(Array<number>(count).fill(201));
      const left = await sql<{ act_id: string }>(system.database, 'SELECT act_id FROM acts WHERE picture_type IS NULL');
      expect(left).to.not.deep.equal([]);
      const thumbnail = await eventually(async () => {
        const answer = await call(system.acts.url, 'GET', `/api/v1/acts/${left[0]!.act_id}/thumbnail`);
        expect(answer.status).to.equal(200);
        return answer;
      });
      expect(thumbnail.headers['content-type']).to.equal('image/webp');
    } finally {
      await system.stop();
    }
  });
});

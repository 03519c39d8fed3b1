// What uploads may cost a replica, measured on a process of its own: many at once, and pictures made to be expensive.
import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { call } from './support/client.ts';
import { actBody, addCategory, addUser, upload } from './support/fixtures.ts';
import { blankPng, drawing } from './support/pictures.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { isReady, startProcess, type ServiceProcess } from './support/process.ts';
import { startTestReplica, testEnv, type TestReplica } from './support/replicas.ts';

describe('the memory of a replica', () => {
  let database: TestDatabase;
  let users: TestReplica;
  let replica: ServiceProcess;
  beforeEach(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
    users = await startTestReplica('users', database);
    // As the image has it (Dockerfile). Run by tsx it starts with 30 MB more than the image's compiled code.
    replica = await startProcess({ ...testEnv('acts', database), USERS_URL: users.url, MALLOC_ARENA_MAX: '1' });
    await isReady(replica);
    await addUser(users.url, 'alice');
    await addCategory(replica.url, 'trees');
  });
  afterEach(async () => {
    replica.child.kill('SIGKILL');
    await replica.exited;
    await users.stop();
  });

  const peak = async (): Promise<number> => {
    const status = await readFile(`/proc/${String(replica.child.pid)}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
  };

  it('stays far below its limit of 512 MiB with 20 uploads of 8 MB at once', async function () {
    this.timeout(60_000);
    const imgB64 = Buffer.alloc(6_290_000, 'not a picture').toString('base64');
    const bodies = Array.from({ length: 20 }, (_, actId) => actBody({ actId, imgB64 }));
    for (let round = 0; round < 2; round++) {
      const answers = await Promise.all(bodies.map((body) => call(replica.url, 'POST', '/api/v1/acts', { body })));
      expect(answers.map(({ status }) => status)).to.deep.equal(Array<number>(20).fill(round === 0 ? 201 : 400));
    }
    expect(await peak()).to.be.below(384);
    const [row] = await sql<{ total: number }>(database, 'SELECT count(*)::int AS total FROM acts WHERE octet_length(image) = 6290000');
    expect(row?.total).to.equal(20);
  });

  it('stays below 256 MB whatever pictures it is made to look at', async function () {
    this.timeout(120_000);
    const progressive = (width: number, height: number, chromaSubsampling: string) =>
      drawing(width, height).then((made) => made.jpeg({ quality: 30, progressive: true, chromaSubsampling }).toBuffer());
    const expensive: Record<string, Buffer> = {
      'progressive JPEG, 24 megapixels': await progressive(6000, 4000, '4:2:0'),
      'progressive JPEG, 13 megapixels in full colour': await progressive(4300, 3050, '4:4:4'),
      'progressive JPEG, 36 megapixels': await progressive(7000, 5200, '4:4:4'),
      'interlaced PNG, 12 megapixels': await (await drawing(4600, 2600)).png({ progressive: true }).toBuffer(),
      'PNG, 64 megapixels': blankPng(8000, 8000),
      'interlaced PNG, 64 megapixels': blankPng(8000, 8000, { interlaced: true }),
      'PNG, 900 megapixels': blankPng(30_000, 30_000),
      'WebP, 20 megapixels': await (await drawing(5000, 4000)).webp({ quality: 30 }).toBuffer(),
      'GIF, 6 megapixels': await (await drawing(3000, 2000)).gif({ effort: 1 }).toBuffer(),
    };
    for (const [index, [name, bytes]] of Object.entries(expensive).entries()) {
      const imgB64 = bytes.toString('base64');
      const answers = await Promise.all([0, 1].map((copy) => upload(replica.url, { actId: 10 * index + copy, imgB64 })));
      expect(answers.map(({ status }) => status), name).to.deep.equal([201, 201]); // prettier-ignore
      expect(await peak(), name).to.be.below(256);
    }
    expect((await sql(database, "SELECT 1 FROM acts WHERE picture_type = ''")).length, 'too large to look at').to.equal(6);
  });
});

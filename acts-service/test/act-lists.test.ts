import { expect } from 'chai';
import { call } from './support/client.ts';
import { addCategory, addUser, upload } from './support/fixtures.ts';
import { freshDatabase, sql } from './support/postgres.ts';
import { startSystem, type TestSystem } from './support/replicas.ts';

describe('lists of acts', () => {
  let system: TestSystem;
  let url: string;
  before(async function () {
    this.timeout(30_000);
    system = await startSystem(await freshDatabase());
    url = system.acts.url;
    await addUser(system.users.url, 'alice');
    await addCategory(url, 'trees');
    await addCategory(url, 'empty');
  });
  after(() => system.stop());
  beforeEach(() => sql(system.database, 'TRUNCATE acts'));

  /** Acts 1..n, a day apart, the last the newest. */
  const fill = (n: number): Promise<unknown> =>
    sql(
      system.database,
      `INSERT INTO acts (act_id, category_id, username, performed_at, caption, image, image_tail, image_digest)
       SELECT k::text, c.id, 'alice', timestamp '2019-01-01' + k * interval '1 day', 'act ' || k, 'hello', 'bG8=', ''
         FROM generate_series(1, $1::int) k, categories c WHERE c.name = 'trees'`,
      [n],
    );
  const get = (query: string, category = 'trees') => call(url, 'GET', `/api/v1/categories/${category}/acts${query}`);
  const ids = async (query: string): Promise<number[]> => ((await get(query)).json() as { actId: number }[]).map(({ actId }) => actId);
  const down = (from: number, to: number): number[] => Array.from({ length: from - to + 1 }, (_, index) => from - index);

  it('are sorted by parsed timestamp, newest first', async () => {
    const timestamps = [
      '02-01-2019:00-00-00',
      '01-02-2019:00-00-00',
      '01-01-2020:00-00-00',
      '01-01-2019:59-00-00',
      '01-01-2019:00-01-00',
      '01-01-2019:00-00-01',
    ];
    for (const [actId, timestamp] of timestamps.entries()) await upload(url, { actId, timestamp });
    expect(await ids('')).to.deep.equal([2, 1, 0, 5, 4, 3]);
  });

  it('break ties by arrival, the last upload first', async () => {
    for (const actId of [5, 9, 1, 7]) await upload(url, { actId, timestamp: '10-10-2019:45-23-03' });
    expect(await ids('')).to.deep.equal([7, 1, 9, 5]);
    expect(await ids('?start=2&end=3')).to.deep.equal([1, 9]);
  });

  it('are 204 for an empty category, with bounds and without, and 400 for an unknown one', async () => {
    for (const query of ['', '?start=1&end=5', '?images=none']) {
      expect((await get(query, 'empty')).status).to.equal(204);
      expect((await get(query, 'unknown')).status).to.equal(400);
    }
  });

  it('100 acts are listed, 101 are 413', async () => {
    await fill(100);
    expect(await ids('')).to.deep.equal(down(100, 1));
    await upload(url, { actId: 101 });
    const answer = await get('');
    expect([answer.status, answer.headers['content-type']]).to.deep.equal([413, 'application/problem+json']);
    expect(answer.json()).to.include({ code: 'too-many-acts' });
  });

  it('ranges of 105 acts: bounds are checked before length', async () => {
    await fill(105);
    expect(await ids('?start=1&end=5')).to.deep.equal(down(105, 101));
    expect(await ids('?start=105&end=105')).to.deep.equal([1]);
    expect(await ids('?start=6&end=105')).to.deep.equal(down(100, 1));
    const codes: Record<string, number> = {
      '?start=1&end=105': 413,
      '?start=5&end=105': 413,
      '?start=1&end=101': 413,
      '?start=200&end=300': 400,
      '?start=1&end=106': 400,
      '?start=106&end=106': 400,
      '?start=0&end=5': 400,
      '?start=-1&end=5': 400,
      '?start=5&end=4': 400,
      '?start=1': 400,
      '?end=5': 400,
      '?start=&end=': 400,
      '?start=a&end=5': 400,
      '?start=1.0&end=5': 400,
      '?start=1&end=1e1': 400,
      '?start=1&start=2&end=5': 400,
      '?start=1&end=99999999999999999999999': 400,
      '?start=99999999999999999999999&end=99999999999999999999999': 400,
    };
    for (const [query, status] of Object.entries(codes)) expect((await get(query)).status, query).to.equal(status);
  });

  it('?images=none leaves imgB64 out, on both forms', async () => {
    await fill(3);
    for (const query of ['?images=none', '?start=1&end=2&images=none']) {
      const [act] = (await get(query)).json() as object[];
      expect(act).to.have.all.keys('actId', 'username', 'timestamp', 'caption', 'upvotes', 'categoryName');
    }
    expect((await get('?start=1&end=1')).json()).to.have.nested.property('[0].imgB64', 'aGVsbG8=');
  });

  it('of several batches arrive whole', async () => {
    const imgB64 = Buffer.alloc(700_000, 1).toString('base64');
    for (let actId = 1; actId <= 5; actId++) await upload(url, { actId, imgB64 });
    const acts = (await get('')).json() as { actId: number; imgB64: string }[];
    expect(acts.map(({ actId }) => actId)).to.deep.equal([5, 4, 3, 2, 1]);
    expect(acts.every((act) => act.imgB64 === imgB64)).to.equal(true);
    expect((await call(url, 'HEAD', '/api/v1/categories/trees/acts')).status).to.equal(200);
  });
});

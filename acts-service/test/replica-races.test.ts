import { expect } from 'chai';
import pg from 'pg';
import { call } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { addCategory, addUser, upload } from './support/fixtures.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { startTestReplica, type TestReplica } from './support/replicas.ts';

describe('replicas on one database', () => {
  let database: TestDatabase;
  let users: TestReplica;
  let replicas: TestReplica[];
  before(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
    // All at once, as `docker run` ten times does: both roles bring an empty database up to date together.
    const roles = await Promise.all([startTestReplica('users', database), startTestReplica('users', database)]);
    users = roles[0];
    replicas = await Promise.all([1, 2, 3, 4].map(() => startTestReplica('acts', database, { USERS_URL: users.url })));
    await roles[1].stop();
    await addUser(users.url, 'alice');
  });
  after(() => Promise.all([users, ...replicas].map((replica) => replica.stop())));
  beforeEach(async () => {
    await sql(database, 'TRUNCATE acts, categories CASCADE');
    await addCategory(replicas[0]!.url, 'trees');
  });

  const replica = (index: number): string => replicas[index % replicas.length]!.url;
  const everyone = <T>(n: number, act: (index: number) => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: n }, (_, index) => act(index)));
  const statuses = (answers: readonly { status: number }[]): Record<string, number> => {
    const found: Record<string, number> = {};
    for (const { status } of answers) found[status] = (found[status] ?? 0) + 1;
    return found;
  };

  it('of uploads of one id at the same instant exactly one is 201', async () => {
    for (let actId = 0; actId < 15; actId++) {
      expect(statuses(await everyone(8, (index) => upload(replica(index), { actId })))).to.deep.equal({ 201: 1, 400: 7 });
    }
    expect((await call(replica(0), 'GET', '/api/v1/acts/count')).text).to.equal('[15]');
  });

  it('of one new category or user at the same instant exactly one is 201', async () => {
    expect(statuses(await everyone(12, (index) => addCategory(replica(index), 'rivers')))).to.deep.equal({ 201: 1, 400: 11 });
    expect(statuses(await everyone(12, () => addUser(users.url, 'bob')))).to.deep.equal({ 201: 1, 400: 11 });
  });

  it('no vote of a storm is lost', async () => {
    await upload(replica(0));
    const answers = await everyone(200, (index) => call(replica(index), 'POST', '/api/v1/acts/upvote', { body: '[1]' }));
    expect(statuses(answers)).to.deep.equal({ 200: 200 });
    expect((await call(replica(1), 'GET', '/api/v1/categories/trees/acts')).json()).to.have.nested.property('[0].upvotes', 200);
  });

  it('a category deleted while uploads arrive leaves no act behind and no error but 400', async () => {
    for (let round = 0; round < 8; round++) {
      const uploads = everyone(8, (index) => upload(replica(index), { actId: round * 100 + index }));
      const deletion = call(replica(round), 'DELETE', '/api/v1/categories/trees');
      const answers = await uploads;
      expect((await deletion).status).to.equal(200);
      expect(Object.keys(statuses(answers)).filter((status) => status !== '201' && status !== '400')).to.deep.equal([]);
      expect((await call(replica(0), 'GET', '/api/v1/acts/count')).text).to.equal('[0]');
      await addCategory(replica(0), 'trees');
    }
  });

  it('an upload that meets an unfinished deletion of its category waits for it and is 400', async () => {
    const deleter = new pg.Client(database);
    await deleter.connect();
    try {
      await deleter.query('BEGIN; DELETE FROM categories');
      const waiting = upload(replica(1));
      await eventually(async () => {
        const blocked = await sql(
          database,
          `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
        );
        expect(blocked).to.have.lengthOf(1);
      });
      await deleter.query('COMMIT');
      expect((await waiting).json()).to.include({ status: 400, code: 'unknown-category' });
    } finally {
      await deleter.end();
    }
  });

  it('a deletion that PostgreSQL ends to resolve a deadlock is done again, and nobody notices', async () => {
    await upload(replica(0));
    const other = new pg.Client(database);
    await other.connect();
    try {
      // The wrong way round: an act first, then its category. It is patient, so that the replica is the one that is ended.
      await other.query(`SET deadlock_timeout = '10s'; BEGIN; UPDATE acts SET upvotes = 7`);
      const deletion = call(replica(1), 'DELETE', '/api/v1/categories/trees');
      await eventually(async () => {
        const waiting = await sql(
          database,
          `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
        );
        expect(waiting).to.have.lengthOf(1);
      });
      await other.query('UPDATE categories SET act_count = act_count');
      await other.query('COMMIT');
      expect((await deletion).status).to.equal(200);
      // Backends report what they saw once a second.
      await eventually(async () => {
        const statistics = 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()';
        expect((await sql<{ deadlocks: string }>(database, statistics))[0]?.deadlocks).to.equal('1');
      });
    } finally {
      await other.end();
    }
    expect((await call(replica(0), 'GET', '/api/v1/acts/count')).text).to.equal('[0]');
  });

  it('of deletions of one act at the same instant exactly one is 200', async () => {
    await upload(replica(0));
    expect(statuses(await everyone(8, (index) => call(replica(index), 'DELETE', '/api/v1/acts/1')))).to.deep.equal({ 200: 1, 400: 7 });
  });

  it('a list read while acts come and go is always whole JSON of acts that were there', async () => {
    const writer = async (): Promise<void> => {
      for (let actId = 0; actId < 60; actId++) {
        await upload(replica(actId), { actId });
        if (actId % 2 === 0) await call(replica(actId + 1), 'DELETE', `/api/v1/acts/${actId}`);
      }
    };
    const reader = async (): Promise<void> => {
      for (let round = 0; round < 60; round++) {
        const answer = await call(replica(round), 'GET', '/api/v1/categories/trees/acts');
        expect(answer.status).to.be.oneOf([200, 204]);
        if (answer.status === 200) expect(answer.json()).to.be.an('array');
      }
    };
    await Promise.all([writer(), reader(), reader()]);
    expect((await call(replica(0), 'GET', '/api/v1/categories/trees/acts')).json()).to.have.lengthOf(30);
  });
});

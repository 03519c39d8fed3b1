import { expect } from 'chai';
import { call, type Answer } from './support/client.ts';
import { actBody, addCategory, addUser } from './support/fixtures.ts';
import { checkOrderIndex } from './support/order-index.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { isReady, startProcess, type ServiceProcess } from './support/process.ts';
import { startTestReplica, testEnv, type TestReplica } from './support/replicas.ts';

/** Repeatable: what is asked is always the same, only the interleaving is not. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('replicas in processes of their own', () => {
  let database: TestDatabase;
  let users: TestReplica;
  let replicas: ServiceProcess[];
  const start = async (): Promise<ServiceProcess> => {
    const replica = await startProcess({ ...testEnv('acts', database), USERS_URL: users.url, WRITE_LIMIT_PER_MINUTE: '0' });
    replicas.push(replica);
    await isReady(replica);
    return replica;
  };
  before(async function () {
    this.timeout(60_000);
    database = await freshDatabase();
    users = await startTestReplica('users', database);
    await addUser(users.url, 'alice');
    replicas = [];
    await Promise.all([start(), start(), start()]);
  });
  after(async () => {
    for (const { child } of replicas) child.kill('SIGKILL');
    await Promise.all([users.stop(), ...replicas.map(({ exited }) => exited)]);
  });
  beforeEach(() => sql(database, 'TRUNCATE acts, categories CASCADE'));

  const ask = (index: number, method: string, path: string, body?: string): Promise<Answer> =>
    call(replicas[index % 3]!.url, method, `/api/v1${path}`, body === undefined ? {} : { body });

  it('uploads, votes, deletions and lists at once: never an error of ours, and every count fits what is there', async function () {
    this.timeout(60_000);
    const categories = ['trees', 'rivers', 'streets'];
    const client = async (seed: number): Promise<void> => {
      const random = randomNumbers(seed);
      for (let round = 0; round < 40; round++) {
        const [kind, category, actId] = [random(20), categories[random(3)]!, random(30)];
        const replica = random(3);
        const answer = await (kind < 8
          ? ask(replica, 'POST', '/acts', actBody({ actId, categoryName: category, timestamp: `0${1 + random(3)}-01-2019:00-00-00` }))
          : kind < 12
            ? ask(replica, 'POST', '/acts/upvote', `[${actId}]`)
            : kind < 14
              ? ask(replica, 'DELETE', `/acts/${actId}`)
              : kind < 15
                ? ask(replica, 'DELETE', `/categories/${category}`)
                : kind < 18
                  ? ask(replica, 'POST', '/categories', `["${category}"]`)
                  : ask(replica, 'GET', `/categories/${category}/acts`));
        expect(answer.status, answer.text).to.be.oneOf([200, 201, 204, 400]);
      }
    };
    await Promise.all(Array.from({ length: 24 }, (_, index) => client(index + 1)));
    await checkOrderIndex(database);
    // Everyone locks in the same order, so nobody had to be sacrificed.
    const [statistics] = await sql<{ deadlocks: string }>(
      database,
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    );
    expect(statistics?.deadlocks).to.equal('0');
    const sizes = Object.values(((await ask(0, 'GET', '/categories')).json() ?? {}) as Record<string, number>);
    expect((await ask(1, 'GET', '/acts/count')).json()).to.deep.equal([sizes.reduce((sum, size) => sum + size, 0)]);
  });

  it('votes for many acts over all replicas: each act has as many as were answered 200, and a stranger is 400 beside them', async function () {
    this.timeout(60_000);
    await addCategory(replicas[0]!.url, 'trees');
    for (let actId = 0; actId < 20; actId++) await ask(actId, 'POST', '/acts', actBody({ actId }));
    const given = Array.from({ length: 20 }, () => 0);
    const client = async (seed: number): Promise<void> => {
      const random = randomNumbers(seed);
      for (let round = 0; round < 40; round++) {
        // 20 to 24 are nobody's.
        const actId = random(25);
        const { status } = await ask(random(3), 'POST', '/acts/upvote', `[${actId}]`);
        expect(status).to.equal(actId < 20 ? 200 : 400);
        if (actId < 20) given[actId]!++;
      }
    };
    await Promise.all(Array.from({ length: 30 }, (_, index) => client(index + 1)));
    const listed = (await ask(2, 'GET', '/categories/trees/acts')).json() as { actId: number; upvotes: number }[];
    expect(new Map(listed.map(({ actId, upvotes }) => [actId, upvotes]))).to.deep.equal(new Map(given.entries()));
  });

  it('uploads with one timestamp are listed in the order in which they were answered, whichever replica took them', async () => {
    await addCategory(replicas[0]!.url, 'trees');
    const answered: number[] = [];
    const client = async (index: number): Promise<void> => {
      for (let round = 0; round < 6; round++) {
        const actId = index * 100 + round;
        await ask(index + round, 'POST', '/acts', actBody({ actId }));
        answered.push(actId);
      }
    };
    await Promise.all([0, 1, 2, 3, 4, 5].map(client));
    // Those answered one after the other: a client's own, and each against what was begun after it.
    const listed = ((await ask(0, 'GET', '/categories/trees/acts')).json() as { actId: number }[]).map(({ actId }) => actId).reverse();
    for (let index = 0; index < 6; index++) {
      const own = (ids: readonly number[]): number[] => ids.filter((id) => Math.floor(id / 100) === index);
      expect(own(listed)).to.deep.equal(own(answered));
    }
    expect(listed).to.have.lengthOf(36);
  });

  it('_count includes every request that was answered by a replica that is killed in the middle', async function () {
    this.timeout(60_000);
    await call(replicas[0]!.url, 'DELETE', '/api/v1/_count');
    const victim = replicas[2]!;
    let [sent, answered, cut] = [0, 0, 0];
    const client = async (index: number): Promise<void> => {
      for (let round = 0; round < 60; round++) {
        sent++;
        await ask(index + round, 'GET', '/acts/count').then(
          () => answered++,
          () => cut++,
        );
        if (answered === 400) victim.child.kill('SIGKILL');
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, index) => client(index)));
    expect(cut, 'requests that met the killed replica').to.be.at.least(1);
    const [count] = (await ask(0, 'GET', '/_count')).json() as [number];
    expect(count).to.be.within(answered, sent);
    expect((await ask(1, 'GET', '/_count')).json()).to.deep.equal([count]);
    replicas.pop();
    await start();
  });
});

import { expect } from 'chai';
import fc from 'fast-check';
import { call, type Answer } from './support/client.ts';
import { actBody, addUser } from './support/fixtures.ts';
import { checkOrderIndex } from './support/order-index.ts';
import { freshDatabase, sql, type TestDatabase } from './support/postgres.ts';
import { startTestReplica, type TestReplica } from './support/replicas.ts';

interface ModelAct {
  readonly actId: number;
  readonly category: string;
  readonly timestamp: string;
  readonly arrival: number;
  upvotes: number;
}

/** The contract, in memory. */
class Model {
  readonly categories: string[] = [];
  readonly acts = new Map<number, ModelAct>();
  arrivals = 0;

  /** Newest first, ties by arrival. */
  listed(category: string): ModelAct[] {
    const time = (timestamp: string): string => {
      const [date = '', clock = ''] = timestamp.split(/:(.*)/s);
      return [...date.split('-').reverse(), ...clock.split('-').reverse()].join();
    };
    return [...this.acts.values()]
      .filter((act) => act.category === category)
      .sort((a, b) => (time(a.timestamp) === time(b.timestamp) ? b.arrival - a.arrival : time(a.timestamp) < time(b.timestamp) ? 1 : -1));
  }
}

type CategoryRead =
  | { readonly kind: 'list' | 'size'; readonly category: string }
  | { readonly kind: 'range'; readonly category: string; readonly start: number; readonly end: number };

type Operation =
  | { readonly kind: 'upload'; readonly actId: number; readonly category: string; readonly timestamp: string }
  | { readonly kind: 'vote' | 'delete'; readonly actId: number }
  | { readonly kind: 'addCategory' | 'deleteCategory'; readonly category: string }
  | CategoryRead
  | { readonly kind: 'categories' | 'count' };

interface Expected {
  readonly status: number;
  /** As parsed; for lists of acts the id, votes and time of each. */
  readonly body?: unknown;
}

const names = ['trees', '__proto__'];
const operation: fc.Arbitrary<Operation> = (() => {
  const category = fc.constantFrom(...names);
  const actId = fc.nat({ max: 12 });
  // Sorted as text these would stand in another order.
  const timestamp = fc.constantFrom('02-01-2019:00-00-00', '01-02-2019:00-00-00', '01-01-2020:59-00-00', '01-01-2020:00-01-00');
  const position = fc.integer({ min: 0, max: 9 });
  return fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('upload' as const), actId, category, timestamp }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('vote' as const, 'delete' as const), actId }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('list' as const, 'size' as const), category }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('addCategory' as const, 'deleteCategory' as const), category }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('range' as const), category, start: position, end: position }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('categories' as const, 'count' as const) }) },
  );
})();

const done: Expected = { status: 200 };
const created: Expected = { status: 201 };
const refused: Expected = { status: 400 };
const summary = (acts: readonly ModelAct[]): unknown => acts.map(({ actId, timestamp, upvotes }) => ({ actId, timestamp, upvotes }));

/** Does the operation on the model; what the service must answer. */
function expected(model: Model, asked: Operation): Expected {
  switch (asked.kind) {
    case 'upload':
      if (model.acts.has(asked.actId) || !model.categories.includes(asked.category)) return refused;
      model.acts.set(asked.actId, { ...asked, arrival: ++model.arrivals, upvotes: 0 });
      return created;
    case 'vote': {
      const act = model.acts.get(asked.actId);
      if (act === undefined) return refused;
      act.upvotes++;
      return done;
    }
    case 'delete':
      return model.acts.delete(asked.actId) ? done : refused;
    case 'addCategory':
      if (model.categories.includes(asked.category)) return refused;
      model.categories.push(asked.category);
      return created;
    case 'deleteCategory':
      if (!model.categories.includes(asked.category)) return refused;
      model.categories.splice(model.categories.indexOf(asked.category), 1);
      for (const act of model.listed(asked.category)) model.acts.delete(act.actId);
      return done;
    case 'list':
    case 'range':
    case 'size':
      return expectedOfCategory(model, asked);
    case 'categories': {
      const pairs = model.categories.map((name) => [name, model.listed(name).length] as const);
      return pairs.length === 0 ? { status: 204 } : { status: 200, body: Object.fromEntries(pairs) };
    }
    case 'count':
      return { status: 200, body: [model.acts.size] };
  }
}

function expectedOfCategory(model: Model, asked: CategoryRead): Expected {
  if (!model.categories.includes(asked.category)) return refused;
  // Whatever the category holds, these are no bounds.
  if (asked.kind === 'range' && (asked.start < 1 || asked.start > asked.end)) return refused;
  const acts = model.listed(asked.category);
  if (acts.length === 0) return { status: 204 };
  if (asked.kind === 'size') return { status: 200, body: [acts.length] };
  if (asked.kind !== 'range') return { status: 200, body: summary(acts) };
  return asked.end > acts.length ? refused : { status: 200, body: summary(acts.slice(asked.start - 1, asked.end)) };
}

function perform(url: string, asked: Operation): Promise<Answer> {
  const path = 'category' in asked ? `/api/v1/categories/${asked.category}` : '/api/v1/categories';
  switch (asked.kind) {
    case 'upload':
      return call(url, 'POST', '/api/v1/acts', {
        body: actBody({ actId: asked.actId, timestamp: asked.timestamp, categoryName: asked.category }),
      });
    case 'vote':
      return call(url, 'POST', '/api/v1/acts/upvote', { body: `[${asked.actId}]` });
    case 'delete':
      return call(url, 'DELETE', `/api/v1/acts/${asked.actId}`);
    case 'addCategory':
      return call(url, 'POST', '/api/v1/categories', { json: [asked.category] });
    case 'deleteCategory':
      return call(url, 'DELETE', path);
    case 'list':
      return call(url, 'GET', `${path}/acts`);
    case 'range':
      return call(url, 'GET', `${path}/acts?start=${asked.start}&end=${asked.end}&images=none`);
    case 'size':
      return call(url, 'GET', `${path}/acts/size`);
    case 'categories':
      return call(url, 'GET', path);
    case 'count':
      return call(url, 'GET', '/api/v1/acts/count');
  }
}

function found(asked: Operation, answer: Answer): Expected {
  if (answer.text === '' || answer.text === '{}' || answer.status >= 400) return { status: answer.status };
  const body = answer.json();
  return { status: answer.status, body: asked.kind === 'list' || asked.kind === 'range' ? summary(body as ModelAct[]) : body };
}

describe('the acts, against a model of the contract', () => {
  let database: TestDatabase;
  let users: TestReplica;
  let replicas: TestReplica[];
  before(async function () {
    this.timeout(30_000);
    database = await freshDatabase();
    users = await startTestReplica('users', database);
    const env = { USERS_URL: users.url, WRITE_LIMIT_PER_MINUTE: '0' };
    replicas = await Promise.all([1, 2, 3].map(() => startTestReplica('acts', database, env)));
    await addUser(users.url, 'alice');
  });
  after(() => Promise.all([users, ...replicas].map((replica) => replica.stop())));

  const reset = (): Promise<unknown> => sql(database, 'TRUNCATE acts, categories CASCADE');
  const step = fc.record({ replica: fc.nat({ max: 2 }), asked: operation });

  it('one after the other, each on any replica: every answer is the model’s', async function () {
    this.timeout(120_000);
    const property = fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      await reset();
      const model = new Model();
      for (const { replica, asked } of [
        ...names.map((category) => ({ replica: 0, asked: { kind: 'addCategory', category } as const })),
        ...steps,
      ]) {
        const wanted = expected(model, asked);
        const answer = await perform(replicas[replica]!.url, asked);
        expect(found(asked, answer), JSON.stringify(asked)).to.deep.equal(wanted);
      }
      await checkOrderIndex(database);
    });
    await fc.assert(property, { numRuns: Number(process.env.MODEL_RUNS ?? 25) });
  });

  it('all at once: what was answered adds up to what is there', async function () {
    this.timeout(120_000);
    let uploaded = 0;
    const write = step.filter(({ asked }) => ['upload', 'vote', 'delete', 'range', 'size'].includes(asked.kind));
    const property = fc.asyncProperty(fc.array(write, { minLength: 30, maxLength: 60 }), async (steps) => {
      await reset();
      for (const category of names) await perform(replicas[0]!.url, { kind: 'addCategory', category });
      const answers = await Promise.all(
        steps.map(async ({ replica, asked }) => ({ asked, status: (await perform(replicas[replica]!.url, asked)).status })),
      );
      expect(answers.filter(({ status }) => status >= 500)).to.deep.equal([]);
      await checkOrderIndex(database);
      uploaded += answers.filter(({ status }) => status === 201).length;
      const present = await sql<{ act_id: string; upvotes: number }>(database, 'SELECT act_id, upvotes::int FROM acts');
      for (let actId = 0; actId <= 12; actId++) {
        const successes = (kind: Operation['kind']): number =>
          answers.filter(({ asked, status }) => asked.kind === kind && 'actId' in asked && asked.actId === actId && status < 400).length;
        const act = present.find((row) => row.act_id === String(actId));
        expect(successes('upload') - successes('delete'), `act ${actId}`).to.equal(act === undefined ? 0 : 1);
        // Votes for an act that was deleted went with it.
        if (successes('delete') === 0) expect(act?.upvotes ?? 0).to.equal(successes('vote'));
      }
    });
    await fc.assert(property, { numRuns: Number(process.env.MODEL_RUNS ?? 25) });
    expect(uploaded, 'acts uploaded in all runs').to.be.greaterThan(0);
  });
});

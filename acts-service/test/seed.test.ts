// The demo: what it decides to hold, and the command against real replicas.
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { categories, demoAct, missingActs, usernames, variants } from '../seed/demo.ts';
import { isName } from '../src/name.ts';
import { timestampToSql } from '../src/timestamp.ts';
import { call } from './support/client.ts';
import { freePort } from './support/free-port.ts';
import { freshDatabase, sql } from './support/postgres.ts';
import { startSystem, type TestSystem } from './support/replicas.ts';

const today = new Date('2024-02-29T12:00:00Z');

describe('a demo', () => {
  const acts = missingActs(1, 2000, today, new Set());

  it('is the same each time, and a larger one holds the smaller one', () => {
    expect(missingActs(1, 100, today, new Set())).to.deep.equal(acts.slice(0, 100));
  });

  it('of another seed shares no act', () => {
    const ids = new Set(acts.map(({ actId }) => actId));
    expect(ids.size).to.equal(2000);
    expect(missingActs(2, 2000, today, new Set()).filter(({ actId }) => ids.has(actId))).to.deep.equal([]);
    expect(Number.isSafeInteger(demoAct(100_000, 999_999, today).actId)).to.equal(true);
  });

  it('adds what is missing and nothing else', () => {
    const there = new Set(acts.filter((_, n) => n % 3 === 0).map(({ actId }) => actId));
    expect(missingActs(1, 2000, today, there)).to.deep.equal(acts.filter((_, n) => n % 3 !== 0));
  });

  it('has real dates of the past year, and users and categories that exist', () => {
    for (const { timestamp, username, categoryName, votes, variant } of acts) {
      const at = timestampToSql(timestamp) ?? '';
      expect(at > '2023-02-28 00:00:00' && at < '2024-02-29 00:00:00', timestamp).to.equal(true);
      expect(usernames).to.include(username);
      expect(categories.map(({ name }) => name)).to.include(categoryName);
      expect(votes).to.be.within(0, 11);
      expect(variant).to.be.within(0, variants - 1);
    }
    expect([...usernames, ...categories.map(({ name }) => name)].every(isName)).to.equal(true);
  });

  it('uses every category, user and picture', () => {
    expect(new Set(acts.map(({ categoryName }) => categoryName)).size).to.equal(categories.length);
    expect(new Set(acts.map(({ username }) => username)).size).to.equal(usernames.length);
    expect(new Set(acts.map(({ scene, variant }) => `${scene}${variant}`)).size).to.equal(categories.length * variants);
  });
});

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function seed(...args: string[]): Promise<Run> {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const main = fileURLToPath(new URL('../seed/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', tsx, main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

/** Both roles under one address, as behind the ingress; `refuse` may answer in their place. */
async function startFront(system: TestSystem, refuse: (asked: IncomingMessage, response: ServerResponse) => boolean): Promise<Server> {
  const front = createServer((asked, response) => {
    if (refuse(asked, response)) {
      asked.resume();
      return;
    }
    const { port } = asked.url?.startsWith('/api/v1/users') === true ? system.users : system.acts;
    const onward = request({ host: '127.0.0.1', port, method: asked.method, path: asked.url, headers: asked.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    asked.pipe(onward);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  return front;
}

describe('the seed command', () => {
  it('fills a system, adds only what is missing when run again, and rides out answers of 503 and 429', async function () {
    this.timeout(90_000);
    const system = await startSystem(await freshDatabase());
    let calls = 0;
    const front = await startFront(system, (asked, response) => {
      if (asked.method !== 'POST' || ++calls % 9 !== 0) return false;
      response.writeHead(calls % 2 === 0 ? 503 : 429, { 'Retry-After': '0' }).end();
      return true;
    });
    const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
    const stored = () =>
      sql(
        system.database,
        'SELECT count(*)::int AS acts, sum(upvotes)::int AS votes, count(DISTINCT picture_type)::int AS types FROM acts',
      );
    try {
      const first = await seed('--acts', '30', '--url', url);
      expect([first.code, first.err]).to.deep.equal([0, '']);
      const votes = missingActs(1, 30, today, new Set()).reduce((sum, act) => sum + act.votes, 0);
      expect(first.out).to.match(
        new RegExp(
          `^(?:seed: \\d+ of 30 acts\n)*seed: added 30 acts, ${votes} votes, 8 categories and 24 users in [\\d.]+ s\nseed: see them at ${url}/\n$`,
        ),
      );
      expect(await stored()).to.deep.equal([{ acts: 30, votes, types: 1 }]);
      const sizes = await sql<{ kb: number }>(system.database, 'SELECT octet_length(image) / 1000 AS kb FROM acts');
      for (const { kb } of sizes) expect(kb, 'a photograph’s size').to.be.within(30, 180);
      const [{ act_id } = { act_id: '' }] = await sql<{ act_id: string }>(system.database, 'SELECT act_id FROM acts LIMIT 1');
      await call(system.acts.url, 'DELETE', `/api/v1/acts/${act_id}`);
      const second = await seed('--acts', '40', '--url', url);
      expect(second.out).to.match(
        /^(?:seed: \d+ of 11 acts\n)*seed: added 11 acts \(29 were there already\), \d+ votes, 0 categories and 0 users /,
      );
      expect((await stored())[0]).to.include({ acts: 40, types: 1 });
    } finally {
      front.close();
      front.closeAllConnections();
      await system.stop();
    }
  });

  it('says what is wrong with its arguments: exit code 2', async () => {
    for (const [args, message] of [
      [['--acts', 'many'], '--acts must be a whole number from 0 to 1000000, not "many"'],
      [['--acts', '-1'], 'acts'],
      [['--url', 'localhost'], '--url must be an http:// address, not "localhost"'],
      [['--nonsense'], '--nonsense'],
    ] as const) {
      const { code, out, err } = await seed(...args);
      expect([code, out], args.join(' ')).to.deep.equal([2, '']);
      expect(err).to.include(message).and.to.include('--help').and.to.not.include('    at ');
    }
  });

  it('has a help with an example', async () => {
    const { code, out } = await seed('--help');
    expect(code).to.equal(0);
    expect(out).to.include('example: node acts-service/dist/seed/main.js --acts 1000 --url http://127.0.0.1:80');
  });

  it('says so when nothing answers, or something else: exit code 1', async () => {
    const nobody = await seed('--url', `http://127.0.0.1:${await freePort()}`);
    expect(nobody.code).to.equal(1);
    expect(nobody.err).to.match(/^seed: nothing answers at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\): is it running\?/);
    const other = createServer((_, response) => response.writeHead(404).end('<h1>hello</h1>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const stranger = await seed('--url', `http://127.0.0.1:${(other.address() as AddressInfo).port}`);
    other.close();
    expect(stranger.code).to.equal(1);
    expect(stranger.err).to.match(/^seed: what answers at http:\S+ is no Acts service: GET \/api\/v1\/categories gave 404\n$/);
  });
});

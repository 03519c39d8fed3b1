// How many large bodies are in memory at once, and how long one may take to arrive.
import { expect } from 'chai';
import Koa from 'koa';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { BodyReader, type BodyBounds } from '../src/body-reader.ts';
import type { Problem } from '../src/problem.ts';
import { Semaphore, type Release } from '../src/semaphore.ts';
import { call } from './support/client.ts';
import { eventually } from './support/eventually.ts';

describe('a semaphore', () => {
  const tight = { capacity: 10, waiting: 2, waitMs: 10_000 };
  const held = async (semaphore: Semaphore, weight: number): Promise<Release> => {
    const release = await semaphore.acquire(weight);
    if (release === undefined) throw new Error('not granted');
    return release;
  };

  it('grants up to its capacity, then in the order of asking', async () => {
    const semaphore = new Semaphore(tight);
    const granted: string[] = [];
    const first = await held(semaphore, 8);
    const large = held(semaphore, 9).then((release) => (granted.push('large'), release));
    // Would fit, and waits behind the large one all the same.
    const small = held(semaphore, 1).then((release) => (granted.push('small'), release));
    await new Promise(setImmediate);
    expect(granted).to.deep.equal([]);
    first();
    await Promise.all([large, small]);
    expect(granted).to.deep.equal(['large', 'small']);
  });

  it('refuses at once when the line is full', async () => {
    const semaphore = new Semaphore(tight);
    const first = await held(semaphore, 10);
    const waiting = [held(semaphore, 1), held(semaphore, 1)];
    expect(await semaphore.acquire(1)).to.equal(undefined);
    first();
    await Promise.all(waiting);
  });

  it('refuses after the wait, and lets those behind go on', async () => {
    const semaphore = new Semaphore({ ...tight, waitMs: 20 });
    await held(semaphore, 8);
    const large = semaphore.acquire(9);
    const started = performance.now();
    expect(await large).to.equal(undefined);
    expect(performance.now() - started).to.be.below(2000);
    await held(semaphore, 2);
  });

  it('takes back once, whatever is asked for counts as no more than all', async () => {
    const semaphore = new Semaphore({ ...tight, waiting: 0 });
    const all = await held(semaphore, 1000);
    expect(await semaphore.acquire(1)).to.equal(undefined);
    all();
    all();
    await held(semaphore, 10);
    expect(await semaphore.acquire(1), 'a second release adds nothing').to.equal(undefined);
  });
});

describe('bodies', () => {
  const bounds: BodyBounds = { bodiesBytes: 300_000, waiting: 1, waitMs: 10_000, graceMs: 10_000, bytesPerSecond: 1000 };
  const body = JSON.stringify(['x'.repeat(199_000)]);
  const limitBytes = 250_000;
  let stop: () => void;
  afterEach(() => stop());

  /** Reads a category and keeps it until told to go on; answers with its length. */
  async function start(overrides: Partial<BodyBounds> = {}) {
    const bodies = new BodyReader(limitBytes, { ...bounds, ...overrides });
    await bodies.load();
    const working: (() => void)[] = [];
    const app = new Koa();
    app.use(async (ctx) => {
      try {
        const length = await bodies.use(ctx, 'readCategory', async (name) => {
          if (name.length > 1000) await new Promise<void>((resolve) => working.push(resolve));
          return name.length;
        });
        ctx.body = [length];
      } catch (error) {
        // By name: what is loaded late is another instance of the module under mocha.
        if (!(error instanceof Error && error.name === 'Problem')) throw error;
        const { status, headers, code } = error as unknown as Pick<Problem, 'status' | 'headers' | 'code'>;
        ctx.status = status;
        ctx.set(headers);
        ctx.body = [code];
      }
    });
    const server = app.listen(0, '127.0.0.1');
    stop = () => {
      for (const goOn of working) goOn();
      server.close();
      server.closeAllConnections();
    };
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const post = (text: string | Buffer, headers: Record<string, string> = {}) => call(url, 'POST', '/', { body: text, headers });
    const isWorking = (count: number) => eventually(() => expect(working.length).to.equal(count));
    return { post, working, isWorking, url };
  }

  it('large ones wait for those before them, and are refused with Retry-After when too many wait', async () => {
    const { post, working, isWorking } = await start();
    const first = post(body);
    await isWorking(1);
    // Two more: one waits, and whichever comes last is refused.
    const others = [post(body), post(body)];
    const refused = await Promise.race(others);
    expect(refused.status).to.equal(503);
    expect([refused.headers['retry-after'], refused.json()]).to.deep.equal(['1', ['uploads-busy']]);
    expect((await post('["small"]')).status, 'small ones pass by').to.equal(200);
    expect((await post(`["${'x'.repeat(limitBytes)}"]`)).status, 'what is too large is said at once').to.equal(413);
    expect(working.length).to.equal(1);
    working.shift()?.();
    await isWorking(1);
    working.shift()?.();
    expect((await first).status).to.equal(200);
    expect((await Promise.all(others)).map(({ status }) => status).sort()).to.deep.equal([200, 503]);
  });

  it('of unknown length count as the largest', async () => {
    const { post, working, isWorking } = await start({ bodiesBytes: limitBytes + 1, waiting: 0 });
    const first = post(gzipSync(body), { 'Content-Encoding': 'gzip' });
    await isWorking(1);
    expect((await post(body)).status).to.equal(503);
    working.shift()?.();
    expect((await first).status).to.equal(200);
  });

  it('that fail give their place back', async () => {
    const { post, isWorking } = await start({ waiting: 0 });
    for (let round = 0; round < 3; round++) expect((await post(`${body}x`)).status).to.equal(400);
    void post(body).catch(() => undefined);
    await isWorking(1);
  });

  it('that stop arriving are cut with 408 after the grace time', async () => {
    const { post, url, isWorking } = await start({ waiting: 0, graceMs: 40 });
    const { hostname, port } = new URL(url);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 40)}`);
      });
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('error', reject);
      socket.on('close', () => resolve(text));
    });
    expect(answer)
      .to.match(/^HTTP\/1.1 408 /)
      .and.to.include('Connection: close')
      .and.to.include('body-too-slow');
    void post(body).catch(() => undefined);
    await isWorking(1);
  });
});

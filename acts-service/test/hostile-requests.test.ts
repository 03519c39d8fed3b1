import { expect } from 'chai';
import fc from 'fast-check';
import { connect } from 'node:net';
import { checkAnswer } from './support/answer-check.ts';
import { call, callRaw, type Answer } from './support/client.ts';
import { addCategory, addUser, upload } from './support/fixtures.ts';
import { hostileBytes, hostileRequest, type HostileBytes, type HostileRequest } from './support/hostile-request.ts';
import { freshDatabase, sql } from './support/postgres.ts';
import { startSystem, type TestSystem } from './support/replicas.ts';
import { watchDatabase, type Watcher } from './support/stored.ts';

// `FUZZ_RUNS` makes it longer, `FUZZ_SEED` replays; a failure also prints the request, shrunk.
const runs = Number(process.env.FUZZ_RUNS ?? 1000);
const seed = Number(process.env.FUZZ_SEED ?? Math.trunc(Math.random() * 2 ** 31));
const deadlineMs = 10_000;
/** When more than this is stored, or what uploads need is gone, begin again. */
const storedChars = 20_000;

describe('hostile requests', () => {
  let system: TestSystem;
  let watcher: Watcher;
  /** What was stored after the last request. */
  let stored: string;
  before(async function () {
    this.timeout(30_000);
    system = await startSystem(await freshDatabase(), { WRITE_LIMIT_PER_MINUTE: '0' });
    watcher = await watchDatabase(system.database);
    await begin();
  });
  after(async () => {
    await watcher.close();
    await system.stop();
  });

  async function begin(): Promise<void> {
    await sql(system.database, 'TRUNCATE users, categories, acts CASCADE');
    await addUser(system.users.url, 'alice');
    await addCategory(system.acts.url, 'trees');
    for (const actId of [1, 3]) await upload(system.acts.url, { actId });
    stored = await watcher.stored();
  }

  async function send({ role, method, path, headers, body }: HostileRequest): Promise<void> {
    const options = { headers: { ...headers }, signal: AbortSignal.timeout(deadlineMs), ...(body && { body }) };
    const { status } = await call(system[role].url, method, path, options);
    expect(status).to.be.below(500);
    const before = stored;
    stored = await watcher.stored();
    if (status >= 400 || (method !== 'POST' && method !== 'DELETE')) expect(stored, `stored after a ${status}`).to.equal(before);
    const isLong = stored.length > storedChars || (body !== undefined && body.length > storedChars && status < 300);
    if (isLong || !stored.includes('"alice"') || !stored.includes('"trees"')) await begin();
  }

  async function sendBytes({ role, bytes, isWhole }: HostileBytes): Promise<void> {
    const { url } = system[role];
    const received = await answerTo(url, bytes, isWhole);
    for (const [, status] of received.matchAll(/^HTTP\/1\.1 (\d+) /gm)) expect(Number(status)).to.be.below(500);
    if (isWhole) {
      const [, method = '', target = ''] = /^(\S+) (.*) HTTP\//.exec(bytes.toString('latin1')) ?? [];
      await checkAnswer(url, method, target, parsedAnswer(received), (...document) => call(...document));
    }
    stored = await watcher.stored();
  }

  it(`${runs} of them, seed ${seed}: never 5xx, never silence, and a refused one stores nothing`, async function () {
    const limitMs = 60_000 + runs * 36;
    this.timeout(limitMs + 2 * deadlineMs);
    const hostile = fc.oneof({ weight: 19, arbitrary: hostileRequest }, { weight: 1, arbitrary: hostileBytes });
    await fc.assert(
      fc.asyncProperty(hostile, (request) => ('bytes' in request ? sendBytes(request) : send(request))),
      // Shrinking a hang takes a deadline for each step; the request is worth more than its shortest form.
      { numRuns: runs, seed, interruptAfterTimeLimit: limitMs, markInterruptAsFailure: true },
    );
    for (const { url } of [system.users, system.acts]) expect((await call(url, 'GET', '/api/v1/_health')).status).to.equal(200);
  });

  it('broken HTTP is refused, and the next client is served', async () => {
    const broken = [
      '\0\0\0\0\r\n\r\n',
      'GET\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'POST /api/v1/acts HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
      'POST /a b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
      'GET /a b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ];
    for (const bytes of broken) expect(await callRaw(system.acts.url, bytes)).to.match(/^HTTP\/1.1 400 /);
    // A raw target without a body is no broken HTTP here: the first mobile app writes names into the URL as they are.
    expect(await callRaw(system.acts.url, 'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n')).to.match(/^HTTP\/1.1 404 /);
    const huge = await callRaw(system.acts.url, `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(huge).to.match(/^HTTP\/1.1 431 /);
    expect((await call(system.acts.url, 'GET', '/api/v1/_health')).status).to.equal(200);
  });
});

/** All that comes back until the server closes the connection; a request that is not whole ends with the client hanging up. */
function answerTo(url: string, bytes: Buffer, isWhole: boolean): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.setTimeout(deadlineMs, () => {
      socket.destroy();
      reject(new Error('no answer and no end'));
    });
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    // A server that has closed already resets what is sent afterwards.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
    if (isWhole) socket.write(bytes);
    else socket.end(bytes);
  });
}

/** One answer without chunks: what asks for a closed connection gets lists and pictures whole. */
function parsedAnswer(received: string): Answer {
  const [, status = '0', head = '', body = ''] = /^HTTP\/1\.1 (\d+) [^\r]*\r\n(.*?)\r\n\r\n(.*)$/s.exec(received) ?? [];
  const headers = Object.fromEntries(
    head.split('\r\n').map((line) => [line.replace(/:.*/s, '').toLowerCase(), line.replace(/^[^:]*: */, '')]),
  );
  const bytes = Buffer.from(body, 'latin1');
  const text = bytes.toString('utf8');
  return { status: Number(status), headers, bytes, text, json: () => JSON.parse(text) as unknown };
}

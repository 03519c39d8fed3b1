// What is sent again and what is not, over real HTTP. The page's own globals are stood in for.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
// Types only: the modules look at the page's globals when they are loaded.
import type * as Connection from '../src/api/connection.ts';
import type * as Service from '../src/api/service.ts';

type Answer = 'cut' | readonly [status: number, body: string];

const busy: Answer = [503, '{"status":503,"code":"draining","detail":"again, please"}'];
const gone: Answer = [400, '{"status":400,"code":"unknown-act","detail":"there is no such act"}'];

describe('requests of the web app', () => {
  let server: Server;
  let answers: Answer[] = [];
  let seen: string[] = [];
  let service: typeof Service;
  let connection: typeof Connection.connection;
  const stoodIn = ['fetch', 'addEventListener', 'navigator'] as const;
  const originals = stoodIn.map((name) => Object.getOwnPropertyDescriptor(globalThis, name));

  before(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        seen.push(`${request.method ?? ''} ${request.url ?? ''} ${body}`.trim());
        const answer = answers.shift() ?? [200, '{}'];
        if (answer === 'cut') request.socket.destroy();
        else response.writeHead(answer[0]).end(answer[1]);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { fetch } = globalThis;
    define('fetch', (path: string, init: RequestInit) => fetch(new URL(path, origin), init));
    define('addEventListener', () => undefined);
    define('navigator', { onLine: true });
    service = await import('../src/api/service.ts');
    ({ connection } = await import('../src/api/connection.ts'));
  });
  after(() => {
    server.close();
    server.closeAllConnections();
    stoodIn.forEach((name, index) => {
      const descriptor = originals[index];
      if (descriptor === undefined) Reflect.deleteProperty(globalThis, name);
      else Object.defineProperty(globalThis, name, descriptor);
    });
  });
  beforeEach(() => {
    answers = [];
    seen = [];
  });

  it('a read is repeated until it is answered', async () => {
    answers = ['cut', busy, [502, 'Bad Gateway'], [200, '["Ada"]']];
    expect(await service.listUsers()).to.deep.equal(['Ada']);
    expect(seen).to.have.length(4);
  });
  it('a read gives up after a few attempts, and the app knows that the service is away', async () => {
    answers = Array.from({ length: 9 }, () => 'cut' as const);
    expect(await refusal(service.listUsers())).to.equal('no-answer');
    expect([seen.length, connection.value]).to.deep.equal([5, 'unreachable']);
    await service.listUsers();
    expect(connection.value).to.equal('online');
  });
  it('a vote that was refused for now is sent again, with its id digit by digit', async () => {
    const actId = '9'.repeat(40);
    answers = [busy];
    await service.upvote(actId);
    expect(seen).to.deep.equal([`POST /api/v1/acts/upvote [${actId}]`, `POST /api/v1/acts/upvote [${actId}]`]);
  });
  it('a vote that was not answered is not: it may have been counted', async () => {
    answers = ['cut'];
    expect(await refusal(service.upvote('1'))).to.equal('no-answer');
    expect(seen).to.have.length(1);
  });
  it('a deletion that was not answered is sent again, and that it was carried out the first time is no error', async () => {
    answers = ['cut', gone];
    await service.deleteAct('12');
    expect(seen).to.deep.equal(['DELETE /api/v1/acts/12', 'DELETE /api/v1/acts/12']);
  });
  it('what the service refuses is not repeated', async () => {
    answers = [gone];
    expect(await refusal(service.upvote('1'))).to.equal('unknown-act');
    expect(seen).to.have.length(1);
  });
  it('nothing at all is an empty list', async () => {
    answers = [
      [204, ''],
      [204, ''],
      [204, ''],
    ];
    expect([await service.listUsers(), await service.listCategories(), await service.countActs('a/b')]).to.deep.equal([[], [], 0]);
    expect(seen.at(-1)).to.equal('GET /api/v1/categories/a%2Fb/acts/size');
  });
  it('a range beyond the end is told from other refusals', async () => {
    answers = [[400, '{"status":400,"code":"bad-range","detail":"x"}']];
    expect(await service.listActs('c', 5, 9)).to.equal(undefined);
  });
});

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

async function refusal(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'succeeded',
    (error: unknown) => (error as { code: string }).code,
  );
}

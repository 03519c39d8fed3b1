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

const taken: Answer = [400, '{"status":400,"code":"act-exists","detail":"this actId is taken"}'];

describe('requests of the web app', () => {
  let server: Server;
  let answers: Answer[] = [];
  let seen: string[] = [];
  let service: typeof Service;
  let connection: typeof Connection.connection;
  let upload: (picture: Blob) => Promise<string>;
  const stoodIn = ['fetch', 'XMLHttpRequest', 'addEventListener', 'navigator'] as const;
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
    define('XMLHttpRequest', FetchingRequest);
    const { uploadAct } = await import('../src/api/upload-act.ts');
    const fields = { username: 'Ada', timestamp: '10-10-2019:45-23-03', caption: 'c', categoryName: 'k' };
    upload = (picture) => uploadAct({ ...fields, picture }, () => undefined);
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

  it('a category called actId must have its number of acts as a number', async () => {
    answers = [[200, '{"actId":12}']];
    expect(await service.listCategories()).to.deep.equal([{ name: 'actId', acts: 12 }]);
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
  it('an upload whose answer was lost is known again by its picture', async () => {
    const picture = new Blob(['the picture']);
    answers = ['cut', taken, [200, 'the picture']];
    const actId = await upload(picture);
    expect(seen.map((line) => line.split(' ', 2).join(' '))).to.deep.equal([
      'POST /api/v1/acts',
      'POST /api/v1/acts',
      `GET /api/v1/acts/${actId}/image`,
    ]);
    expect(new Set([idOf(seen[0]), idOf(seen[1]), actId]).size).to.equal(1);
  });
  it('an upload whose id is taken by another act gets another id', async () => {
    for (const other of [[taken], ['cut', taken, [200, 'somebody else’s']]] as Answer[][]) {
      seen = [];
      answers = [...other, [201, '{}']];
      const actId = await upload(new Blob(['the picture']));
      expect([idOf(seen.at(-1)), idOf(seen[0]) === actId]).to.deep.equal([actId, false]);
      expect(seen.at(-1)).to.contain(`"imgB64":"${btoa('the picture')}"`);
    }
  });
  it('an upload is refused for good when the service says so', async () => {
    answers = [[400, '{"status":400,"code":"unknown-user","detail":"x"}']];
    expect(await refusal(upload(new Blob(['x'])))).to.equal('unknown-user');
    expect(seen).to.have.length(1);
  });
  it('a range beyond the end is told from other refusals', async () => {
    answers = [[400, '{"status":400,"code":"bad-range","detail":"x"}']];
    expect(await service.listActs('c', 5, 9, 'none')).to.equal(undefined);
  });
});

/** XMLHttpRequest as far as an upload needs it. */
class FetchingRequest {
  readonly upload = {};
  status = 0;
  responseText = '';
  onload: () => void = () => undefined;
  onerror: () => void = () => undefined;
  #path = '';
  open(_method: string, path: string): void {
    this.#path = path;
  }
  setRequestHeader(): void {
    // The server here does not look at it.
  }
  send(body: string): void {
    fetch(this.#path, { method: 'POST', body })
      .then(async (response) => {
        this.status = response.status;
        this.responseText = await response.text();
        this.onload();
      })
      .catch(() => this.onerror());
  }
}

function idOf(line = ''): string | undefined {
  return /"actId":([0-9]+)/.exec(line)?.[1];
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

async function refusal(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'succeeded',
    (error: unknown) => (error as { code: string }).code,
  );
}

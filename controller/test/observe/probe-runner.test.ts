import { expect } from 'chai';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import type { Probe } from '../../src/model/objects.ts';
import { resolveProbe } from '../../src/observe/probe-request.ts';
import { NetworkProbeRunner } from '../../src/observe/probe-runner.ts';
import { RuntimeError, type ExecResult } from '../../src/runtime/container-runtime.ts';

describe('NetworkProbeRunner', () => {
  const servers: (Server | TcpServer)[] = [];
  const sockets: Socket[] = [];
  let runner: NetworkProbeRunner;
  let execAnswer: () => Promise<ExecResult>;

  beforeEach(() => {
    execAnswer = () => Promise.resolve({ exitCode: 0, output: '' });
    runner = new NetworkProbeRunner({ exec: () => execAnswer() });
  });
  afterEach(async () => {
    runner.close();
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  });

  async function listen(server: Server | TcpServer): Promise<number> {
    servers.push(server);
    server.on('connection', (socket) => sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  const serve = (listener: RequestListener): Promise<number> => listen(createServer(listener));
  const run = (probe: Probe, timeoutMs = 1000): Promise<string | undefined> =>
    runner.run(resolveProbe(probe, 'id', '127.0.0.1', [{ name: 'web', containerPort: 1 }]), timeoutMs);

  for (const { status, outcome } of [
    { status: 200, outcome: '' },
    { status: 204, outcome: '' },
    { status: 399, outcome: '' },
    { status: 400, outcome: 'HTTP 400' },
    { status: 500, outcome: 'HTTP 500' },
  ]) {
    it(`takes ${status} for ${outcome === '' ? 'a pass' : 'a failure'}`, async () => {
      const port = await serve((_request, response) => response.writeHead(status).end());
      expect(await run({ httpGet: { port } })).to.equal(outcome);
    });
  }

  it('asks by path and headers, and names itself', async () => {
    let seen: IncomingMessage | undefined;
    const port = await serve((request, response) => {
      seen = request;
      response.end('ok');
    });
    await run({ httpGet: { path: '/a b?c=ü', port, httpHeaders: [{ name: 'Host', value: 'acts.example' }] } });
    expect(seen?.url).to.equal('/a%20b?c=%C3%BC');
    expect(seen?.headers).to.include({ host: 'acts.example', 'user-agent': 'coxswain-probe/1' });
    await run({ httpGet: { port, httpHeaders: [{ name: 'user-agent', value: 'other' }] } });
    expect(seen?.headers['user-agent']).to.equal('other');
    expect(seen?.url).to.equal('/');
  });

  it('reuses its connection, and opens a new one when the server has closed it', async () => {
    let connections = 0;
    const server = createServer((_request, response) => response.end('ok'));
    server.on('connection', () => connections++);
    const port = await listen(server);
    for (let i = 0; i < 3; i++) expect(await run({ httpGet: { port } })).to.equal('');
    expect(connections).to.equal(1);
    server.closeAllConnections();
    expect(await run({ httpGet: { port } })).to.equal('');
    expect(connections).to.equal(2);
  });

  it('does not take a body without end for a healthy answer, nor reads a long one to its end', async () => {
    const endless = await serve((_request, response) => response.write('x'));
    expect(await run({ httpGet: { port: endless } }, 100)).to.equal('timeout after 0.1 s');
    const long = await serve((_request, response) => response.end('x'.repeat(8 * 1024 * 1024)));
    expect(await run({ httpGet: { port: long } })).to.equal('');
  });

  it('says in a few words what went wrong', async () => {
    const silent = await serve(() => undefined);
    expect(await run({ httpGet: { port: silent } }, 100)).to.equal('timeout after 0.1 s');
    const rude = await listen(createTcpServer((socket) => socket.on('data', () => socket.destroy())));
    expect(await run({ httpGet: { port: rude } })).to.equal('connection closed without an answer');
    const babbling = await listen(createTcpServer((socket) => socket.end('hello\r\n\r\n')));
    expect(await run({ httpGet: { port: babbling } })).to.match(/^HPE_/);
    const port = await serve(() => undefined);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    expect(await run({ httpGet: { port } })).to.equal('connection refused');
    expect(await run({ tcpSocket: { port } })).to.equal('connection refused');
    expect(await run({ httpGet: { port: 'absent' } })).to.equal('no port named absent');
  });

  it('passes a TCP probe when the connection opens', async () => {
    expect(await run({ tcpSocket: { port: await listen(createTcpServer()) } })).to.equal('');
  });

  it('judges a command by its exit code and shows its last line', async () => {
    const probe = { exec: { command: ['pg_isready'] } };
    expect(await run(probe)).to.equal('');
    execAnswer = () => Promise.resolve({ exitCode: 2, output: 'connecting\nno response\n' });
    expect(await run(probe)).to.equal('exit code 2: no response');
    execAnswer = () => Promise.reject(new RuntimeError('Timeout', 0, 'exec: no answer in time'));
    expect(await run(probe)).to.equal('timeout after 1 s');
  });

  for (const code of ['Unreachable', 'EngineFailure'] as const)
    it(`a command that the engine did not run (${code}) says nothing about the container`, async () => {
      execAnswer = () => Promise.reject(new RuntimeError(code, 0, 'exec: the engine is away'));
      expect(await run({ exec: { command: ['pg_isready'] } })).to.equal(undefined);
    });

  it('resolves named ports', () => {
    const request = resolveProbe({ tcpSocket: { port: 'web' } }, 'id', '10.0.0.1', [{ name: 'web', containerPort: 8080 }]);
    expect(request).to.deep.equal({ type: 'tcp', address: '10.0.0.1', port: 8080 });
  });
});

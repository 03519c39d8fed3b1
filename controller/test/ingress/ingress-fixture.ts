/** A real ingress on a free port, real HTTP servers as endpoints and the real control-plane link. */
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type RunningIngress, startIngress } from '../../src/ingress/ingress-process.ts';
import type { IngressLimits } from '../../src/ingress/limits.ts';
import type { Endpoint, FromIngress, Route, ServiceEndpoints } from '../../src/model/endpoint-table.ts';
import { IngressLink } from '../../src/observe/ingress-link.ts';
import { eventually } from '../eventually.ts';

export const SERVICE = 'default/web:8000';
const ANY: Route = {
  ingress: 'default/main',
  path: '/',
  pathType: 'Prefix',
  serviceKey: SERVICE,
  countPaths: ['/api/'],
  uncountedPaths: ['/api/_*'],
};

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  rawHeaders: string[];
  body: string;
  trailers: string[];
}

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

let version = 0;
let endpointCount = 0;

/** An HTTP server that is one endpoint. */
export class TestEndpoint {
  readonly endpoint: Endpoint;
  readonly server: http.Server | net.Server;
  /** "METHOD url" of each request received. */
  readonly received: string[] = [];
  readonly sockets = new Set<net.Socket>();
  connections = 0;

  constructor(name: string, port: number, server: http.Server | net.Server, addresses?: Endpoint['addresses']) {
    this.server = server;
    const id = `${name}-${++endpointCount}`;
    this.endpoint = { id, podName: name, addresses: addresses ?? [{ host: '127.0.0.1', port }] };
    server.on('connection', (socket: net.Socket) => {
      this.connections++;
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.sockets.delete(socket));
    });
    if (server instanceof http.Server)
      server.on('request', (request) => this.received.push(`${request.method ?? ''} ${request.url ?? ''}`));
  }

  get id(): string {
    return this.endpoint.id;
  }

  /** As a killed container: nothing listens any more, connections are reset. */
  kill(): void {
    this.server.close();
    for (const socket of this.sockets) socket.resetAndDestroy();
  }
}

export class Fixture {
  readonly directory = mkdtempSync(join(tmpdir(), 'ingress-test-'));
  readonly abort = new AbortController();
  readonly endpoints: TestEndpoint[] = [];
  readonly counts: Extract<FromIngress, { type: 'counts' }>[] = [];
  readonly probes: string[] = [];
  readonly logger = pino({ level: 'silent' });
  readonly #clients: net.Socket[] = [];
  ingress!: RunningIngress;
  link!: IngressLink;
  #linkAbort = new AbortController();
  /** The control plane's verdict on probed endpoints; undefined = no answer. */
  verdict: (endpointId: string) => boolean | undefined = () => true;

  static async start(limits: Partial<IngressLimits> = {}, isConnected = true): Promise<Fixture> {
    const fixture = new Fixture();
    fixture.ingress = await startIngress({
      listenHost: '127.0.0.1',
      listenPort: 0,
      controlSocketPath: fixture.controlSocketPath,
      logger: fixture.logger,
      signal: fixture.abort.signal,
      shutdownGraceMs: 200,
      partingMs: 0,
      ...limits,
    });
    if (isConnected) await fixture.connectControlPlane();
    return fixture;
  }

  get controlSocketPath(): string {
    return join(this.directory, 'ingress.sock');
  }

  get port(): number {
    return this.ingress.port;
  }

  async connectControlPlane(): Promise<void> {
    this.#linkAbort = new AbortController();
    const link = new IngressLink({ socketPath: this.controlSocketPath, logger: this.logger, signal: this.#linkAbort.signal });
    this.link = link;
    link.on('counts', (message) => this.counts.push(message));
    link.on('probe', (endpointId) => {
      this.probes.push(endpointId);
      const verdict = this.verdict(endpointId);
      if (verdict !== undefined) link.answerProbe(endpointId, verdict);
    });
    await eventually(() => link.observed.isConnected);
  }

  async disconnectControlPlane(): Promise<void> {
    this.#linkAbort.abort();
    await eventually(() => !this.link.observed.isConnected);
  }

  /** Resolves when the ingress serves by it. */
  async publish(endpoints: readonly TestEndpoint[], options: Partial<ServiceEndpoints> & { routes?: Route[] } = {}): Promise<void> {
    const { routes = [ANY], isReplacementExpected = true } = options;
    const services = [{ key: SERVICE, endpoints: endpoints.map(({ endpoint }) => endpoint), isReplacementExpected }];
    await this.publishTable({ routes, services });
  }

  async publishTable(table: { routes: Route[]; services: ServiceEndpoints[] }): Promise<void> {
    const ids = new Set(table.services.flatMap(({ endpoints }) => endpoints.map(({ id }) => id)));
    const applied = new Promise<void>((resolve) => this.link.once('observed', () => resolve()));
    this.link.publish({ version: ++version, ...table });
    await applied;
    await eventually(() => {
      const { routedEndpointIds } = this.link.observed;
      return ids.size === routedEndpointIds.size && [...ids].every((id) => routedEndpointIds.has(id));
    });
  }

  async endpoint(name: string, handler: Handler = (_, response) => response.end(name)): Promise<TestEndpoint> {
    return this.#listen(name, http.createServer({ maxHeaderSize: 65_536 }, handler));
  }

  /** A server that speaks for itself, byte by byte. */
  async rawEndpoint(name: string, onConnection: (socket: net.Socket) => void): Promise<TestEndpoint> {
    return this.#listen(name, net.createServer({ allowHalfOpen: true }, onConnection));
  }

  /** An address where nothing listens. */
  async deadEndpoint(name: string): Promise<TestEndpoint> {
    const dead = await this.endpoint(name);
    await new Promise<void>((resolve) => dead.server.close(() => resolve()));
    return dead;
  }

  async #listen(name: string, server: http.Server | net.Server): Promise<TestEndpoint> {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = new TestEndpoint(name, (server.address() as net.AddressInfo).port, server);
    this.endpoints.push(endpoint);
    return endpoint;
  }

  async request(
    path: string,
    options: http.RequestOptions & { headers?: http.OutgoingHttpHeaders; body?: string | Buffer } = {},
  ): Promise<Answer> {
    const { body, headers = {}, ...rest } = options;
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port: this.port, path, agent: false, headers: { ...length, ...headers }, ...rest });
      request.on('error', reject);
      request.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            rawHeaders: response.rawHeaders,
            body: Buffer.concat(chunks).toString(),
            trailers: response.rawTrailers,
          }),
        );
      });
      request.end(body);
    });
  }

  /** Sends bytes as they are and returns all that comes back until the ingress closes or `isDone`. */
  async raw(bytes: string, isDone: (text: string) => boolean = () => false): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(this.port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
      this.#clients.push(socket);
      let text = '';
      socket.setEncoding('latin1');
      socket.on('error', reject);
      socket.on('data', (chunk: string) => {
        text += chunk;
        if (isDone(text)) socket.destroy();
      });
      socket.on('close', () => resolve(text));
    });
  }

  async bodies(count: number, path = '/'): Promise<string> {
    let bodies = '';
    for (let i = 0; i < count; i++) bodies += (await this.request(path)).body;
    return bodies;
  }

  async stop(): Promise<void> {
    this.#linkAbort.abort();
    for (const socket of this.#clients) socket.destroy();
    for (const endpoint of this.endpoints) endpoint.kill();
    this.abort.abort();
    await this.ingress.stopped;
    rmSync(this.directory, { recursive: true, force: true });
  }
}

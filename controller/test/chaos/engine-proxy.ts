/**
 * A faulty way to the engine: an HTTP proxy on a unix socket that hangs, fails, is slow, or loses answers after the work was done, as its
 * `fault` says for each call. It changes nothing else and knows nothing of Coxswain.
 */
import { createServer, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { rmSync } from 'node:fs';

export interface EngineCall {
  readonly method: string;
  /** Without version and query: "/containers/ID/start". */
  readonly path: string;
}

export type EngineFault =
  /** Taken, never answered, never passed on. */
  | 'hang'
  /** Answered 500, never passed on. */
  | 'fail'
  /** Passed on and done; the connection is cut instead of the answer. */
  | 'lose-reply'
  /** Passed on and done; no answer and no end. */
  | 'hang-after'
  /** The stream is opened and nothing comes through it, though it never ends. */
  | 'silent'
  | { readonly delayMs: number };

export class EngineProxy {
  readonly socketPath: string;
  /** Asked for each call; undefined passes it on. */
  fault: (call: EngineCall) => EngineFault | undefined = () => undefined;
  /** How many calls had a fault. */
  faults = 0;
  readonly #engineSocketPath: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #streams = new Set<ServerResponse>();

  private constructor(socketPath: string, engineSocketPath: string) {
    this.socketPath = socketPath;
    this.#engineSocketPath = engineSocketPath;
    this.#server = createServer((incoming, outgoing) => this.#take(incoming, outgoing));
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async listen(socketPath: string, engineSocketPath: string): Promise<EngineProxy> {
    const proxy = new EngineProxy(socketPath, engineSocketPath);
    await new Promise<void>((resolve) => proxy.#server.listen(socketPath, resolve));
    return proxy;
  }

  /** Everything as it should be again; what hangs is cut, as by an engine that was started anew. */
  heal(): void {
    this.fault = () => undefined;
    this.cutAll();
  }

  /** Ends the event streams, as an engine that is going down does. */
  cutStreams(): void {
    for (const stream of this.#streams) stream.destroy();
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cutAll();
    await closed;
    rmSync(this.socketPath, { force: true });
  }

  #take(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const path = (incoming.url ?? '').replace(/^\/v[\d.]+/, '').replace(/\?.*$/s, '');
    const fault = this.fault({ method: incoming.method ?? '', path });
    if (fault !== undefined) this.faults++;
    if (fault === 'hang') return;
    if (fault === 'fail') {
      incoming.resume();
      outgoing.writeHead(500, { 'Content-Type': 'application/json' }).end('{"message":"a fault was injected"}');
      return;
    }
    if (typeof fault === 'object') setTimeout(() => this.#pass(incoming, outgoing, undefined), fault.delayMs);
    else this.#pass(incoming, outgoing, fault);
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse, fault: 'lose-reply' | 'hang-after' | 'silent' | undefined): void {
    const { method, url, headers } = incoming;
    const onward = request({ socketPath: this.#engineSocketPath, method, path: url, headers, agent: false }, (answer) => {
      if (fault === 'lose-reply' || fault === 'hang-after') {
        answer.resume();
        if (fault === 'lose-reply') answer.on('end', () => outgoing.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      outgoing.flushHeaders();
      if (url?.includes('/events') === true) {
        this.#streams.add(outgoing);
        outgoing.on('close', () => this.#streams.delete(outgoing));
      }
      if (fault === 'silent') answer.resume();
      else answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => {
      // What is lost for the caller is done all the same.
      if (fault === undefined || fault === 'silent') onward.destroy();
    });
    incoming.pipe(onward);
  }
}

/**
 * One try to have one endpoint serve a client's request: connects or reuses, sends, streams the body up, and holds the answer back until its
 * owner has it relayed or discarded. It decides nothing about retries.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { EndpointConnection, type ConnectionUser } from './endpoint-connection.ts';
import { KEPT_BODY_SIZE } from './limits.ts';
import { hasBody, requestHead } from './request-head.ts';
import type { ResponseHead } from './response-reader.ts';
import type { Member } from './rotation.ts';

export interface ClientRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The client's socket and what it sent behind the head, when it asks for an upgrade. */
  readonly upgrade: { readonly socket: Socket; readonly head: Buffer } | undefined;
}

export interface AttemptOwner {
  /** No address could be connected: nothing was sent. */
  onUnreachable(error: Error): void;
  /** The head is here; call relay() or, sooner or later, discard(). */
  onAnswer(head: ResponseHead): void;
  /** Sent, but no answer came. */
  onCut(error: Error | undefined): void;
  /** The client's connection was switched to another protocol and is spliced to the endpoint. */
  onSwitched(): void;
  /** A switched connection ended. */
  onSwitchedClosed(): void;
}

type State = 'connecting' | 'sent' | 'kept' | 'relaying' | 'switched' | 'over';

/** Up to here a body joins its head in one string: one write instead of two. */
const SMALL_BODY = 16_384;

export class Attempt implements ConnectionUser {
  readonly member: Member;
  /** The last sign of progress, for the response timeout. */
  lastActivityMs: number;
  /** Once the request's body is being read it cannot be sent again. */
  isBodyTouched = false;
  readonly #client: ClientRequest;
  readonly #owner: AttemptOwner;
  #state: State = 'connecting';
  #connection: EndpointConnection | undefined;
  #wasReused = false;
  #isBodySent = true;
  #head: ResponseHead | undefined;
  #kept: Buffer[] = [];
  #keptSize = 0;
  #trailers: readonly string[] | undefined;
  #wasCut = false;
  #isDrainHeard = false;

  constructor(client: ClientRequest, member: Member, owner: AttemptOwner, nowMs: number) {
    this.#client = client;
    this.member = member;
    this.#owner = owner;
    this.lastActivityMs = nowMs;
  }

  /** @param maxIdleMs reuse only a connection idle for less; 0 = a new one. */
  start(maxIdleMs: number, connectTimeoutMs: number): void {
    if (maxIdleMs > 0) {
      for (const pool of this.member.pools) {
        const connection = pool.take(this.lastActivityMs, maxIdleMs);
        if (connection !== undefined) {
          this.#send(connection);
          return;
        }
      }
    }
    this.#connect(0, connectTimeoutMs, undefined);
  }

  get isWaiting(): boolean {
    return this.#state === 'sent';
  }

  /** Of its answer, once the head of one is there. */
  get status(): number | undefined {
    return this.#head?.status;
  }

  /** The endpoint waits for the rest of a body that the client does not send. */
  get isClientStalled(): boolean {
    return !this.#isBodySent && this.#connection?.isWriteBlocked !== true;
  }

  /** A connection that was idle before and ended without a byte: the endpoint had probably closed it already. */
  get isStale(): boolean {
    return this.#wasReused && this.#connection?.hasBytes !== true;
  }

  /** @throws when the endpoint's headers are not fit to be sent on */
  relay(mayKeepAlive: boolean): void {
    const { response } = this.#client;
    const head = this.#head;
    if (this.#state !== 'kept' || head === undefined) return;
    if (!mayKeepAlive) response.shouldKeepAlive = false;
    response.writeHead(head.status, head.reason, head.headers as string[]);
    this.#state = 'relaying';
    for (const bytes of this.#kept) response.write(bytes);
    this.#kept = [];
    if (this.#trailers !== undefined) this.#finish(this.#trailers);
    else if (this.#wasCut) this.#breakOff();
    else if (response.writableNeedDrain) this.#waitForDrain();
    else this.#connection?.resume();
  }

  /** Gives the endpoint up, whatever state the attempt is in. */
  discard(): void {
    if (this.#state === 'over') return;
    const isComplete = this.#trailers !== undefined;
    this.#state = 'over';
    this.#kept = [];
    if (!isComplete) this.#connection?.destroy();
    this.#stopBody();
  }

  onInformational(status: number, headers: readonly string[]): void {
    const { request, response, upgrade } = this.#client;
    this.lastActivityMs = performance.now();
    if (request.httpVersion !== '1.1' || upgrade !== undefined || response.headersSent) return;
    if (status === 100 && request.headers.expect !== undefined) response.writeContinue();
    else if (status === 102) response.writeProcessing();
    else if (status === 103) {
      const link = headers.filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === 'link');
      try {
        if (link.length > 0) response.writeEarlyHints({ link });
      } catch {
        // Hints are optional, and Node is stricter about them than the endpoint.
      }
    }
  }

  onHead(head: ResponseHead): void {
    if (this.#state !== 'sent') return;
    this.#state = 'kept';
    this.#head = head;
    this.#owner.onAnswer(head);
  }

  onBody(bytes: Buffer, isLast: boolean): void {
    if (this.#state === 'relaying') {
      const { response } = this.#client;
      if (isLast) {
        if (bytes.length <= SMALL_BODY) {
          response.write(bytes.toString('latin1'), 'latin1');
          // Head and body are one string now: written at once, before end() would make a list of it with nothing.
          response.socket?.uncork();
          response.end();
        } else response.end(Buffer.from(bytes));
      } else if (!response.write(Buffer.from(bytes))) this.#waitForDrain();
    } else if (this.#state === 'kept') {
      this.#kept.push(Buffer.from(bytes));
      this.#keptSize += bytes.length;
      if (this.#keptSize >= KEPT_BODY_SIZE) this.#connection?.pause();
    }
  }

  onComplete(trailers: readonly string[]): void {
    this.#connection?.release(this.#isBodySent);
    if (this.#state === 'kept') this.#trailers = trailers;
    else if (this.#state === 'relaying') this.#finish(trailers);
  }

  onCut(error: Error | undefined): void {
    if (this.#state === 'sent') this.#owner.onCut(error);
    else if (this.#state === 'kept') this.#wasCut = true;
    else if (this.#state === 'relaying') this.#breakOff();
    else if (this.#state === 'switched') this.#client.upgrade?.socket.end();
  }

  onDrain(): void {
    this.lastActivityMs = performance.now();
    if (this.#state === 'switched') this.#client.upgrade?.socket.resume();
    else if (!this.#isBodySent) this.#client.request.resume();
  }

  onRaw(bytes: Buffer): void {
    const socket = this.#client.upgrade?.socket;
    if (this.#state === 'switched' && socket?.writable === true && !socket.write(Buffer.from(bytes))) this.#connection?.pause();
  }

  onSwitch(head: ResponseHead, rest: Buffer): void {
    const { response, upgrade } = this.#client;
    const connection = this.#connection;
    if (this.#state !== 'sent' || upgrade === undefined || connection === undefined) return;
    const { socket } = upgrade;
    this.#state = 'switched';
    this.#owner.onSwitched();
    response.detachSocket(socket);
    let text = `HTTP/1.1 101 ${head.reason}\r\nConnection: Upgrade\r\nUpgrade: ${head.upgrade ?? ''}\r\n`;
    for (let i = 0; i < head.headers.length; i += 2) text += `${head.headers[i] ?? ''}: ${head.headers[i + 1] ?? ''}\r\n`;
    socket.write(text + '\r\n', 'latin1');
    if (rest.length > 0) this.onRaw(rest);
    if (upgrade.head.length > 0) connection.write(upgrade.head);
    socket.on('data', (bytes: Buffer) => {
      if (!connection.write(bytes)) socket.pause();
    });
    socket.on('drain', () => connection.resume());
    socket.on('end', () => connection.finish());
    socket.on('close', () => {
      this.discard();
      this.#owner.onSwitchedClosed();
    });
  }

  #connect(index: number, timeoutMs: number, lastError: Error | undefined): void {
    const pool = this.member.pools[index];
    if (pool === undefined) {
      this.#owner.onUnreachable(lastError ?? new Error('no address'));
      return;
    }
    this.#connection = new EndpointConnection(
      pool,
      pool.address,
      timeoutMs,
      () => {
        if (this.#state === 'connecting' && this.#connection !== undefined) this.#send(this.#connection);
      },
      (error) => {
        if (this.#state === 'connecting') this.#connect(index + 1, timeoutMs, error);
      },
    );
  }

  #send(connection: EndpointConnection): void {
    const { request, upgrade } = this.#client;
    this.#connection = connection;
    this.#wasReused = connection.isReused;
    this.#state = 'sent';
    this.lastActivityMs = performance.now();
    connection.request(requestHead(request, upgrade !== undefined), this, request.method === 'HEAD', upgrade !== undefined);
    if (!hasBody(request)) return;
    this.#isBodySent = false;
    this.isBodyTouched = true;
    request.on('data', this.#onBodyData);
    request.on('end', this.#onBodyEnd);
  }

  readonly #onBodyData = (bytes: Buffer): void => {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.lastActivityMs = performance.now();
    if (this.#client.request.headers['transfer-encoding'] === undefined) {
      if (!connection.write(bytes)) this.#client.request.pause();
      return;
    }
    connection.cork();
    connection.write(`${bytes.length.toString(16)}\r\n`);
    connection.write(bytes);
    const hasRoom = connection.write('\r\n');
    connection.uncork();
    if (!hasRoom) this.#client.request.pause();
  };

  readonly #onBodyEnd = (): void => {
    const { request } = this.#client;
    this.#isBodySent = true;
    this.lastActivityMs = performance.now();
    if (request.headers['transfer-encoding'] === undefined) return;
    let end = '0\r\n';
    for (let i = 0; i < request.rawTrailers.length; i += 2)
      end += `${request.rawTrailers[i] ?? ''}: ${request.rawTrailers[i + 1] ?? ''}\r\n`;
    this.#connection?.write(end + '\r\n');
  };

  /** The rest of the body is read and dropped: the client may want to send it all before it reads the answer. */
  #stopBody(): void {
    if (!this.isBodyTouched) return;
    const { request } = this.#client;
    request.off('data', this.#onBodyData);
    request.off('end', this.#onBodyEnd);
    request.resume();
  }

  #waitForDrain(): void {
    this.#connection?.pause();
    if (this.#isDrainHeard) return;
    this.#isDrainHeard = true;
    this.#client.response.on('drain', () => {
      if (this.#state === 'relaying') this.#connection?.resume();
    });
  }

  #finish(trailers: readonly string[]): void {
    const { response } = this.#client;
    this.#state = 'over';
    if (trailers.length > 0) {
      const pairs: [string, string][] = [];
      for (let i = 0; i < trailers.length; i += 2) pairs.push([trailers[i] ?? '', trailers[i + 1] ?? '']);
      response.addTrailers(pairs);
    }
    if (!response.writableEnded) response.end();
    this.#stopBody();
  }

  /** Part of the answer is gone to the client already: only a broken connection tells it that the rest is missing. */
  #breakOff(): void {
    this.#state = 'over';
    this.#stopBody();
    this.#client.response.destroy();
  }
}

/**
 * One keep-alive connection to one address of an endpoint, and the pool of idle ones. All connections read into one shared buffer (reads are
 * synchronous), so an idle connection costs no buffer and a read allocates nothing; whoever keeps bytes copies them.
 */
import { type Socket, connect } from 'node:net';
import type { Address } from '../model/endpoint-table.ts';
import { ENDPOINT_IDLE_CONNECTIONS, ENDPOINT_IDLE_MS, READ_AFTER_WRITE_ERROR_MS } from './limits.ts';
import { ResponseReader, type ResponseSink } from './response-reader.ts';

/** What one exchange wants to hear from the connection it uses. */
export interface ConnectionUser extends ResponseSink {
  /** The connection ended before the response was complete; `cause` is a socket error or a ResponseError. */
  onCut(cause: Error | undefined): void;
  onDrain(): void;
  /** Raw bytes after a 101. */
  onRaw(bytes: Buffer): void;
}

const readBuffer = Buffer.allocUnsafeSlow(65_536);

export class EndpointConnection {
  readonly pool: AddressPool;
  /** False for the first request on this connection. */
  isReused = false;
  idleSinceMs = 0;
  readonly #socket: Socket;
  readonly #reader = new ResponseReader();
  #user: ConnectionUser | undefined;
  #isPaused = false;
  #isSwitched = false;
  #error: Error | undefined;

  constructor(pool: AddressPool, address: Address, timeoutMs: number, onOpen: () => void, onFailed: (error: Error) => void) {
    this.pool = pool;
    const socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (size, buffer) => {
          this.#read((buffer as Buffer).subarray(0, size));
          return !this.#isPaused;
        },
      },
    });
    this.#socket = socket;
    keepReadingAfterWriteError(socket);
    const deadline = setTimeout(() => socket.destroy(Object.assign(new Error('connect timed out'), { code: 'ETIMEDOUT' })), timeoutMs);
    let isOpen = false;
    socket.on('connect', () => {
      isOpen = true;
      clearTimeout(deadline);
      socket.resume();
      onOpen();
    });
    socket.on('error', (error) => (this.#error = error));
    socket.on('drain', () => this.#user?.onDrain());
    socket.on('end', () => this.#end());
    socket.on('close', () => {
      clearTimeout(deadline);
      if (isOpen) this.#end();
      else onFailed(this.#error ?? new Error('connection closed'));
    });
  }

  /** Sends a request head and hands what comes back to `user` until its response is complete. */
  request(head: string, user: ConnectionUser, isHead: boolean, isUpgrade: boolean): void {
    this.#user = user;
    this.#reader.expect(user, isHead, isUpgrade);
    this.#socket.write(head, 'latin1');
  }

  /** False: wait for onDrain. */
  write(bytes: Buffer | string): boolean {
    return typeof bytes === 'string' ? this.#socket.write(bytes, 'latin1') : this.#socket.write(bytes);
  }

  /** Writes until uncork() leave in one piece. */
  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  get hasBytes(): boolean {
    return this.#reader.hasBytes;
  }

  get isWriteBlocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  get isUsable(): boolean {
    return this.#reader.isReusable && this.#reader.isIdle && !this.#socket.destroyed && this.#socket.writable && this.#socket.readable;
  }

  get idleLimitMs(): number {
    const promised = this.#reader.keepAliveMs;
    // One second before the endpoint does; a promise below two seconds leaves no safe time to reuse it.
    return promised === undefined ? ENDPOINT_IDLE_MS : Math.max(0, Math.min(promised - 1_000, 60_000));
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** Ends our direction of a switched connection. */
  finish(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#user = undefined;
    this.#socket.destroy();
  }

  /** The response is complete: idle for the next one, or closed when it cannot carry another. */
  release(isRequestSent: boolean): void {
    this.#user = undefined;
    this.resume();
    this.isReused = true;
    if (isRequestSent && this.isUsable) this.pool.give(this);
    else this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    if (this.#isSwitched) {
      this.#user?.onRaw(bytes);
      return;
    }
    try {
      const user = this.#user;
      if (user !== undefined && !this.#reader.isIdle) this.#reader.read(bytes);
      else this.#socket.destroy(); // Bytes nobody asked for: the next response would be mistaken.
      if (this.#reader.isSwitched) this.#isSwitched = true;
    } catch (error) {
      const user = this.#user;
      this.destroy();
      user?.onCut(error as Error);
    }
  }

  #end(): void {
    const user = this.#user;
    if (user === undefined) {
      this.#socket.destroy();
      this.pool.forget(this);
      return;
    }
    // A reset is not an end: a body that ends with the connection would be cut unnoticed.
    const isWhole = this.#error === undefined && !this.#isSwitched && this.#reader.end();
    if (isWhole && this.#user === undefined) return;
    this.destroy();
    if (!isWhole) user.onCut(this.#error);
  }
}

/**
 * An endpoint may answer before it has read the whole request, and close: "413", then a reset as we go on sending. Node destroys a socket at the
 * first failed write, with that answer still unread in the kernel. So the socket gets a moment to read to its end.
 */
function keepReadingAfterWriteError(socket: Socket): void {
  const destroy = socket.destroy.bind(socket);
  let isDeferred = false;
  socket.destroy = (error?: Error & { syscall?: string }) => {
    if (error?.syscall !== 'write' || isDeferred) return destroy(error);
    isDeferred = true;
    setTimeout(() => destroy(error), READ_AFTER_WRITE_ERROR_MS).unref();
    return socket;
  };
}

/** Idle connections to one address. Newest first, so that a burst's extra connections age and are closed. */
export class AddressPool {
  readonly address: Address;
  readonly #idle: EndpointConnection[] = [];
  #isClosed = false;

  constructor(address: Address) {
    this.address = address;
  }

  /** @param maxIdleMs take none that has been idle for longer. */
  take(nowMs: number, maxIdleMs: number): EndpointConnection | undefined {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      const idleMs = nowMs - connection.idleSinceMs;
      if (connection.isUsable && idleMs < connection.idleLimitMs) {
        if (idleMs < maxIdleMs) return connection;
        this.#idle.push(connection);
        return undefined;
      }
      connection.destroy();
    }
    return undefined;
  }

  give(connection: EndpointConnection): void {
    if (this.#isClosed || this.#idle.length >= ENDPOINT_IDLE_CONNECTIONS) {
      connection.destroy();
      return;
    }
    connection.idleSinceMs = performance.now();
    this.#idle.push(connection);
  }

  forget(connection: EndpointConnection): void {
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  /** Closes what has been idle too long. True while some are left. */
  sweep(nowMs: number): boolean {
    while (this.#idle[0] !== undefined && nowMs - this.#idle[0].idleSinceMs >= this.#idle[0].idleLimitMs) this.#idle.shift()?.destroy();
    return this.#idle.length > 0;
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }
}

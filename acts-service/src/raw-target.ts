/**
 * The same as the ingress does, for clients that come straight to a replica. Clients that write names into the URL as they are ("GET /api/v1/categories/good deeds HTTP/1.1", or with bytes above 0x7e): Node's parser
 * refuses them, other servers take them, and the Acts API's first mobile app sends them. Such a request line is percent-encoded and read again.
 * Costs nothing for requests that are well formed. Never: a request with a body, or one that is not at the start of what was received.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** Bodyless methods only: what follows the head would not come along. */
const REQUEST_LINE = /^(GET|HEAD|DELETE|OPTIONS) (\/[^\r\n]*) (HTTP\/1\.[01])\r\n/;
const STATUS_BY_CODE: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

interface ParseError extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
}

/** The packet with its target percent-encoded and the connection closed after the answer; undefined when it is not such a request. */
export function repairPacket(packet: Buffer): Buffer | undefined {
  // latin1: one character a byte.
  const text = packet.toString('latin1');
  const match = REQUEST_LINE.exec(text);
  const end = text.indexOf('\r\n\r\n');
  if (match === null || end < 0 || end + 4 !== text.length) return undefined;
  const [line, method = '', target = '', version = ''] = match;
  const headers = text.slice(line.length, end);
  if (/^(content-length|transfer-encoding|upgrade)[ \t]*:/im.test(headers)) return undefined;
  const encoded = target.replace(/[^\x21-\x7e]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  if (encoded === target) return undefined;
  const others = headers.split('\r\n').filter((header) => !/^connection[ \t]*:/i.test(header) && header !== '');
  return Buffer.from([`${method} ${encoded} ${version}`, ...others, 'Connection: close', '', ''].join('\r\n'), 'latin1');
}

/** What a client error is answered with: the repaired request read again, or what Node itself would have said. */
export function answerClientErrors(server: Server): void {
  server.on('clientError', (error: ParseError, socket: Socket) => {
    const answering = (Reflect.get(socket, '_httpMessage') ?? null) as { readonly headersSent: boolean } | null;
    const isFree = socket.writable && answering === null;
    // A body that never came to an end: its request is being worked on, and nothing has been answered yet.
    const isUnanswered = socket.writable && error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && answering?.headersSent === false;
    const repaired = isFree && error.rawPacket !== undefined ? repairPacket(error.rawPacket) : undefined;
    if (repaired !== undefined) server.emit('connection', new RepairedConnection(socket, repaired));
    else if (isFree || isUnanswered)
      socket.end(`HTTP/1.1 ${STATUS_BY_CODE[error.code ?? ''] ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`, () => socket.destroy());
    else socket.destroy(error);
  });
}

/** The same client, as far as the server can see, with the repaired bytes to read and nothing after them. */
class RepairedConnection extends Duplex {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly #socket: Socket;

  constructor(socket: Socket, packet: Buffer) {
    super();
    this.#socket = socket;
    this.remoteAddress = socket.remoteAddress;
    this.remotePort = socket.remotePort;
    // Whatever else the client sends on this connection was promised no answer.
    socket.removeAllListeners('data');
    socket.on('error', () => undefined);
    socket.once('close', () => this.destroy());
    this.push(packet);
  }

  override _read(): void {
    // All there is was pushed at the start.
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, encoding, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroySoon();
    done(error);
  }
}

/**
 * One JSON message a line over a unix socket, both ends. Bounded both ways: a line that is too long is skipped, a peer that does not read is
 * cut off. Never throws on what a peer sent.
 */
import type { Socket } from 'node:net';
import { CONTROL_LINE_LENGTH, CONTROL_OUTBOX_SIZE } from './limits.ts';

export interface MessageHandlers {
  readonly onMessage: (message: Readonly<Record<string, unknown>>) => void;
  /** A line that is no JSON object, or is too long. It has been dropped. */
  readonly onMalformed: (reason: string) => void;
  readonly onClose: () => void;
}

export class MessageSocket {
  readonly #socket: Socket;
  readonly #handlers: MessageHandlers;
  readonly #lineLength: number;
  #pending = '';
  #isSkipping = false;

  constructor(socket: Socket, handlers: MessageHandlers, lineLength = CONTROL_LINE_LENGTH) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#lineLength = lineLength;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#read(text));
    socket.on('error', () => undefined);
    socket.on('close', () => handlers.onClose());
  }

  /** Several messages go out in one write, so that the peer cannot act between them. */
  send(...messages: readonly object[]): boolean {
    if (this.#socket.destroyed) return false;
    this.#socket.write(messages.map((message) => JSON.stringify(message) + '\n').join(''));
    if (this.#socket.writableLength > CONTROL_OUTBOX_SIZE) this.#socket.destroy();
    return true;
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      const line = this.#pending + text.slice(start, end);
      start = end + 1;
      this.#pending = '';
      if (this.#isSkipping) this.#isSkipping = false;
      else if (line.length > this.#lineLength) this.#handlers.onMalformed('line too long');
      else if (line !== '') this.#dispatch(line);
    }
    if (this.#isSkipping) return;
    this.#pending += text.slice(start);
    if (this.#pending.length > this.#lineLength) {
      this.#pending = '';
      this.#isSkipping = true;
      this.#handlers.onMalformed('line too long');
    }
  }

  #dispatch(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      this.#handlers.onMalformed('not JSON');
      return;
    }
    if (typeof message !== 'object' || message === null || Array.isArray(message)) this.#handlers.onMalformed('not an object');
    else this.#handlers.onMessage(message as Record<string, unknown>);
  }
}

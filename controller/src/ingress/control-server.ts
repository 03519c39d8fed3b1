/** The ingress's end of the control socket: one control plane at a time, a new connection replaces the old one. */
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import type { FromIngress, ToIngress } from '../model/endpoint-table.ts';
import { MessageSocket } from './message-socket.ts';

export interface ControlHandlers {
  /** Messages for a control plane that just connected. */
  readonly onConnect: () => FromIngress[];
  /** May throw a TypeError on a malformed message: it is logged and dropped. */
  readonly onMessage: (message: ToIngress) => void;
  readonly onDisconnect: () => void;
}

export class ControlServer {
  readonly server: Server;
  readonly #handlers: ControlHandlers;
  readonly #logger: Logger;
  #peer: MessageSocket | undefined;

  constructor(handlers: ControlHandlers, logger: Logger) {
    this.#handlers = handlers;
    this.#logger = logger;
    this.server = createServer((socket) => this.#accept(socket));
  }

  /** False when no control plane is connected. */
  readonly send = (...messages: FromIngress[]): boolean => this.#peer?.send(...messages) ?? false;

  close(): void {
    this.server.close();
    this.#peer?.close();
  }

  #accept(socket: Socket): void {
    const previous = this.#peer;
    const peer = new MessageSocket(socket, {
      onMessage: (message) => {
        if (this.#peer === peer) this.#dispatch(message);
      },
      onMalformed: (reason) => this.#logger.warn({ reason }, 'control message dropped'),
      onClose: () => {
        if (this.#peer !== peer) return;
        this.#peer = undefined;
        this.#logger.info('control plane disconnected');
        this.#handlers.onDisconnect();
      },
    });
    if (previous !== undefined) {
      // Nobody is connected for a moment, so that nothing reaches the new one before its hello.
      this.#peer = undefined;
      previous.close();
      this.#handlers.onDisconnect();
    }
    this.#peer = peer;
    this.#logger.info('control plane connected');
    peer.send(...this.#handlers.onConnect());
  }

  #dispatch(message: Readonly<Record<string, unknown>>): void {
    if (!isToIngress(message)) {
      this.#logger.warn({ type: message['type'] }, 'control message dropped');
      return;
    }
    try {
      this.#handlers.onMessage(message);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.#logger.error({ type: message.type, err: error }, 'control message dropped');
    }
  }
}

function isToIngress(message: object): message is ToIngress {
  const { type, table, key, armGeneration, armedAtMs, sequence, endpointId, isHealthy } = message as Record<string, unknown>;
  switch (type) {
    case 'table':
      return typeof table === 'object' && table !== null && 'routes' in table && 'services' in table;
    case 'arm':
      return typeof key === 'string' && typeof armGeneration === 'number' && (armedAtMs === undefined || typeof armedAtMs === 'number');
    case 'counts-saved':
      return typeof sequence === 'number';
    case 'probe-result':
      return typeof endpointId === 'string' && typeof isHealthy === 'boolean';
    default:
      return false;
  }
}

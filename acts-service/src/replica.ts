// One replica from listening to stopped. It listens first, with next to nothing imported, and loads the application behind the open port.
import { createServer } from 'node:http';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from './config.ts';
import { limits } from './limits.ts';
import { answerClientErrors } from './raw-target.ts';
import { RequestGate } from './request-gate.ts';

export interface Replica {
  readonly port: number;
  /** Resolves when the tables are there and requests are answered. Rejects only for a mistake of ours or when stopped before. */
  readonly ready: Promise<void>;
  /** Graceful: no new connections, requests in flight are finished, bounded by the grace time. Safe to call twice. */
  stop(): Promise<void>;
}

export async function startReplica(config: Config): Promise<Replica> {
  const gate = new RequestGate();
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      requestTimeout: config.requestTimeoutMs,
      headersTimeout: Math.min(limits.requestHeadTimeoutMs, config.requestTimeoutMs),
      connectionsCheckingInterval: Math.min(limits.requestTimeoutCheckMs, config.requestTimeoutMs / 4),
    },
    gate.handle,
  );
  server.maxConnections = limits.connections;
  answerClientErrors(server);
  // Expectations other than 100-continue are ignored: Node itself would say 417, uncounted, even when crashed.
  server.on('checkExpectation', gate.handle);
  // A client that stops taking its answer holds a part of it in memory: not for ever. After the time for requests, which have an answer.
  server.timeout = 2 * config.requestTimeoutMs;
  // Opened, and never a request on them: Node counts these as busy, so they would hold a shutdown up until the grace time.
  const silent = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  server.on('request', (request) => silent.delete(request.socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.port, resolve);
  });
  const stopping = new AbortController();
  const starting = import('./service.ts').then(({ startService }) => startService(config, gate, stopping.signal));
  let stopped: Promise<void> | undefined;

  async function stop(): Promise<void> {
    gate.stop();
    stopping.abort();
    // Not http's own close(), which also cuts idle connections at once: the next request of a keep-alive client, or the first on a new
    // connection, may be on its way. It is still answered, and told to go elsewhere.
    const closed = new Promise((resolve) => NetServer.prototype.close.call(server, resolve));
    let sweep: NodeJS.Timeout | undefined;
    const cut = setTimeout(() => {
      for (const socket of silent) socket.destroy();
      // A connection becomes idle only after its last answer, so closing idle ones once is not enough.
      sweep = setInterval(() => server.closeIdleConnections(), 25);
    }, limits.shutdownIdleMs);
    await within(config.shutdownGraceMs, closed);
    clearInterval(sweep);
    clearTimeout(cut);
    server.closeAllConnections();
    // Ends http's own timers; that it is closed already is no news.
    server.close();
    // A start that failed, or was stopped by the signal above, has cleaned up after itself.
    const serviceClosed = starting.then(
      (service) => service.close(),
      () => undefined,
    );
    await within(limits.shutdownCloseMs, serviceClosed);
  }

  return {
    port: (server.address() as AddressInfo).port,
    ready: starting.then(() => undefined),
    stop: () => (stopped ??= stop()),
  };
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const abort = new AbortController();
  const limit = delay(ms, undefined, { signal: abort.signal }).catch(() => undefined);
  await Promise.race([work, limit]);
  abort.abort();
}

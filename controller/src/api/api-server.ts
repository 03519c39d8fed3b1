/** The API on a unix socket that only its owner may use: Secrets are readable through it. */
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { makeApiApp } from './api-app.ts';
import type { ApiOptions } from './api-app.ts';

/** sockaddr_un.sun_path on Linux, without the final NUL; Node cuts a longer one silently. */
const MAX_SOCKET_PATH_BYTES = 107;
/** Longer than client-go keeps idle connections (90 s): else both ends race at closing time. */
const KEEP_ALIVE_TIMEOUT_MS = 120_000;
/** For requests in flight when the server closes; watches and followed logs never end by themselves. */
const CLOSE_GRACE_MS = 1000;

export interface ApiServer {
  /** Takes no more requests, gives those in flight a moment, and removes the socket. */
  close(): Promise<void>;
}

export class ApiServerError extends Error {
  override readonly name = 'ApiServerError';
  readonly code: 'SocketPathTooLong' | 'SocketInUse';

  constructor(code: ApiServerError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Throws ApiServerError when the path is too long or another process answers on it. A socket that nobody answers is replaced. */
export async function startApiServer(options: ApiOptions & { readonly socketPath: string }): Promise<ApiServer> {
  const { socketPath } = options;
  if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH_BYTES) {
    throw new ApiServerError(
      'SocketPathTooLong',
      `the path of the API socket is longer than ${MAX_SOCKET_PATH_BYTES} bytes: ${socketPath}`,
    );
  }
  if (await isAnswered(socketPath)) throw new ApiServerError('SocketInUse', `another control plane answers on ${socketPath}`);
  await rm(socketPath, { force: true });
  const app = makeApiApp(options);
  // Koa prints what it cannot answer; a client that goes away in the middle is no news.
  app.silent = true;
  const handle = app.callback();
  const server = createServer((request, response) => void handle(request, response));
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  server.listen(socketPath);
  await once(server, 'listening');
  await chmod(socketPath, 0o600);
  return { close: () => closeServer(server) };
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
  await closed;
  clearTimeout(timer);
}

async function isAnswered(socketPath: string): Promise<boolean> {
  const socket = connect(socketPath);
  return await new Promise((resolve) => {
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/**
 * The ingress: binds the public port and the control socket, drops its rights, then proxies by the table it is given. It never touches Docker or
 * the state, and serves on with its last table while the control plane is away.
 */
import { randomUUID } from 'node:crypto';
import { chmodSync, lstatSync, readFileSync, unlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { AddressInfo, ListenOptions, Server as NetServer, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ControlServer } from './control-server.ts';
import { answerClientErrors } from './raw-target.ts';
import { DataPlane } from './data-plane.ts';
import { IngressApp } from './ingress-app.ts';
import {
  CLIENT_BACKLOG,
  CLIENT_CONNECTIONS,
  CLIENT_HEAD_SIZE,
  CLIENT_HEAD_TIMEOUT_MS,
  CLIENT_KEEP_ALIVE_MS,
  DEFAULT_LIMITS,
  type IngressLimits,
} from './limits.ts';

export interface IngressOptions extends Partial<IngressLimits> {
  /** '0.0.0.0', or '::' for both families. */
  readonly listenHost: string;
  /** 0 = any free one. */
  readonly listenPort: number;
  /** Number of an open socket, bound to that host and port, to listen on instead of binding one. */
  readonly listenFd?: number;
  readonly controlSocketPath: string;
  /** Whom to become after binding. */
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly logger: Logger;
  /** Aborted: stop accepting, finish what is under way. */
  readonly signal: AbortSignal;
}

export interface RunningIngress {
  readonly port: number;
  /** Resolves after an orderly stop. */
  readonly stopped: Promise<void>;
}

export type IngressErrorCode = 'PortTaken' | 'PortForbidden' | 'BindFailed';

export class IngressError extends Error {
  readonly code: IngressErrorCode;

  constructor(code: IngressErrorCode, message: string, cause: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** @throws IngressError */
export async function runIngress(options: IngressOptions): Promise<void> {
  await (
    await startIngress(options)
  ).stopped;
}

/** @throws IngressError */
export async function startIngress(options: IngressOptions): Promise<RunningIngress> {
  const { logger, signal, controlSocketPath } = options;
  const limits = { ...DEFAULT_LIMITS, ...options };
  const runId = randomUUID();
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const control: ControlServer = new ControlServer(
    {
      onConnect: () => [{ type: 'hello', pid: process.pid, runId, bootId, tableVersion: plane.tableVersion }, ...plane.greeting()],
      onMessage: (message) => plane.onMessage(message),
      onDisconnect: () => plane.onControlPlaneGone(),
    },
    logger,
  );
  const plane: DataPlane = new DataPlane({ limits, logger, runId, send: control.send });
  const upgraded = new Set<Socket>();
  const server = createPublicServer(plane, logger, upgraded);
  try {
    await listenOnPublic(server, options);
    await listenOnSocket(control.server, controlSocketPath);
    if (options.user !== undefined) dropRights(options.user);
  } catch (error) {
    server.close();
    control.close();
    if (error instanceof IngressError) throw error;
    const { message } = error as Error;
    throw new IngressError(
      'BindFailed',
      `the ingress could not listen on ${controlSocketPath} or become an ordinary user: ${message}`,
      error,
    );
  }
  const { port } = server.address() as AddressInfo;
  logger.info({ port, pid: process.pid }, 'ingress listening');
  const stopped = untilAborted(signal).then(async () => {
    plane.isClosing = true;
    await closeServer(server, upgraded, limits);
    control.close();
    plane.close();
    logger.info('ingress stopped');
  });
  return { port, stopped };
}

function createPublicServer(plane: DataPlane, logger: Logger, upgraded: Set<Socket>): Server {
  const app = new IngressApp((request, response) => plane.handle({ request, response, upgrade: undefined }));
  app.on('error', (error: Error) => logger.error({ err: error }, 'request failed'));
  const callback = app.callback();
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => void callback(request, response);
  const server = createServer(
    {
      maxHeaderSize: CLIENT_HEAD_SIZE,
      keepAliveTimeout: CLIENT_KEEP_ALIVE_MS,
      headersTimeout: CLIENT_HEAD_TIMEOUT_MS,
      requestTimeout: 0,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
    },
    onRequest,
  );
  server.maxConnections = CLIENT_CONNECTIONS;
  answerClientErrors(server);
  // "100 Continue" is the endpoint's to say.
  server.on('checkContinue', onRequest);
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    upgraded.add(socket);
    socket.on('close', () => upgraded.delete(socket));
    socket.on('error', () => undefined);
    const response = new ServerResponse(request);
    response.assignSocket(socket);
    response.shouldKeepAlive = false;
    response.on('finish', () => socket.destroySoon());
    plane.handle({ request, response, upgrade: { socket, head } });
  });
  return server;
}

async function listen(server: NetServer, options: ListenOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function listenOnPublic(server: NetServer, { listenHost: host, listenPort: port, listenFd }: IngressOptions): Promise<void> {
  try {
    await listen(server, { ...(listenFd === undefined ? { host, port } : { fd: listenFd }), backlog: CLIENT_BACKLOG });
  } catch (error) {
    throw publicError(error as NodeJS.ErrnoException, port);
  }
}

/** Only the present user (root) may connect, also after this process has become someone else. */
async function listenOnSocket(server: NetServer, path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path);
  const mask = process.umask(0o177);
  try {
    await listen(server, { path });
    chmodSync(path, 0o600);
  } finally {
    process.umask(mask);
  }
}

function dropRights({ uid, gid }: { uid: number; gid: number }): void {
  process.setgroups?.([]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  if (process.getuid?.() !== uid || process.getgid?.() !== gid) throw new Error(`could not become user ${uid}`);
}

function publicError(error: NodeJS.ErrnoException, port: number): IngressError {
  if (error.code === 'EADDRINUSE') {
    const advice = 'stop that program, or choose another port with INGRESS_PORT';
    return new IngressError('PortTaken', `port ${port} is in use by another program: ${advice}`, error);
  }
  if (error.code === 'EACCES') {
    const advice = 'run as root, or choose a port from 1024 up with INGRESS_PORT';
    return new IngressError('PortForbidden', `port ${port} may not be bound by this user: ${advice}`, error);
  }
  return new IngressError('BindFailed', `the ingress could not bind port ${port}: ${error.message}`, error);
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

async function closeServer(server: Server, upgraded: ReadonlySet<Socket>, limits: IngressLimits): Promise<void> {
  // A connection that is closed while its client sends the next request costs that request: those in use are told first (plane.isClosing).
  await sleep(limits.partingMs);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const idle = setInterval(() => server.closeIdleConnections(), 100);
  const grace = setTimeout(() => {
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
  }, limits.shutdownGraceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(grace);
}

/**
 * Sends one probe and says how it ended. No thresholds, no schedule: those are prober.ts.
 * HTTP keeps its connection between probes: measured at ten a second, that halves the cost against a new connection each (and node:http with an
 * agent costs no more than a bare socket, undici twice as much). A reused connection the server has just closed is tried once more on a new one.
 */
import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { RuntimeError, type ContainerRuntime } from '../runtime/container-runtime.ts';
import type { ProbeRequest } from './probe-request.ts';

export interface ProbeRunner {
  /** Resolves with "" when the probe passed, else with a short reason, or undefined when nobody could be asked; never rejects. */
  run(request: ProbeRequest, timeoutMs: number): Promise<string | undefined>;
  /** Ends what is under way. */
  close(): void;
}

type HttpProbe = Extract<ProbeRequest, { readonly type: 'http' }>;

/** A health answer's body is read to reuse the connection, up to here. */
const BODY_BYTES = 64 * 1024;
const FAILURE_CHARACTERS = 120;

export class NetworkProbeRunner implements ProbeRunner {
  readonly #runtime: Pick<ContainerRuntime, 'exec'>;
  readonly #http = new HttpAgent({ keepAlive: true });
  readonly #https = new HttpsAgent({ keepAlive: true, rejectUnauthorized: false });
  readonly #closing = new AbortController();

  constructor(runtime: Pick<ContainerRuntime, 'exec'>) {
    this.#runtime = runtime;
  }

  run(request: ProbeRequest, timeoutMs: number): Promise<string | undefined> {
    if (this.#closing.signal.aborted) return Promise.resolve('probing has ended');
    switch (request.type) {
      case 'http':
        return this.#runHttp(request, timeoutMs);
      case 'tcp':
        return runTcp(request.address, request.port, timeoutMs);
      case 'exec':
        return this.#runExec(request.containerId, request.command, timeoutMs);
      case 'unresolved':
        return Promise.resolve(request.reason);
    }
  }

  close(): void {
    this.#closing.abort();
    this.#http.destroy();
    this.#https.destroy();
  }

  #runHttp(probe: HttpProbe, timeoutMs: number): Promise<string> {
    return new Promise((resolve) => {
      let request: ClientRequest;
      const timer = setTimeout(() => {
        settle(describeTimeout(timeoutMs));
        request.destroy();
      }, timeoutMs);
      const settle = (failure: string): void => {
        clearTimeout(timer);
        resolve(failure);
      };
      const send = (isRetry: boolean): void => {
        request = this.#send(probe, (response) => {
          const status = response.statusCode ?? 0;
          drain(response, () => settle(status >= 200 && status < 400 ? '' : `HTTP ${status}`));
        });
        request.on('error', (error: NodeJS.ErrnoException) => {
          if (request.reusedSocket && !isRetry && error.code === 'ECONNRESET') send(true);
          else settle(describeError(error));
        });
        request.end();
      };
      send(false);
    });
  }

  #send(probe: HttpProbe, onResponse: (response: IncomingMessage) => void): ClientRequest {
    const { address: host, port, path, headers } = probe;
    return probe.isTls
      ? httpsRequest({ host, port, path, headers, agent: this.#https }, onResponse)
      : httpRequest({ host, port, path, headers, agent: this.#http }, onResponse);
  }

  async #runExec(containerId: string, command: readonly string[], timeoutMs: number): Promise<string | undefined> {
    const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), this.#closing.signal]);
    try {
      const { exitCode, output } = await this.#runtime.exec(containerId, command, signal);
      if (exitCode === 0) return '';
      const lastLine = output.trimEnd().split('\n').at(-1) ?? '';
      return lastLine === '' ? `exit code ${exitCode}` : shorten(`exit code ${exitCode}: ${lastLine}`);
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      // The engine's failure says nothing about the container, and must not restart it.
      if (error.code === 'Unreachable' || error.code === 'EngineFailure') return undefined;
      return error.code === 'Timeout' ? describeTimeout(timeoutMs) : shorten(error.message);
    }
  }
}

/** Ends with the body, so that the connection is free for the next probe; a body that is too long costs the connection, not the verdict. */
function drain(response: IncomingMessage, onEnd: () => void): void {
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > BODY_BYTES) response.destroy();
  });
  // After the headers nothing can fail the probe any more but the time.
  response.on('error', () => undefined);
  response.on('close', onEnd);
}

function runTcp(address: string, port: number, timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const settle = (failure: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(failure);
    };
    const timer = setTimeout(() => settle(describeTimeout(timeoutMs)), timeoutMs);
    socket.on('connect', () => settle(''));
    socket.on('error', (error: NodeJS.ErrnoException) => settle(describeError(error)));
  });
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection closed without an answer',
  EHOSTUNREACH: 'no route to the container',
  ENETUNREACH: 'no route to the container',
  ETIMEDOUT: 'connection timed out',
};

function describeError(error: NodeJS.ErrnoException): string {
  return REASONS[error.code ?? ''] ?? shorten(error.code === undefined ? error.message : `${error.code}: ${error.message}`);
}

function describeTimeout(timeoutMs: number): string {
  return `timeout after ${timeoutMs / 1000} s`;
}

function shorten(text: string): string {
  return text.length > FAILURE_CHARACTERS ? `${text.slice(0, FAILURE_CHARACTERS - 1)}…` : text;
}

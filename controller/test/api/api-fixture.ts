/** The API on a real unix socket over a store in memory. */
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startApiServer } from '../../src/api/api-server.ts';
import type { ObjectStore } from '../../src/state/object-store.ts';
import { openStore, silent } from '../state/fixtures.ts';
import { MemoryFileSystem } from '../state/memory-file-system.ts';
import { StubControlPlane } from './stub-control-plane.ts';

export interface Answer {
  readonly code: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** The body as JSON; undefined when it is not. */
  readonly body: unknown;
}

export interface ApiFixture {
  readonly socketPath: string;
  readonly store: ObjectStore;
  readonly disk: MemoryFileSystem;
  readonly controlPlane: StubControlPlane;
  call(method: string, path: string, body?: unknown, contentType?: string): Promise<Answer>;
  open(
    path: string,
  ): Promise<{ readonly response: IncomingMessage; readonly nextLine: () => Promise<string | undefined>; readonly close: () => void }>;
  close(): Promise<void>;
}

export async function startFixture(): Promise<ApiFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'coxswain-api-'));
  const socketPath = join(directory, 'api.sock');
  const disk = new MemoryFileSystem();
  const { store } = await openStore(disk, { limits: { retryDelayMs: 5 } });
  const controlPlane = new StubControlPlane();
  const server = await startApiServer({ socketPath, store, port: controlPlane, logger: silent, version: '0.1.0' });

  const send = (method: string, path: string, body?: string, contentType = 'application/json'): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        {
          socketPath,
          method,
          path,
          agent: false,
          headers: body === undefined ? {} : { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body) },
        },
        resolve,
      );
      outgoing.once('error', reject);
      outgoing.end(body);
    });

  return {
    socketPath,
    store,
    disk,
    controlPlane,
    async call(method, path, body, contentType) {
      const response = await send(method, path, body === undefined ? undefined : JSON.stringify(body), contentType);
      const chunks = await response.toArray();
      const text = Buffer.concat(chunks as Buffer[]).toString('utf8');
      let parsed: unknown;
      try {
        parsed = JSON.parse(text);
      } catch {
        parsed = undefined;
      }
      return { code: response.statusCode ?? 0, headers: response.headers, text, body: parsed };
    },
    async open(path) {
      const response = await send('GET', path);
      const lines = createInterface({ input: response })[Symbol.asyncIterator]();
      return {
        response,
        nextLine: async () => {
          const next = await lines.next();
          return next.done === true ? undefined : next.value;
        },
        close: () => response.destroy(),
      };
    },
    async close() {
      await server.close();
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
}

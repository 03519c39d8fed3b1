/**
 * One control plane per instance and engine: an abstract unix socket is the lock, freed by the kernel when its holder dies, however it dies.
 * Whoever finds it taken asks it who holds it.
 */
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';

export interface LockHolder {
  readonly pid: number;
  readonly home: string;
  /** RFC 3339. */
  readonly since: string;
}

export class InstanceLocked extends Error {
  readonly code = 'InstanceLocked';
  constructor(instance: string, holder: LockHolder | undefined) {
    const who = holder === undefined ? 'another process' : `process ${holder.pid} (home ${holder.home}, since ${holder.since})`;
    super(`instance "${instance}" is already run by ${who}; stop it with "make down" there, or choose another COXSWAIN_INSTANCE`);
    this.name = 'InstanceLocked';
  }
}

/** @param engineId the engine's own id, so that two engines on one host do not share a lock */
export async function lockInstance(instance: string, engineId: string, holder: LockHolder): Promise<Server> {
  const path = `\0coxswain/${engineId}/${instance}`;
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(JSON.stringify(holder));
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new InstanceLocked(instance, await askHolder(path));
  }
  server.unref();
  return server;
}

async function askHolder(path: string): Promise<LockHolder | undefined> {
  const text = await new Promise<string>((resolve) => {
    let received = '';
    const socket = connect(path);
    socket.setEncoding('utf8');
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('data', (chunk: string) => (received += chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(received));
  });
  try {
    return JSON.parse(text) as LockHolder;
  } catch {
    return undefined;
  }
}

/**
 * The public socket as the supervisor holds it: bound once, given to every ingress it starts, so that connections wait in the kernel's queue
 * while one ingress replaces another. It must never accept, hence no net.Server: that begins to accept as soon as it listens. The first
 * ingress makes it listen; the socket stays as it is, and listening, for as long as anyone holds it.
 */
import { lookup } from 'node:dns/promises';
import * as net from 'node:net';

export interface PublicSocket {
  readonly fd: number;
  close(): void;
}

/** What node:cluster is made of; not in Node's documentation. See docs/decisions/0017. */
interface ListeningHandle {
  readonly fd: number;
  close(): void;
}
type CreateServerHandle = (address: string, port: number, addressType: 4 | 6) => ListeningHandle | number;

/** Undefined when it cannot be bound: the ingress then binds for itself, and says what is in its way. */
export async function bindPublicSocket(host: string, port: number): Promise<PublicSocket | undefined> {
  const create = (net as { readonly _createServerHandle?: CreateServerHandle })._createServerHandle;
  if (create === undefined) return undefined;
  try {
    const { address, family } = await lookup(host);
    const handle = create(address, port, family === 6 ? 6 : 4);
    return typeof handle === 'number' || handle.fd < 0 ? undefined : { fd: handle.fd, close: () => handle.close() };
  } catch {
    return undefined;
  }
}

/** A socket that the service manager listens on for us (systemd's socket activation): the first one it hands over. */
export function activatedSocket(environment: Readonly<Record<string, string | undefined>>, pid: number): PublicSocket | undefined {
  const { LISTEN_PID: listenPid, LISTEN_FDS: count } = environment;
  return listenPid === String(pid) && Number(count) >= 1 ? { fd: 3, close: () => undefined } : undefined;
}

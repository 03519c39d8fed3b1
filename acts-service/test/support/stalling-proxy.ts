// A TCP proxy that can freeze, as a paused container does: connections open, nothing answers, nothing closes.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface StallingProxy {
  readonly port: number;
  freeze(): void;
  thaw(): void;
  /** Cuts every connection and refuses new ones, as a killed server does. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export async function startStallingProxy(targetPort: number, listenPort = 0): Promise<StallingProxy> {
  const sockets = new Set<Socket>();
  let waiting: (() => void)[] = [];
  let isFrozen = false;

  function track(socket: Socket): void {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    if (isFrozen) socket.pause();
  }

  const server = createServer((inbound) => {
    track(inbound);
    inbound.pause();
    const forward = (): void => {
      const outbound = connect(targetPort, '127.0.0.1');
      track(outbound);
      inbound.on('data', (chunk) => outbound.write(chunk));
      outbound.on('data', (chunk) => inbound.write(chunk));
      inbound.on('close', () => outbound.destroy());
      outbound.on('close', () => inbound.destroy());
      inbound.resume();
    };
    if (isFrozen) waiting.push(forward);
    else forward();
  });
  await new Promise<void>((resolve) => server.listen(listenPort, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  async function kill(): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  return {
    port,
    freeze() {
      isFrozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw() {
      isFrozen = false;
      for (const socket of sockets) socket.resume();
      for (const forward of waiting) forward();
      waiting = [];
    },
    kill,
    close: kill,
  };
}

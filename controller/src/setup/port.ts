// Tells before anything is built whether the ingress will get its port, and if not, who holds it.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { errnoOf, SetUpError } from './set-up-error.ts';

const LISTEN_STATE = '0A';

/** Rejects with PortTaken or PortForbidden. The port may be taken between this and its use: the ingress still reports that itself. */
export async function checkPortFree(host: string, port: number): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
  } catch (cause) {
    const code = errnoOf(cause);
    if (code === 'EADDRINUSE') {
      throw new SetUpError('PortTaken', portTakenMessage(host, port, await findListener(port)), { cause });
    }
    if (code === 'EACCES') {
      throw new SetUpError(
        'PortForbidden',
        `This user may not listen on port ${port} (ports below 1024 belong to root). ` +
          `Run "make up" as root, or choose another port: make up INGRESS_PORT=8080`,
        { cause },
      );
    }
    throw cause;
  }
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

export interface Listener {
  readonly pid: number;
  readonly command: string;
}

export function portTakenMessage(host: string, port: number, listener: Listener | undefined): string {
  const holder =
    listener === undefined
      ? `another program (to see which, as root: ss -ltnp 'sport = :${port}')`
      : `process ${listener.pid} (${listener.command})`;
  return (
    `Port ${port} on ${host} is taken by ${holder}, so the ingress cannot listen there. ` +
    `Stop that program, or choose another port: make up INGRESS_PORT=${port === 8080 ? 8081 : 8080}`
  );
}

/** The process that listens on `port`; undefined when it cannot be seen (another user's, or another network namespace's). */
async function findListener(port: number): Promise<Listener | undefined> {
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '');
    for (const inode of listeningInodes(text, port)) inodes.add(`socket:[${inode}]`);
  }
  if (inodes.size === 0) return undefined;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      if (!inodes.has(target)) continue;
      const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return { pid: Number(pid), command: commandLine.split('\0').join(' ').trim().slice(0, 120) };
    }
  }
  return undefined;
}

/** Socket inodes of the rows of /proc/net/tcp that listen on `port` (proc(5): local address, state and inode are columns 2, 4, 10). */
export function listeningInodes(table: string, port: number): readonly string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return table
    .split('\n')
    .slice(1)
    .map((row) => row.trim().split(/\s+/))
    .filter((columns) => columns[3] === LISTEN_STATE && columns[1]?.split(':')[1] === wanted)
    .map((columns) => columns[9] ?? '');
}

/**
 * The image the runtime tests run, made on the spot: BusyBox and its links, imported into the engine as a tar. No registry, no docker CLI.
 * Where BusyBox is absent it is installed from Debian's package (needs root).
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import Dockerode from 'dockerode';

export const TEST_IMAGE = 'coxswain-test/busybox:latest';

const BUSYBOX_PATHS = ['/bin/busybox', '/usr/bin/busybox'];

/** Imports TEST_IMAGE unless the engine has it. */
export async function ensureTestImage(socketPath: string): Promise<void> {
  const docker = new Dockerode({ socketPath });
  const isThere = await docker
    .getImage(TEST_IMAGE)
    .inspect()
    .then(
      () => true,
      () => false,
    );
  if (isThere) return;
  const [repo, tag] = TEST_IMAGE.split(':') as [string, string];
  const reply = await docker.importImage(makeBusyboxTar(findBusybox()) as unknown as NodeJS.ReadableStream, { repo, tag });
  let lastLine = '';
  reply.on('data', (chunk: Buffer) => (lastLine = chunk.toString()));
  await finished(reply);
  if (lastLine.includes('"errorDetail"')) throw new Error(`import of ${TEST_IMAGE}: ${lastLine}`);
}

/** The file system of the image as a tar: for a registry of a test's own. */
export function busyboxTar(): Buffer {
  return makeBusyboxTar(findBusybox());
}

export function findBusybox(): string {
  const present = BUSYBOX_PATHS.find(existsSync);
  if (present !== undefined) return present;
  const options = { stdio: 'pipe', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const;
  try {
    execFileSync('apt-get', ['install', '-y', 'busybox-static'], options);
  } catch {
    execFileSync('apt-get', ['update'], options);
    execFileSync('apt-get', ['install', '-y', 'busybox-static'], options);
  }
  const installed = BUSYBOX_PATHS.find(existsSync);
  if (installed === undefined) throw new Error('busybox-static brought no busybox');
  return installed;
}

function makeBusyboxTar(busybox: string): Buffer {
  const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n');
  const entries = ['bin/', 'tmp/', 'etc/', 'proc/', 'dev/', 'sys/'].map((name) =>
    tarEntry({ name, mode: name === 'tmp/' ? 0o1777 : 0o755 }),
  );
  entries.push(tarEntry({ name: 'bin/busybox', mode: 0o755, content: readFileSync(busybox) }));
  entries.push(tarEntry({ name: 'etc/passwd', mode: 0o644, content: Buffer.from('root:x:0:0:root:/:/bin/sh\n') }));
  for (const applet of applets) {
    if (applet !== '' && applet !== 'busybox') entries.push(tarEntry({ name: `bin/${applet}`, mode: 0o777, linkTo: 'busybox' }));
  }
  return Buffer.concat([...entries, Buffer.alloc(1024)]);
}

/** One ustar entry: a directory when the name ends in "/", a symbolic link with `linkTo`, else a file. */
function tarEntry(entry: { readonly name: string; readonly mode: number; readonly content?: Buffer; readonly linkTo?: string }): Buffer {
  const content = entry.content ?? Buffer.alloc(0);
  const header = Buffer.alloc(512);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
  header.write(entry.name, 0);
  header.write(octal(entry.mode, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(content.length, 12), 124);
  header.write(octal(0, 12), 136);
  header.write('        ', 148);
  header.write(entry.linkTo !== undefined ? '2' : entry.name.endsWith('/') ? '5' : '0', 156);
  header.write(entry.linkTo ?? '', 157);
  header.write('ustar\u000000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

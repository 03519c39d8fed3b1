/** The last 64 KiB of what a container wrote, kept after it is gone: `logs --previous` reads them. Those of the newest few hundred pods stay. */
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';

const TAIL_BYTES = 64 * 1024;
const TAIL_LINES = 1_000;
const FILES_MOST = 500;

export async function saveLogs(
  runtime: ContainerRuntime,
  directory: string,
  containerId: string,
  podUid: string,
  signal: AbortSignal,
): Promise<void> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  await runtime.readLogs(
    containerId,
    { tailLines: TAIL_LINES },
    (chunk) => {
      chunks.push(chunk);
      size += chunk.length;
      while (size - (chunks[0]?.length ?? 0) > TAIL_BYTES) size -= chunks.shift()?.length ?? 0;
    },
    signal,
  );
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(join(directory, logFileName(podUid)), Buffer.concat(chunks).subarray(-TAIL_BYTES), { mode: 0o600 });
  await dropOldest(directory);
}

export function logFileName(podUid: string): string {
  return `${podUid}.log`;
}

async function dropOldest(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.log'));
  if (names.length <= FILES_MOST) return;
  const aged = await Promise.all(names.map(async (name) => ({ name, mtimeMs: (await stat(join(directory, name))).mtimeMs })));
  aged.sort((a, b) => a.mtimeMs - b.mtimeMs);
  for (const { name } of aged.slice(0, names.length - FILES_MOST)) await rm(join(directory, name), { force: true });
}

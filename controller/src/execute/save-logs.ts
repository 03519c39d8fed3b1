/**
 * The last 64 KiB of what a container wrote and how it ended, kept after it is gone: `logs --previous` reads them. Those of the newest few
 * hundred pods stay.
 */
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerEnding } from '../model/operation.ts';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';

const TAIL_BYTES = 64 * 1024;
const TAIL_LINES = 1_000;
const FILES_MOST = 500;

export async function saveLogs(
  runtime: ContainerRuntime,
  directory: string,
  containerId: string,
  podUid: string,
  ending: ContainerEnding,
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
  await writeFile(join(directory, `${podUid}.json`), `${JSON.stringify(ending)}\n`, { mode: 0o600 });
  await dropOldest(directory);
}

/** The log of the newest ended container of a pod that is gone, by its name; undefined when nothing of it is left. */
export async function findSavedLog(directory: string, namespace: string, podName: string): Promise<string | undefined> {
  let newest: { readonly file: string; readonly finishedAtMs: number } | undefined;
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.endsWith('.json')) continue;
    const ending = await readEnding(join(directory, name));
    if (ending?.namespace !== namespace || ending.podName !== podName) continue;
    if (newest === undefined || ending.finishedAtMs > newest.finishedAtMs)
      newest = { file: name.replace(/json$/, 'log'), finishedAtMs: ending.finishedAtMs };
  }
  return newest === undefined ? undefined : join(directory, newest.file);
}

/** Undefined for a file that is gone, or was cut short when the process or the disk ended. */
async function readEnding(path: string): Promise<ContainerEnding | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ContainerEnding;
  } catch {
    return undefined;
  }
}

export function logFileName(podUid: string): string {
  return `${podUid}.log`;
}

async function dropOldest(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.log'));
  if (names.length <= FILES_MOST) return;
  const aged = await Promise.all(names.map(async (name) => ({ name, mtimeMs: (await stat(join(directory, name))).mtimeMs })));
  aged.sort((a, b) => a.mtimeMs - b.mtimeMs);
  for (const { name } of aged.slice(0, names.length - FILES_MOST)) {
    await rm(join(directory, name), { force: true });
    await rm(join(directory, name.replace(/log$/, 'json')), { force: true });
  }
}

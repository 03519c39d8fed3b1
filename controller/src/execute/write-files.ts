/** The files of a configMap or secret volume: written beside their place and renamed into it, so that a container never sees half of them. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';

export interface VolumeFile {
  readonly path: string;
  readonly contentBase64: string;
  readonly mode: number;
}

export async function writeFiles(directory: string, files: readonly VolumeFile[]): Promise<void> {
  const staging = `${directory}.new`;
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { recursive: true, mode: 0o755 });
  for (const { path, contentBase64, mode } of files) {
    const relative = normalize(path);
    if (relative.startsWith('..') || relative.startsWith('/')) throw new Error(`volume file path "${path}" leaves its volume`);
    await mkdir(dirname(join(staging, relative)), { recursive: true, mode: 0o755 });
    await writeFile(join(staging, relative), Buffer.from(contentBase64, 'base64'), { mode });
  }
  await rm(directory, { recursive: true, force: true });
  await rename(staging, directory);
}

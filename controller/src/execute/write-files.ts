/** The files of a configMap or secret volume: written beside their place and renamed into it, so that a container never sees half of them. */
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';

export interface VolumeFile {
  readonly path: string;
  readonly contentBase64: string;
  readonly mode: number;
}

export async function writeFiles(directory: string, files: readonly VolumeFile[]): Promise<void> {
  const staging = `${directory}.new`;
  await rm(staging, { recursive: true, force: true });
  await makeReadable(staging);
  for (const { path, contentBase64, mode } of files) {
    const relative = normalize(path);
    if (relative.startsWith('..') || relative.startsWith('/')) throw new Error(`volume file path "${path}" leaves its volume`);
    for (const parent of parentsOf(relative)) await makeReadable(join(staging, parent));
    await writeFile(join(staging, relative), Buffer.from(contentBase64, 'base64'));
    await chmod(join(staging, relative), mode);
  }
  await rm(directory, { recursive: true, force: true });
  await rename(staging, directory);
}

/** Whatever the umask of this process: a container seldom runs as its user. */
async function makeReadable(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o755);
}

/** "a/b/c" -> "a", "a/b" */
function parentsOf(path: string): readonly string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

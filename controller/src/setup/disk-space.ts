// Free space, asked before anything large is written and again after a failure: a full disk makes apt, tar, npm and the
// engine each fail with another message, so the figure decides, not the text.
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf, SetUpError } from './set-up-error.ts';

/** Less than this left after a failure means the failure was the full disk. */
const EXHAUSTED_BYTES = 32 * 1024 * 1024;

export interface DiskSpace {
  readonly dir: string;
  readonly freeBytes: number;
}

/** The space a root process may use in `dir` or, while that does not exist, in its nearest existing parent. */
export async function freeSpace(dir: string): Promise<DiskSpace> {
  for (let path = dir; ; path = dirname(path)) {
    try {
      const { bavail, bsize } = await statfs(path);
      return { dir, freeBytes: bavail * bsize };
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || path === dirname(path)) throw error;
    }
  }
}

export function diskFullMessage(disk: DiskSpace, neededBytes: number): string {
  return (
    `${disk.dir} has ${megabytes(disk.freeBytes)} free, and set-up needs ${megabytes(neededBytes)} there. ` +
    'Free some space (images that nothing uses: docker image prune; downloaded packages: apt-get clean), then run "make up" again.'
  );
}

/** DiskFull when a disk we write to is exhausted, else the error itself. */
export async function diagnoseDiskFull(error: unknown, dirs: readonly string[]): Promise<unknown> {
  if (error instanceof SetUpError && error.code === 'DiskFull') return error;
  for (const dir of dirs) {
    const disk = await freeSpace(dir).catch(() => undefined);
    if (disk === undefined) continue;
    if (disk.freeBytes < EXHAUSTED_BYTES || errnoOf(error) === 'ENOSPC') {
      return new SetUpError('DiskFull', `The disk filled up during set-up. ${diskFullMessage(disk, 2e9)}`, { cause: error });
    }
  }
  return error;
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1e6)} MB`;
}

/**
 * The few file operations the durable state is made of, as a port: tests stop the world between any two of them.
 * Everything is private to the owner (directories 0700, files 0600): the state holds Secrets.
 */
import { chmod, mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import writeFileAtomic from 'write-file-atomic';

/** The open journal. After a failed `append` the file may end in a part of the data: `truncate` before the next one. */
export interface JournalFile {
  append(data: Buffer): Promise<void>;
  /** fdatasync: everything appended so far survives a power cut. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Whether the file is still in its place and so long: somebody may have deleted, replaced or cut it. Absent = cannot be told. */
  isIntact?(length: number): Promise<boolean>;
  close(): Promise<void>;
}

export interface StateFileSystem {
  makeDirectory(path: string): Promise<void>;
  listNames(directory: string): Promise<readonly string[]>;
  /** undefined when there is no such file; any other failure throws. */
  read(path: string): Promise<Buffer | undefined>;
  /** All or nothing, and on disk when it resolves. */
  writeAtomic(path: string, data: Buffer): Promise<void>;
  /** No such file is success: the step was done before a crash. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes renames, removals and creations in it durable. */
  syncDirectory(path: string): Promise<void>;
  openJournal(path: string): Promise<JournalFile>;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

export const nodeFileSystem: StateFileSystem = {
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await chmod(path, 0o700);
  },
  listNames: (directory) => readdir(directory),
  async read(path) {
    try {
      return await readFile(path);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  },
  writeAtomic: (path, data) => writeFileAtomic(path, data, { mode: 0o600, fsync: true }),
  async rename(from, to) {
    try {
      await rename(from, to);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  },
  remove: (path) => rm(path, { force: true }),
  async syncDirectory(path) {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async openJournal(path) {
    const handle = await open(path, 'a', 0o600);
    return {
      append: (data) => handle.appendFile(data),
      sync: () => handle.datasync(),
      truncate: (length) => handle.truncate(length),
      async isIntact(length) {
        const [own, present] = await Promise.all([handle.stat(), stat(path).catch(() => undefined)]);
        return present?.ino === own.ino && own.size === length;
      },
      close: () => handle.close(),
    };
  },
};

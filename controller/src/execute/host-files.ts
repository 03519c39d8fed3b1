/** What operations do to files of the host: volumes of ConfigMaps and Secrets, and saved logs. */
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { saveLogs } from './save-logs.ts';
import { writeFiles } from './write-files.ts';

export interface HostFiles {
  hasDirectory(directory: string): boolean;
  /** An absent directory holds none. */
  listNames(directory: string): Promise<readonly string[]>;
  readonly writeFiles: typeof writeFiles;
  readonly saveLogs: typeof saveLogs;
  /** With all that is in it; an absent one is success. */
  remove(directory: string): Promise<void>;
}

export const nodeHostFiles: HostFiles = {
  hasDirectory: existsSync,
  listNames: (directory) => readdir(directory).catch(() => []),
  writeFiles,
  saveLogs,
  remove: (directory) => rm(directory, { recursive: true, force: true }),
};

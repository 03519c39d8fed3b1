/**
 * The files of the control plane in memory, with latency: a control plane dies between any two file operations, or in the middle of an append.
 * What it had written stays; what a dead one still wants to write does not happen.
 */
import type { HostFiles } from '../../src/execute/host-files.ts';
import type { JournalFile, StateFileSystem } from '../../src/state/state-file-system.ts';
import { diskFull, MemoryFileSystem } from '../state/memory-file-system.ts';
import type { Random } from './random.ts';
import { sleep } from './simulated-engine.ts';
import type { EngineLife } from './simulated-engine.ts';

export class SimulatedDisk {
  state = new MemoryFileSystem();
  secrets = new MemoryFileSystem();
  /** Directories of configMap and secret volumes, and saved logs. */
  readonly directories = new Set<string>();
  isFull = false;
  writes = 0;
  readonly #random: Random;
  /** An append that has begun: dying now leaves a part of it. */
  #appending: { readonly path: string; readonly data: Buffer } | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Everything in memory of the machine is gone; what was being appended is there in part. */
  tear(): void {
    const appending = this.#appending;
    this.#appending = undefined;
    if (appending === undefined || this.#random.chance(0.3)) return;
    const present = this.state.files.get(appending.path) ?? Buffer.alloc(0);
    const part = appending.data.subarray(0, this.#random.int(0, appending.data.length));
    this.state.files.set(appending.path, Buffer.concat([present, part]));
  }

  fileSystem(life: EngineLife, kind: 'state' | 'secrets'): StateFileSystem {
    const files = this[kind];
    const step = async (isWrite: boolean): Promise<void> => {
      await sleep(isWrite ? this.#random.int(0, 3) : 0);
      if (life.isDead) await new Promise(() => undefined);
      if (!isWrite) return;
      this.writes++;
      if (this.isFull) throw diskFull();
    };
    return {
      makeDirectory: () => step(false),
      listNames: async (directory) => {
        await step(false);
        return files.listNames(directory);
      },
      read: async (path) => {
        await step(false);
        return files.read(path);
      },
      writeAtomic: async (path, data) => {
        await step(true);
        await files.writeAtomic(path, data);
      },
      rename: async (from, to) => {
        await step(true);
        await files.rename(from, to);
      },
      remove: async (path) => {
        await step(true);
        await files.remove(path);
      },
      syncDirectory: () => step(true),
      openJournal: async (path) => {
        await step(true);
        return this.#journal(await files.openJournal(path), path, step);
      },
    };
  }

  #journal(journal: JournalFile, path: string, step: (isWrite: boolean) => Promise<void>): JournalFile {
    return {
      append: async (data) => {
        this.#appending = { path, data };
        await step(true).catch((error: unknown) => {
          this.#appending = undefined;
          throw error;
        });
        this.#appending = undefined;
        await journal.append(data);
      },
      sync: () => step(true),
      truncate: async (length) => {
        await step(true);
        await journal.truncate(length);
      },
      close: () => Promise.resolve(),
    };
  }

  hostFiles(life: EngineLife): HostFiles {
    const write = async (): Promise<void> => {
      await sleep(this.#random.int(0, 3));
      if (life.isDead) await new Promise(() => undefined);
      if (this.isFull) throw diskFull();
    };
    return {
      hasDirectory: (directory) => this.directories.has(directory),
      listNames: (directory) =>
        Promise.resolve([...new Set([...this.directories].map((path) => path.slice(directory.length + 1).split('/')[0] ?? ''))]),
      writeFiles: async (directory) => {
        await write();
        this.directories.add(directory);
      },
      saveLogs: async (runtime, _directory, containerId, _podUid, _ending, signal) => {
        await runtime.readLogs(containerId, { tailLines: 10 }, () => undefined, signal);
        await write();
      },
      remove: async (directory) => {
        await sleep(this.#random.int(0, 3));
        if (life.isDead) return;
        for (const present of this.directories) if (present.startsWith(`${directory}/`)) this.directories.delete(present);
      },
    };
  }
}

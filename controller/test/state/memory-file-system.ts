/** The files of a store in memory, with a way to stop the world (or make the disk full) at any file operation. */
import type { JournalFile, StateFileSystem } from '../../src/state/state-file-system.ts';

export class MemoryFileSystem implements StateFileSystem {
  readonly files: Map<string, Buffer>;
  /** Changing operations so far. */
  operations = 0;
  /** What a changing operation does before it takes effect; throw to make it fail. */
  beforeOperation: (name: string, index: number) => void = () => undefined;
  /** When an append fails, so many of its bytes are written all the same. */
  tornAppendBytes = 0;

  constructor(files: Iterable<readonly [string, Buffer]> = []) {
    this.files = new Map([...files].map(([path, data]) => [path, Buffer.from(data)]));
  }

  copy(): MemoryFileSystem {
    return new MemoryFileSystem(this.files);
  }

  makeDirectory(): Promise<void> {
    return Promise.resolve();
  }

  listNames(directory: string): Promise<readonly string[]> {
    return Promise.resolve([...this.files.keys()].map((path) => path.slice(directory.length + 1)));
  }

  read(path: string): Promise<Buffer | undefined> {
    return Promise.resolve(this.files.get(path));
  }

  writeAtomic(path: string, data: Buffer): Promise<void> {
    return this.#change('writeAtomic', () => void this.files.set(path, Buffer.from(data)));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#change('rename', () => {
      const data = this.files.get(from);
      if (data === undefined) return;
      this.files.delete(from);
      this.files.set(to, data);
    });
  }

  remove(path: string): Promise<void> {
    return this.#change('remove', () => void this.files.delete(path));
  }

  syncDirectory(): Promise<void> {
    return this.#change('syncDirectory', () => undefined);
  }

  async openJournal(path: string): Promise<JournalFile> {
    await this.#change('openJournal', () => {
      if (!this.files.has(path)) this.files.set(path, Buffer.alloc(0));
    });
    // An open file keeps its identity when it is renamed; the store closes it first, so a path will do.
    const contents = (): Buffer => this.files.get(path) ?? Buffer.alloc(0);
    return {
      append: (data) =>
        this.#change(
          'append',
          () => void this.files.set(path, Buffer.concat([contents(), data])),
          () => void this.files.set(path, Buffer.concat([contents(), data.subarray(0, this.tornAppendBytes)])),
        ),
      sync: () => this.#change('sync', () => undefined),
      truncate: (length) => this.#change('truncate', () => void this.files.set(path, contents().subarray(0, length))),
      close: () => Promise.resolve(),
    };
  }

  async #change(name: string, effect: () => void, partialEffect: () => void = () => undefined): Promise<void> {
    await Promise.resolve();
    this.operations += 1;
    try {
      this.beforeOperation(name, this.operations);
    } catch (error) {
      partialEffect();
      throw error;
    }
    effect();
  }
}

export function diskFull(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
}

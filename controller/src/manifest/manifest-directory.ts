/**
 * The manifests directory as a sequence of snapshots. Files directly in it with the endings .yaml, .yml and .json count; directories in it
 * are not read, symbolic links are followed, and what editors leave behind (.x, x~, x.swp) is passed over.
 * It reads and reports; what a snapshot changes is decided by decide-application.ts.
 */
import { constants } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { watch } from 'chokidar';
import type { FSWatcher } from 'chokidar';
import { EventEmitter } from 'eventemitter3';
import { MANIFEST_LIMITS, WATCH_TIMING } from './limits.ts';
import type { ManifestError, ManifestErrorCode } from './manifest-error.ts';
import { identityOf } from './manifest-snapshot.ts';
import type { ManifestSnapshot, ParsedFile } from './manifest-snapshot.ts';
import { judgeFiles, parseFile } from './parse-manifests.ts';
import type { ManifestFile, ManifestOptions } from './parse-manifests.ts';

export interface ManifestDirectoryOptions extends ManifestOptions {
  readonly directory: string;
}

interface ManifestDirectoryEvents {
  snapshot: (snapshot: ManifestSnapshot) => void;
}

/** Equal for a file that has not changed. */
type Stamp = string;

interface KnownFile {
  readonly stamp: Stamp;
  readonly content: string;
  readonly parsed: ParsedFile | ManifestError;
}

/** A file whose stamp differs from that of the known one, or that is gone (no stamp). */
interface PendingFile {
  readonly stamp: Stamp | undefined;
  readonly sinceMs: number;
  /** Since when it has not been settled, over all its changes. */
  readonly firstSeenMs: number;
}

interface Listing {
  readonly files: ReadonlyMap<string, { readonly stamp: Stamp; readonly mtimeMs: number }>;
  readonly problem: ManifestError | undefined;
}

/** A file that never settles must not keep the others from counting. */
const NEVER_SETTLES_MS = 5000;
const EVENT_DELAY_MS = 10;

export class ManifestDirectory extends EventEmitter<ManifestDirectoryEvents> {
  readonly #options: ManifestDirectoryOptions;
  readonly #known = new Map<string, KnownFile>();
  readonly #pending = new Map<string, PendingFile>();
  #problem: ManifestError | undefined;
  /** What the last snapshot was made of. */
  #published: readonly (ParsedFile | string)[] | undefined;
  #watcher: FSWatcher | undefined;
  #restat: NodeJS.Timeout | undefined;
  #next: NodeJS.Timeout | undefined;
  #nextAtMs = 0;
  #scan: Promise<void> | undefined;
  #isStopped = true;

  constructor(options: ManifestDirectoryOptions) {
    super();
    this.#options = options;
  }

  /** Begins to watch. The first snapshot comes as soon as the files that are there have settled; a missing directory is reported in it. */
  start(): void {
    this.#isStopped = false;
    this.#watcher = watch(this.#options.directory, { depth: 0, ignoreInitial: true, ignorePermissionErrors: true });
    this.#watcher.on('all', () => this.#wake(EVENT_DELAY_MS));
    // A watch that fails (too many watches, a vanished directory) leaves the looking every second.
    this.#watcher.on('error', () => this.#wake(EVENT_DELAY_MS));
    this.#restat = setInterval(() => this.#wake(0), WATCH_TIMING.restatMs);
    this.#wake(0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#restat);
    clearTimeout(this.#next);
    this.#next = undefined;
    await this.#watcher?.close();
    await this.#scan;
  }

  /** The directory as it is this instant, settled or not. Emits nothing. */
  async readNow(): Promise<ManifestSnapshot> {
    const { parsed, problems } = await this.#readAll();
    return judgeFiles(parsed, problems);
  }

  /**
   * The directory as it would be with these files in it: an object in them stands in the place of the one of its name, wherever that is.
   * Where they are all (`isAll`) the directory counts for nothing. Emits nothing.
   */
  async readWith(files: readonly ManifestFile[], { isAll }: { readonly isAll: boolean }): Promise<ManifestSnapshot> {
    const given = files.map((file) => parseFile(file, this.#options));
    if (isAll) return judgeFiles(given);
    const replaced = new Set(given.flatMap((file) => [...file.objects.map(({ object }) => identityOf(object)), ...file.invalidIdentities]));
    const { parsed, problems } = await this.#readAll();
    const kept = parsed.map((file) => ({ ...file, objects: file.objects.filter(({ object }) => !replaced.has(identityOf(object))) }));
    return judgeFiles([...kept, ...given], problems);
  }

  async #readAll(): Promise<{ readonly parsed: readonly ParsedFile[]; readonly problems: readonly ManifestError[] }> {
    const listing = await this.#list();
    const parsed: ParsedFile[] = [];
    const problems: ManifestError[] = listing.problem === undefined ? [] : [listing.problem];
    for (const [name, { stamp }] of listing.files) {
      const known = this.#known.get(name);
      const file = known?.stamp === stamp ? known : await this.#read(name);
      if (file === undefined) continue;
      if ('code' in file.parsed) problems.push(file.parsed);
      else parsed.push(file.parsed);
    }
    return { parsed, problems };
  }

  #wake(delayMs: number): void {
    if (this.#isStopped) return;
    const atMs = performance.now() + delayMs;
    if (this.#next !== undefined && this.#nextAtMs <= atMs) return;
    clearTimeout(this.#next);
    this.#nextAtMs = atMs;
    this.#next = setTimeout(() => {
      this.#next = undefined;
      if (this.#scan !== undefined) {
        this.#wake(EVENT_DELAY_MS);
        return;
      }
      this.#scan = this.#look().finally(() => (this.#scan = undefined));
    }, delayMs);
  }

  async #look(): Promise<void> {
    const listing = await this.#list();
    this.#notePending(listing);
    const waitMs = await this.#takeSettled(listing);
    if (this.#isStopped || waitMs === undefined) return;
    if (waitMs > 0) this.#wake(waitMs);
    else this.#publish(listing);
  }

  #notePending({ files, problem }: Listing): void {
    const now = performance.now();
    const note = (name: string, stamp: Stamp | undefined): void => {
      const pending = this.#pending.get(name);
      if (pending !== undefined && pending.stamp === stamp) return;
      this.#pending.set(name, { stamp, sinceMs: now, firstSeenMs: pending?.firstSeenMs ?? now });
    };
    for (const [name, { stamp }] of files) {
      if (this.#known.get(name)?.stamp === stamp) this.#pending.delete(name);
      else note(name, stamp);
    }
    for (const name of [...this.#known.keys(), ...this.#pending.keys()]) {
      if (!files.has(name) && problem === undefined) note(name, undefined);
    }
    // The directory itself is pending under the name "".
    if (problem?.message === this.#problem?.message) this.#pending.delete('');
    else note('', problem?.message);
  }

  /** Reads what has settled. Returns 0 when all has and something changed, the time to the next that will, undefined when nothing is new. */
  async #takeSettled(listing: Listing): Promise<number | undefined> {
    const isNew = this.#pending.size > 0 || this.#published === undefined;
    let waitMs = 0;
    for (const [name, pending] of this.#pending) {
      const remainingMs = await this.#settle(name, pending, listing);
      waitMs = Math.max(waitMs, remainingMs);
    }
    return isNew ? waitMs : undefined;
  }

  /** Milliseconds until the file counts; 0 when it now does, and is known as it is. */
  async #settle(name: string, { stamp, sinceMs, firstSeenMs }: PendingFile, { files, problem }: Listing): Promise<number> {
    const now = performance.now();
    const listed = files.get(name);
    const ageMs = Math.max(now - sinceMs, listed === undefined ? 0 : Date.now() - listed.mtimeMs);
    const isEndless = now - firstSeenMs > NEVER_SETTLES_MS;
    if (name === '') {
      if (this.#published !== undefined && ageMs < WATCH_TIMING.settleShrunkMs) return WATCH_TIMING.settleShrunkMs - ageMs;
      this.#problem = problem;
      this.#pending.delete(name);
      return 0;
    }
    if (stamp === undefined) {
      if (ageMs < WATCH_TIMING.settleShrunkMs) return WATCH_TIMING.settleShrunkMs - ageMs;
      this.#known.delete(name);
      this.#pending.delete(name);
      return 0;
    }
    if (ageMs < WATCH_TIMING.settleMs) {
      if (!isEndless) return WATCH_TIMING.settleMs - ageMs;
      // It stays pending, under a stamp that no file has, so that its end is seen.
      const parsed = fileError('UnreadableFile', name, 'it is being written to without an end');
      this.#known.set(name, { stamp: '', content: this.#known.get(name)?.content ?? '', parsed });
      return 0;
    }
    const file = await this.#read(name);
    // Changed or gone between the listing and the reading: look again.
    if (file?.stamp !== stamp) return WATCH_TIMING.settleMs;
    const before = this.#known.get(name)?.content ?? '';
    const isCutShort = file.content.length < before.length && before.startsWith(file.content);
    if (isCutShort && ageMs < WATCH_TIMING.settleShrunkMs) return WATCH_TIMING.settleShrunkMs - ageMs;
    this.#known.set(name, file);
    this.#pending.delete(name);
    return 0;
  }

  #publish(listing: Listing): void {
    const parsed: ParsedFile[] = [];
    const problems: ManifestError[] = this.#problem === undefined ? [] : [this.#problem];
    for (const [name, file] of this.#known) {
      if (listing.problem !== undefined || !listing.files.has(name)) continue;
      if ('code' in file.parsed) problems.push(file.parsed);
      else parsed.push(file.parsed);
    }
    const said = [...parsed, ...problems.map(({ source, message }) => `${source.file}: ${message}`)];
    if (this.#published !== undefined && isSameList(said, this.#published)) return;
    this.#published = said;
    this.emit('snapshot', judgeFiles(parsed, problems));
  }

  async #list(): Promise<Listing> {
    const files = new Map<string, { stamp: Stamp; mtimeMs: number }>();
    let names: readonly string[];
    try {
      names = (await readdir(this.#options.directory)).filter(isManifestName).sort();
    } catch (error) {
      const isMissing = codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
      const message = isMissing ? 'the manifests directory is missing' : `the manifests directory cannot be read (${codeOf(error)})`;
      return { files, problem: fileError(isMissing ? 'DirectoryMissing' : 'UnreadableFile', '', message) };
    }
    if (names.length > MANIFEST_LIMITS.filesPerDirectory) {
      const message = `${names.length} manifest files, and the limit is ${MANIFEST_LIMITS.filesPerDirectory}`;
      return { files, problem: fileError('TooManyFiles', '', message) };
    }
    for (const name of names) {
      try {
        const status = await stat(join(this.#options.directory, name), { bigint: true });
        if (status.isDirectory()) continue;
        files.set(name, { stamp: stampOf(status), mtimeMs: Number(status.mtimeMs) });
      } catch (error) {
        // A dangling link, or one without leave to follow: #read says so. A file that has just gone shows at the next look.
        files.set(name, { stamp: codeOf(error), mtimeMs: 0 });
      }
    }
    return { files, problem: undefined };
  }

  /** Undefined when the file is gone. */
  async #read(name: string): Promise<KnownFile | undefined> {
    const failed = (stamp: Stamp, code: ManifestErrorCode, message: string): KnownFile => ({
      stamp,
      content: this.#known.get(name)?.content ?? '',
      parsed: fileError(code, name, message),
    });
    try {
      // Without O_NONBLOCK a pipe named x.yaml would block the reading for ever.
      const handle = await open(join(this.#options.directory, name), constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        const status = await handle.stat({ bigint: true });
        const stamp = stampOf(status);
        if (!status.isFile()) return failed(stamp, 'UnreadableFile', 'not a file');
        if (status.size > MANIFEST_LIMITS.bytesPerFile) {
          return failed(stamp, 'TooLarge', `${status.size} bytes, and the limit is ${MANIFEST_LIMITS.bytesPerFile}`);
        }
        // One byte more than there should be, so that a file that grows meanwhile is no more work.
        const { bytesRead, buffer } = await handle.read({ buffer: Buffer.alloc(Number(status.size) + 1), position: 0 });
        const bytes = buffer.subarray(0, bytesRead);
        if (stampOf(await handle.stat({ bigint: true })) !== stamp)
          return { ...failed('', 'UnreadableFile', 'it changed while it was read') };
        return this.#parse(name, stamp, bytes);
      } finally {
        await handle.close();
      }
    } catch (error) {
      return failed(codeOf(error), 'UnreadableFile', `cannot be read (${codeOf(error)})`);
    }
  }

  #parse(name: string, stamp: Stamp, bytes: Buffer): KnownFile {
    let content: string;
    try {
      content = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return { stamp, content: '', parsed: fileError('BadYaml', name, 'not UTF-8 text') };
    }
    const known = this.#known.get(name);
    const parsed =
      known?.content === content && !('code' in known.parsed) ? known.parsed : parseFile({ path: name, content }, this.#options);
    return { stamp, content, parsed };
  }
}

export function isManifestName(name: string): boolean {
  return /^[^.].*\.(yaml|yml|json)$/.test(name);
}

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

function stampOf({ ino, size, mtimeNs }: { readonly ino: bigint; readonly size: bigint; readonly mtimeNs: bigint }): Stamp {
  return `${ino} ${size} ${mtimeNs}`;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}

function fileError(code: ManifestErrorCode, file: string, message: string): ManifestError {
  return { code, source: { file, line: 0, column: 0 }, object: '', path: '', message };
}

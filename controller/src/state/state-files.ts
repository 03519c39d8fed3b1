/**
 * The files of the durable state and the order in which they change. With P and S journal sequence numbers, P <= S:
 *
 *   snapshot.prev.json  the state at P          journal.prev.log  the changes up to S
 *   snapshot.json       the state at S          journal.log       the changes after S
 *   snapshot.next.json  only during a rotation   newest          the number of the last record that was synced
 *
 * so that the state can be had from either snapshot. Loading takes the newest whole snapshot and applies every later record it finds in either
 * journal, by number; therefore a crash between any two steps here changes nothing. Damaged files are moved aside, never overwritten.
 */
import { join } from 'node:path';
import { keyOf } from '../model/objects.ts';
import type { KubernetesObject, ObjectKey } from '../model/objects.ts';
import { checksumOf, decodeJournal } from './journal.ts';
import type { DecodedJournal, JournalRecord } from './journal.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';
import type { StateImage } from './snapshot.ts';
import type { JournalFile, StateFileSystem } from './state-file-system.ts';

const SNAPSHOT = 'snapshot.json';
const SNAPSHOT_NEXT = 'snapshot.next.json';
const SNAPSHOT_PREV = 'snapshot.prev.json';
const JOURNAL = 'journal.log';
const JOURNAL_PREV = 'journal.prev.log';
/** The number of the newest record that was on disk, written after it and not synced: a journal that ends before it has lost something. */
const NEWEST = 'newest';
/** What write-file-atomic leaves behind when it is killed. */
const TEMPORARY = /^snapshot\.(next\.|prev\.)?json\.\d+$/;

/** What loading found amiss, in words. Cut: an unfinished write that nobody was told of. Lost: changes that were acknowledged and are gone. */
export interface StateReport {
  readonly kind: 'Cut' | 'Quarantined' | 'Recovered' | 'Lost';
  readonly file: string;
  readonly message: string;
}

export interface LoadedState {
  readonly sequence: number;
  readonly reserved: number;
  readonly objects: readonly KubernetesObject[];
  readonly records: ReadonlyMap<string, unknown>;
  readonly reports: readonly StateReport[];
}

export interface StateFilesOptions {
  readonly directory: string;
  readonly fileSystem: StateFileSystem;
  /** Leaves out of an object what is not durable. */
  readonly strip: (object: KubernetesObject) => KubernetesObject;
  /** Goes into the names of files moved aside, e.g. "20260131T101500Z". */
  readonly timestamp: string;
}

export class StateFiles {
  readonly #options: StateFilesOptions;
  #journal: JournalFile | undefined;
  #newest: JournalFile | undefined;
  /** Files that must be there: one that is not was taken away under the running process. */
  readonly #present = new Set<string>();
  #journalBytes = 0;
  #hasTail = false;
  #hasUnfinishedRotation = false;
  #isDamaged = false;
  /** Damaged files that are still in their places; shrinks as a repair, perhaps a repeated one, moves them aside. */
  readonly #damagedNames = new Set<string>();

  private constructor(options: StateFilesOptions) {
    this.#options = options;
  }

  /** Reads only; `repair`, `rotate` or the next `append` put right what it found. Throws when a file cannot be read at all. */
  static async load(options: StateFilesOptions): Promise<{ readonly files: StateFiles; readonly loaded: LoadedState }> {
    const files = new StateFiles(options);
    await options.fileSystem.makeDirectory(options.directory);
    for (const name of await options.fileSystem.listNames(options.directory)) {
      if (TEMPORARY.test(name)) await options.fileSystem.remove(files.#path(name));
    }
    return { files, loaded: await files.#load() };
  }

  get journalBytes(): number {
    return this.#journalBytes;
  }

  /** A file had to be given up: `repair` comes before anything else is written. */
  get isDamaged(): boolean {
    return this.#isDamaged;
  }

  /** A crash stopped a rotation: another one completes it. */
  get hasUnfinishedRotation(): boolean {
    return this.#hasUnfinishedRotation;
  }

  /** The journal ends in a part of a write: the next `append` cuts it first. */
  get hasTail(): boolean {
    return this.#hasTail;
  }

  /** Whether the files are still there as they were written. When not, `isDamaged`, and a repair writes everything anew. */
  async check(): Promise<void> {
    const { fileSystem, directory } = this.#options;
    const names = new Set(await fileSystem.listNames(directory).catch(() => []));
    const isThere = [...this.#present].every((name) => names.has(name));
    const isWhole = this.#journal === undefined || this.#hasTail || (await this.#journal.isIntact?.(this.#journalBytes)) !== false;
    if (!isThere || !isWhole) this.#isDamaged = true;
  }

  /** On disk when it resolves. `sequence` is the number of the last record in it. After a failure the journal is as before, or is made so by the next call. */
  async append(data: Buffer, sequence: number): Promise<void> {
    if (data.length === 0 && !this.#hasTail) return;
    try {
      this.#journal ??= await this.#openJournal();
      if (this.#hasTail) {
        await this.#journal.truncate(this.#journalBytes);
        this.#hasTail = false;
      }
      if (data.length === 0) return;
      this.#hasTail = true;
      await this.#journal.append(data);
      // After a failed sync the kernel may drop what it had: that part is cut and written anew, never synced a second time.
      await this.#journal.sync();
      this.#journalBytes += data.length;
      this.#hasTail = false;
      this.#present.add(JOURNAL);
      await this.#noteNewest(sequence);
    } catch (error) {
      await this.#closeJournal();
      throw error;
    }
  }

  /** The image must hold everything that the journal holds. May be repeated after a failure at any step. */
  async rotate(image: StateImage): Promise<void> {
    const { fileSystem, directory } = this.#options;
    await fileSystem.writeAtomic(this.#path(SNAPSHOT_NEXT), await encodeSnapshot(image, this.#options.strip));
    await fileSystem.rename(this.#path(SNAPSHOT), this.#path(SNAPSHOT_PREV));
    await fileSystem.rename(this.#path(SNAPSHOT_NEXT), this.#path(SNAPSHOT));
    await fileSystem.syncDirectory(directory);
    await this.#closeJournal();
    await fileSystem.rename(this.#path(JOURNAL), this.#path(JOURNAL_PREV));
    this.#journalBytes = 0;
    await fileSystem.syncDirectory(directory);
    this.#hasUnfinishedRotation = false;
    this.#present.add(SNAPSHOT);
    this.#present.delete(JOURNAL);
  }

  /** Writes the whole state twice, then moves damaged files aside and drops the rest: nothing depends on them any more. */
  async repair(image: StateImage): Promise<void> {
    const { fileSystem, directory } = this.#options;
    const data = await encodeSnapshot(image, this.#options.strip);
    await fileSystem.makeDirectory(directory);
    for (const name of [SNAPSHOT, SNAPSHOT_PREV]) {
      if (this.#damagedNames.has(name)) await this.#quarantine(name);
      await fileSystem.writeAtomic(this.#path(name), data);
    }
    await fileSystem.syncDirectory(directory);
    await this.#closeJournal();
    for (const name of [SNAPSHOT_NEXT, JOURNAL_PREV, JOURNAL]) {
      if (this.#damagedNames.has(name)) await this.#quarantine(name);
      else await fileSystem.remove(this.#path(name));
    }
    await fileSystem.syncDirectory(directory);
    this.#isDamaged = false;
    this.#journalBytes = 0;
    this.#hasTail = false;
    this.#hasUnfinishedRotation = false;
    this.#present.clear();
    for (const name of [SNAPSHOT, SNAPSHOT_PREV]) this.#present.add(name);
    await this.#closeNewest();
    await this.#noteNewest(image.sequence);
  }

  async close(): Promise<void> {
    await this.#closeJournal();
    await this.#closeNewest();
  }

  async #load(): Promise<LoadedState> {
    const reports: StateReport[] = [];
    const giveUp = (file: string, reason: string): void => {
      this.#damagedNames.add(file);
      reports.push({ kind: 'Quarantined', file, message: `${file} is damaged (${reason}); it is kept as ${this.#quarantineName(file)}` });
    };

    let base: { readonly name: string; readonly image: StateImage } | undefined;
    for (const name of [SNAPSHOT, SNAPSHOT_NEXT, SNAPSHOT_PREV]) {
      const data = await this.#options.fileSystem.read(this.#path(name));
      if (data === undefined) continue;
      if (name !== SNAPSHOT_NEXT) this.#present.add(name);
      if (name === SNAPSHOT_NEXT) this.#hasUnfinishedRotation = true;
      const image = decodeSnapshot(data);
      if (typeof image === 'string') giveUp(name, image);
      else if (base === undefined || image.sequence > base.image.sequence) base = { name, image };
    }

    const replay = new Replay(base?.image);
    let unreadableAtEnd = 0;
    for (const name of [JOURNAL_PREV, JOURNAL]) {
      const data = await this.#options.fileSystem.read(this.#path(name));
      if (data === undefined) continue;
      this.#present.add(name);
      const journal = decodeJournal(data);
      replay.apply(journal.records);
      const isCovered = (base?.image.sequence ?? 0) >= (journal.records.at(-1)?.sequence ?? Infinity) + journal.badLinesAtEnd;
      unreadableAtEnd = isCovered || (name === JOURNAL_PREV && base?.name === SNAPSHOT) ? 0 : journal.badLinesAtEnd;
      if (journal.badLines.length > 0) giveUp(name, describeBadLines(journal));
      else if (journal.tornBytes > 0 && name === JOURNAL_PREV) giveUp(name, 'its end is missing');
      if (name === JOURNAL) {
        this.#journalBytes = journal.completeBytes;
        this.#hasTail = journal.tornBytes > 0;
        if (this.#hasTail) {
          reports.push({
            kind: 'Cut',
            file: name,
            message: `${name} ended in an unfinished write of ${journal.tornBytes} bytes; it is cut off`,
          });
        }
      }
    }
    this.#isDamaged = this.#damagedNames.size > 0;

    if (unreadableAtEnd > 0) replay.missing.push(`${unreadableAtEnd} at the end`);
    else {
      const newest = decodeNewest(await this.#options.fileSystem.read(this.#path(NEWEST)));
      const { sequence } = replay.result();
      if (newest > sequence) {
        replay.missing.push(`${sequence + 1}-${newest} at the end`);
        // The numbers go on behind what was given out.
        replay.skipTo(newest);
        this.#isDamaged = true;
      }
    }
    if (replay.missing.length > 0) {
      reports.push({ kind: 'Lost', file: JOURNAL, message: `changes could not be read and are lost: ${replay.missing.join(', ')}` });
    } else if (this.#isDamaged) {
      const from = base === undefined ? 'the journals' : `${base.name} and the journals`;
      reports.push({ kind: 'Recovered', file: base?.name ?? JOURNAL, message: `the state was rebuilt from ${from}` });
    }
    return { ...replay.result(), reports };
  }

  /** A hint for the next start: that it cannot be written is no failure of what is on disk already. */
  async #noteNewest(sequence: number): Promise<void> {
    try {
      this.#newest ??= await this.#options.fileSystem.openJournal(this.#path(NEWEST));
      await this.#newest.truncate(0);
      await this.#newest.append(Buffer.from(encodeNewest(sequence)));
    } catch {
      await this.#closeNewest();
    }
  }

  async #closeNewest(): Promise<void> {
    const newest = this.#newest;
    this.#newest = undefined;
    await newest?.close().catch(() => undefined);
  }

  async #openJournal(): Promise<JournalFile> {
    const journal = await this.#options.fileSystem.openJournal(this.#path(JOURNAL));
    // The file may be new: its name must survive a power cut as well as its content.
    if (this.#journalBytes === 0) await this.#options.fileSystem.syncDirectory(this.#options.directory);
    return journal;
  }

  async #closeJournal(): Promise<void> {
    const journal = this.#journal;
    this.#journal = undefined;
    // Everything that matters was synced, or is written again.
    await journal?.close().catch(() => undefined);
  }

  async #quarantine(name: string): Promise<void> {
    await this.#options.fileSystem.rename(this.#path(name), this.#path(this.#quarantineName(name)));
    this.#damagedNames.delete(name);
  }

  #quarantineName(name: string): string {
    return `${name}.corrupt-${this.#options.timestamp}`;
  }

  #path(name: string): string {
    return join(this.#options.directory, name);
  }
}

function encodeNewest(sequence: number): string {
  return `${checksumOf(String(sequence))} ${sequence}\n`;
}

/** 0 when there is none that can be trusted. */
function decodeNewest(data: Buffer | undefined): number {
  const [checksum, text = ''] = (data?.toString('latin1') ?? '').trimEnd().split(' ');
  return text !== '' && checksum === checksumOf(text) ? Number(text) : 0;
}

function describeBadLines(journal: DecodedJournal): string {
  const [first] = journal.badLines;
  const more = journal.badLines.length > 1 ? ` and ${journal.badLines.length - 1} more` : '';
  return `line ${first?.line ?? 0}: ${first?.reason ?? ''}${more}`;
}

/** Applies journal records to a snapshot by their numbers, and notes the numbers that never came. */
class Replay {
  readonly missing: string[] = [];
  readonly #objects = new Map<string, KubernetesObject>();
  readonly #records: Map<string, unknown>;
  #sequence: number;
  #reserved: number;

  constructor(image: StateImage | undefined) {
    this.#sequence = image?.sequence ?? 0;
    this.#reserved = image?.reserved ?? 0;
    this.#records = new Map(image?.records);
    for (const object of image?.objects ?? []) this.#objects.set(identityOf(object.kind, keyOf(object)), object);
  }

  apply(records: readonly JournalRecord[]): void {
    for (const record of records) {
      const expected = this.#sequence + 1;
      if (record.sequence < expected) continue;
      if (record.sequence > expected)
        this.missing.push(expected === record.sequence - 1 ? `${expected}` : `${expected}-${record.sequence - 1}`);
      this.#sequence = record.sequence;
      this.#applyOne(record);
    }
  }

  skipTo(sequence: number): void {
    this.#sequence = sequence;
  }

  result(): Omit<LoadedState, 'reports'> {
    return { sequence: this.#sequence, reserved: this.#reserved, objects: [...this.#objects.values()], records: this.#records };
  }

  #applyOne(record: JournalRecord): void {
    if ('put' in record) {
      const identity = identityOf(record.put.kind, keyOf(record.put));
      // Events are kept in the order of their newest change, as the store keeps them.
      if (record.put.kind === 'Event') this.#objects.delete(identity);
      this.#objects.set(identity, record.put);
    } else if ('delete' in record) {
      this.#objects.delete(identityOf(record.delete.kind, record.delete.key));
    } else if ('reserve' in record) {
      this.#reserved = Math.max(this.#reserved, record.reserve);
    } else if (record.value === undefined) {
      this.#records.delete(record.record);
    } else {
      this.#records.set(record.record, record.value);
    }
  }
}

function identityOf(kind: string, key: ObjectKey): string {
  return `${kind} ${key}`;
}

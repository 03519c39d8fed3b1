/**
 * Brings changes to disk in groups: everything that changed while the last group was being written is the next one, with one write and one
 * fdatasync. A failed group stays queued and is retried; memory goes on meanwhile. Nothing to write means no file is touched.
 */
import { Buffer } from 'node:buffer';
import { encodeRecord } from './journal.ts';
import type { JournalChange, JournalRecord } from './journal.ts';
import type { StateImage } from './snapshot.ts';
import type { StateFiles } from './state-files.ts';
import { StoreError, toWriteError } from './store-error.ts';

/** Whether the state on disk is the state in memory, as far as that is up to the disk. */
export type Durability = { readonly isDurable: true } | { readonly isDurable: false; readonly error: StoreError };

export interface DurableWriterOptions {
  readonly files: StateFiles;
  /** The state including the last enqueued change. */
  readonly capture: () => Omit<StateImage, 'sequence'>;
  readonly onDurability: (durability: Durability) => void;
  readonly onRotationFailure: (error: StoreError) => void;
  readonly journalLimitBytes: number;
  readonly retryDelayMs: number;
  /** The number of the last record on disk. */
  readonly sequence: number;
}

interface Waiter {
  readonly sequence: number;
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
}

export class DurableWriter {
  readonly #options: DurableWriterOptions;
  #pending: JournalRecord[] = [];
  #waiters: Waiter[] = [];
  #sequence: number;
  #durableSequence: number;
  #rotateAtBytes: number;
  #durability: Durability = { isDurable: true };
  #running: Promise<void> | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #isScheduled = false;
  #isClosed = false;

  constructor(options: DurableWriterOptions) {
    this.#options = options;
    this.#sequence = options.sequence;
    this.#durableSequence = options.sequence;
    this.#rotateAtBytes = options.journalLimitBytes;
  }

  get durability(): Durability {
    return this.#durability;
  }

  enqueue(change: JournalChange): void {
    if (this.#isClosed) throw new StoreError('Closed', 'the object store is closed');
    this.#sequence += 1;
    this.#pending.push({ sequence: this.#sequence, ...change });
    // While the disk refuses, the timer retries; a caller who waits for an answer gets an attempt of its own, see flushed().
    if (this.#durability.isDurable) this.#schedule();
  }

  /** Resolves when every change so far is on disk; rejects when an attempt to write it failed (it stays queued). */
  flushed(): Promise<void> {
    const sequence = this.#sequence;
    if (sequence === this.#durableSequence) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ sequence, resolve, reject });
      this.#schedule();
    });
  }

  /** Puts right what loading found; a failure is reported as durability and retried. */
  async settle(): Promise<void> {
    const { files } = this.#options;
    if (!files.isDamaged && !files.hasUnfinishedRotation && !files.hasTail) return;
    await this.#run();
  }

  /** Writes what is left and, when there is a journal, folds it into a snapshot. Throws when that fails. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retryTimer);
    await this.#running;
    clearTimeout(this.#retryTimer);
    try {
      if (this.#pending.length > 0 || this.#options.files.isDamaged) await this.#writeGroup();
      if (this.#options.files.journalBytes > 0) await this.#options.files.rotate(this.#image());
    } catch (error) {
      const failure = toWriteError(error);
      this.#rejectWaiters(this.#sequence, failure);
      throw failure;
    } finally {
      await this.#options.files.close();
    }
  }

  #schedule(): void {
    if (this.#isScheduled || this.#running !== undefined) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.#isClosed) void this.#run();
    });
  }

  #run(): Promise<void> {
    this.#running ??= this.#writeUntilDone().finally(() => {
      this.#running = undefined;
      if (!this.#isClosed && this.#waiters.length > 0) this.#schedule();
    });
    return this.#running;
  }

  async #writeUntilDone(): Promise<void> {
    clearTimeout(this.#retryTimer);
    do {
      const attempted = this.#sequence;
      try {
        await this.#writeGroup();
      } catch (error) {
        const failure = toWriteError(error);
        this.#setDurability({ isDurable: false, error: failure });
        this.#rejectWaiters(attempted, failure);
        if (!this.#isClosed) this.#retryTimer = setTimeout(() => void this.#run(), this.#options.retryDelayMs).unref();
        return;
      }
      this.#setDurability({ isDurable: true });
    } while (this.#pending.length > 0 && !this.#isClosed);
  }

  async #writeGroup(): Promise<void> {
    const { files } = this.#options;
    await files.check();
    const group = this.#pending.slice();
    // Taken in the same tick as the group, so that journal and snapshot end at the same change.
    const image = files.isDamaged || files.hasUnfinishedRotation || files.journalBytes > this.#rotateAtBytes ? this.#image() : undefined;
    if (files.isDamaged && image !== undefined) {
      await files.repair(image);
      this.#acknowledge(group);
      return;
    }
    await files.append(Buffer.from(group.map(encodeRecord).join('')), group.at(-1)?.sequence ?? 0);
    this.#acknowledge(group);
    if (image !== undefined) await this.#rotate(image);
  }

  /** A failed rotation endangers nothing: the journal goes on, and it is tried again after a while. */
  async #rotate(image: StateImage): Promise<void> {
    const { files, journalLimitBytes } = this.#options;
    try {
      await files.rotate(image);
      this.#rotateAtBytes = journalLimitBytes;
    } catch (error) {
      this.#rotateAtBytes = files.journalBytes + journalLimitBytes / 4;
      this.#options.onRotationFailure(toWriteError(error));
    }
  }

  #image(): StateImage {
    return { sequence: this.#sequence, ...this.#options.capture() };
  }

  #acknowledge(group: readonly JournalRecord[]): void {
    this.#pending = this.#pending.slice(group.length);
    this.#durableSequence += group.length;
    const done = this.#waiters.filter((waiter) => waiter.sequence <= this.#durableSequence);
    this.#waiters = this.#waiters.filter((waiter) => waiter.sequence > this.#durableSequence);
    for (const waiter of done) waiter.resolve();
  }

  #rejectWaiters(upTo: number, error: StoreError): void {
    const failed = this.#waiters.filter((waiter) => waiter.sequence <= upTo);
    this.#waiters = this.#waiters.filter((waiter) => waiter.sequence > upTo);
    for (const waiter of failed) waiter.reject(error);
  }

  #setDurability(durability: Durability): void {
    const before = this.#durability;
    this.#durability = durability;
    const isSame = before.isDurable ? durability.isDurable : !durability.isDurable && before.error.message === durability.error.message;
    if (!isSame) this.#options.onDurability(durability);
  }
}

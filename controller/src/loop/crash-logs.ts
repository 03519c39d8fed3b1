/**
 * The last lines of containers that ended, as observed state: what conditions and events tell of a crash. A thin effect: it reads what the
 * plan asks for, once for each container, bounded in lines, bytes, containers and time. It never holds the loop up.
 */
import type { ContainerRuntime } from '../runtime/container-runtime.ts';
import { withDeadline } from '../runtime/deadline.ts';
import { CONTROL_LIMITS } from './limits.ts';

export interface CrashLogsOptions {
  readonly runtime: Pick<ContainerRuntime, 'readLogs'>;
  readonly signal: AbortSignal;
  readonly onRead: () => void;
}

export class CrashLogs {
  readonly #options: CrashLogsOptions;
  readonly #tails = new Map<string, string>();
  readonly #reading = new Set<string>();

  constructor(options: CrashLogsOptions) {
    this.#options = options;
  }

  /** Container id -> its last lines; "" for one that said nothing or cannot be read any more. */
  get tails(): ReadonlyMap<string, string> {
    return this.#tails;
  }

  /** What does not fit is asked for again by the next plan. */
  want(containerIds: readonly string[]): void {
    for (const containerId of containerIds) {
      if (this.#reading.size >= CONTROL_LIMITS.crashLogReadsMost) return;
      if (this.#reading.has(containerId) || this.#tails.has(containerId)) continue;
      this.#reading.add(containerId);
      void this.#read(containerId);
    }
  }

  async #read(containerId: string): Promise<void> {
    const { signal, onRead } = this.#options;
    let text = '';
    try {
      text = await withDeadline(signal, CONTROL_LIMITS.crashLogTimeoutMs, (deadline) => this.#tail(containerId, deadline));
    } catch {
      // It is gone, or the engine does not answer: the crash is told without its log.
    }
    this.#reading.delete(containerId);
    this.#tails.set(containerId, text);
    this.#forget();
    onRead();
  }

  /** The oldest lose their lines first, and only much later the note that they were read: otherwise many crashes at once would be read for ever. */
  #forget(): void {
    const { crashLogsMost, crashLogNotesMost } = CONTROL_LIMITS;
    let surplus = this.#tails.size - crashLogsMost;
    for (const oldest of this.#tails.keys()) {
      if (surplus-- <= 0) break;
      if (this.#tails.size > crashLogNotesMost) this.#tails.delete(oldest);
      else this.#tails.set(oldest, '');
    }
  }

  async #tail(containerId: string, signal: AbortSignal): Promise<string> {
    const { crashLogLines: tailLines, crashLogBytes } = CONTROL_LIMITS;
    let tail = Buffer.alloc(0);
    const keep = (chunk: Uint8Array): void => {
      tail = Buffer.concat([tail, chunk]).subarray(-crashLogBytes);
    };
    await this.#options.runtime.readLogs(containerId, { tailLines }, keep, signal);
    return printable(tail.toString('utf8'));
  }
}

/** It goes to terminals: no escapes, no half character where it was cut. */
function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is to go
  return text.replace(/\u001b\[[0-9;]*[A-Za-z]|[\u0000-\u0009\u000b-\u001f\u007f]|^\ufffd+/g, '').trimEnd();
}

/** What happened in a run, a line each. The digest of all lines says whether two runs were the same. */
import { createHash } from 'node:crypto';

const KEPT = 400;

export class Trace {
  readonly #hash = createHash('sha256');
  readonly #newest: string[] = [];
  readonly #elapsedMs: () => number;
  readonly #onLine: ((line: string) => void) | undefined;
  lines = 0;

  constructor(elapsedMs: () => number, onLine?: (line: string) => void) {
    this.#elapsedMs = elapsedMs;
    this.#onLine = onLine;
  }

  /** @param kind "fault", "action", "operation", "object", "call", ... */
  add(kind: string, text: string): void {
    const line = `${(this.#elapsedMs() / 1000).toFixed(3).padStart(8)} ${kind.padEnd(9)} ${text}`;
    this.lines++;
    this.#hash.update(line);
    this.#hash.update('\n');
    this.#newest.push(line);
    if (this.#newest.length > 2 * KEPT) this.#newest.splice(0, KEPT);
    this.#onLine?.(line);
  }

  /** The last lines, oldest first. */
  tail(count: number): readonly string[] {
    return this.#newest.slice(-count);
  }

  digest(): string {
    return this.#hash.copy().digest('hex').slice(0, 16);
  }
}

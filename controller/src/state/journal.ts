/**
 * The journal's format: one change a line, "<crc32 of the rest, 8 hex digits> <JSON>\n". Every record holds a whole object, never a
 * difference, so a damaged record loses only itself. Records are numbered without gaps: a missing one is noticed.
 */
import { crc32 } from 'node:zlib';
import type { KubernetesObject, ObjectKey } from '../model/objects.ts';

export type JournalChange =
  /** An object as it now is, without its status. */
  | { readonly put: KubernetesObject }
  | { readonly delete: { readonly kind: string; readonly key: ObjectKey } }
  /** No resourceVersion above this number has been given out: a restart continues there. */
  | { readonly reserve: number }
  /** An entry of the key-value area; without `value` it is removed. */
  | { readonly record: string; readonly value?: unknown };

export type JournalRecord = JournalChange & { readonly sequence: number };

export interface DecodedJournal {
  readonly records: readonly JournalRecord[];
  /** Length of the part that ends with the last complete line. */
  readonly completeBytes: number;
  /** Bytes of an unfinished line after it: what a crash in the middle of a write leaves. */
  readonly tornBytes: number;
  /** Complete lines that are not what was written. */
  readonly badLines: readonly { readonly line: number; readonly reason: string }[];
  /** How many of them come after the last good line: no later number will tell that they are missing. */
  readonly badLinesAtEnd: number;
}

const NEWLINE = 0x0a;
const CHECKSUM_LENGTH = 8;

export function checksumOf(text: string | Buffer): string {
  return crc32(text).toString(16).padStart(CHECKSUM_LENGTH, '0');
}

export function encodeRecord(record: JournalRecord): string {
  const text = JSON.stringify(record);
  return `${checksumOf(text)} ${text}\n`;
}

export function decodeJournal(data: Buffer): DecodedJournal {
  const records: JournalRecord[] = [];
  const badLines: { line: number; reason: string }[] = [];
  let start = 0;
  let badLinesAtEnd = 0;
  for (let line = 1; start < data.length; line += 1) {
    const end = data.indexOf(NEWLINE, start);
    if (end < 0) break;
    const decoded = decodeLine(data.subarray(start, end));
    if (typeof decoded === 'string') {
      badLines.push({ line, reason: decoded });
      badLinesAtEnd += 1;
    } else {
      records.push(decoded);
      badLinesAtEnd = 0;
    }
    start = end + 1;
  }
  return { records, completeBytes: start, tornBytes: data.length - start, badLines, badLinesAtEnd };
}

function decodeLine(line: Buffer): JournalRecord | string {
  const text = line.subarray(CHECKSUM_LENGTH + 1);
  if (line.toString('latin1', 0, CHECKSUM_LENGTH + 1) !== `${checksumOf(text)} `) return 'its checksum is wrong';
  // Behind a right checksum stands what we wrote; anything else is a defect of ours and may throw.
  return JSON.parse(text.toString('utf8')) as JournalRecord;
}

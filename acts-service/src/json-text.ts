// JSON to values, every number kept as it was written (LosslessNumber): ids have up to 1,000 digits. lossless-json reads character by
// character, 90 ns each, which would stop the process for 0.7 s on one 8 MB picture; so long strings are cut out first and put back
// afterwards. What remains is short for every honest body and bounded for the others. Bytes become text once, string by string, never
// as a whole: an upload would otherwise be in memory several times.
import { LosslessNumber, parse } from 'lossless-json';
import { limits } from './limits.ts';

export { LosslessNumber };

export class MalformedJson extends Error {
  override readonly name = 'MalformedJson';
}

/** Strings whose literal is longer are cut out. A placeholder is longer than this too, so no kept string can be taken for one. */
const keptBytes = 256;

export function parseJson(bytes: Buffer): unknown {
  const cut: string[] = [];
  try {
    const structure = cutLongStrings(bytes, cut);
    return restore(parse(structure), cut);
  } catch (error) {
    // A TypeError is broken UTF-8, a RangeError nesting deeper than the stack.
    throw new MalformedJson('not JSON in UTF-8', { cause: error });
  }
}

const quote = 0x22;
const backslash = 0x5c;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const byteOrderMark = Buffer.from('\ufeff');

function cutLongStrings(bytes: Buffer, cut: string[]): string {
  let structure = '';
  let position = bytes.subarray(0, byteOrderMark.length).equals(byteOrderMark) ? byteOrderMark.length : 0;
  while (position < bytes.length) {
    const open = bytes.indexOf(quote, position);
    const between = utf8.decode(structural(bytes.subarray(position, open === -1 ? bytes.length : open)));
    structure += between.replace(/[ \t\r\n]+/g, ' ');
    if (open === -1) break;
    const end = closingQuote(bytes, open) + 1;
    if (end - open <= keptBytes) {
      structure += utf8.decode(bytes.subarray(open, end));
    } else {
      structure += `"${String(cut.length).padStart(keptBytes + 1, '0')}"`;
      cut.push(longString(bytes.subarray(open, end)));
    }
    position = end;
    if (structure.length > limits.bodyStructureChars) throw new MalformedJson('too many values');
  }
  if (structure.length > limits.bodyStructureChars) throw new MalformedJson('too many values');
  return structure;
}

/** The same bytes when they are not too many, blanks aside: looking for blanks in millions of commas takes most of a second. */
function structural(bytes: Buffer): Buffer {
  let count = 0;
  for (const byte of bytes) if (byte > 0x20 && ++count > limits.bodyStructureChars) throw new MalformedJson('too many values');
  return bytes;
}

/** A picture has nothing to unescape, and is not copied once more for it. */
function longString(literal: Buffer): string {
  const text = utf8.decode(literal.subarray(1, -1));
  // eslint-disable-next-line no-control-regex -- JSON allows none of them in a string.
  if (literal.includes(backslash) || /[\x00-\x1f]/.test(text)) return JSON.parse(`"${text}"`) as string;
  return text;
}

function closingQuote(bytes: Buffer, open: number): number {
  let close = bytes.indexOf(quote, open + 1);
  for (; close !== -1; close = bytes.indexOf(quote, close + 1)) {
    let backslashes = 0;
    while (bytes[close - 1 - backslashes] === backslash) backslashes++;
    if (backslashes % 2 === 0) return close;
  }
  throw new MalformedJson('a string without an end');
}

function restore(value: unknown, cut: readonly string[]): unknown {
  if (typeof value === 'string') return restoreText(value, cut);
  if (Array.isArray(value)) return value.map((element) => restore(element, cut));
  if (value === null || typeof value !== 'object' || value instanceof LosslessNumber) return value;
  // Entries are defined, not assigned, so that `__proto__` is a key like any other.
  return Object.fromEntries(Object.entries(value).map(([key, element]) => [restoreText(key, cut), restore(element, cut)]));
}

function restoreText(text: string, cut: readonly string[]): string {
  return text.length > keptBytes ? (cut[Number(text)] ?? '') : text;
}

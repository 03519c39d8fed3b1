// JSON text to values, every number kept as it was written (LosslessNumber): ids have up to 1,000 digits. lossless-json reads character by
// character, 90 ns each, which would stop the process for 0.7 s on one 8 MB picture; so long strings are cut out first, read by
// JSON.parse, and put back. What remains is short for every honest body and bounded for the others.
import { LosslessNumber, parse } from 'lossless-json';
import { limits } from './limits.ts';

export { LosslessNumber };

export class MalformedJson extends Error {
  override readonly name = 'MalformedJson';
}

/** Strings whose literal is longer are cut out. A placeholder is longer than this too, so no kept string can be taken for one. */
const keptChars = 256;

export function parseJson(text: string): unknown {
  const cut: string[] = [];
  try {
    const structure = cutLongStrings(text, cut);
    return restore(parse(structure), cut);
  } catch (error) {
    // Also a RangeError, from nesting deeper than the stack.
    throw new MalformedJson('not JSON', { cause: error });
  }
}

function cutLongStrings(text: string, cut: string[]): string {
  let structure = '';
  let position = 0;
  while (position < text.length) {
    const open = text.indexOf('"', position);
    const between = text.slice(position, open === -1 ? text.length : open).replace(/[ \t\r\n]+/g, ' ');
    structure += between;
    if (open === -1) break;
    const end = closingQuote(text, open) + 1;
    const literal = text.slice(open, end);
    if (literal.length <= keptChars) {
      structure += literal;
    } else {
      structure += `"${String(cut.length).padStart(keptChars + 1, '0')}"`;
      cut.push(JSON.parse(literal) as string);
    }
    position = end;
    if (structure.length > limits.bodyStructureChars) throw new MalformedJson('too many values');
  }
  if (structure.length > limits.bodyStructureChars) throw new MalformedJson('too many values');
  return structure;
}

function closingQuote(text: string, open: number): number {
  let quote = text.indexOf('"', open + 1);
  for (; quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return quote;
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
  return text.length > keptChars ? (cut[Number(text)] ?? '') : text;
}

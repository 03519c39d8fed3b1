// User and category names: any text of at least one character that PostgreSQL can keep exactly, known by digest.
import { createHash } from 'node:crypto';
import { badRequest } from './problem.ts';

/** PostgreSQL text holds neither NUL nor a lone surrogate; storing a substitute would give two names one row. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}

export function isName(text: string): boolean {
  return text.length > 0 && isStorable(text);
}

/** What uniqueness and lookups go by: a B-tree row holds 2.7 kB, a name may be megabytes. */
export function nameDigest(name: string): Buffer {
  return createHash('sha256').update(name, 'utf8').digest();
}

/** A name from a path segment as the client sent it: percent-encoded, raw bytes tolerated (request-target.ts encoded those). */
export function nameFromSegment(segment: string): string {
  let name: string;
  try {
    name = decodeURIComponent(segment);
  } catch {
    throw badRequest('bad-path', 'the name in the path is not percent-encoded UTF-8');
  }
  if (!isName(name)) throw badRequest('bad-name', 'the name in the path holds a character that no name has');
  return name;
}

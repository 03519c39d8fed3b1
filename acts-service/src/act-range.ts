// `?start=S&end=E`: 1-based and inclusive, in the newest-first order.
import { limits } from './limits.ts';
import { badRequest, Problem } from './problem.ts';

export interface ActRange {
  readonly start: number;
  readonly end: number;
}

/** The asked range, undefined when none is asked for; throws what is wrong whatever the category holds. */
export function parseRange(query: URLSearchParams): ActRange | undefined {
  const starts = query.getAll('start');
  const ends = query.getAll('end');
  if (starts.length === 0 && ends.length === 0) return undefined;
  if (starts.length !== 1 || ends.length !== 1) throw badRequest('bad-range', 'start and end are given together, once each');
  const start = parseBound('start', starts[0]);
  const end = parseBound('end', ends[0]);
  if (start < 1 || start > end) throw badRequest('bad-range', 'start must be at least 1 and at most end');
  return { start, end };
}

/** The range to answer with. Bounds before length: with 105 acts 200..300 is 400 and 1..105 is 413. `total` is not 0. */
export function checkRange(asked: ActRange | undefined, total: number): ActRange {
  const range = asked ?? { start: 1, end: total };
  if (range.end > total) throw badRequest('bad-range', `end is beyond the category's ${total} acts`);
  if (range.end - range.start + 1 > limits.actsPerAnswer) {
    throw new Problem(413, 'too-many-acts', `more than ${limits.actsPerAnswer} acts in one answer; ask for a range`);
  }
  return range;
}

function parseBound(name: string, text = ''): number {
  if (!/^[0-9]+$/.test(text)) throw badRequest('bad-range', `${name} must be a whole number`);
  // Any value past the safe integers is out of bounds just as surely.
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}

/** What a check says about one place in one value, before it is known where in which file that is; and the words it says it with. */
import { MANIFEST_LIMITS } from './limits.ts';
import type { ManifestErrorCode, ManifestWarningCode } from './manifest-error.ts';
import type { PathStep } from './yaml-documents.ts';

export interface Finding {
  readonly code: ManifestErrorCode | ManifestWarningCode;
  readonly path: readonly PathStep[];
  readonly message: string;
  readonly about?: string;
}

/** ["spec", "containers", 0, "a.b/c"] -> spec.containers[0]["a.b/c"] */
export function formatPath(path: readonly PathStep[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    if (!/^[A-Za-z_][-A-Za-z0-9_]*$/.test(step)) return `${text}["${step}"]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

export function describeFound(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value !== 'string') return JSON.stringify(value);
  const isLong = value.length > MANIFEST_LIMITS.quotedText;
  return JSON.stringify(isLong ? `${value.slice(0, MANIFEST_LIMITS.quotedText)}...` : value);
}

/** `; did you mean "image"?` when a candidate is close enough to be a slip of the finger, else "". */
export function suggest(word: string, candidates: readonly string[]): string {
  const near = nearest(word, candidates);
  return near === undefined ? '' : `; did you mean "${near}"?`;
}

export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > MANIFEST_LIMITS.quotedText) return undefined;
  const limit = word.length <= 3 ? 1 : word.length <= 8 ? 2 : 3;
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { candidate, distance };
  }
  return best?.candidate;
}

/** Levenshtein's, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/**
 * Digests for names: FNV-1a over canonical JSON. Not for security; equal input gives equal output on every host and version.
 * Source of the algorithm: http://www.isthe.com/chongo/tech/comp/fnv/ (32 bit), run over two offsets for 64 bits.
 */

function fnv1a(text: string, offset: number): number {
  let hash = offset;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  // A final avalanche (murmur3's) so that neighbouring inputs do not share their leading characters.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** JSON with sorted keys and without undefined: two equal values give one text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

// Kubernetes' alphabet for generated names: no vowels, no look-alikes.
const SAFE_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** Ten characters that are safe in a name. */
export function shortDigest(text: string): string {
  let high = fnv1a(text, 0x811c9dc5);
  let low = fnv1a(text, 0x12345677);
  let out = '';
  for (let index = 0; index < 5; index++) {
    out += SAFE_ALPHABET.charAt(high % SAFE_ALPHABET.length) + SAFE_ALPHABET.charAt(low % SAFE_ALPHABET.length);
    high = Math.floor(high / SAFE_ALPHABET.length);
    low = Math.floor(low / SAFE_ALPHABET.length);
  }
  return out;
}

/** A uid in the form of a UUID, the same for the same text. */
export function digestUid(text: string): string {
  const hex = [0x811c9dc5, 0x12345677, 0x9e3779b9, 0x7f4a7c15].map((offset) => fnv1a(text, offset).toString(16).padStart(8, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

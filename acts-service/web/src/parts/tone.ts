// A colour for a name: the same on every visit and every device.

const tones = 8;

export function toneOf(name: string): number {
  let hash = 7;
  for (const character of name.slice(0, 64)) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return hash % tones;
}

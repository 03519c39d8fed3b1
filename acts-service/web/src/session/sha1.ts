// SHA-1 in script: the API wants passwords as its 40 hex digits, and crypto.subtle does not exist on plain http. The service hashes this
// again, with scrypt, before it is stored.

const initial = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0] as const;

export function sha1Hex(text: string): string {
  const message = padded(new TextEncoder().encode(text));
  let hash: readonly [number, number, number, number, number] = initial;
  const words = new Int32Array(80);
  for (let offset = 0; offset < message.byteLength; offset += 64) {
    for (let i = 0; i < 16; i++) words[i] = message.getInt32(offset + i * 4);
    for (let i = 16; i < 80; i++) words[i] = rotate(word(words, i - 3) ^ word(words, i - 8) ^ word(words, i - 14) ^ word(words, i - 16), 1);
    let [a, b, c, d, e] = hash;
    for (let i = 0; i < 80; i++) {
      const [mix, constant] = round(i, b, c, d);
      [a, b, c, d, e] = [(rotate(a, 5) + mix + e + constant + word(words, i)) | 0, a, rotate(b, 30), c, d];
    }
    hash = [(hash[0] + a) | 0, (hash[1] + b) | 0, (hash[2] + c) | 0, (hash[3] + d) | 0, (hash[4] + e) | 0];
  }
  return hash.map((part) => (part >>> 0).toString(16).padStart(8, '0')).join('');
}

/** A one bit, zeros, and the length in bits in the last eight bytes of a whole number of 64-byte blocks. */
function padded(bytes: Uint8Array): DataView {
  const view = new DataView(new ArrayBuffer(((bytes.length + 8) >> 6) * 64 + 64));
  new Uint8Array(view.buffer).set(bytes);
  view.setUint8(bytes.length, 0x80);
  view.setBigUint64(view.byteLength - 8, BigInt(bytes.length) * 8n);
  return view;
}

function round(i: number, b: number, c: number, d: number): readonly [mix: number, constant: number] {
  if (i < 20) return [(b & c) | (~b & d), 0x5a827999];
  if (i < 40) return [b ^ c ^ d, 0x6ed9eba1];
  if (i < 60) return [(b & c) | (b & d) | (c & d), 0x8f1bbcdc];
  return [b ^ c ^ d, 0xca62c1d6];
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function word(words: Int32Array, index: number): number {
  return words[index] ?? 0;
}

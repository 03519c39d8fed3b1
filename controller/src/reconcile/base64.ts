/** Base64 without the outside's help: Secret values are base64 text, and reconcilers import nothing. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Decodes base64 of UTF-8 text; bytes that are no UTF-8 become U+FFFD. */
export function decodeBase64Utf8(text: string): string {
  let escaped = '';
  let bits = 0;
  let buffer = 0;
  const bytes: number[] = [];
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) continue;
    buffer = ((buffer << 6) | value) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((buffer >> bits) & 0xff);
    }
  }
  for (const byte of bytes) escaped += `%${byte.toString(16).padStart(2, '0')}`;
  try {
    return decodeURIComponent(escaped);
  } catch {
    return bytes.map((byte) => (byte < 0x80 ? String.fromCharCode(byte) : '\uFFFD')).join('');
  }
}

const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

/** Encodes UTF-8 text. */
export function encodeBase64Utf8(text: string): string {
  const bytes = encodeURIComponent(text.replace(LONE_SURROGATE, '\uFFFD')).replace(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  let out = '';
  for (let index = 0; index < bytes.length; index += 3) {
    const chunk = (bytes.charCodeAt(index) << 16) | ((bytes.charCodeAt(index + 1) || 0) << 8) | (bytes.charCodeAt(index + 2) || 0);
    const characters = [18, 12, 6, 0].map((shift) => ALPHABET.charAt((chunk >> shift) & 63));
    const padding = index + 3 - bytes.length;
    out += characters.slice(0, 4 - Math.max(padding, 0)).join('') + '='.repeat(Math.max(padding, 0));
  }
  return out;
}

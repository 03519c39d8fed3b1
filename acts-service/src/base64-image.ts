// Pictures travel as base64 text and rest as bytes. The text that comes back is the text that came, line breaks aside: the last
// four characters are kept as sent, since decoders forgive spare bits there (`TQ==` and `TR==` are the same byte).

export interface StoredImage {
  readonly bytes: Buffer;
  /** The last four characters as uploaded; empty for an empty picture. */
  readonly tail: string;
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;
const lineBreaks = /[\r\n]/;
const base64WithLineBreaks = /^[A-Za-z0-9+/=\r\n]*$/;

/** Undefined when the text is not base64 (RFC 4648 section 4, padded). */
export function decodeImage(text: string): StoredImage | undefined {
  const joined = lineBreaks.test(text) ? joinLines(text) : text;
  if (joined === undefined || joined.length % 4 !== 0 || !base64.test(joined)) return undefined;
  return { bytes: Buffer.from(joined, 'base64'), tail: joined.slice(-4) };
}

/** Byte by byte: with a break after every character, replacing them takes a third of a second. */
function joinLines(text: string): string | undefined {
  if (!base64WithLineBreaks.test(text)) return undefined;
  const bytes = Buffer.from(text, 'latin1');
  let length = 0;
  for (const byte of bytes) if (byte > 0x0d) bytes[length++] = byte;
  return bytes.toString('latin1', 0, length);
}

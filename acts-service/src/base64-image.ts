// Pictures travel as base64 text and rest as bytes. The text that comes back is the text that came, line breaks aside: the last
// four characters are kept as sent, since decoders forgive spare bits there (`TQ==` and `TR==` are the same byte).

export interface StoredImage {
  readonly bytes: Buffer;
  /** The last four characters as uploaded; empty for an empty picture. */
  readonly tail: string;
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Undefined when the text is not base64 (RFC 4648 section 4, padded). */
export function decodeImage(text: string): StoredImage | undefined {
  const joined = text.replace(/[\r\n]+/g, '');
  if (joined.length % 4 !== 0 || !base64.test(joined)) return undefined;
  return { bytes: Buffer.from(joined, 'base64'), tail: joined.slice(-4) };
}

export function encodeImage(image: StoredImage): string {
  const text = image.bytes.toString('base64');
  return text.endsWith(image.tail) ? text : text.slice(0, -4) + image.tail;
}

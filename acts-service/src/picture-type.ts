// What `/image` may call a picture. Decided by content, never by what the client said: an SVG or HTML page labelled as a picture
// would run script in the web app's origin.

/** A picture's media type, or undefined: then it is served as an attachment that no browser shows. */
export function pictureType(bytes: Buffer): string | undefined {
  const ascii = (start: number, end: number): string => bytes.toString('latin1', start, end);
  if (bytes.length >= 4 && bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'image/jpeg';
  // The signature, then the IHDR chunk that must come first.
  if (bytes.length >= 33 && ascii(0, 8) === '\x89PNG\r\n\x1a\n' && ascii(12, 16) === 'IHDR') return 'image/png';
  if (bytes.length >= 20 && ascii(0, 4) === 'RIFF' && /^WEBPVP8[ LX]$/.test(ascii(8, 16))) return 'image/webp';
  if (bytes.length >= 13 && /^GIF8[79]a$/.test(ascii(0, 6))) return 'image/gif';
  return undefined;
}

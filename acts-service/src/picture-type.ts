// What may be called a picture, by its first bytes, never by what the client said: an SVG or HTML page labelled as a picture would run
// script in the web app's origin. Only a candidate: picture-examiner.ts has it decoded before it is shown as one.

/** What every thumbnail is. */
export const thumbnailType = 'image/webp';

export const pictureTypes = ['image/jpeg', 'image/png', 'image/webp', 'image/gif'] as const;
export type PictureType = (typeof pictureTypes)[number];

export function pictureSignature(bytes: Buffer): PictureType | undefined {
  const ascii = (start: number, end: number): string => bytes.toString('latin1', start, end);
  if (bytes.length >= 4 && bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'image/jpeg';
  // The signature, then the IHDR chunk that must come first.
  if (bytes.length >= 33 && ascii(0, 8) === '\x89PNG\r\n\x1a\n' && ascii(12, 16) === 'IHDR') return 'image/png';
  if (bytes.length >= 20 && ascii(0, 4) === 'RIFF' && /^WEBPVP8[ LX]$/.test(ascii(8, 16))) return 'image/webp';
  if (bytes.length >= 13 && /^GIF8[79]a$/.test(ascii(0, 6))) return 'image/gif';
  return undefined;
}

// What decoding a picture costs at most, told from its header before anything is decoded. Measured with libvips 8.18: a
// picture that is read line by line costs little whatever its size; what must be whole in memory costs these bytes a pixel.
import type { Metadata } from 'sharp';

export function decodingBytes({ format, width, height, channels, depth, orientation, ...header }: Metadata, bytes: Buffer): number {
  const pixels = width * height;
  const sample = channels * (depth === 'ushort' ? 2 : 1);
  // Turned while it is whole in memory, next to the original. A JPEG is scaled down first, eightfold, while it is decoded.
  if (format !== 'jpeg' && (orientation ?? 1) > 1) return pixels * (2 * sample + 1);
  switch (format) {
    case 'jpeg': {
      if (!header.isProgressive && !hasSeveralScans(bytes)) return 0;
      // Every coefficient is kept, two bytes each, until the last scan.
      return pixels * 2 * (header.chromaSubsampling === '4:2:0' ? 1.5 : channels);
    }
    case 'png':
      return header.isProgressive ? pixels * sample * 1.4 : 0;
    case 'gif':
      return pixels * 6;
    default:
      return pixels * 4;
  }
}

/** A baseline JPEG may come component by component, which is kept whole in memory like a progressive one and not called so. */
function hasSeveralScans(bytes: Buffer): boolean {
  let components = 0;
  for (let at = 2; at + 10 < bytes.length;) {
    const marker = bytes.readUInt16BE(at);
    if (marker === 0xffff) {
      // Fill byte.
      at += 1;
      continue;
    }
    if (marker === 0xffda) return bytes[at + 4] !== components;
    // Start of frame, of any kind: C4, C8 and CC between them are tables.
    if (marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker)) components = bytes[at + 9] ?? 0;
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return true;
}

/** Passes over the pixels of a JPEG, counted up to the limit and one more. At most: a thumbnail in its metadata counts as well. */
export function scanCount(bytes: Buffer, limit: number): number {
  const startOfScan = Buffer.from([0xff, 0xda]);
  let count = 0;
  for (let at = bytes.indexOf(startOfScan); at !== -1 && count <= limit; at = bytes.indexOf(startOfScan, at + 2)) count++;
  return count;
}

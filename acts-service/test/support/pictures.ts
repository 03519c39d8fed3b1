// Real picture files, made on the spot, and the means to spoil them.
import { deflateSync, crc32 } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';

export const formats = ['jpeg', 'png', 'webp', 'gif'] as const;
export type Format = (typeof formats)[number];

/** Noise, so that it does not compress to nothing; one tile of it again and again, since it is slow to make. */
export async function drawing(width: number, height: number): Promise<Sharp> {
  const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
  const side = Math.min(128, width, height);
  const tile = await sharp({ create: { width: side, height: side, channels: 3, background: '#888', noise } })
    .png()
    .toBuffer();
  return sharp({ create: { width, height, channels: 3, background: '#888' } }).composite([{ input: tile, tile: true }]);
}

export async function picture(format: Format, width = 40, height = 30): Promise<Buffer> {
  return (await drawing(width, height)).toFormat(format).toBuffer();
}

function pngChunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(content.length);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}

export interface PngOptions {
  readonly interlaced?: boolean;
  /** Before the pixels. */
  readonly chunks?: readonly (readonly [type: string, content: Buffer])[];
  /** As many lines as there should be, or fewer. */
  readonly lines?: number;
}

/** A grey picture of one colour, one bit a pixel: any size in next to no bytes. */
export function blankPng(width: number, height: number, { interlaced = false, chunks = [], lines = height }: PngOptions = {}): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  header[12] = interlaced ? 1 : 0;
  const pixels = deflateSync(Buffer.alloc(lines * (1 + Math.ceil(width / 8))));
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    ...chunks.map(([type, content]) => pngChunk(type, content)),
    pngChunk('IDAT', pixels),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** With a frame header that claims this size. */
export function resizedJpeg(jpeg: Buffer, width: number, height: number): Buffer {
  const claimed = Buffer.from(jpeg);
  const frame = claimed.findIndex((byte, at) => byte === 0xff && (claimed[at + 1] === 0xc0 || claimed[at + 1] === 0xc2));
  claimed.writeUInt16BE(height, frame + 5);
  claimed.writeUInt16BE(width, frame + 7);
  return claimed;
}

/** With a logical screen, and a first frame, of this size. */
export function resizedGif(gif: Buffer, width: number, height: number): Buffer {
  const claimed = Buffer.from(gif);
  // The descriptor follows the colours and the extensions; its first corner is at 0, 0.
  const frame = claimed.indexOf(Buffer.from([0x2c, 0, 0, 0, 0]));
  for (const at of [6, frame + 5]) {
    claimed.writeUInt16LE(width, at);
    claimed.writeUInt16LE(height, at + 2);
  }
  return claimed;
}

/** Many frames, in a file of a few bytes each. */
export async function animation(format: 'webp' | 'gif', frames: number): Promise<Buffer> {
  const size = 8;
  const strip = Buffer.alloc(size * size * frames * 3);
  for (let at = 0; at < strip.length; at++) strip[at] = (at * 7919 + (at >> 9)) & 255;
  return sharp(strip, { raw: { width: size, height: size * frames, channels: 3, pageHeight: size } })
    .toFormat(format, { delay: Array.from({ length: frames }, () => 50) })
    .toBuffer();
}

export function jpegSegment(marker: number, content: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([head, content]);
}

/** Segments right after the start of the file. */
export function withSegments(jpeg: Buffer, segments: readonly Buffer[]): Buffer {
  return Buffer.concat([jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)]);
}

/** A lawful progressive JPEG of one colour whose scans, up to 882, say nothing: each coefficient bit by bit, "the rest is zero". */
export function jpegOfManyScans(width: number, height: number, scans: number): Buffer {
  const blocks = Math.ceil(width / 8) * Math.ceil(height / 8);
  const frame = [8, height >> 8, height & 255, width >> 8, width & 255, 1, 1, 0x11, 0];
  const parts = [
    Buffer.from([0xff, 0xd8]),
    jpegSegment(0xdb, Buffer.from([0, ...Array<number>(64).fill(1)])),
    jpegSegment(0xc2, Buffer.from(frame)),
    // One code of one bit in each Huffman table: "no difference", and "the rest of 16,384 blocks and more is zero".
    jpegSegment(0xc4, Buffer.from([0x00, 1, ...Array<number>(15).fill(0), 0])),
    jpegSegment(0xc4, Buffer.from([0x10, 1, ...Array<number>(15).fill(0), 0xe0])),
    jpegSegment(0xda, Buffer.from([1, 1, 0, 0, 0, 0])),
    Buffer.alloc(Math.ceil(blocks / 8)),
  ];
  // As many codes as it takes, each of a bit and 14 more that count beyond 16,384 blocks.
  const bits = '0'.repeat(15 * Math.ceil(blocks / 16_384));
  const zeros = Buffer.from((bits.match(/.{1,8}/g) ?? []).map((byte) => parseInt(byte.padEnd(8, '1'), 2)));
  for (let scan = 0; scan < scans; scan++) {
    const coefficient = 1 + Math.floor(scan / 14);
    const bit = 13 - (scan % 14);
    const approximation = bit === 13 ? bit : ((bit + 1) << 4) | bit;
    parts.push(jpegSegment(0xda, Buffer.from([1, 1, 0, coefficient, coefficient, approximation])), zeros);
  }
  parts.push(Buffer.from([0xff, 0xd9]));
  return Buffer.concat(parts);
}

// Decodes pictures and makes thumbnails, by sharp (libvips). Loaded with the first picture: 60 ms and 28 MB. Its work runs in libuv's
// threads, not in the event loop. Whatever the bytes are, the answer is a thumbnail or "no picture", in bounded memory and time.
import sharp from 'sharp';
import { decodingBytes, scanCount } from './decoding-cost.ts';
import { limits } from './limits.ts';
import type { PictureType } from './picture-type.ts';

// Every loader is off but these four: SVG, TIFF, HEIF, PDF and what the future brings never run on a stranger's bytes.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer', 'VipsForeignLoadWebpBuffer', 'VipsForeignLoadNsgifBuffer'],
});
// Nothing is asked for twice; and one picture shall not take every core.
sharp.cache(false);
sharp.concurrency(1);

/**
 * WebP, upright, at most `thumbnailPixels` on its long side, without metadata; the first frame of an animation.
 * Undefined when the bytes are no whole picture of that type, or one too large to look at. @public Loaded by import() with the first picture.
 */
export async function makeThumbnail(bytes: Buffer, type: PictureType): Promise<Buffer | undefined> {
  const options = { failOn: 'warning', limitInputPixels: limits.picturePixels } as const;
  try {
    if (type === 'image/jpeg' && scanCount(bytes, limits.jpegScans) > limits.jpegScans) return undefined;
    const metadata = await sharp(bytes, options).metadata();
    if (`image/${metadata.format}` !== type) return undefined;
    if (metadata.width * metadata.height > limits.picturePixels) return undefined;
    if (decodingBytes(metadata, bytes) > limits.pictureDecodingBytes) return undefined;
    return await sharp(bytes, options)
      .autoOrient()
      .resize({ width: limits.thumbnailPixels, height: limits.thumbnailPixels, fit: 'inside', withoutEnlargement: true })
      .webp({ quality: limits.thumbnailQuality })
      .timeout({ seconds: limits.thumbnailTimeoutMs / 1000 })
      .toBuffer();
  } catch {
    // sharp has one kind of error: it could not. Its reasons are about the bytes, which are the client's affair.
    return undefined;
  }
}

// A picture from the camera as what is uploaded: upright, at most 1280 px, JPEG.
import { fitWithin, type PictureSize } from './fit-within.ts';

const longestSide = 1280;
const quality = 0.85;

export async function shrinkPicture(file: Blob): Promise<Blob> {
  const source = await decode(file);
  try {
    const size = fitWithin(source.size, longestSide);
    const canvas = document.createElement('canvas');
    Object.assign(canvas, size);
    const context = canvas.getContext('2d');
    if (context === null) throw new Error('this browser cannot resize pictures');
    // JPEG knows no transparency; without this it becomes black.
    context.fillStyle = '#fff';
    context.fillRect(0, 0, size.width, size.height);
    context.imageSmoothingQuality = 'high';
    context.drawImage(source.image, 0, 0, size.width, size.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob === null ? reject(new Error('this picture cannot be resized')) : resolve(blob)), 'image/jpeg', quality);
    });
  } finally {
    source.close();
  }
}

interface Decoded {
  readonly image: CanvasImageSource;
  readonly size: PictureSize;
  close(): void;
}

async function decode(file: Blob): Promise<Decoded> {
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
    return { image: bitmap, size: bitmap, close: () => bitmap.close() };
  } catch {
    return decodeByElement(file);
  }
}

/** For formats that only an <img> takes. It turns the picture upright by itself. */
async function decodeByElement(file: Blob): Promise<Decoded> {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  const close = (): void => URL.revokeObjectURL(image.src);
  try {
    await image.decode();
  } catch (error) {
    close();
    throw new Error('this file is not a picture that this browser can read', { cause: error });
  }
  return { image, size: { width: image.naturalWidth, height: image.naturalHeight }, close };
}

// How large a picture becomes when its longer side must not exceed a limit. Never enlarges, never less than one pixel.

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

export function fitWithin({ width, height }: PictureSize, longestSide: number): PictureSize {
  const scale = Math.min(1, longestSide / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

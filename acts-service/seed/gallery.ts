// The demo's pictures as JPEG files in base64, each drawn once, when it is first needed.
import sharp from 'sharp';
import type { DemoAct, SceneKind } from './demo.ts';
import { scene } from './scene.ts';

export class Gallery {
  readonly #pictures = new Map<string, Promise<string>>();
  #grain: Promise<Buffer> | undefined;

  picture({ scene: kind, variant }: Pick<DemoAct, 'scene' | 'variant'>): Promise<string> {
    const key = `${kind} ${variant}`;
    const known = this.#pictures.get(key) ?? this.#draw(kind, variant);
    this.#pictures.set(key, known);
    return known;
  }

  async #draw(kind: SceneKind, variant: number): Promise<string> {
    // Some grain, as a camera's, so that a picture weighs what a photograph does.
    const noise = { type: 'gaussian', mean: 128, sigma: 16 } as const;
    this.#grain ??= sharp({ create: { width: 256, height: 256, channels: 3, background: '#808080', noise } })
      .png()
      .toBuffer();
    const { svg } = scene(kind, variant);
    const grain = { input: await this.#grain, tile: true, blend: 'soft-light' } as const;
    const jpeg = await sharp(Buffer.from(svg)).composite([grain]).jpeg({ quality: 78 }).toBuffer();
    return jpeg.toString('base64');
  }
}

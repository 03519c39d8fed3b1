// Decides of uploaded bytes whether they are a picture, and makes its thumbnail. One at a time in a replica, so that decoding takes a
// known part of its memory and of the machine; when too many wait the answer is "not now".
import { limits } from './limits.ts';
import { loadOnce } from './load-once.ts';
import { pictureSignature, type PictureType } from './picture-type.ts';
import { Semaphore, type SemaphoreBounds } from './semaphore.ts';
import type { ThumbnailOutcome } from './telemetry.ts';

export interface Examined {
  /** Undefined: no picture, never to be shown as one. */
  readonly type: PictureType | undefined;
  readonly thumbnail: Buffer | undefined;
}

const noPicture: Examined = { type: undefined, thumbnail: undefined };

export class PictureExaminer {
  readonly #turns: Semaphore;
  readonly #load = loadOnce(() => import('./thumbnail.ts'));
  readonly #report: (outcome: ThumbnailOutcome) => void;

  constructor(
    report: (outcome: ThumbnailOutcome) => void = () => undefined,
    bounds: Omit<SemaphoreBounds, 'capacity'> = { waiting: limits.picturesWaiting, waitMs: limits.pictureWaitMs },
  ) {
    this.#report = report;
    this.#turns = new Semaphore({ capacity: 1, ...bounds });
  }

  /** Undefined when there was no time for it. What cannot be a picture is told at once. */
  async examine(bytes: Buffer): Promise<Examined | undefined> {
    return pictureSignature(bytes) === undefined ? noPicture : this.examineStored(() => Promise.resolve(bytes));
  }

  /** As examine(), of bytes that are read when their turn has come. */
  async examineStored(read: () => Promise<Buffer>): Promise<Examined | undefined> {
    const release = await this.#turns.acquire(1);
    if (release === undefined) {
      this.#report('late');
      return undefined;
    }
    try {
      const bytes = await read();
      const type = pictureSignature(bytes);
      if (type === undefined) return noPicture;
      const { makeThumbnail } = await this.#load();
      const thumbnail = await makeThumbnail(bytes, type);
      this.#report(thumbnail === undefined ? 'refused' : 'made');
      return thumbnail === undefined ? noPicture : { type, thumbnail };
    } finally {
      release();
    }
  }
}

// What is a picture, and what its thumbnail looks like. On real files and files spoilt on purpose, without a server around it.
import { expect } from 'chai';
import sharp, { type Metadata } from 'sharp';
import { decodingBytes } from '../src/decoding-cost.ts';
import { limits } from '../src/limits.ts';
import { PictureExaminer } from '../src/picture-examiner.ts';
import {
  animation,
  blankPng,
  drawing,
  formats,
  jpegOfManyScans,
  jpegSegment,
  picture,
  resizedGif,
  resizedJpeg,
  withSegments,
} from './support/pictures.ts';

const examiner = new PictureExaminer();

/** The type, and the thumbnail's size. */
async function seen(bytes: Buffer): Promise<string> {
  const examined = await examiner.examine(bytes);
  if (examined?.thumbnail === undefined) return examined?.type ?? 'no picture';
  const { format, width, height } = await sharp(examined.thumbnail).metadata();
  return `${String(examined.type)} as ${format} ${width}x${height}`;
}

describe('thumbnails', () => {
  const sizes: { from: [number, number]; to: [number, number] }[] = [
    { from: [1280, 960], to: [480, 360] },
    { from: [960, 1280], to: [360, 480] },
    { from: [300, 200], to: [300, 200] },
    { from: [1, 1], to: [1, 1] },
    { from: [3000, 2], to: [480, 1] },
  ];
  for (const format of formats) {
    it(`of ${format} fit into 480 x 480 and are never larger than the original`, async () => {
      for (const { from, to } of sizes) {
        expect(await seen(await picture(format, ...from))).to.equal(`image/${format} as webp ${to.join('x')}`);
      }
    });
  }

  it('stand upright and keep no metadata', async () => {
    const jpeg = await (
      await drawing(1280, 960)
    )
      .withMetadata({ orientation: 6 })
      .withExifMerge({ IFD0: { Artist: 'nobody' } })
      .jpeg()
      .toBuffer();
    const thumbnail = (await examiner.examine(jpeg))?.thumbnail;
    const metadata = await sharp(thumbnail).metadata();
    expect([metadata.width, metadata.height, metadata.exif, metadata.icc]).to.deep.equal([360, 480, undefined, undefined]);
    expect(thumbnail?.length).to.be.below(60_000);
  });

  for (const format of ['gif', 'webp'] as const) {
    it(`of an animated ${format} are its first frame, also of thousands`, async () => {
      const animated = await animation(format, 3000);
      expect((await sharp(animated).metadata()).pages).to.be.greaterThan(2000);
      const startedAt = performance.now();
      expect(await seen(animated)).to.equal(`image/${format} as webp 8x8`);
      expect(performance.now() - startedAt).to.be.below(2000);
    });
  }

  it('are made of large pictures of every kind a camera makes', async function () {
    this.timeout(30_000);
    expect(await seen(await (await drawing(8000, 6000)).jpeg({ quality: 20 }).toBuffer()), '48 megapixels').to.equal(
      'image/jpeg as webp 480x360',
    );
    expect(await seen(await (await drawing(6000, 4000)).jpeg({ quality: 20, progressive: true }).toBuffer())).to.equal(
      'image/jpeg as webp 480x320',
    );
    expect(await seen(await (await drawing(4000, 3000)).png({ progressive: true }).toBuffer())).to.equal('image/png as webp 480x360');
  });
});

describe('no picture is', () => {
  const html = '<!doctype html><script>alert(1)</script>';
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><script>alert(1)</script></svg>';
  const texts: Record<string, string> = {
    nothing: '',
    text: 'hello',
    HTML: html,
    SVG: svg,
    'SVG with an XML declaration': `<?xml version="1.0"?>${svg}`,
    'SVG behind the signature of a PNG': `\x89PNG\r\n\x1a\n${svg}`,
    'HTML behind the signature of a JPEG': `\xff\xd8\xff\xe0${html}`,
    'HTML behind the signature of a GIF': `GIF89a${html}`,
    'script behind the signature of a GIF': 'GIF89a/*\0\0\0\0*/=1;alert(1)//',
    'HTML in a WebP container': `RIFF\x40\0\0\0WEBPVP8 ${html}`,
    PDF: '%PDF-1.4\n1 0 obj<<>>endobj',
    PostScript: '%!PS-Adobe-3.0 EPSF-3.0\n',
  };
  for (const [name, text] of Object.entries(texts)) {
    it(name, async () => expect(await seen(Buffer.from(text, 'latin1'))).to.equal('no picture'));
  }

  for (const format of ['tiff', 'avif'] as const) {
    it(`a real ${format} file`, async () =>
      expect(await seen(await (await drawing(20, 20)).toFormat(format).toBuffer())).to.equal('no picture'));
  }

  for (const format of formats) {
    it(`a truncated ${format}, wherever it ends`, async function () {
      this.timeout(20_000);
      const whole = await picture(format, 80, 60);
      for (let part = 1; part < 20; part++) {
        expect(await seen(whole.subarray(0, Math.floor((whole.length * part) / 20))), `${part}/20`).to.equal('no picture');
      }
    });
  }

  it('a picture of no size', async () => {
    const jpeg = await picture('jpeg');
    for (const [width, height] of [
      [0, 0],
      [0, 9],
      [9, 0],
    ] as const) {
      expect(await seen(blankPng(width, height))).to.equal('no picture');
      expect(await seen(resizedJpeg(jpeg, width, height))).to.equal('no picture');
    }
  });

  it('a decompression bomb, or a claim of more pixels than are looked at', async () => {
    const startedAt = performance.now();
    const jpeg = await picture('jpeg');
    expect(await seen(blankPng(30_000, 30_000)), '900 megapixels in 110 kB').to.equal('no picture');
    expect(await seen(blankPng(10_000, 10_000, { lines: 1 })), '100 megapixels, of which one line is there').to.equal('no picture');
    expect(await seen(blankPng(2 ** 31 - 1, 2 ** 31 - 1, { lines: 0 }))).to.equal('no picture');
    expect(await seen(blankPng(8000, 8000, { interlaced: true })), 'whole in memory').to.equal('no picture');
    expect(await seen(resizedJpeg(jpeg, 65_535, 65_535))).to.equal('no picture');
    expect(await seen(resizedJpeg(jpeg, 10_000, 10_000))).to.equal('no picture');
    expect(await seen(resizedGif(await picture('gif'), 65_535, 65_535))).to.equal('no picture');
    expect(performance.now() - startedAt).to.be.below(5000);
  });

  it('a JPEG of a hundred kilobytes that takes ten seconds to decode', async () => {
    expect(await seen(jpegOfManyScans(512, 512, 30)), 'a few scans').to.equal('image/jpeg as webp 480x480');
    const startedAt = performance.now();
    expect(await seen(jpegOfManyScans(8192, 4096, 880))).to.equal('no picture');
    expect(performance.now() - startedAt).to.be.below(500);
  });

  it('a file with a corrupt chunk', async () => {
    const png = await picture('png');
    const spoilt = Buffer.from(png);
    spoilt[spoilt.length - 40]! ^= 0xff;
    expect(await seen(spoilt), 'a PNG whose checksum is wrong').to.equal('no picture');
    const jpeg = await picture('jpeg', 200, 200);
    expect(await seen(Buffer.concat([jpeg.subarray(0, jpeg.length >> 1), Buffer.alloc(jpeg.length >> 1, 0xff)]))).to.equal('no picture');
  });
});

describe('a picture is still one', () => {
  it('with HTML behind its end: it is served as a picture that nothing sniffs', async () => {
    for (const format of formats) {
      const polyglot = Buffer.concat([await picture(format), Buffer.from('<html><script>alert(1)</script></html>')]);
      expect(await seen(polyglot)).to.equal(`image/${format} as webp 40x30`);
    }
  });

  it('with script or megabytes in a comment, a profile or a text', async () => {
    const jpeg = await picture('jpeg');
    const comments = Array.from({ length: 60 }, () => jpegSegment(0xfe, Buffer.from('<script>alert(1)</script>'.repeat(2600))));
    expect(await seen(withSegments(jpeg, comments)), '4 MB of comments').to.equal('image/jpeg as webp 40x30');
    const exif = Array.from({ length: 60 }, () => jpegSegment(0xe1, Buffer.alloc(65_000, 'Exif\0\0')));
    const withExif = await seen(withSegments(jpeg, exif));
    expect(withExif, '4 MB of broken EXIF').to.equal('image/jpeg as webp 40x30');
    const text = blankPng(40, 30, { chunks: [['tEXt', Buffer.concat([Buffer.from('Comment\0'), Buffer.alloc(4_000_000, '<b>')])]] });
    expect(await seen(text), '4 MB of text').to.equal('image/png as webp 40x30');
    const many = blankPng(40, 30, { chunks: Array.from({ length: 50_000 }, () => ['tEXt', Buffer.from('a\0b')] as const) });
    expect(await seen(many), '50,000 texts').to.equal('image/png as webp 40x30');
  });
});

describe('the memory that decoding takes, told from the header', () => {
  const photo = { format: 'jpeg', width: 1000, height: 1000, channels: 3, depth: 'uchar', chromaSubsampling: '4:2:0' } as const;
  /** Up to the start of its first scan. */
  const jpegHead = (componentsInScan: number): Buffer =>
    Buffer.concat([
      Buffer.from([0xff, 0xd8]),
      jpegSegment(0xe0, Buffer.alloc(20)),
      Buffer.from([0xff]),
      jpegSegment(0xc0, Buffer.from([8, 3, 232, 3, 232, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1])),
      jpegSegment(0xda, Buffer.from([componentsInScan, ...Array<number>(2 * componentsInScan + 3).fill(0)])),
    ]);
  const cases: { name: string; metadata: object; bytes?: Buffer; megabytes: number }[] = [
    { name: 'a JPEG in one scan', metadata: {}, bytes: jpegHead(3), megabytes: 0 },
    { name: 'a JPEG that comes component by component', metadata: {}, bytes: jpegHead(1), megabytes: 3 },
    { name: 'a progressive JPEG', metadata: { isProgressive: true }, megabytes: 3 },
    { name: 'a progressive JPEG in full colour', metadata: { isProgressive: true, chromaSubsampling: '4:4:4' }, megabytes: 6 },
    { name: 'a JPEG that is turned', metadata: { orientation: 6 }, bytes: jpegHead(3), megabytes: 0 },
    { name: 'a PNG', metadata: { format: 'png' }, megabytes: 0 },
    { name: 'a PNG that is turned', metadata: { format: 'png', orientation: 6 }, megabytes: 7 },
    { name: 'an interlaced PNG of 16 bits', metadata: { format: 'png', isProgressive: true, depth: 'ushort' }, megabytes: 8.4 },
    { name: 'a GIF', metadata: { format: 'gif' }, megabytes: 6 },
    { name: 'a WebP', metadata: { format: 'webp' }, megabytes: 4 },
  ];
  for (const { name, metadata, bytes = Buffer.alloc(0), megabytes } of cases) {
    it(`of ${name}: ${megabytes} bytes a pixel`, () => {
      const header = { isProgressive: false, ...photo, ...metadata } as unknown as Metadata;
      expect(decodingBytes(header, bytes) / 1e6).to.be.closeTo(megabytes, 0.001);
    });
  }
});

describe('sharp in a replica', () => {
  it('has no loader for anything but the four kinds', async () => {
    await examiner.examine(await picture('png'));
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>');
    const failure = await sharp(svg).metadata().then(() => 'loaded', (error: unknown) => (error as Error).message); // prettier-ignore
    expect(failure).to.equal('Input buffer contains unsupported image format');
  });
});

describe('the line before the examiner', () => {
  it('is bounded: who finds it full, or waits too long, is told that there is no time', async () => {
    const busy = new PictureExaminer(undefined, { waiting: 1, waitMs: 50 });
    const png = await picture('png');
    let finish: (bytes: Buffer) => void = () => undefined;
    const first = busy.examineStored(() => new Promise((resolve) => (finish = resolve)));
    const second = busy.examine(png);
    expect(await busy.examine(png), 'the line is full').to.equal(undefined);
    expect(await second, 'waited too long').to.equal(undefined);
    expect(await busy.examine(Buffer.from('text')), 'what cannot be a picture does not wait').to.deep.include({ type: undefined });
    finish(png);
    expect((await first)?.type).to.equal('image/png');
    expect((await busy.examine(png))?.type, 'and goes on').to.equal('image/png');
  });

  it('leaves the event loop free', async () => {
    const large = await (await drawing(4000, 3000)).jpeg({ quality: 30, progressive: true }).toBuffer();
    await examiner.examine(large);
    let longestMs = 0;
    let last = performance.now();
    const watch = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - last);
      last = performance.now();
    }, 1);
    await examiner.examine(large);
    clearInterval(watch);
    expect(longestMs).to.be.below(limits.healthTimeoutMs / 4);
  });
});

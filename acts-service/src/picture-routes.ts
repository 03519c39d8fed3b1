// GET /acts/{actId}/image and /thumbnail. Only what was decoded at upload is shown as a picture; all else is a stranger's bytes on our
// origin: an attachment that is not to be guessed at and not to run anything.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { isActId } from './act-id.ts';
import { limits } from './limits.ts';
import type { Examined, PictureExaminer } from './picture-examiner.ts';
import type { PictureRepository, StoredPicture } from './picture-repository.ts';
import { thumbnailType } from './picture-type.ts';
import { Problem, unavailable } from './problem.ts';
import { segment, type RouteContext, type Route } from './route-table.ts';

/** Why not longer without a version, and where the version comes from: docs/decisions/0012-pictures.md. */
const cachingWithVersion = 'public, max-age=31536000, immutable';
const cachingWithout = 'public, max-age=300, stale-while-revalidate=86400';

export function pictureRoutes(pictures: PictureRepository, examiner: PictureExaminer): Route[] {
  async function image(ctx: RouteContext): Promise<void> {
    const picture = await find(ctx);
    const { type = '' } = picture.type === null ? await examine(picture) : { type: picture.type };
    if (isKnown(ctx, picture.digest)) return;
    const first = await partOf(picture, 0);
    ctx.type = type === '' ? 'application/octet-stream' : type;
    if (type === '') ctx.set('Content-Disposition', 'attachment');
    ctx.body = first.length === picture.bytes ? first : Readable.from(parts(picture, first));
    ctx.length = picture.bytes;
  }

  async function thumbnail(ctx: RouteContext): Promise<void> {
    const picture = await find(ctx);
    const bytes = picture.type === null ? (await examine(picture)).thumbnail : await pictures.thumbnail(picture.seq);
    if (bytes === undefined) throw new Problem(404, 'no-thumbnail', 'this act has no picture that can be shown');
    if (isKnown(ctx, createHash('sha256').update(bytes).digest())) return;
    ctx.type = thumbnailType;
    ctx.body = bytes;
  }

  async function find(ctx: RouteContext): Promise<StoredPicture> {
    const actId = segment(ctx, 0);
    const picture = isActId(actId) ? await pictures.find(actId) : undefined;
    if (picture === undefined) throw unknownAct();
    return picture;
  }

  /** Uploaded by an earlier version, or when there was no time. */
  async function examine({ seq, bytes }: StoredPicture): Promise<Examined> {
    const examined = await examiner.examineStored(async () => {
      const original = await pictures.part(seq, 0, bytes);
      if (original === undefined) throw unknownAct();
      return original;
    });
    if (examined === undefined) throw unavailable('pictures-busy', 'too many pictures are being looked at', limits.retryAfterSeconds);
    await pictures.setExamined(seq, examined);
    return examined;
  }

  async function partOf({ seq }: StoredPicture, offset: number): Promise<Buffer> {
    const part = await pictures.part(seq, offset, limits.picturePartBytes);
    if (part === undefined) throw unknownAct();
    return part;
  }

  async function* parts(picture: StoredPicture, first: Buffer): AsyncGenerator<Buffer> {
    yield first;
    // Fails when the act is deleted meanwhile: the connection is cut, since the promised length cannot be kept.
    for (let offset = first.length; offset < picture.bytes; offset += limits.picturePartBytes) yield await partOf(picture, offset);
  }

  return [
    { path: '/api/v1/acts/:actId/image', methods: { GET: image } },
    { path: '/api/v1/acts/:actId/thumbnail', methods: { GET: thumbnail } },
  ];
}

/** Sets what both kinds of answer share; true when the client has these bytes already and 304 is the answer. */
function isKnown(ctx: RouteContext, digest: Buffer): boolean {
  const tag = digest.toString('hex');
  const version = new URLSearchParams(ctx.querystring).get('v') ?? '';
  // Koa's `fresh` compares only when the answer would be a success.
  ctx.status = 200;
  ctx.etag = tag;
  ctx.set('Cache-Control', version.length >= 16 && tag.startsWith(version) ? cachingWithVersion : cachingWithout);
  ctx.set('X-Content-Type-Options', 'nosniff');
  ctx.set('Content-Security-Policy', "default-src 'none'; sandbox");
  if (!ctx.fresh) return false;
  ctx.status = 304;
  return true;
}

function unknownAct(): Problem {
  return new Problem(404, 'unknown-act', 'there is no such act');
}

// Acts: upload, vote, delete, count and the picture.
import { isActId } from './act-id.ts';
import type { ActRepository } from './act-repository.ts';
import type { BodyReader } from './body-reader.ts';
import type { CategoryRepository } from './category-repository.ts';
import { unknownCategory } from './category-routes.ts';
import { pictureType } from './picture-type.ts';
import { badRequest, Problem } from './problem.ts';
import { segment, type RouteContext, type Route } from './route-table.ts';
import type { UsersCheck } from './users-check.ts';

/** Short, since an act may be deleted: a deleted picture is gone from every cache after this. */
const pictureCaching = 'public, max-age=60, must-revalidate';

export function actRoutes(acts: ActRepository, categories: CategoryRepository, userExists: UsersCheck, bodies: BodyReader): Route[] {
  async function upload(ctx: RouteContext): Promise<void> {
    const act = await bodies.read(ctx, 'readUpload');
    if (!(await userExists(act.username))) throw badRequest('unknown-user', 'there is no such user');
    if (!(await acts.add({ ...act, pictureType: undefined, thumbnail: undefined }))) {
      if (!(await categories.exists(act.categoryName))) throw unknownCategory();
      throw badRequest('act-exists', 'this actId is taken');
    }
    ctx.status = 201;
    ctx.body = {};
  }

  async function picture(ctx: RouteContext): Promise<void> {
    const actId = segment(ctx, 0);
    const known = isActId(actId) ? await acts.imageDigest(actId) : undefined;
    if (known === undefined) throw new Problem(404, 'unknown-act', 'there is no such act');
    setTag(ctx, known);
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    const image = await acts.picture(actId);
    if (image === undefined) throw new Problem(404, 'unknown-act', 'there is no such act');
    setTag(ctx, image.digest);
    const type = pictureType(image.bytes);
    ctx.type = type ?? 'application/octet-stream';
    if (type === undefined) ctx.set('Content-Disposition', 'attachment');
    ctx.body = image.bytes;
  }

  return [
    { path: '/api/v1/acts', methods: { POST: upload } },
    {
      path: '/api/v1/acts/upvote',
      methods: {
        async POST(ctx) {
          if (!(await acts.upvote(await bodies.read(ctx, 'readVote')))) throw unknownAct();
          ctx.body = {};
        },
      },
    },
    {
      path: '/api/v1/acts/count',
      methods: {
        async GET(ctx) {
          ctx.type = 'json';
          ctx.body = `[${await acts.count()}]`;
        },
      },
    },
    {
      path: '/api/v1/acts/:actId',
      methods: {
        async DELETE(ctx) {
          const actId = segment(ctx, 0);
          if (!isActId(actId) || !(await acts.remove(actId))) throw unknownAct();
          ctx.body = {};
        },
      },
    },
    { path: '/api/v1/acts/:actId/image', methods: { GET: picture } },
    { path: '/api/v1/acts/:actId/thumbnail', methods: { GET: picture } },
  ];
}

function setTag(ctx: RouteContext, digest: Buffer): void {
  // Koa's `fresh` compares only when the answer would be a success.
  ctx.status = 200;
  ctx.etag = digest.toString('hex');
  ctx.set('Cache-Control', pictureCaching);
  // What is no picture is a stranger's bytes on our origin: not to be guessed at, not to run anything.
  ctx.set('X-Content-Type-Options', 'nosniff');
  ctx.set('Content-Security-Policy', "default-src 'none'; sandbox");
}

function unknownAct(): Problem {
  return badRequest('unknown-act', 'there is no such act');
}

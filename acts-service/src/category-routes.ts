// Categories and the lists of their acts.
import { checkRange, parseRange, type ActRange } from './act-range.ts';
import type { ListedImages } from './act-list-sql.ts';
import type { ActPage, ActRepository } from './act-repository.ts';
import type { BodyReader } from './body-reader.ts';
import type { CategoryRepository } from './category-repository.ts';
import { answerList, jsonList } from './json-list.ts';
import { nameFromSegment } from './name.ts';
import { badRequest, type Problem } from './problem.ts';
import { segment, type RouteContext, type Route } from './route-table.ts';

/** `?images=`: what it does not know means what its absence does. */
function listedImages(asked: string | null): ListedImages {
  return asked === 'none' || asked === 'thumbnails' ? asked : 'full';
}

export function categoryRoutes(categories: CategoryRepository, acts: ActRepository, bodies: BodyReader): Route[] {
  async function list(ctx: RouteContext): Promise<void> {
    const name = nameFromSegment(segment(ctx, 0));
    const query = new URLSearchParams(ctx.querystring);
    const asked = parseRange(query);
    const images = listedImages(query.get('images'));
    const whole = answerable(await acts.page(name, asked, images), asked);
    if (whole === undefined) {
      ctx.status = 204;
      return;
    }
    ctx.type = 'json';
    if (whole.acts !== undefined) {
      ctx.body = `[${whole.acts}]`;
      return;
    }
    const page = answerable(await acts.pageKeys(name, asked, images), asked);
    if (page === undefined) {
      ctx.status = 204;
      return;
    }
    ctx.body = jsonList('[]', page.acts ?? [], {
      rows: (seqs) => acts.readRows(seqs, images),
      ...(images === 'full' ? { parts: (seq: string) => acts.readInParts(seq) } : {}),
    });
  }

  return [
    {
      path: '/api/v1/categories',
      methods: {
        async GET(ctx) {
          await answerList(ctx, '{}', categories);
        },
        async POST(ctx) {
          const name = await bodies.read(ctx, 'readCategory');
          if (!(await categories.add(name))) throw badRequest('category-exists', 'this category exists already');
          ctx.status = 201;
          ctx.body = {};
        },
      },
    },
    {
      path: '/api/v1/categories/:category',
      methods: {
        async DELETE(ctx) {
          if (!(await categories.remove(nameFromSegment(segment(ctx, 0))))) throw unknownCategory();
          ctx.body = {};
        },
      },
    },
    { path: '/api/v1/categories/:category/acts', methods: { GET: list } },
    {
      path: '/api/v1/categories/:category/acts/size',
      methods: {
        async GET(ctx) {
          const total = await acts.countIn(nameFromSegment(segment(ctx, 0)));
          if (total === undefined) throw unknownCategory();
          if (total === 0) {
            ctx.status = 204;
            return;
          }
          ctx.body = [total];
        },
      },
    },
  ];
}

/** The page when there is something to answer with, undefined when the category is empty; throws what is wrong with the question. */
function answerable<T>(page: ActPage<T> | undefined, asked: ActRange | undefined): ActPage<T> | undefined {
  if (page === undefined) throw unknownCategory();
  if (page.total === 0) return undefined;
  checkRange(asked, page.total);
  return page;
}

export function unknownCategory(): Problem {
  return badRequest('unknown-category', 'there is no such category');
}

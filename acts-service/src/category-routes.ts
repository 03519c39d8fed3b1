// Categories and the lists of their acts.
import { checkRange, parseRange } from './act-range.ts';
import type { ActRepository } from './act-repository.ts';
import type { BodyReader } from './body-reader.ts';
import type { CategoryRepository } from './category-repository.ts';
import { jsonList } from './json-list.ts';
import { nameFromSegment } from './name.ts';
import { badRequest, type Problem } from './problem.ts';
import { segment, type RouteContext, type Route } from './route-table.ts';

export function categoryRoutes(categories: CategoryRepository, acts: ActRepository, bodies: BodyReader): Route[] {
  async function list(ctx: RouteContext): Promise<void> {
    const name = nameFromSegment(segment(ctx, 0));
    const query = new URLSearchParams(ctx.querystring);
    const asked = parseRange(query);
    const withImages = query.get('images') !== 'none';
    const page = await acts.page(name, asked, withImages);
    if (page === undefined) throw unknownCategory();
    if (page.total === 0) {
      ctx.status = 204;
      return;
    }
    checkRange(asked, page.total);
    ctx.type = 'json';
    ctx.body = await jsonList('[]', page.keys, (seqs) => acts.readRows(seqs, withImages));
  }

  return [
    {
      path: '/api/v1/categories',
      methods: {
        async GET(ctx) {
          const keys = await categories.keys();
          if (keys.length === 0) {
            ctx.status = 204;
            return;
          }
          ctx.type = 'json';
          ctx.body = await jsonList('{}', keys, categories.readRows);
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

export function unknownCategory(): Problem {
  return badRequest('unknown-category', 'there is no such category');
}

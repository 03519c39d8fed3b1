// Acts: vote, delete, count. Uploads and pictures have files of their own.
import { isActId } from './act-id.ts';
import type { ActRepository } from './act-repository.ts';
import type { BodyReader } from './body-reader.ts';
import { badRequest, type Problem } from './problem.ts';
import { segment, type Route } from './route-table.ts';

export function actRoutes(acts: ActRepository, bodies: BodyReader): Route[] {
  return [
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
  ];
}

function unknownAct(): Problem {
  return badRequest('unknown-act', 'there is no such act');
}

// The users role's part of the contract.
import type { BodyReader } from './body-reader.ts';
import { answerList } from './json-list.ts';
import { nameFromSegment } from './name.ts';
import { badRequest } from './problem.ts';
import { segment, type Route } from './route-table.ts';
import type { UserRepository } from './user-repository.ts';

export function userRoutes(users: UserRepository, bodies: BodyReader): Route[] {
  return [
    {
      path: '/api/v1/users',
      methods: {
        async GET(ctx) {
          await answerList(ctx, '[]', users);
        },
        async POST(ctx) {
          const { username, password } = await bodies.read(ctx, 'readUser');
          if (!(await users.add(username, password))) throw badRequest('user-exists', 'this username is taken');
          ctx.status = 201;
          ctx.body = {};
        },
      },
    },
    {
      path: '/api/v1/users/:username',
      methods: {
        async DELETE(ctx) {
          if (!(await users.remove(nameFromSegment(segment(ctx, 0))))) throw badRequest('unknown-user', 'there is no such user');
          ctx.body = {};
        },
      },
    },
  ];
}

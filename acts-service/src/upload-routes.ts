// POST /acts: the only request with a large body.
import type { ActRepository, NewAct } from './act-repository.ts';
import type { BodyReader } from './body-reader.ts';
import type { CategoryRepository } from './category-repository.ts';
import { unknownCategory } from './category-routes.ts';
import { badRequest } from './problem.ts';
import type { PictureExaminer } from './picture-examiner.ts';
import type { Route } from './route-table.ts';
import type { UsersCheck } from './users-check.ts';

type Upload = Omit<NewAct, 'pictureType' | 'thumbnail'>;

export interface UploadParts {
  readonly acts: ActRepository;
  readonly categories: CategoryRepository;
  readonly userExists: UsersCheck;
  readonly examiner: PictureExaminer;
  readonly bodies: BodyReader;
}

export function uploadRoutes({ acts, categories, userExists, examiner, bodies }: UploadParts): Route[] {
  async function store(upload: Upload, requestId: string): Promise<void> {
    if (!(await userExists(upload.username, requestId))) throw badRequest('unknown-user', 'there is no such user');
    const examined = await examiner.examine(upload.image.bytes);
    // Not examined for want of time: the first request for the picture does it.
    const pictureType = examined === undefined ? undefined : (examined.type ?? '');
    if (await acts.add({ ...upload, pictureType, thumbnail: examined?.thumbnail })) return;
    if (!(await categories.exists(upload.categoryName))) throw unknownCategory();
    throw badRequest('act-exists', 'this actId is taken');
  }

  return [
    {
      path: '/api/v1/acts',
      methods: {
        async POST(ctx) {
          await bodies.use(ctx, 'readUpload', (act) => store(act, ctx.response.get('X-Request-Id')));
          ctx.status = 201;
          ctx.body = {};
        },
      },
    },
  ];
}

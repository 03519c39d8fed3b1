// What each route takes and answers, in the published document's terms. A route that is not described here cannot be published
// (openapi-document.ts), so that code and document cannot part.
import { healthDetails } from './health-reason.ts';
import { actIdSchema, categoryNameSchema, usernameSchema, type JsonSchema, type SchemaName } from './api-schemas.ts';
import { pictureTypes, thumbnailType } from './picture-type.ts';

export type Method = 'GET' | 'POST' | 'DELETE';
export type HeaderName = 'Allow' | 'Cache-Control' | 'Content-Disposition' | 'ETag' | 'Retry-After' | 'X-Content-Type-Options';

export interface AnswerDescription {
  readonly description: string;
  /** Of a JSON answer; without it and without `mediaTypes` the answer has no content. */
  readonly schema?: SchemaName;
  readonly mediaTypes?: readonly string[];
  /** Always there, but for Content-Disposition. */
  readonly headers?: readonly HeaderName[];
  /** A problem document with one of these codes. */
  readonly codes?: readonly string[];
}

export interface OperationDescription {
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  readonly query?: Readonly<
    Record<string, { readonly description: string; readonly schema: JsonSchema; readonly example: string | number }>
  >;
  readonly body?: SchemaName;
  readonly answers: Readonly<Record<number, AnswerDescription>>;
}

export type PathOperations = Readonly<Partial<Record<Method, OperationDescription>>>;

export const pathParameters: Readonly<Record<string, { readonly description: string; readonly schema: JsonSchema }>> = {
  username: { description: 'Percent-encoded UTF-8, case-sensitive.', schema: usernameSchema },
  category: { description: 'Percent-encoded UTF-8, case-sensitive.', schema: categoryNameSchema },
  actId: { description: 'The digits, as uploaded.', schema: actIdSchema },
};

const unhealthy = Object.keys(healthDetails).filter((code) => code !== 'ok');
const badPath = ['bad-path', 'bad-name'];
const badBody = ['malformed-json', 'unreadable-body', 'bad-body'];
const done: AnswerDescription = { description: 'Done.', schema: 'Done' };
const created: AnswerDescription = { description: 'Stored.', schema: 'Done' };
const none = (what: string): AnswerDescription => ({ description: `There is no ${what}.` });

function refused(...codes: readonly string[]): AnswerDescription {
  return { description: 'Refused, nothing has changed.', codes };
}

const range = {
  start: {
    description: 'The first place asked for, from 1, newest first. Given together with `end`, once each.',
    schema: { type: 'integer', minimum: 1 },
    example: 1,
  },
  end: {
    description: 'The last place asked for, at most the number of acts; `start` to `end` are at most 100 acts.',
    schema: { type: 'integer', minimum: 1 },
    example: 20,
  },
  images: {
    description:
      '`none` leaves imgB64 out, `thumbnails` has the thumbnail (WebP, base64) in its place, empty where there is none; anything else is ignored.',
    schema: { type: 'string' },
    example: 'none',
  },
};

const pictureHeaders: readonly HeaderName[] = ['ETag', 'Cache-Control', 'X-Content-Type-Options'];
const version = {
  v: {
    description: 'The start of the ETag, 16 characters or more: while it is right, the answer may be kept for ever.',
    schema: { type: 'string' },
    example: '2cf24dba5fb0a30e',
  },
};

const users: Readonly<Record<string, PathOperations>> = {
  '/api/v1/users': {
    GET: {
      id: 'listUsers',
      summary: 'All usernames',
      answers: { 200: { description: 'The names.', schema: 'Usernames' }, 204: none('user') },
    },
    POST: {
      id: 'addUser',
      summary: 'Sign up',
      body: 'NewUser',
      answers: { 201: created, 400: refused(...badBody, 'bad-name', 'bad-password', 'user-exists') },
    },
  },
  '/api/v1/users/:username': {
    DELETE: {
      id: 'removeUser',
      summary: 'Remove a user',
      description: 'The acts of the user stay.',
      answers: { 200: done, 400: refused(...badPath, 'unknown-user') },
    },
  },
};

const categories: Readonly<Record<string, PathOperations>> = {
  '/api/v1/categories': {
    GET: {
      id: 'listCategories',
      summary: 'All categories with the number of their acts',
      answers: { 200: { description: 'The categories.', schema: 'CategorySizes' }, 204: none('category') },
    },
    POST: {
      id: 'addCategory',
      summary: 'Add a category',
      body: 'NewCategory',
      answers: { 201: created, 400: refused(...badBody, 'bad-name', 'category-exists') },
    },
  },
  '/api/v1/categories/:category': {
    DELETE: {
      id: 'removeCategory',
      summary: 'Remove a category and its acts',
      answers: { 200: done, 400: refused(...badPath, 'unknown-category') },
    },
  },
  '/api/v1/categories/:category/acts': {
    GET: {
      id: 'listActs',
      summary: 'Acts of a category, newest first',
      description: 'All of them if they are at most 100, or a range. By timestamp, ties by arrival.',
      query: range,
      answers: {
        200: { description: 'The acts.', schema: 'Acts' },
        204: none('act in this category'),
        400: refused(...badPath, 'unknown-category', 'bad-range'),
        413: { description: 'More than 100 acts; ask for a range.', codes: ['too-many-acts'] },
      },
    },
  },
  '/api/v1/categories/:category/acts/size': {
    GET: {
      id: 'countActsOfCategory',
      summary: 'How many acts a category has',
      answers: {
        200: { description: 'Their number.', schema: 'Size' },
        204: none('act in this category'),
        400: refused(...badPath, 'unknown-category'),
      },
    },
  },
};

const acts: Readonly<Record<string, PathOperations>> = {
  '/api/v1/acts': {
    POST: {
      id: 'uploadAct',
      summary: 'Upload an act',
      body: 'Upload',
      answers: {
        201: created,
        400: refused(
          ...[...badBody, 'bad-act-id', 'bad-name', 'bad-timestamp', 'bad-caption', 'bad-image'],
          ...['unknown-user', 'unknown-category', 'act-exists'],
        ),
      },
    },
  },
  '/api/v1/acts/upvote': {
    POST: {
      id: 'upvoteAct',
      summary: 'Vote for an act',
      body: 'Vote',
      answers: { 200: done, 400: refused(...badBody, 'bad-act-id', 'unknown-act') },
    },
  },
  '/api/v1/acts/count': {
    GET: { id: 'countActs', summary: 'How many acts there are', answers: { 200: { description: 'Their number.', schema: 'Count' } } },
  },
  '/api/v1/acts/:actId': {
    DELETE: { id: 'removeAct', summary: 'Remove an act', answers: { 200: done, 400: refused('unknown-act') } },
  },
  '/api/v1/acts/:actId/image': {
    GET: {
      id: 'readImage',
      summary: 'What was uploaded as the picture of an act, byte for byte',
      description: 'Real JPEG, PNG, WebP or GIF content is served as such, anything else as an attachment that no browser shows.',
      query: version,
      answers: {
        200: {
          description: 'The bytes.',
          mediaTypes: [...pictureTypes, 'application/octet-stream'],
          headers: [...pictureHeaders, 'Content-Disposition'],
        },
        304: { description: 'Still what `If-None-Match` names.', headers: ['ETag'] },
        404: { description: 'There is no such act.', codes: ['unknown-act'] },
      },
    },
  },
  '/api/v1/acts/:actId/thumbnail': {
    GET: {
      id: 'readThumbnail',
      summary: 'The picture of an act, small',
      query: version,
      answers: {
        200: { description: 'The picture.', mediaTypes: [thumbnailType], headers: pictureHeaders },
        304: { description: 'Still what `If-None-Match` names.', headers: ['ETag'] },
        404: { description: 'There is no such act, or no picture that can be shown.', codes: ['unknown-act', 'no-thumbnail'] },
      },
    },
  },
};

const operation: Readonly<Record<string, PathOperations>> = {
  '/api/v1/_count': {
    GET: {
      id: 'readRequestCount',
      summary: 'Requests to this role so far',
      description: 'Over all its replicas, failures included.',
      answers: { 200: { description: 'Their number.', schema: 'Count', headers: ['Cache-Control'] } },
    },
    DELETE: { id: 'resetRequestCount', summary: 'Count from 0 again', answers: { 200: done } },
  },
  '/api/v1/_health': {
    GET: {
      id: 'readHealth',
      summary: 'Whether this replica can serve',
      answers: {
        200: { description: 'It can.', headers: ['Cache-Control'] },
        500: { description: 'It cannot; `code` says why.', codes: [...unhealthy, 'starting', 'crashed'] },
      },
    },
  },
  '/api/v1/_crash': {
    POST: {
      id: 'crash',
      summary: 'Fault injection: every later request to this process is answered 500',
      answers: {
        200: { description: 'Crashed.' },
        404: { description: 'Not for requests that came through a proxy.', codes: ['not-found'] },
      },
    },
  },
  '/openapi.json': {
    GET: {
      id: 'readOpenApi',
      summary: 'This document',
      answers: {
        200: { description: 'OpenAPI 3.1.', mediaTypes: ['application/json'], headers: ['ETag', 'Cache-Control'] },
        304: { description: 'Still the document that `If-None-Match` names.', headers: ['ETag'] },
      },
    },
  },
};

/** By the route table's paths. */
export const apiOperations: Readonly<Record<string, PathOperations>> = { ...users, ...categories, ...acts, ...operation };

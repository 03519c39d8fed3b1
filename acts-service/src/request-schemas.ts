// Bodies as clients send them, checked by the published schemas (api-schemas.ts), with errors that name the field and what was expected.
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import type { NewAct } from './act-repository.ts';
import { apiSchemas, type SchemaName } from './api-schemas.ts';
import { decodeImage } from './base64-image.ts';
import type { LosslessNumber } from './json-text.ts';
import { limits } from './limits.ts';
import { losslessAjv, losslessSchema } from './lossless-schema.ts';
import { badRequest, type Problem } from './problem.ts';
import { timestampToSql } from './timestamp.ts';

interface Upload {
  readonly actId: LosslessNumber;
  readonly username: string;
  readonly timestamp: string;
  readonly caption: string;
  readonly categoryName: string;
  readonly imgB64: string;
}

export interface NewUser {
  readonly username: string;
  readonly password: string;
}

const ajv = losslessAjv();
const isUpload = compile<Upload>('Upload');
const isUser = compile<NewUser>('NewUser');
const isCategory = compile<[string]>('NewCategory');
const isVote = compile<[LosslessNumber]>('Vote');

/** The body of POST /users, or a problem of 400. @public Loaded by import() after the first health check. */
export function readUser(body: unknown): NewUser {
  return valid(isUser, body);
}

/** The body of POST /categories: its one name. @public Loaded by import() after the first health check. */
export function readCategory(body: unknown): string {
  return valid(isCategory, body)[0];
}

/** The body of POST /acts/upvote: the digits of its one id. @public Loaded by import() after the first health check. */
export function readVote(body: unknown): string {
  return valid(isVote, body)[0].value;
}

/** The body of POST /acts. @public Loaded by import() after the first health check. */
export function readUpload(body: unknown): Omit<NewAct, 'pictureType' | 'thumbnail'> {
  const { actId, username, timestamp, caption, categoryName, imgB64 } = valid(isUpload, body);
  const { timestamp: ofTimestamp, imgB64: ofImage } = apiSchemas.Upload.properties;
  const performedAt = timestampToSql(timestamp);
  if (performedAt === undefined) throw badField('timestamp', ofTimestamp);
  const image = decodeImage(imgB64);
  if (image === undefined) throw badField('imgB64', ofImage);
  return { actId: actId.value, username, performedAt, caption, categoryName, image };
}

function compile<T>(name: SchemaName): ValidateFunction<T> {
  return ajv.compile<T>(losslessSchema(apiSchemas[name]) as object);
}

function valid<T>(validate: ValidateFunction<T>, body: unknown): T {
  if (validate(body)) return body;
  throw problemOf(validate.errors?.[0]);
}

function problemOf(error: ErrorObject | undefined): Problem {
  const params: Readonly<Record<string, unknown>> = error?.params ?? {};
  if (typeof params.missingProperty === 'string') return badRequest('bad-body', `${params.missingProperty} is missing`);
  if (typeof params.additionalProperty === 'string') {
    return badRequest('bad-body', `there is no field ${quoted(params.additionalProperty)} in this body`);
  }
  const path = error?.instancePath ?? '';
  return badField(path === '' ? 'the body' : path === '/0' ? 'the element' : path.slice(1), error?.parentSchema ?? {});
}

function badField(field: string, schema: Readonly<Record<string, unknown>>): Problem {
  const { description = 'what is documented', 'x-problem-code': code = 'bad-body' } = schema;
  return badRequest(String(code), `${field} must be ${String(description)}`);
}

/** The client's own text, which may be megabytes, cut to a length; control characters and the like escaped. */
function quoted(text: string): string {
  return JSON.stringify(text.length <= limits.quotedChars ? text : `${text.slice(0, limits.quotedChars)}...`);
}

// The bodies clients may send, as JSON Schema; what a schema cannot say (real dates, base64) follows it in the same function.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { isActId } from './act-id.ts';
import { decodeImage } from './base64-image.ts';
import { LosslessNumber } from './json-text.ts';
import { isName, isStorable } from './name.ts';
import type { NewAct } from './act-repository.ts';
import { badRequest } from './problem.ts';
import { timestampToSql } from './timestamp.ts';

const ajv = new Ajv2020({ ownProperties: true });
ajv.addKeyword({
  keyword: 'actId',
  schemaType: 'boolean',
  // ajv's own `integer` looks at JavaScript numbers, which have lost the digits by then.
  validate: (_: unknown, value: unknown) => value instanceof LosslessNumber && isActId(value.value),
  error: { message: 'must be an unsigned integer of at most 1,000 digits' },
});
ajv.addKeyword({
  keyword: 'storableName',
  schemaType: 'boolean',
  validate: (_: unknown, value: unknown) => typeof value === 'string' && isName(value),
  error: { message: 'must be a text of at least one character, without NUL or lone surrogates' },
});

const text = { type: 'string' };
const name = { type: 'string', storableName: true };
const actId = { actId: true };

const uploadFields = { actId, username: name, timestamp: text, caption: text, categoryName: name, imgB64: text };

interface Upload {
  readonly actId: LosslessNumber;
  readonly username: string;
  readonly timestamp: string;
  readonly caption: string;
  readonly categoryName: string;
  readonly imgB64: string;
}

const isUpload = ajv.compile<Upload>({
  type: 'object',
  required: Object.keys(uploadFields),
  additionalProperties: false,
  properties: uploadFields,
});
const isUser = ajv.compile<NewUser>({
  type: 'object',
  required: ['username', 'password'],
  properties: { username: name, password: { type: 'string', pattern: '^[0-9a-fA-F]{40}$' } },
});
const isCategory = ajv.compile<[string]>(onlyOne(name));
const isVote = ajv.compile<[LosslessNumber]>(onlyOne(actId));

export interface NewUser {
  readonly username: string;
  readonly password: string;
}

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
export function readUpload(body: unknown): NewAct {
  const { actId, username, timestamp, caption, categoryName, imgB64 } = valid(isUpload, body);
  if (!isStorable(caption)) throw badRequest('bad-caption', 'caption holds a NUL or a lone surrogate');
  const performedAt = timestampToSql(timestamp);
  if (performedAt === undefined) throw badRequest('bad-timestamp', 'timestamp must be a real date and time, DD-MM-YYYY:SS-MM-HH');
  const image = decodeImage(imgB64);
  if (image === undefined) throw badRequest('bad-image', 'imgB64 must be base64');
  return { actId: actId.value, username, performedAt, caption, categoryName, image };
}

function onlyOne(items: object): object {
  return { type: 'array', minItems: 1, maxItems: 1, items };
}

function valid<T>(validate: ValidateFunction<T>, body: unknown): T {
  if (validate(body)) return body;
  const error = validate.errors?.[0];
  // Of unknown fields only the kind of mistake is repeated, never the client's text, which may be megabytes.
  throw badRequest('bad-body', `body${error?.instancePath ?? ''} ${error?.message ?? 'is not what is asked for'}`.slice(0, 300));
}

// Every field, body and answer of the REST API as JSON Schema: the one source of what is checked (request-schemas.ts) and of what is
// published (openapi-document.ts). A field's description completes "must be ..." in the error a client gets.
import { limits } from './limits.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

const name = {
  type: 'string',
  minLength: 1,
  format: 'storable-text',
  description: 'a text of at least one character, without NUL and lone surrogates',
  'x-problem-code': 'bad-name',
};

export const actIdSchema = {
  type: 'integer',
  minimum: 0,
  'x-max-digits': limits.actIdDigits,
  description: `an unsigned integer of at most ${limits.actIdDigits.toLocaleString('en')} digits, with no sign, leading zero, fraction or exponent`,
  'x-problem-code': 'bad-act-id',
  examples: [1571234567890],
};

export const usernameSchema = { ...name, examples: ['alice'] };
export const categoryNameSchema = { ...name, examples: ['trees'] };

const passwordSchema = {
  type: 'string',
  pattern: '^[0-9a-fA-F]{40}$',
  description: 'exactly 40 hexadecimal digits (an SHA-1)',
  'x-problem-code': 'bad-password',
  examples: ['3d725109c7e7c0bfb9d709836735b56d943d263f'],
};

const timestampSchema = {
  type: 'string',
  pattern: '^[0-9]{2}-[0-9]{2}-[0-9]{4}:[0-9]{2}-[0-9]{2}-[0-9]{2}$',
  format: 'act-timestamp',
  description: 'a real date and time, DD-MM-YYYY:SS-MM-HH (seconds, minutes, hours), such as 31-12-2019:59-30-23',
  'x-problem-code': 'bad-timestamp',
  examples: ['31-12-2019:59-30-23'],
};

const captionSchema = {
  type: 'string',
  format: 'storable-text',
  description: 'a text without NUL and lone surrogates',
  'x-problem-code': 'bad-caption',
  examples: ['Planted a tree'],
};

/** What a schema can say of it; the decoding itself (base64-image.ts) is the full check. */
const imageSchema = {
  type: 'string',
  contentEncoding: 'base64',
  description: 'base64 (RFC 4648 section 4, padded); line breaks inside are dropped',
  'x-problem-code': 'bad-image',
  examples: ['aGVsbG8='],
};

const countSchema = { type: 'integer', minimum: 0 };

const uploadFields = {
  actId: actIdSchema,
  username: usernameSchema,
  timestamp: timestampSchema,
  caption: captionSchema,
  categoryName: categoryNameSchema,
  imgB64: imageSchema,
};

const actFields = { ...uploadFields, upvotes: { ...countSchema, description: 'votes so far, 0 at first' } };

function onlyOne(items: JsonSchema, description: string): JsonSchema {
  return { type: 'array', description, minItems: 1, maxItems: 1, items };
}

/** By the names the OpenAPI document gives them. */
export const apiSchemas = {
  Upload: {
    type: 'object',
    description: 'an object with the fields actId, username, timestamp, caption, categoryName and imgB64',
    required: Object.keys(uploadFields),
    additionalProperties: false,
    properties: uploadFields,
  },
  Act: {
    type: 'object',
    description: 'An act as listed. With `images=none` it has no imgB64, with `images=thumbnails` that of its thumbnail.',
    required: Object.keys(actFields).filter((field) => field !== 'imgB64'),
    additionalProperties: false,
    properties: actFields,
  },
  NewUser: {
    type: 'object',
    description: 'an object with the fields username and password',
    required: ['username', 'password'],
    properties: { username: usernameSchema, password: passwordSchema },
  },
  NewCategory: onlyOne(categoryNameSchema, 'an array of exactly one name'),
  Vote: onlyOne(actIdSchema, 'an array of exactly one actId'),
  Acts: {
    type: 'array',
    description: 'Newest first. Acts that go while the list is read are left out.',
    maxItems: limits.actsPerAnswer,
    items: { $ref: '#/components/schemas/Act' },
  },
  Usernames: { type: 'array', description: 'In order of arrival.', items: usernameSchema, examples: [['alice', 'bob']] },
  CategorySizes: {
    type: 'object',
    description: 'Each category with the number of its acts.',
    propertyNames: { minLength: 1 },
    additionalProperties: countSchema,
    examples: [{ trees: 2, rivers: 0 }],
  },
  Count: { ...onlyOne(countSchema, 'An array of one number.'), examples: [[7]] },
  Size: { ...onlyOne({ type: 'integer', minimum: 1 }, 'An array of one number; an empty category answers 204.'), examples: [[7]] },
  Done: { type: 'object', description: 'Nothing to tell: the write has succeeded.', maxProperties: 0, examples: [{}] },
  Problem: {
    type: 'object',
    description: 'RFC 9457. The status and `code` are stable, the words are not.',
    required: ['type', 'title', 'status', 'code', 'detail'],
    properties: {
      type: { type: 'string' },
      title: { type: 'string', minLength: 1 },
      status: { type: 'integer', minimum: 400, maximum: 599 },
      code: { type: 'string', pattern: '^[a-z][a-z0-9-]*$' },
      detail: { type: 'string', minLength: 1 },
    },
    examples: [{ type: 'about:blank', title: 'Bad Request', status: 400, code: 'unknown-act', detail: 'there is no such act' }],
  },
} as const satisfies Record<string, JsonSchema>;

export type SchemaName = keyof typeof apiSchemas;

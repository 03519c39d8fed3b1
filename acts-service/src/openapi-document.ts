// The OpenAPI 3.1 document of one role, from its route table (which routes there are), openapi-operations.ts (what they answer) and
// api-schemas.ts (which also validates). What holds for every route - other methods, limits, outages - is added here.
import { apiSchemas } from './api-schemas.ts';
import type { Role } from './config.ts';
import { apiOperations, pathParameters, type AnswerDescription, type HeaderName, type OperationDescription } from './openapi-operations.ts';
import type { Route } from './route-table.ts';

type Json = Readonly<Record<string, unknown>>;

const problemType = 'application/problem+json';

const headers: Readonly<Record<HeaderName, Json>> = {
  Allow: {
    description: 'The methods of this path.',
    required: true,
    schema: { type: 'string', minLength: 1 },
    example: 'OPTIONS, GET, HEAD',
  },
  'Cache-Control': { required: true, schema: { type: 'string', minLength: 1 }, example: 'no-store' },
  'Content-Disposition': { description: 'For what is no picture.', schema: { const: 'attachment' } },
  ETag: { required: true, schema: { type: 'string', pattern: '^(W/)?"[^"]+"$' }, example: '"2cf24dba"' },
  'Retry-After': { description: 'Seconds.', required: true, schema: { type: 'string', pattern: '^[0-9]+$' }, example: '1' },
  'X-Content-Type-Options': { required: true, schema: { const: 'nosniff' } },
};

/** Answers that any route may give. */
const common: Readonly<Record<string, AnswerDescription>> = {
  MethodNotAllowed: { description: 'This path has other methods.', codes: ['method-not-allowed'], headers: ['Allow'] },
  NotFound: { description: 'There is nothing at this path.', codes: ['not-found'] },
  RequestTimeout: { description: 'The request did not arrive in time.', codes: ['body-too-slow'] },
  BodyTooLarge: { description: 'The body is over the limit (8 MiB by default).', codes: ['body-too-large'] },
  TooManyRequests: { description: 'Too many writes by this client.', codes: ['too-many-writes'], headers: ['Retry-After'] },
  HeadersTooLarge: { description: 'Request line and headers are over the limit (64 KiB).' },
  Unavailable: {
    description:
      'Not at the moment: the database or the users service cannot be reached, too much is under way, or this process is starting.',
    codes: ['database-unavailable', 'users-unavailable', 'uploads-busy', 'pictures-busy', 'starting'],
    headers: ['Retry-After'],
  },
  Failure: { description: 'A failure on our side, or a process that starts, stops or was crashed on purpose.', codes: [] },
};

export function openApiDocument(role: Role, routes: readonly Route[]): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: `SelfieLessActs, ${role}`,
      version: '1',
      description:
        'Good deeds, each with a picture, a caption and a category. `type: integer` means any number of digits up to the given ' +
        '`x-max-digits` (1,000), which a double cannot hold: read and write actId losslessly. HEAD is answered wherever GET is. ' +
        'Every path answers 405 to other methods (`x-other-methods`), every other path is 404 (`x-other-paths`); a CORS preflight is answered 204 on any. ' +
        'A request that is no HTTP, or whose head does not arrive in time, is answered 400, 408 or 431 without content.',
    },
    servers: [{ url: '/' }],
    tags: [{ name: role }, { name: 'operation' }],
    paths: Object.fromEntries(routes.filter(isPublished).map((route) => [template(route.path), pathItem(role, route)])),
    'x-other-paths': { $ref: '#/components/responses/NotFound' },
    components: {
      schemas: apiSchemas,
      headers,
      responses: Object.fromEntries(Object.entries(common).map(([name, answer]) => [name, response(answer)])),
    },
  };
}

/** The front page and the web app's files are no part of the API. */
function isPublished({ path }: Route): boolean {
  return path in apiOperations || path.startsWith('/api/');
}

function template(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}');
}

function pathItem(role: Role, { path, methods }: Route): Json {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
  const item: Record<string, unknown> = names.length === 0 ? {} : { parameters: names.map(pathParameter) };
  for (const method of Object.keys(methods) as (keyof typeof methods)[]) {
    const described = apiOperations[path]?.[method];
    if (described === undefined) throw new Error(`${method} ${path} is not described`);
    const tag = /\/(_|openapi)/.test(path) ? 'operation' : role;
    item[method.toLowerCase()] = operation(described, method, tag);
    if (method === 'GET') item.head = head(described, tag);
  }
  item.options = {
    operationId: `optionsOf${operationName(path)}`,
    tags: ['operation'],
    summary: 'The methods of this path; CORS preflight',
    responses: { 204: { description: 'No content.' }, ...answersOfEvery('OPTIONS') },
  };
  return { ...item, 'x-other-methods': { $ref: '#/components/responses/MethodNotAllowed' } };
}

function pathParameter(name: string): Json {
  const known = pathParameters[name];
  if (known === undefined) throw new Error(`the path parameter ${name} is not described`);
  return { name, in: 'path', required: true, ...known };
}

function operationName(path: string): string {
  return path.replace('/api/v1', '').replace(/[^A-Za-z]+(\w?)/g, (_, next: string) => next.toUpperCase());
}

function operation({ id, summary, description, query = {}, body, answers }: OperationDescription, method: string, tag: string): Json {
  const parameters = Object.entries(query).map(([name, known]) => ({ name, in: 'query', required: false, ...known }));
  const own = Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, response(answer)]));
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: { 'application/json': { schema: schemaRef(body) } } } }),
    responses: { ...answersOfEvery(method, body !== undefined), ...own },
  };
}

/** As GET, without content. */
function head(described: OperationDescription, tag: string): Json {
  const { responses, ...rest } = operation(described, 'GET', tag) as { responses: Readonly<Record<string, Json>> };
  const bare = Object.entries(responses).map(([status, { content: _, ...answer }]) => [status, answer] as const);
  return {
    ...rest,
    operationId: `${described.id}Head`,
    summary: `${described.summary}, without content`,
    responses: Object.fromEntries(bare),
  };
}

function answersOfEvery(method: string, hasBody = false): Json {
  const ref = (name: string): Json => ({ $ref: `#/components/responses/${name}` });
  return {
    408: ref('RequestTimeout'),
    ...(hasBody ? { 413: ref('BodyTooLarge') } : {}),
    ...(method === 'POST' || method === 'DELETE' ? { 429: ref('TooManyRequests') } : {}),
    431: ref('HeadersTooLarge'),
    503: ref('Unavailable'),
    default: ref('Failure'),
  };
}

function response({ description, schema, mediaTypes = [], headers: names = [], codes }: AnswerDescription): Json {
  const content = {
    ...(schema === undefined ? {} : { 'application/json': { schema: schemaRef(schema) } }),
    ...Object.fromEntries(mediaTypes.map((type) => [type, {}])),
    ...(codes === undefined ? {} : { [problemType]: { schema: problemSchema(codes) } }),
  };
  return {
    description,
    ...(names.length === 0 ? {} : { headers: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }])) }),
    ...(Object.keys(content).length === 0 ? {} : { content }),
  };
}

function problemSchema(codes: readonly string[]): Json {
  const problem = schemaRef('Problem');
  return codes.length === 0 ? problem : { allOf: [problem, { properties: { code: { enum: codes } } }] };
}

function schemaRef(name: keyof typeof apiSchemas): Json {
  return { $ref: `#/components/schemas/${name}` };
}

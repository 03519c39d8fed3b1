// Every answer that a test gets from a replica, held against the OpenAPI document that the same replica publishes.
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { parse } from 'lossless-json';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { losslessAjv, losslessSchema } from '../../src/lossless-schema.ts';
import type { Answer } from './client.ts';

interface Operation {
  readonly responses: Readonly<Record<string, Reference | Description>>;
}

interface Description {
  readonly headers?: Readonly<Record<string, Reference | Header>>;
  readonly content?: Readonly<Record<string, { readonly schema?: object }>>;
}

interface Header {
  readonly required?: boolean;
  readonly schema: object;
}

interface Reference {
  readonly $ref: string;
}

type PathItem = Readonly<Record<string, unknown>> & { readonly 'x-other-methods': Reference };

interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: { readonly schemas: object };
  readonly 'x-other-paths': Reference;
}

export type Exchange = (url: string, method: string, path: string) => Promise<Answer>;

const checkersByOrigin = new Map<string, AnswerChecker>();
const checkersByText = new Map<string, AnswerChecker>();

/** Throws what is wrong with the answer. Servers that publish no document (stubs, replicas that start or have crashed) are not checked. */
export async function checkAnswer(url: string, method: string, path: string, answer: Answer, exchange: Exchange): Promise<void> {
  if (!/^\/(?:api\/v1(?:[/?]|$)|openapi\.json(?:\?|$))/.test(path)) return;
  const known = checkersByOrigin.get(url);
  if (known !== undefined && known.mistake(method, path, answer) === undefined) return;
  // Also when there is a mistake: another replica may have got the port since.
  const checker = await fetchChecker(url, exchange);
  if (checker === undefined) return;
  checkersByOrigin.set(url, checker);
  const mistake = checker.mistake(method, path, answer);
  if (mistake === undefined) return;
  const shown = `${answer.status} ${answer.headers['content-type'] ?? ''} ${answer.text.slice(0, 300)}`;
  throw new Error(`${method} ${path.slice(0, 200)} is answered against /openapi.json: ${mistake}\n  ${shown}`);
}

async function fetchChecker(url: string, exchange: Exchange): Promise<AnswerChecker | undefined> {
  const { status, text } = await exchange(url, 'GET', '/openapi.json').catch(() => ({ status: 0, text: '' }));
  if (status !== 200) return undefined;
  let checker = checkersByText.get(text);
  if (checker === undefined) {
    checker = new AnswerChecker(JSON.parse(text) as OpenApi);
    checkersByText.set(text, checker);
  }
  return checker;
}

class AnswerChecker {
  readonly #document: OpenApi;
  readonly #paths: readonly { readonly pattern: RegExp; readonly item: PathItem }[];
  readonly #ajv = losslessAjv();
  readonly #compiled = new Map<object, ValidateFunction>();

  constructor(document: OpenApi) {
    this.#document = document;
    // Earlier paths win, as in the route table.
    this.#paths = Object.entries(document.paths).map(([template, item]) => ({
      pattern: new RegExp(`^${template.replace(/[.]/g, '\\$&').replace(/\{\w+\}/g, '[^/]+')}/?$`),
      item,
    }));
  }

  mistake(method: string, target: string, answer: Answer): string | undefined {
    if (isRefusedByParser(answer) || (method === 'OPTIONS' && isPreflight(answer))) return undefined;
    const response = this.#response(method, target.replace(/\?.*$/s, ''), answer.status);
    if (response === undefined) return `${answer.status} is not listed`;
    return this.#headerMistake(response, answer) ?? this.#contentMistake(response, method, answer);
  }

  #response(method: string, path: string, status: number): Description | undefined {
    const item = this.#paths.find(({ pattern }) => pattern.test(path))?.item;
    const operation = item?.[method.toLowerCase()] as Operation | undefined;
    const failure = operation === undefined ? failures[status] : undefined;
    if (failure !== undefined) return this.#resolve(`#/components/responses/${failure}`);
    if (item === undefined) return status === 404 ? this.#resolve(this.#document['x-other-paths'].$ref) : undefined;
    if (operation === undefined) return status === 405 ? this.#resolve(item['x-other-methods'].$ref) : undefined;
    const listed = operation.responses[status] ?? (status === 500 ? operation.responses.default : undefined);
    return listed === undefined || !('$ref' in listed) ? listed : this.#resolve(listed.$ref);
  }

  #headerMistake({ headers = {} }: Description, answer: Answer): string | undefined {
    for (const [name, given] of Object.entries(headers)) {
      const header = '$ref' in given ? this.#resolve(given.$ref) : given;
      const value = answer.headers[name.toLowerCase()];
      if (value === undefined && header.required !== true) continue;
      if (value === undefined) return `the header ${name} is missing`;
      if (!this.#validator(header.schema)(value)) return `the header ${name} is ${String(value)}`;
    }
    return undefined;
  }

  #contentMistake({ content }: Description, method: string, { status, headers, bytes }: Answer): string | undefined {
    if (method === 'HEAD' || status === 204 || status === 304 || content === undefined)
      return bytes.length === 0 ? undefined : 'it has content';
    const type = (headers['content-type'] ?? '').replace(/;.*$/s, '');
    const described = content[type];
    if (described === undefined) return `the content type ${type} is not listed`;
    if (described.schema === undefined) return undefined;
    const decode = decoders[headers['content-encoding'] ?? ''];
    const text = (decode === undefined ? bytes : decode(bytes)).toString('utf8');
    const value = parse(withoutLongStrings(text));
    const validate = this.#validator(described.schema);
    if (!validate(value)) return this.#ajv.errorsText(validate.errors, { dataVar: 'content' });
    if (type === 'application/problem+json' && (JSON.parse(text) as { status: number }).status !== status)
      return 'its status is another one';
    return undefined;
  }

  #validator(schema: object): ValidateFunction {
    let validate = this.#compiled.get(schema);
    if (validate === undefined) {
      validate = this.#ajv.compile(losslessSchema({ ...schema, components: this.#document.components }) as object);
      this.#compiled.set(schema, validate);
    }
    return validate;
  }

  #resolve($ref: string): Description & Header {
    let found: unknown = this.#document;
    for (const key of $ref.slice(2).split('/')) found = (found as Record<string, unknown>)[key];
    return found as Description & Header;
  }
}

/** Whatever was asked: too many writes are 429, a process that has crashed is 500, one that starts 503. */
const failures: Readonly<Record<number, string>> = { 429: 'TooManyRequests', 500: 'Failure', 503: 'Unavailable' };

const decoders: Readonly<Record<string, (bytes: Buffer) => Buffer>> = { gzip: gunzipSync, br: brotliDecompressSync };

/** Answered before anybody looks at the path. */
function isPreflight({ status, headers, bytes }: Answer): boolean {
  return status === 204 && headers['access-control-allow-methods'] !== undefined && bytes.length === 0;
}

/** Node answers what is no HTTP itself, without content. */
function isRefusedByParser({ status, headers, bytes }: Answer): boolean {
  return [400, 408, 431].includes(status) && headers['content-type'] === undefined && headers.connection === 'close' && bytes.length === 0;
}

/** The parser takes 90 ns a character; what is inside a long string (a picture) is no matter of the schema. */
function withoutLongStrings(text: string): string {
  let index = 0;
  return text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"/gs, (literal) => (literal.length > 2000 ? `"long-${index++}"` : literal));
}

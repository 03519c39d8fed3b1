import { Validator } from '@seriousme/openapi-schema-validator';
import { expect } from 'chai';
import { apiOperations } from '../src/openapi-operations.ts';
import { openApiDocument } from '../src/openapi-document.ts';
import { checkAnswer } from './support/answer-check.ts';
import { call, type Answer } from './support/client.ts';
import { addCategory, addUser, upload } from './support/fixtures.ts';
import { freshDatabase } from './support/postgres.ts';
import { startSystem, type TestSystem } from './support/replicas.ts';

interface Published {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const documentPath = '/openapi.json';

describe('/openapi.json', () => {
  let system: TestSystem;
  const published: Partial<Record<'users' | 'acts', Published>> = {};
  before(async function () {
    this.timeout(30_000);
    system = await startSystem(await freshDatabase(), { ACTS_FAULT_INJECTION: 'any' });
    for (const role of ['users', 'acts'] as const) {
      published[role] = (await call(system[role].url, 'GET', documentPath)).json() as Published;
    }
  });
  after(() => system.stop());

  for (const role of ['users', 'acts'] as const) {
    it(`of ${role} is valid OpenAPI 3.1 with relative servers`, async () => {
      const validator = new Validator();
      const { valid, errors } = await validator.validate(structuredClone(published[role]) as unknown as Record<string, unknown>);
      expect(errors).to.equal(undefined);
      expect([valid, validator.version, published[role]?.servers]).to.deep.equal([true, '3.1', [{ url: '/' }]]);
      // What the validator does not look at.
      const ids = [...JSON.stringify(published[role]).matchAll(/"operationId":"(\w+)"/g)].map(([, id]) => id);
      expect(new Set(ids).size).to.equal(ids.length).and.to.be.above(10);
    });

    it(`of ${role} lists what the role answers, and nothing else`, async () => {
      for (const [template, item] of Object.entries(published[role]?.paths ?? {})) {
        const path = template.replace('{actId}', '1').replace(/\{\w+\}/, 'x');
        const { headers } = await call(system[role].url, 'PROPFIND', path);
        const listed = Object.keys(item).filter((key) => /^(?:get|head|post|delete|put|patch|options)$/.test(key));
        expect(listed.sort(), path).to.deep.equal(headers.allow?.toLowerCase().split(', ').sort());
      }
    });
  }

  it('describes each route once, in the role that has it', () => {
    const described = Object.keys(apiOperations).map((path) => path.replace(/:(\w+)/g, '{$1}'));
    const { users, acts } = published;
    const own = (document: Published | undefined, other: Published | undefined): string[] =>
      Object.keys(document?.paths ?? {}).filter((path) => !(path in (other?.paths ?? {})));
    expect([...new Set([...Object.keys(users?.paths ?? {}), ...Object.keys(acts?.paths ?? {})])].sort()).to.deep.equal(described.sort());
    expect(own(users, acts)).to.deep.equal(['/api/v1/users', '/api/v1/users/{username}']);
  });

  it('cannot be built with a route, method or parameter that nobody described', () => {
    const build = (path: string, method: 'GET' | 'DELETE') => () =>
      openApiDocument('acts', [{ path, methods: { [method]: () => undefined } }]);
    expect(build('/api/v1/new', 'GET')).to.throw('GET /api/v1/new is not described');
    expect(build('/api/v1/acts', 'DELETE')).to.throw('DELETE /api/v1/acts is not described');
    expect(build('/api/v1/new/:thing', 'GET')).to.throw('the path parameter thing is not described');
  });

  it('is JSON with an ETag, answered 304 when it is known, to every origin, and never counted', async () => {
    const { url } = system.acts;
    await call(url, 'DELETE', '/api/v1/_count');
    const first = await call(url, 'GET', documentPath, { headers: { Origin: 'http://editor.example' } });
    expect(first.headers).to.include({ 'content-type': 'application/json; charset=utf-8', 'access-control-allow-origin': '*' });
    const again = await call(url, 'GET', documentPath, { headers: { 'If-None-Match': first.headers.etag ?? '' } });
    expect(first.headers.etag, 'one tag for all encodings').to.match(/^W\//);
    expect([again.status, again.text, again.headers.etag]).to.deep.equal([304, '', first.headers.etag]);
    expect((await call(url, 'HEAD', documentPath)).status).to.equal(200);
    expect((await call(url, 'DELETE', documentPath)).headers.allow).to.equal('OPTIONS, GET, HEAD');
    expect((await call(system.users.url, 'GET', documentPath)).headers.etag).to.not.equal(first.headers.etag);
    expect((await call(url, 'GET', '/api/v1/_count')).text).to.equal('[0]');
  });

  it('gives examples that are taken', async () => {
    type Examples = Record<string, { examples: [unknown] }>;
    const { components } = published.acts as unknown as { components: { schemas: Record<string, { properties: Examples }> } };
    const example = (schema: string): Record<string, unknown> =>
      Object.fromEntries(Object.entries(components.schemas[schema]!.properties).map(([field, { examples }]) => [field, examples[0]]));
    const user = example('NewUser');
    const act = example('Upload');
    expect((await call(system.users.url, 'POST', '/api/v1/users', { json: user })).status).to.equal(201);
    expect((await call(system.acts.url, 'POST', '/api/v1/categories', { json: [act.categoryName] })).status).to.equal(201);
    expect((await call(system.acts.url, 'POST', '/api/v1/acts', { json: act })).status).to.equal(201);
  });

  it('catches an answer that is not as described', async () => {
    const { url } = system.acts;
    const list = '/api/v1/categories/rivers/acts';
    await addUser(system.users.url, 'bob');
    await addCategory(url, 'rivers');
    await upload(url, { actId: '9'.repeat(1000), username: 'bob', categoryName: 'rivers' });
    const good = await call(url, 'GET', list);
    const problem = await call(url, 'GET', '/api/v1/acts');
    const real = (...request: [string, string, string]): Promise<Answer> => call(...request);
    const check = (method: string, path: string, answer: Answer): Promise<string> =>
      checkAnswer(url, method, path, answer, real).then(
        () => 'as described',
        (error: unknown) => (error as Error).message.replace(/\n.*/s, '').replace(/^.*?\.json: /, ''),
      );
    const withText = (answer: Answer, from: string | RegExp, to: string): Answer => ({
      ...answer,
      bytes: Buffer.from(answer.text.replace(from, to)),
    });
    const without = (answer: Answer, header: string): Answer => ({ ...answer, headers: { ...answer.headers, [header]: undefined } });
    const table: [string, string, Answer, string][] = [
      ['GET', list, good, 'as described'],
      ['GET', list, { ...good, status: 202 }, '202 is not listed'],
      ['GET', list, { ...good, status: 204 }, 'it has content'],
      ['GET', list, { ...good, headers: { ...good.headers, 'content-type': 'text/html' } }, 'the content type text/html is not listed'],
      ['GET', list, withText(good, '"caption"', '"title"'), "content/0 must have required property 'caption'"],
      ['GET', list, withText(good, '"upvotes":0', '"upvotes":0,"extra":1'), 'content/0 must NOT have additional properties'],
      ['GET', list, withText(good, /9{1000}/, '1.0'), 'content/0/actId must be an integer'],
      ['GET', list, withText(good, /9{1000}/, '9'.repeat(1001)), 'content/0/actId must be an integer'],
      ['GET', list, withText(good, '01-01-2019', '31-02-2019'), 'content/0/timestamp must match format "act-timestamp"'],
      ['POST', '/api/v1/acts', { ...good, status: 201 }, 'content must be object'],
      ['GET', '/api/v1/acts', problem, 'as described'],
      ['GET', '/api/v1/acts', { ...problem, status: 404 }, '404 is not listed'],
      ['GET', '/api/v1/acts', without(problem, 'allow'), 'the header Allow is missing'],
      ['GET', '/api/v1/acts', withText(problem, '"status":405', '"status":400'), 'its status is another one'],
      [
        'GET',
        '/api/v1/acts',
        withText(problem, '"code":"method-not-allowed"', '"code":"no"'),
        'content/code must be equal to one of the allowed values',
      ],
      ['GET', '/api/v1/nothing', problem, '405 is not listed'],
      ['GET', '/api/v1/acts', { ...problem, status: 503 }, 'the header Retry-After is missing'],
    ];
    for (const [method, path, answer, expected] of table) expect(await check(method, path, answer)).to.equal(expected);
  });
});

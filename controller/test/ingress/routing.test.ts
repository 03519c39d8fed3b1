import { expect } from 'chai';
import { RouteMatcher } from '../../src/ingress/route-match.ts';
import { requestTarget } from '../../src/ingress/request-head.ts';
import type { Route } from '../../src/model/endpoint-table.ts';
import { Fixture } from './ingress-fixture.ts';

const RULES: [host: string | undefined, pathType: 'Prefix' | 'Exact', path: string, service: string][] = [
  [undefined, 'Prefix', '/', 'any'],
  [undefined, 'Prefix', '/foo', 'foo'],
  [undefined, 'Exact', '/foo/bar', 'exact-bar'],
  [undefined, 'Prefix', '/foo/bar', 'bar'],
  [undefined, 'Prefix', '/slash/', 'slash'],
  ['example.org', 'Prefix', '/only', 'example'],
  ['*.example.org', 'Prefix', '/', 'wildcard'],
];

const CASES: [host: string, url: string, service: string][] = [
  ['', '/', 'any'],
  ['h', '/foo', 'foo'],
  ['h', '/foo/', 'foo'],
  ['h', '/foo?x=/foo/bar', 'foo'],
  ['h', '/foobar', 'any'],
  ['h', '/foo/bar', 'exact-bar'],
  ['h', '/foo/bar/', 'bar'],
  ['h', '/foo/bar/baz', 'bar'],
  ['h', '/foo/barbaz', 'foo'],
  ['h', '/slash', 'slash'],
  ['h', '/slash/x', 'slash'],
  ['h', '/slashed', 'any'],
  ['h', '/FOO', 'any'],
  ['EXAMPLE.org:8080', '/only', 'example'],
  ['example.org', '/other', 'any'],
  ['a.example.org', '/only', 'wildcard'],
  ['a.b.example.org', '/only', 'any'],
  ['[::1]:80', '/foo', 'foo'],
  ['h', 'http://a.example.org:80/foo', 'wildcard'],
  ['h', 'http://h', 'any'],
  ['h', '*', 'any'],
];

describe('ingress routing', () => {
  const routes = RULES.map(([host, pathType, path, serviceKey]): Route => ({
    ingress: 'default/main',
    ...(host === undefined ? {} : { host }),
    path,
    pathType,
    serviceKey,
    countPaths: [],
    uncountedPaths: [],
  }));
  for (const [host, url, service] of CASES) {
    it(`${host} ${url} -> ${service}`, () => {
      for (const order of [routes, routes.toReversed()]) {
        expect(new RouteMatcher(order).match(requestTarget(url, host))?.route.serviceKey).to.equal(service);
      }
    });
  }

  it('no rule: 404 as problem+json; no such Service: 503 that names it', async () => {
    const fixture = await Fixture.start();
    try {
      await fixture.publishTable({ routes: [routes[1]!], services: [] });
      const missing = await fixture.request('/nowhere');
      expect(missing.status).to.equal(404);
      expect(missing.headers['content-type']).to.equal('application/problem+json');
      expect(JSON.parse(missing.body)).to.include({ status: 404, title: 'Not Found' });
      const unknown = await fixture.request('/foo');
      expect(unknown.status).to.equal(503);
      expect(JSON.parse(unknown.body)).to.include({ status: 503, service: 'foo', detail: 'the Service does not exist' });
    } finally {
      await fixture.stop();
    }
  });
});

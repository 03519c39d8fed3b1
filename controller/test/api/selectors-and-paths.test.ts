import { expect } from 'chai';
import { ApiError } from '../../src/api/api-error.ts';
import { parseFieldSelector, parseLabelSelector } from '../../src/api/object-selector.ts';
import { applyMergePatch } from '../../src/api/request-body.ts';
import { parseResourcePath, resourceUrl } from '../../src/api/resource-path.ts';
import { KINDS } from '../../src/model/objects.ts';
import { event, pod } from '../state/fixtures.ts';

describe('label selector', () => {
  const labels = { app: 'acts', tier: 'web', 'coxswain.dev/x': '1', empty: '' };
  const cases: readonly (readonly [selector: string, isMatch: boolean])[] = [
    ['', true],
    ['app=acts', true],
    ['app==acts', true],
    ['app = acts , tier = web', true],
    ['app=users', false],
    ['app!=users', true],
    ['missing!=x', true],
    ['app in (acts, users)', true],
    ['app in (users)', false],
    ['missing in (x)', false],
    ['app notin (users),tier in (web,db)', true],
    ['missing notin (x)', true],
    ['app', true],
    ['!app', false],
    ['!missing', true],
    ['coxswain.dev/x=1', true],
    ['empty=', true],
    ['toString', false],
  ];
  for (const [selector, isMatch] of cases) {
    it(`${JSON.stringify(selector)} ${isMatch ? 'matches' : 'does not match'}`, () => {
      expect(parseLabelSelector(selector)(labels)).to.equal(isMatch);
    });
  }

  for (const selector of ['app=a=b', 'app in acts', 'app in (a', '=x', 'a b', 'app>1', '-x=1']) {
    it(`${JSON.stringify(selector)} is refused`, () => {
      expect(() => parseLabelSelector(selector))
        .to.throw(ApiError)
        .with.property('code', 400);
    });
  }
});

describe('field selector', () => {
  it('selects by name, namespace and the object of an Event, and refuses a field it does not know', () => {
    expect(parseFieldSelector('Pod', 'metadata.name=acts-0,metadata.namespace=default')(pod('acts-0'))).to.be.true;
    expect(parseFieldSelector('Pod', 'status.phase!=Running')(pod('acts-0'))).to.be.false;
    expect(parseFieldSelector('Event', 'involvedObject.name==acts-0,involvedObject.kind=Pod')(event('e'))).to.be.true;
    expect(parseFieldSelector('Event', 'involvedObject.name=acts-1')(event('e'))).to.be.false;
    expect(() => parseFieldSelector('Pod', 'spec.colour=red')).to.throw(ApiError, 'field label not supported: spec.colour');
  });
});

describe('resource path', () => {
  it('says what it addresses, for every kind', () => {
    for (const description of KINDS) {
      const namespace = description.isNamespaced ? 'default' : undefined;
      expect(parseResourcePath(resourceUrl(description))).to.deep.equal({
        description,
        namespace: undefined,
        name: undefined,
        subresource: undefined,
      });
      expect(parseResourcePath(resourceUrl(description, namespace, 'x'))).to.deep.equal({
        description,
        namespace,
        name: 'x',
        subresource: undefined,
      });
    }
  });

  const nothing = [
    '/',
    '/api/v1/',
    '/api/v2/pods',
    '/api/v1/unicorns',
    '/apis/apps/v1/pods',
    '/api/v1/pods/acts-0',
    '/api/v1/namespaces/default/nodes/x',
    '/api/v1/namespaces/default/pods/',
    '/api/v1/namespaces/default/pods/a/log/b',
    '/api/v1/namespaces/%E0%A4%A/pods',
  ];
  for (const path of nothing) {
    it(`${path} addresses nothing`, () => {
      expect(parseResourcePath(path)).to.be.undefined;
    });
  }
});

describe('merge patch', () => {
  it('follows the examples of RFC 7386', () => {
    const cases: readonly (readonly [unknown, unknown, unknown])[] = [
      [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
      [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
      [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
      [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
      [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
      [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
      [
        ['a', 'b'],
        ['c', 'd'],
        ['c', 'd'],
      ],
      [{ e: null }, { a: 1 }, { e: null, a: 1 }],
      [[1, 2], { a: 'b', c: null }, { a: 'b' }],
      [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    ];
    for (const [target, patch, result] of cases) expect(applyMergePatch(target, patch)).to.deep.equal(result);
  });
});

// Addresses: every screen's can be read back, whatever the names in it.
import { expect } from 'chai';
import fc from 'fast-check';
import { parseRoute, routeHash, type Route } from '../src/navigation/route.ts';

const name = fc.string({ minLength: 1, unit: 'grapheme' });
const route: fc.Arbitrary<Route> = fc.oneof(
  fc.constant<Route>({ screen: 'categories' }),
  fc.constant<Route>({ screen: 'people' }),
  fc.constant<Route>({ screen: 'share' }),
  name.map<Route>((category) => ({ screen: 'share', category })),
  name.map<Route>((category) => ({ screen: 'category', category })),
  fc.tuple(name, fc.stringMatching(/^[0-9]{1,1000}$/)).map<Route>(([category, actId]) => ({ screen: 'act', category, actId })),
);

describe('addresses of the screens', () => {
  it('lead back to where they were made for', () => {
    fc.assert(fc.property(route, (value) => void expect(parseRoute(routeHash(value))).to.deep.equal(value)));
  });
  it('survive names that look like paths', () => {
    for (const category of ['.', '..', 'a/b', '100%', '#/people', '?x=1']) {
      expect(parseRoute(routeHash({ screen: 'category', category }))).to.deep.equal({ screen: 'category', category });
    }
  });
  it('start at the categories', () => {
    for (const hash of ['', '#', '#/']) expect(parseRoute(hash)).to.deep.equal({ screen: 'categories' });
  });
  for (const hash of ['#/nowhere', '#/categories', '#/categories/%E0%A4', '#/categories/a/b', '#/categories/a/1/2', '#/people/x']) {
    it(`${hash} leads nowhere`, () => expect(parseRoute(hash)).to.deep.equal({ screen: 'unknown' }));
  }
});

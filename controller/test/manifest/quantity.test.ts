import { expect } from 'chai';
import fc from 'fast-check';
import { formatQuantity, parseQuantity } from '../../src/model/quantity.ts';

const PARSED: readonly (readonly [string | number, number | undefined])[] = [
  ['0', 0],
  ['100m', 0.1],
  ['0.1', 0.1],
  ['1.5', 1.5],
  ['.5', 0.5],
  ['5.', 5],
  ['250m', 0.25],
  ['19990m', 19.99],
  ['1k', 1000],
  ['1Ki', 1024],
  ['1.5Gi', 1.5 * 2 ** 30],
  ['128974848', 128974848],
  ['129e6', 129e6],
  ['129M', 129e6],
  ['123Mi', 123 * 2 ** 20],
  ['1E', 1e18],
  ['1e3', 1000],
  ['1E3', 1000],
  ['100n', 1e-7],
  ['7u', 7e-6],
  ['-5', -5],
  ['+5', 5],
  ['-0', 0],
  [7, 7],
  [0.25, 0.25],
  ['', undefined],
  ['m', undefined],
  ['.', undefined],
  ['1.5GiB', undefined],
  ['1K', undefined],
  ['1ki', undefined],
  ['1 Gi', undefined],
  ['1e', undefined],
  ['1e1000', undefined],
  ['1e3Mi', undefined],
  ['0x10', undefined],
  ['1_000', undefined],
  ['Infinity', undefined],
  [Number.NaN, undefined],
  [Number.POSITIVE_INFINITY, undefined],
];

describe('quantities', () => {
  for (const [text, value] of PARSED) {
    it(`${JSON.stringify(text)} is ${String(value)}`, () => {
      expect(parseQuantity(text)).to.equal(value);
    });
  }

  const FORMATTED: readonly (readonly [number, string])[] = [
    [0, '0'],
    [1, '1'],
    [1000, '1k'],
    [1024, '1Ki'],
    [1.5 * 2 ** 30, '1536Mi'],
    [0.25, '250m'],
    [1e-9, '1n'],
    [1001, '1001'],
    [-0.5, '-500m'],
  ];
  for (const [value, text] of FORMATTED) {
    it(`${value} is written ${text}`, () => {
      expect(formatQuantity(value)).to.equal(text);
    });
  }

  it('what is written is read again as the same number: whole units', () => {
    fc.assert(fc.property(fc.maxSafeInteger(), (units) => parseQuantity(formatQuantity(units)) === units));
  });

  it('what is written is read again as the same number: billionths', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(10 ** 12), max: 10 ** 12 }), fc.constantFrom(1e3, 1e6, 1e9), (count, perUnit) => {
        const units = count / perUnit;
        expect(parseQuantity(formatQuantity(units))).to.equal(units);
      }),
    );
  });

  it('every suffix scales', () => {
    const suffixes = { n: 1e9, u: 1e6, m: 1e3 } as const;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.constantFrom(...(['n', 'u', 'm'] as const)), (count, suffix) => {
        expect(parseQuantity(`${count}${suffix}`)).to.equal(count / suffixes[suffix]);
      }),
    );
  });
});

import { expect } from 'chai';
import { REGRESSIONS } from './regressions.ts';
import { simulate } from './simulation.ts';

describe('simulation', function () {
  // Some seconds of work on a machine that is busy with other suites.
  this.timeout(120_000);

  it('is the same run for the same seed, to the line', async () => {
    const first = await simulate(1234);
    const second = await simulate(1234);
    expect(second).to.deep.equal(first);
    expect(first.lines).to.be.greaterThan(100);
  });

  it('is another run for another seed', async () => {
    const [one, other] = [await simulate(1), await simulate(2)];
    expect(other.digest).to.not.equal(one.digest);
  });

  for (const { seed, found } of REGRESSIONS) {
    it(`seed ${seed} keeps every promise; it found that ${found}`, async () => {
      const { violations, tail } = await simulate(seed);
      expect(violations, tail.join('\n')).to.deep.equal([]);
    });
  }
});

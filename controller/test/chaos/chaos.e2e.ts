/** The quick ones of the faults that `make chaos` makes, for CI. */
import { expect } from 'chai';
import { brokenPromises } from './scenario.ts';
import { SCENARIOS } from './scenarios/scenarios.ts';

describe('chaos', function () {
  this.timeout(120_000);
  for (const scenario of SCENARIOS.filter(({ isQuick }) => isQuick === true)) {
    it(`${scenario.fault}: ${scenario.promise}`, async () => {
      const outcome = await scenario.run({ basePort: 18_600, isQuick: true, print: () => undefined });
      expect(brokenPromises(scenario, outcome), (outcome.failures ?? []).join('\n')).to.deep.equal([]);
    });
  }
});

// mocha's own report for people, and the counts and failures as JSON for the runner (COUNTS_FILE): its closing lines are read by nobody.
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const failed = [];
    runner.on('fail', (test, error) => failed.push({ title: test.fullTitle(), message: String(error?.message ?? error) }));
    runner.once('end', () => {
      const { passes, failures, pending } = runner.stats;
      const file = process.env.COUNTS_FILE;
      if (file !== undefined) writeFileSync(file, JSON.stringify({ passes, failures, pending, failed }));
    });
  }
}

/** A minute of seeds from the first one on: the same every time, so that a failure is of the change at hand. `make nightly` goes further. SIM_SECONDS and SIM_FIRST say otherwise. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const SECONDS = Number(process.env['SIM_SECONDS'] ?? 60);

/** No further than has been looked at: `make nightly` runs as many. */
const SEEDS_MOST = 10_000;

describe('simulated seeds', function () {
  this.timeout((SECONDS + 300) * 1000);

  it(`keep every promise (${SECONDS} s of them)`, async () => {
    const first = process.env['SIM_FIRST'] ?? '1';
    const script = fileURLToPath(new URL('run-seeds.ts', import.meta.url));
    const args = ['--import', 'tsx', script, '--seconds', String(SECONDS), '--seeds', String(SEEDS_MOST), '--first', first];
    const run = promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26 });
    const stdout = await run.then(
      (result) => result.stdout,
      (error: unknown) => (error as { readonly stdout?: string }).stdout ?? String(error),
    );
    console.log(stdout.trimEnd().split('\n').slice(-1).join('\n'), `(from ${first})`);
    expect(stdout).to.match(/[1-9]\d* seeds, \d+ failed/);
    expect(stdout).to.not.match(/^failed: /m);
  });
});

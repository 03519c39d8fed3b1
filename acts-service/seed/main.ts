// The seed command: arguments in, progress and a summary out. The only file here that knows the process.
import { parseArgs } from 'node:util';
import { ActsClient, SeedError } from './acts-client.ts';
import { bounds } from './demo.ts';
import { fill, type Filled } from './fill.ts';

const help = `Fills an Acts system with a demo: users, categories, and acts with generated pictures, captions, dates and votes.
Running it again adds only what is missing.

usage: node acts-service/dist/seed/main.js [options]

  --acts N   how many acts the demo has (default 200, at most ${bounds.acts})
  --url URL  where the system answers, the ingress for instance (default http://127.0.0.1:80)
  --seed N   another number is another demo beside the first (default 1, at most ${bounds.seed})
  --help     this text

example: node acts-service/dist/seed/main.js --acts 1000 --url http://127.0.0.1:80
exit codes: 0 done, 1 failed, 2 wrong arguments
`;

interface Arguments {
  readonly acts: number;
  readonly seed: number;
  readonly url: string;
}

function readArguments(args: string[]): Arguments | 'help' {
  const options = { acts: { type: 'string' }, url: { type: 'string' }, seed: { type: 'string' }, help: { type: 'boolean' } } as const;
  const { values } = parseArgs({ args, options });
  if (values.help === true) return 'help';
  const url = values.url ?? 'http://127.0.0.1:80';
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new TypeError(`--url must be an http:// address, not "${url}"`);
  return { acts: wholeNumber('--acts', values.acts, 200, bounds.acts), seed: wholeNumber('--seed', values.seed, 1, bounds.seed), url };
}

function wholeNumber(name: string, text: string | undefined, fallback: number, max: number): number {
  if (text === undefined) return fallback;
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= 0 && number <= max) return number;
  throw new TypeError(`${name} must be a whole number from 0 to ${max}, not "${text}"`);
}

/** One line that changes on a terminal, a line every few seconds elsewhere. */
function progress(): (done: number, total: number) => void {
  const { isTTY } = process.stdout;
  const everyMs = isTTY ? 100 : 5000;
  let last = performance.now();
  return (done, total) => {
    if (performance.now() - last < everyMs && !(isTTY && done === total)) return;
    last = performance.now();
    process.stdout.write(isTTY ? `\rseed: ${done} of ${total} acts${done === total ? '\n' : ''}` : `seed: ${done} of ${total} acts\n`);
  };
}

function summary({ users, categories, acts, existing, votes }: Filled, seconds: number, url: string): string {
  const were = existing > 0 ? ` (${existing} were there already)` : '';
  return `seed: added ${acts} acts${were}, ${votes} votes, ${categories} categories and ${users} users in ${seconds.toFixed(1)} s\nseed: see them at ${new URL('/', url).href}\n`;
}

async function main(): Promise<number> {
  let asked: Arguments | 'help';
  try {
    asked = readArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`seed: ${(error as Error).message}\nTry --help.\n`);
    return 2;
  }
  if (asked === 'help') {
    process.stdout.write(help);
    return 0;
  }
  const client = new ActsClient(asked.url);
  const startedAt = performance.now();
  try {
    await client.probe();
    const filled = await fill(client, { ...asked, today: new Date(), onProgress: progress() });
    process.stdout.write(summary(filled, (performance.now() - startedAt) / 1000, asked.url));
    return 0;
  } catch (error) {
    if (!(error instanceof SeedError)) throw error;
    process.stderr.write(`seed: ${error.message}\n`);
    return 1;
  }
}

// At once: after a failure other calls are still being patient.
process.exit(await main());

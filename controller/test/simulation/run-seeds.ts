/**
 * Runs seeds in a process for each core and tells how it goes. Exit code 1 when one broke a promise.
 * Usage: tsx run-seeds.ts [--seeds n | --seconds s] [--first n] [--seed n] [--failures n]
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { simulate } from './simulation.ts';
import type { SimulationResult } from './simulation.ts';

/** After so many it ends, unless told otherwise: they have one reason, as a rule. */
const FAILURES_MOST = 10;
/** Of real time: a run takes a fraction of a second, on a busy machine some seconds. */
const SEED_MOST_MS = 120_000;

interface Options {
  readonly seeds: number;
  readonly seconds: number;
  readonly first: number;
  readonly failuresMost: number;
}

if (process.send !== undefined) work();
else await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' },
      seconds: { type: 'string' },
      first: { type: 'string' },
      seed: { type: 'string' },
      workers: { type: 'string' },
      failures: { type: 'string' },
    },
  });
  if (values.seed !== undefined && values.seed !== '') {
    const result = await simulate(Number(values.seed), { onLine: (line) => console.log(line) });
    tell(result);
    console.log(`seed ${result.seed}: ${result.violations.length} violations, ${result.lines} lines, digest ${result.digest}`);
    process.exit(result.violations.length > 0 ? 1 : 0);
  }
  const seconds = Number(values.seconds ?? 0);
  const seeds = values.seeds !== undefined ? Number(values.seeds) : seconds > 0 ? Infinity : 200;
  const first = Number(values.first ?? 1);
  const workers = Number(values.workers ?? availableParallelism());
  console.log(`simulation: ${seeds === Infinity ? `${seconds} s of seeds` : `${seeds} seeds`} from ${first}, ${workers} processes`);
  const failuresMost = Number(values.failures ?? FAILURES_MOST);
  const failures = await runAll({ seeds, seconds: seconds > 0 ? seconds : Infinity, first, failuresMost }, workers);
  process.exit(failures > 0 ? 1 : 0);
}

async function runAll({ seeds, seconds, first, failuresMost }: Options, workers: number): Promise<number> {
  const startedMs = performance.now();
  let next = first;
  let done = 0;
  let virtualMs = 0;
  const failures: SimulationResult[] = [];
  const spent = (): number => (performance.now() - startedMs) / 1000;
  const report = (): void =>
    console.log(
      `${done} seeds, ${failures.length} failed, ${(done / spent()).toFixed(1)} seeds/s, ${(virtualMs / 3_600_000).toFixed(1)} virtual hours`,
    );
  const timer = setInterval(report, 10_000);
  const isOver = (): boolean => next >= first + seeds || spent() >= seconds || failures.length >= failuresMost;
  await Promise.all(
    Array.from({ length: workers }, async () => {
      const start = (): ChildProcess => fork(fileURLToPath(import.meta.url), { serialization: 'advanced' });
      let child = start();
      while (!isOver()) {
        if (!child.connected) child = start();
        const seed = next++;
        const result = await ask(child, seed);
        done++;
        virtualMs += result.virtualMs;
        if (result.violations.length === 0) continue;
        failures.push(result);
        tell(result);
      }
      child.disconnect();
    }),
  );
  clearInterval(timer);
  report();
  if (failures.length > 0)
    console.log(`failed: ${failures.map(({ seed }) => seed).join(', ')}; replay one with: make sim SEED=${failures[0]?.seed ?? ''}`);
  return failures.length;
}

function ask(child: ChildProcess, seed: number): Promise<SimulationResult> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined = undefined;
    const done = (result: SimulationResult): void => {
      clearTimeout(timer);
      resolve(result);
    };
    const failed = (text: string): void => done({ seed, violations: [text], digest: '', lines: 0, virtualMs: 0, tail: [] });
    child.removeAllListeners('message').removeAllListeners('exit');
    child.once('message', (result) => done(result as SimulationResult));
    child.once('exit', (code) => failed(`the process ended with ${code ?? 'a signal'}`));
    child.send(seed);
    timer = setTimeout(() => child.kill('SIGKILL'), SEED_MOST_MS);
  });
}

function tell({ seed, violations, tail }: SimulationResult): void {
  if (violations.length === 0) return;
  console.log(`\nseed ${seed} broke a promise:`);
  for (const violation of violations.slice(0, 5)) console.log(`  ${violation}`);
  for (const line of tail) console.log(`    ${line}`);
}

function work(): void {
  process.on('message', (seed) => {
    simulate(Number(seed)).then(
      (result) => process.send?.(result),
      (error: unknown) =>
        process.send?.({
          seed: Number(seed),
          violations: [String(error instanceof Error ? error.stack : error)],
          digest: '',
          lines: 0,
          virtualMs: 0,
          tail: [],
        }),
    );
  });
}

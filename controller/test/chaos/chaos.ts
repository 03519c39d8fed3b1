/**
 * `make chaos`: every scenario in turn, then docs/RELIABILITY.md. `ONLY=name` (or several, with commas) runs those and rewrites their rows.
 * Ends with 1 when a promise was broken.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { format } from 'prettier';
import { DockerRuntime } from '../../src/runtime/docker-runtime.ts';
import { reliabilityText, withRows } from './reliability-table.ts';
import type { ChaosRow } from './reliability-table.ts';
import { brokenPromises } from './scenario.ts';
import type { ChaosOutcome, ChaosScenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/scenarios.ts';

const FILE = 'docs/RELIABILITY.md';
const NOTHING: ChaosOutcome = {
  tried: 1,
  survived: 0,
  requestsSent: 0,
  requestsFailed: 0,
  containersRestarted: 0,
  thingsLost: 0,
  convergeMs: [],
};

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function outcomeOf(scenario: ChaosScenario): Promise<ChaosOutcome> {
  const basePort = Number(process.env['CHAOS_PORT'] ?? 18_800);
  try {
    return await scenario.run({ basePort, isQuick: false, print: (line) => print(`  ${line}`) });
  } catch (error) {
    return {
      ...NOTHING,
      failures: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
      note: 'the scenario itself failed',
    };
  }
}

async function machine(): Promise<string> {
  const [cpu] = cpus();
  const runtime = new DockerRuntime({ socketPath: '/var/run/docker.sock' });
  const { version: docker } = await runtime.describe(AbortSignal.timeout(10_000));
  runtime.close();
  return `${cpus().length} x ${cpu?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Docker ${docker}, Node ${process.versions.node}`;
}

const only = (process.argv[2] ?? '').split(',').filter((name) => name !== '');
const unknown = only.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
if (unknown.length > 0) {
  print(`there is no scenario "${unknown.join('", "')}"; there are: ${SCENARIOS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const startedAt = Date.now();
const rows: ChaosRow[] = [];
let broken = 0;
for (const scenario of SCENARIOS.filter(({ name }) => only.length === 0 || only.includes(name))) {
  print(`\n${scenario.name}: ${scenario.fault}\n  promise: ${scenario.promise}`);
  const outcome = await outcomeOf(scenario);
  rows.push({ scenario, outcome });
  const problems = brokenPromises(scenario, outcome);
  if (problems.length > 0) broken++;
  const { tried, survived, requestsSent, requestsFailed, requestsCutInKilledProcess: cut, containersRestarted, thingsLost } = outcome;
  const slowest = Math.round(Math.max(0, ...outcome.convergeMs));
  const requests = `requests ${requestsSent}, failed ${requestsFailed}${cut === undefined ? '' : `, cut ${cut}`}`;
  print(
    `  ${survived} of ${tried} survived, ${requests}, restarted ${containersRestarted}, lost ${thingsLost}, converged in ${slowest} ms at most`,
  );
  if (outcome.note !== undefined) print(`  ${outcome.note}`);
  for (const failure of outcome.failures ?? []) print(`  ! ${failure}`);
  print(problems.length === 0 ? '  kept' : `  BROKEN: ${problems.join('; ')}`);
}
async function write(text: string): Promise<void> {
  const options = JSON.parse(readFileSync('.prettierrc.json', 'utf8')) as object;
  writeFileSync(FILE, await format(text, { ...options, parser: 'markdown' }));
  print(`\n${FILE} is written`);
}

const commit = execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
if (only.length === 0) {
  const date = new Date().toISOString().slice(0, 10);
  const text = reliabilityText({ rows, machine: await machine(), commit, date, minutes: (Date.now() - startedAt) / 60_000 });
  await write(text);
} else await write(withRows(readFileSync(FILE, 'utf8'), rows, commit));
print(`\n${rows.length - broken} of ${rows.length} promises kept in ${Math.round((Date.now() - startedAt) / 1000)} s`);
process.exit(broken === 0 ? 0 : 1);

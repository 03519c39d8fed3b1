/** docs/RELIABILITY.md from the outcomes of one whole run, and single rows of it again. */
import { brokenPromises } from './scenario.ts';
import type { ChaosOutcome, ChaosScenario } from './scenario.ts';

export interface ChaosRow {
  readonly scenario: ChaosScenario;
  readonly outcome: ChaosOutcome;
}

export interface ChaosRun {
  readonly rows: readonly ChaosRow[];
  readonly machine: string;
  readonly commit: string;
  readonly date: string;
  readonly minutes: number;
}

export function reliabilityText({ rows, machine, commit, date, minutes }: ChaosRun): string {
  const columns = [
    'fault',
    'tried',
    'survived',
    'requests sent',
    'failed',
    'cut in the killed process',
    'containers restarted',
    'things lost',
  ];
  const head = [...columns, 'time to converge (median / max)', 'nobody answered for (median / max)'];
  return `# Reliability

What was broken on purpose, and what came of it. Written by \`make chaos\`; do not edit.

- Commit ${commit}, ${date}, ${Math.round(minutes)} minutes in all
- ${machine}

## The faults

${table(head, rows.map(cells))}

## What each row promises

${table(
  ['fault', 'promise', 'kept', 'remarks'],
  rows.map((row) => promiseCells(row)),
)}

## How to read it

- **tried / survived**: how often the fault was made, and how often everything was as declared again within the row's deadline.
- **requests**: GETs through the ingress at a constant rate (open loop: none waits for another), without repetition by the client.
  Failed is everything but an answer below 400: refused, cut, late (15 s), or an error.
- **cut in the killed process**: requests that were open in the very process that was killed. Nobody can save them.
- **containers restarted**: stopped or replaced although neither the fault nor the change under way called for it.
- **things lost**: declared objects, scales, ports, passwords or data that were gone.
- **time to converge**: from the fault until all is as declared, ready and observed.
- **nobody answered for**: the longest time in which no request got its answer, the downtime as clients see it. At the rates used here 20 ms are none.

Again: \`make chaos\`, or single rows, which then name their own commit: \`make chaos ONLY=name,name\` with ${rows.map(({ scenario }) => `\`${scenario.name}\``).join(', ')}.
`;
}

/** The text with these rows in place of the earlier ones of the same faults. */
export function withRows(text: string, rows: readonly ChaosRow[], commit: string): string {
  const isOf = (line: string, { scenario }: ChaosRow): boolean => line.startsWith('|') && line.split('|')[1]?.trim() === scenario.fault;
  const [faults, promises] = text.split('\n## What each row promises\n');
  if (faults === undefined || promises === undefined) throw new Error('docs/RELIABILITY.md has not the form that `make chaos` gives it');
  const replace = (part: string, cellsOf: (row: ChaosRow) => readonly string[]): string =>
    part
      .split('\n')
      .map((line) => {
        const row = rows.find((candidate) => isOf(line, candidate));
        return row === undefined ? line : rowLine(cellsOf(row));
      })
      .join('\n');
  return `${replace(faults, cells)}\n## What each row promises\n${replace(promises, (row) => promiseCells(row, commit))}`;
}

function promiseCells({ scenario, outcome }: ChaosRow, commit?: string): readonly string[] {
  const broken = brokenPromises(scenario, outcome);
  const remarks = [outcome.note, commit === undefined ? undefined : `at commit ${commit}`].filter((remark) => remark !== undefined);
  return [scenario.fault, scenario.promise, broken.length === 0 ? 'yes' : `**no**: ${broken.join('; ')}`, remarks.join('; ')];
}

function cells({ scenario, outcome }: ChaosRow): readonly string[] {
  const { tried, survived, requestsSent, requestsFailed, requestsCutInKilledProcess: cut, containersRestarted, thingsLost } = outcome;
  const numbers = [tried, survived, requestsSent, requestsFailed, cut ?? '', containersRestarted, thingsLost];
  return [scenario.fault, ...numbers.map(String), medianAndMost(outcome.convergeMs), medianAndMost(outcome.silenceMs ?? [])];
}

function medianAndMost(allMs: readonly number[]): string {
  const sorted = [...allMs].sort((a, b) => a - b);
  const seconds = (ms: number | undefined): string => `${((ms ?? 0) / 1000).toFixed(2)} s`;
  return sorted.length === 0 ? '' : `${seconds(sorted[Math.floor(sorted.length / 2)])} / ${seconds(sorted.at(-1))}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [rowLine(head), rowLine(head.map(() => '---')), ...rows.map(rowLine)].join('\n');
}

function rowLine(all: readonly string[]): string {
  return `| ${all.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
}

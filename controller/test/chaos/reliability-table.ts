/** docs/RELIABILITY.md from the outcomes of one whole run. */
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
  const head = [...columns, 'time to converge (median / max)'];
  return `# Reliability

What was broken on purpose, and what came of it. Written by \`make chaos\`; do not edit.

- Commit ${commit}, ${date}, ${Math.round(minutes)} minutes in all
- ${machine}

## The faults

${table(head, rows.map(cells))}

## What each row promises

${table(
  ['fault', 'promise', 'kept', 'remarks'],
  rows.map(({ scenario, outcome }) => {
    const broken = brokenPromises(scenario, outcome);
    return [scenario.fault, scenario.promise, broken.length === 0 ? 'yes' : `**no**: ${broken.join('; ')}`, outcome.note ?? ''];
  }),
)}

## How to read it

- **tried / survived**: how often the fault was made, and how often everything was as declared again within the row's deadline.
- **requests**: GETs through the ingress at a constant rate (open loop: none waits for another), without repetition by the client.
  Failed is everything but an answer below 400: refused, cut, late (15 s), or an error.
- **cut in the killed process**: requests that were open in the very process that was killed. Nobody can save them.
- **containers restarted**: stopped or replaced although neither the fault nor the change under way called for it.
- **things lost**: declared objects, scales, ports, passwords or data that were gone.
- **time to converge**: from the fault until all is as declared, ready and observed.

Again: \`make chaos\`, or one row: \`make chaos ONLY=name\` with one of ${rows.map(({ scenario }) => `\`${scenario.name}\``).join(', ')}.
`;
}

function cells({ scenario, outcome }: ChaosRow): readonly string[] {
  const { tried, survived, requestsSent, requestsFailed, requestsCutInKilledProcess: cut, containersRestarted, thingsLost } = outcome;
  const numbers = [tried, survived, requestsSent, requestsFailed, cut ?? '', containersRestarted, thingsLost];
  return [scenario.fault, ...numbers.map(String), converge(outcome.convergeMs)];
}

function converge(allMs: readonly number[]): string {
  const sorted = [...allMs].sort((a, b) => a - b);
  const seconds = (ms: number | undefined): string => `${((ms ?? 0) / 1000).toFixed(2)} s`;
  return sorted.length === 0 ? '' : `${seconds(sorted[Math.floor(sorted.length / 2)])} / ${seconds(sorted.at(-1))}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (all: readonly string[]): string => `| ${all.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

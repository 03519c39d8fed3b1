/** `coxswain plan` and `coxswain diff`: what would be done, and why. They change nothing. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { DiffReport, ObjectDifference, PlanReport, PlanStepReport, ProjectionReport } from '../api/control-plane-port.ts';
import type { ApiClient } from './api-client.ts';
import type { CliContext } from './cli-context.ts';
import { CliError, EXIT_CODE, EXIT_CODES_HELP } from './cli-error.ts';
import { clientOf, COXSWAIN, formatOption, printJson } from './command-parts.ts';
import type { Format } from './command-parts.ts';
import { formatProblem } from './status-view.ts';

const DIFF_HELP = `
Without -f: the manifests directory as it is now, against what was last applied and has been changed since.
With -f: as if its files were added to that directory; an object in them replaces the one of its name, wherever that is declared.
With -f and --prune: as if its files were all there is; every other object would be deleted.
"(generated)" stands for a value of a Secret that applying would generate; values of Secrets are not shown.

Example: coxswain diff -f acts.yaml

Exit codes: 0 no difference, 1 differences, 2 errors in the manifests or wrong usage, 3 the control plane is not running`;

export function addPlanCommands(program: Command, context: CliContext): void {
  program
    .command('plan')
    .description('what would be done now, and why; changes nothing')
    .option('--all', 'and what would follow, until everything is as declared')
    .addOption(formatOption(['table', 'json']))
    .addHelpText('after', `\nExample: coxswain plan --all\n\n${EXIT_CODES_HELP}`)
    .action(async ({ output, all }: { output: Format; all?: true }) => {
      const plan = (await clientOf(context).get(`${COXSWAIN}/plan${all === true ? '?all=true' : ''}`)) as PlanReport;
      if (output === 'json') printJson(context, plan);
      else context.stdout.write(formatPlan(plan));
    });
  program
    .command('diff')
    .description('what applying manifests would change, and what would be done then; changes nothing')
    .option('-f, --filename <path>', 'a file, or a directory of them, that is not applied')
    .option('--prune', 'with -f: its files are all there is; and what wants to be confirmed is')
    .addOption(formatOption(['table', 'json']))
    .addHelpText('after', DIFF_HELP)
    .action(async ({ filename, prune, output }: { filename?: string; prune?: true; output: Format }) => {
      const files = filename === undefined ? undefined : readFiles(filename);
      const report = await askDiff(clientOf(context), files, prune === true);
      for (const problem of report.warnings) context.stderr.write(`warning: ${formatProblem(problem)}\n`);
      for (const problem of report.errors) context.stderr.write(`error: ${formatProblem(problem)}\n`);
      if (report.errors.length > 0) throw new CliError(EXIT_CODE.usage, 'the manifests have errors: they would change nothing');
      if (output === 'json') printJson(context, report);
      else context.stdout.write(formatDiff(report));
      // As diff does: differences are no failure, but they are told by the exit code.
      if (report.objects.length > 0) throw new CliError(EXIT_CODE.failed, '');
    });
}

/** Exit code 1 says "differences" here, so what failed is told by another one. */
async function askDiff(client: ApiClient, files: readonly ManifestText[] | undefined, prune: boolean): Promise<DiffReport> {
  try {
    return (await client.send('POST', `${COXSWAIN}/diff?prune=${prune}`, files === undefined ? undefined : { files })) as DiffReport;
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== EXIT_CODE.failed) throw error;
    throw new CliError(EXIT_CODE.usage, error.message, { cause: error });
  }
}

interface ManifestText {
  readonly path: string;
  readonly content: string;
}

/** A file whatever its name; of a directory the files that the manifests directory would count, too. */
function readFiles(path: string): readonly ManifestText[] {
  try {
    if (!statSync(path).isDirectory()) return [{ path, content: readFileSync(path, 'utf8') }];
    const names = readdirSync(path, { withFileTypes: true }).filter(
      (entry) => !entry.isDirectory() && /^[^.].*\.(yaml|yml|json)$/.test(entry.name),
    );
    if (names.length === 0) throw new CliError(EXIT_CODE.usage, `there is no manifest in ${path}`);
    return names.map(({ name }) => ({ path: join(path, name), content: readFileSync(join(path, name), 'utf8') }));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(EXIT_CODE.usage, error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function formatPlan({ changes, operations, waits, following }: PlanReport): string {
  const lines = [...stepLines({ changes, operations }), ...waits.map(waitLine)];
  const isEnd = following === undefined || (following.steps.length === 0 && following.isComplete);
  const nothing = isEnd ? 'nothing to do: everything is as declared' : 'nothing to do at this moment: what was begun is under way';
  const now = lines.length === 0 ? [nothing] : lines;
  return toText(isEnd ? now : [...now, '', 'then, if all goes well:', ...projectionLines(following)]);
}

function formatDiff({ objects, conditions, plan }: DiffReport): string {
  const notes = conditions.map(({ code, message }) => `note: ${code}: ${message}`);
  if (objects.length === 0) return toText([...notes, 'no differences']);
  return toText([...objects.flatMap(objectLines), ...notes, '', 'what would be done, if all goes well:', ...projectionLines(plan)]);
}

const WORDS = { create: 'new in', update: 'changed by', delete: 'deleted, it was in' } as const;

function objectLines({ resource, change, source, fields }: ObjectDifference): readonly string[] {
  const lines = fields.map(({ path, before, after }) => {
    if (before === undefined) return `  + ${path}: ${after ?? ''}`;
    return after === undefined ? `  - ${path}: ${before}` : `  ~ ${path}: ${before} -> ${after}`;
  });
  return [`${resource}  ${WORDS[change]} ${source}`, ...lines];
}

function projectionLines({ steps, waits, isComplete }: ProjectionReport): readonly string[] {
  const lines = steps.flatMap(stepLines);
  return [...lines, ...waits.map(waitLine), ...(isComplete ? [] : ['and so on'])];
}

function stepLines({ changes, operations }: PlanStepReport): readonly string[] {
  return [...changes.map(({ text }) => `change  ${text}`), ...operations.map(({ text }) => `do      ${text}`)];
}

function waitLine({ resource, text }: PlanReport['waits'][number]): string {
  return `wait    ${resource}: ${text}`;
}

function toText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/**
 * `coxswain rollout ...` and `coxswain set image`: what `kubectl rollout` does, as patches of a Deployment and lists of its ReplicaSets.
 * A patch names the version it was made for, so that it never undoes what somebody else did meanwhile.
 */
import { Option } from 'commander';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { resourceUrl } from '../api/resource-path.ts';
import { ANNOTATION } from '../model/annotations.ts';
import { formatArgument, formatReference } from '../model/objects.ts';
import type { Deployment } from '../model/objects.ts';
import { parseDurationMs } from '../reconcile/duration.ts';
import type { ApiClient } from './api-client.ts';
import type { CliContext } from './cli-context.ts';
import { CliConflict, CliError, EXIT_CODE } from './cli-error.ts';
import { clientOf, describe, EXIT_CODES, nameOfKind, namespaceOption, nowOf, printJson, wholeNumber } from './command-parts.ts';
import { mergePatch } from './merge-patch.ts';
import { listRevisions, templateOf } from './revision-list.ts';
import type { Revision } from './revision-list.ts';
import { waitForRollout } from './rollout-status.ts';
import { formatTable } from './text-table.ts';

const PATCH_ATTEMPTS_MOST = 10;

interface Change {
  readonly metadata?: object;
  readonly spec: object;
}

interface Place {
  readonly namespace: string;
}

interface Target {
  readonly client: ApiClient;
  readonly url: string;
  /** "deployment/acts" */
  readonly called: string;
  /** As one types it in another command. */
  readonly typed: string;
  readonly name: string;
  readonly namespace: string;
}

export function addRolloutCommands(program: Command, context: CliContext): void {
  const rollout = program.command('rollout').description('follow, look back on, undo, restart, pause and resume rollouts');
  addStatus(rollout, context);
  addHistory(rollout, context);
  addUndo(rollout, context);
  addRestart(rollout, context);
  addPause(rollout, context);
  addResume(rollout, context);
  addSetImage(program.command('set').description('change one thing of a deployment'), context);
}

function command(parent: Command, name: string, description: string, example: string): Command {
  return parent
    .command(name)
    .description(description)
    .argument('<deployment>', 'acts or deployment/acts')
    .addOption(namespaceOption())
    .addHelpText('after', `\nExample: coxswain ${example}${EXIT_CODES}`);
}

function addStatus(parent: Command, context: CliContext): void {
  command(
    parent,
    'status',
    'wait until a rollout is done; exits 1 with the reason when it does not get on',
    'rollout status deployment/acts --timeout 5m',
  )
    .option('--no-wait', 'only say how far it is')
    .addOption(new Option('--timeout <duration>', 'give up after this: 90s, 5m; 0 never does').default('0'))
    .action(async (name: string, { namespace, wait, timeout }: Place & { readonly wait: boolean; readonly timeout: string }) => {
      const { client, url, called } = targetOf(context, name, namespace);
      const timeoutMs = timeout === '0' ? Infinity : parseDurationMs(timeout);
      if (timeoutMs === undefined)
        throw new CliError(EXIT_CODE.usage, `--timeout: expected a duration such as 90s or 5m, or 0, found "${timeout}"`);
      const { stdout, signal } = context;
      await waitForRollout(() => readDeployment(client, url), { called, isWaiting: wait, timeoutMs, stdout, signal });
    });
}

function addHistory(parent: Command, context: CliContext): void {
  command(parent, 'history', 'the revisions that are kept, or one of them', 'rollout history deployment/acts --revision 2')
    .option('--revision <n>', 'print the pod template of this one', wholeNumber)
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['json', 'table']).default('table'))
    .action(
      async (name: string, { namespace, revision, output }: Place & { readonly revision?: number; readonly output: 'json' | 'table' }) => {
        const target = targetOf(context, name, namespace);
        const revisions = await listRevisions(target.client, namespace, await readDeployment(target.client, target.url));
        if (revision !== undefined) {
          const { replicaSet } = findRevision(target.called, revisions, revision);
          const template = templateOf(replicaSet);
          if (output === 'json') printJson(context, template);
          else context.stdout.write(`${target.called} revision ${revision}\n${stringify(template)}`);
          return;
        }
        if (output === 'json') printJson(context, { items: revisions.map(({ replicaSet }) => replicaSet) });
        else context.stdout.write(formatHistory(revisions));
      },
    );
}

function formatHistory(revisions: readonly Revision[]): string {
  const rows = revisions.map(({ number, cause, images }) => [String(number), cause, images]);
  return rows.length === 0 ? 'no revisions\n' : formatTable(['REVISION', 'CHANGE-CAUSE', 'IMAGE'], rows);
}

function addUndo(parent: Command, context: CliContext): void {
  command(parent, 'undo', 'go back to the template of an earlier revision', 'rollout undo deployment/acts --to-revision 3')
    .option('--to-revision <n>', 'which one; default: the one before', wholeNumber)
    .action(async (name: string, { namespace, toRevision }: Place & { readonly toRevision?: number }) => {
      const target = targetOf(context, name, namespace);
      const { client, called } = target;
      let told = '';
      await patch(target, async (deployment) => {
        if (deployment.spec.paused === true) throw isPausedError(target, 'undone');
        const revisions = await listRevisions(client, namespace, deployment);
        const wanted = revisionToUndo(called, revisions, toRevision === 0 ? undefined : toRevision);
        told = `revision ${wanted.number} (${wanted.images})`;
        const cause = wanted.replicaSet.metadata.annotations?.[ANNOTATION.changeCause] ?? null;
        return {
          metadata: { annotations: { [ANNOTATION.changeCause]: cause } },
          spec: { template: mergePatch(deployment.spec.template, templateOf(wanted.replicaSet)) },
        };
      });
      context.stdout.write(`${called} goes back to ${told}\n`);
    });
}

function isPausedError({ called, typed }: Target, what: string): CliError {
  return new CliError(EXIT_CODE.failed, `${called} is paused and cannot be ${what}: "coxswain rollout resume ${typed}" first`);
}

function revisionToUndo(called: string, revisions: readonly Revision[], wanted: number | undefined): Revision {
  if (wanted === undefined) {
    const previous = [...revisions].reverse().find(({ isInForce }) => !isInForce);
    if (previous === undefined) throw new CliError(EXIT_CODE.failed, `${called} has no earlier revision to go back to`);
    return previous;
  }
  const found = findRevision(called, revisions, wanted);
  if (!found.isInForce) return found;
  const isNewest = found === revisions.at(-1);
  throw new CliError(
    EXIT_CODE.failed,
    isNewest
      ? `${called} is at revision ${wanted} already`
      : `revision ${wanted} has the pod template that ${called} has now; what else differed is in its ConfigMaps and Secrets, which undo leaves alone`,
  );
}

function findRevision(called: string, revisions: readonly Revision[], wanted: number): Revision {
  const found = revisions.find(({ number }) => number === wanted);
  if (found !== undefined) return found;
  const kept = revisions.map(({ number }) => number).join(', ');
  throw new CliError(EXIT_CODE.notFound, `${called} has no revision ${wanted}; it has ${kept === '' ? 'none' : kept}`);
}

function addRestart(parent: Command, context: CliContext): void {
  command(parent, 'restart', 'replace all pods by new ones, as in a rollout', 'rollout restart deployment/acts').action(
    async (name: string, { namespace }: Place) => {
      const target = targetOf(context, name, namespace);
      await patch(target, ({ spec }) => {
        if (spec.paused === true) throw isPausedError(target, 'restarted');
        return {
          metadata: { annotations: { [ANNOTATION.changeCause]: `coxswain rollout restart ${target.typed}` } },
          spec: { template: { metadata: { annotations: { [ANNOTATION.restartedAt]: nowOf(context).toISOString() } } } },
        };
      });
      context.stdout.write(`${target.called} restarted\n`);
    },
  );
}

function addPause(parent: Command, context: CliContext): void {
  command(parent, 'pause', 'begin and continue no rollout until it is resumed; scaling works', 'rollout pause deployment/acts').action(
    async (name: string, { namespace }: Place) => await setPaused(targetOf(context, name, namespace), true, context),
  );
}

function addResume(parent: Command, context: CliContext): void {
  command(parent, 'resume', 'go on with what was paused', 'rollout resume deployment/acts').action(
    async (name: string, { namespace }: Place) => await setPaused(targetOf(context, name, namespace), false, context),
  );
}

async function setPaused(target: Target, isPaused: boolean, { stdout }: CliContext): Promise<void> {
  await patch(target, ({ spec }) => {
    if ((spec.paused ?? false) === isPaused)
      throw new CliError(EXIT_CODE.failed, `${target.called} is ${isPaused ? 'paused already' : 'not paused'}`);
    // Absent and false are the same, and a manifest that says nothing says just that.
    return { spec: { paused: isPaused ? true : null } };
  });
  stdout.write(`${target.called} ${isPaused ? 'paused' : 'resumed'}\n`);
}

function addSetImage(parent: Command, context: CliContext): void {
  command(parent, 'image', 'roll out another image', 'set image deployment/acts acts=acts:2')
    .argument('<container=image...>', 'which container gets which image; * is all')
    .action(async (name: string, assignments: readonly string[], { namespace }: Place) => {
      const target = targetOf(context, name, namespace);
      const isChanged = await patch(target, ({ spec }) => {
        const { containers } = spec.template.spec;
        const images = imagesIn(target.called, assignments, containers);
        const changed = containers.map((container) => ({ ...container, image: images.get(container.name) ?? container.image }));
        if (changed.every(({ image }, index) => image === containers[index]?.image)) return undefined;
        return {
          metadata: { annotations: { [ANNOTATION.changeCause]: `coxswain set image ${target.typed} ${assignments.join(' ')}` } },
          spec: { template: { spec: { containers: changed } } },
        };
      });
      const images = assignments.length === 1 ? 'that image' : 'those images';
      context.stdout.write(isChanged ? `${target.called} image updated\n` : `${target.called} has ${images} already\n`);
    });
}

function imagesIn(
  called: string,
  assignments: readonly string[],
  containers: readonly { readonly name: string }[],
): ReadonlyMap<string, string> {
  const images = new Map<string, string>();
  for (const assignment of assignments) {
    const [, name = '', image = ''] = /^([^=]+)=(\S+)$/.exec(assignment) ?? [];
    if (name === '') throw new CliError(EXIT_CODE.usage, `expected container=image, found "${assignment}"`);
    const names = containers.map((container) => container.name);
    if (name !== '*' && !names.includes(name))
      throw new CliError(EXIT_CODE.failed, `${called} has no container "${name}"; it has ${names.join(', ')}`);
    for (const each of name === '*' ? names : [name]) images.set(each, image);
  }
  return images;
}

function targetOf(context: CliContext, text: string, namespace: string): Target {
  const name = nameOfKind(text, 'Deployment');
  const called = formatReference('Deployment', { name, namespace });
  const typed = formatArgument('Deployment', { name, namespace });
  return { client: clientOf(context), url: resourceUrl(describe('Deployment'), namespace, name), called, typed, name, namespace };
}

async function readDeployment(client: ApiClient, url: string): Promise<Deployment> {
  return (await client.get(url)) as Deployment;
}

/** Relative to what is there: read again when somebody was faster, a status for instance. Undefined from `change` leaves it as it is. */
async function patch(
  { client, url }: Target,
  change: (deployment: Deployment) => Promise<Change | undefined> | Change | undefined,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    const deployment = await readDeployment(client, url);
    const wanted = await change(deployment);
    if (wanted === undefined) return false;
    try {
      await client.send('PATCH', url, {
        ...wanted,
        metadata: { ...wanted.metadata, resourceVersion: deployment.metadata.resourceVersion },
      });
      return true;
    } catch (error) {
      if (!(error instanceof CliConflict) || attempt >= PATCH_ATTEMPTS_MOST) throw error;
    }
  }
}

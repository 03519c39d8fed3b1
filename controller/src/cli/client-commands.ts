/** The commands that ask a running control plane, over its API. Thin: they read, print and forward; nothing is decided here. */
import type { Command } from 'commander';
import pc from 'picocolors';
import { stringify } from 'yaml';
import type { ApplyReport, CrashReport, StatusReport } from '../api/control-plane-port.ts';
import { resourceUrl } from '../api/resource-path.ts';
import { formatReference } from '../model/objects.ts';
import type { Deployment, Event, KubernetesObject, Pod } from '../model/objects.ts';
import type { CliContext } from './cli-context.ts';
import { CliError, EXIT_CODE } from './cli-error.ts';
import {
  clientOf,
  COXSWAIN,
  describe,
  describeByName,
  EXIT_CODES,
  formatOption,
  nameOfKind,
  namespaceOption,
  nowOf,
  printJson,
  wholeNumber,
} from './command-parts.ts';
import type { Format, Listing } from './command-parts.ts';
import { headOf, rowOf } from './object-columns.ts';
import { addPlanCommands } from './plan-commands.ts';
import { printLogs } from './pod-logs.ts';
import { addRolloutCommands } from './rollout-commands.ts';
import { prepareProgram } from './run-program.ts';
import { formatProblem, formatStatus } from './status-view.ts';
import { formatAge, formatTable } from './text-table.ts';

/** `status` and `events` are about everything unless a namespace is named: on one host that is what people ask. */
interface Scope {
  readonly namespace?: string;
  readonly allNamespaces?: true;
}

function namespaceOf({ namespace, allNamespaces }: Scope): string | undefined {
  return allNamespaces === true ? undefined : namespace;
}

/** Adds the commands to `program`. Call it before parsing; end with `runProgram`. */
export function addClientCommands(program: Command, context: CliContext): void {
  prepareProgram(program, context);
  addStatus(program, context);
  addPlanCommands(program, context);
  addScale(program, context);
  addRolloutCommands(program, context);
  addLogs(program, context);
  addEvents(program, context);
  addGet(program, context);
  addCrash(program, context);
  addResetAutoscaler(program, context);
  addApply(program, context);
}

function addStatus(program: Command, context: CliContext): void {
  program
    .command('status')
    .description('what runs, where, and what is not fine')
    .addOption(formatOption(['table', 'json']))
    .option('-n, --namespace <name>', 'only what runs in this namespace')
    .option('-A, --all-namespaces', 'of every namespace, as without -n')
    .addHelpText('after', `\nExample: coxswain status -o json${EXIT_CODES}`)
    .action(async ({ output, ...scope }: { output: Format } & Scope) => {
      const client = clientOf(context);
      const namespace = namespaceOf(scope);
      const [status, deployments, pods] = await Promise.all([
        client.get(`${COXSWAIN}/status`) as Promise<StatusReport>,
        client.get(resourceUrl(describe('Deployment'), namespace)) as Promise<Listing<Deployment>>,
        client.get(resourceUrl(describe('Pod'), namespace)) as Promise<Listing<Pod>>,
      ]);
      const view = { status, deployments: deployments.items, pods: sortByName(pods.items) };
      if (output === 'json') printJson(context, view);
      else context.stdout.write(formatStatus(view, colorsOf(context), nowOf(context)));
    });
}

function addScale(program: Command, context: CliContext): void {
  program
    .command('scale')
    .description('set the replicas of a deployment')
    .argument('<name>', 'a deployment: acts or deployment/acts')
    .requiredOption('-r, --replicas <n>', 'how many', wholeNumber)
    .addOption(namespaceOption())
    .addHelpText('after', `\nExample: coxswain scale acts --replicas 3${EXIT_CODES}`)
    .action(async (name: string, { replicas, namespace }: { replicas: number; namespace: string }) => {
      const bareName = nameOfKind(name, 'Deployment');
      await clientOf(context).send('PATCH', `${resourceUrl(describe('Deployment'), namespace, bareName)}/scale`, { spec: { replicas } });
      context.stdout.write(`deployment/${bareName} scaled to ${replicas}\n`);
    });
}

function addLogs(program: Command, context: CliContext): void {
  program
    .command('logs')
    .description('the log of a pod, or of all pods of a deployment')
    .argument('<name>', 'a deployment or a pod: acts, deployment/acts, pod/acts-5d8f7c9b4d-0')
    .option('-f, --follow', 'go on as more comes')
    .option('-p, --previous', 'of the container before this one')
    .option('-t, --tail <n>', 'only the last lines', wholeNumber)
    .addOption(namespaceOption())
    .addHelpText('after', `\nExample: coxswain logs acts --follow --tail 20${EXIT_CODES}`)
    .action(async (name: string, options: { follow?: true; previous?: true; tail?: number; namespace: string }) => {
      const { namespace, tail } = options;
      const request = { name, namespace, isFollowing: options.follow === true, isPrevious: options.previous === true, tailLines: tail };
      const { stdout, stderr, signal } = context;
      await printLogs(clientOf(context), request, { stdout, stderr, colors: colorsOf(context), signal });
    });
}

function addEvents(program: Command, context: CliContext): void {
  program
    .command('events')
    .description('what happened and why, oldest first')
    .addOption(formatOption(['table', 'json']))
    .option('-n, --namespace <name>', 'only about objects of this namespace')
    .option('-A, --all-namespaces', 'of every namespace, as without -n')
    .addHelpText('after', `\nExample: coxswain events${EXIT_CODES}`)
    .action(async ({ output, ...scope }: { output: Format } & Scope) => {
      const list = (await clientOf(context).get(resourceUrl(describe('Event'), namespaceOf(scope)))) as Listing<Event>;
      const events = [...list.items].sort((a, b) => compare(a.lastTimestamp, b.lastTimestamp));
      if (output === 'json') {
        printJson(context, { ...list, items: events });
        return;
      }
      const colors = colorsOf(context);
      const rows = events.map(({ lastTimestamp, type, reason, involvedObject, count, message }) => [
        formatAge(lastTimestamp, nowOf(context)),
        type === 'Warning' ? colors.yellow(type) : type,
        reason,
        formatReference(involvedObject.kind, involvedObject),
        String(count),
        message.replaceAll('\n', ' '),
      ]);
      context.stdout.write(
        rows.length === 0 ? 'no events\n' : formatTable(['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'COUNT', 'MESSAGE'], rows),
      );
    });
}

function addGet(program: Command, context: CliContext): void {
  program
    .command('get')
    .description('the objects of a kind, or one of them')
    .argument('<kind>', 'e.g. pods, deploy, svc, hpa, or kind/name')
    .argument('[name]')
    .addOption(formatOption(['table', 'json', 'yaml']))
    .addOption(namespaceOption())
    .option('-A, --all-namespaces', 'of every namespace')
    .option('-l, --selector <labels>', 'only objects with these labels, e.g. app=acts')
    .addHelpText('after', `\nExample: coxswain get pods -l app=acts -o yaml${EXIT_CODES}`)
    .action(
      async (
        kind: string,
        name: string | undefined,
        options: { output: Format; namespace: string; allNamespaces?: true; selector?: string },
      ) => {
        const [kindName = '', nameInKind] = kind.split('/', 2);
        const description = describeByName(kindName);
        const objectName = name ?? nameInKind;
        const isEverywhere = options.allNamespaces === true;
        const query = options.selector === undefined ? '' : `?${new URLSearchParams({ labelSelector: options.selector }).toString()}`;
        const url = resourceUrl(description, isEverywhere && objectName === undefined ? undefined : options.namespace, objectName);
        const answer = await clientOf(context).get(`${url}${query}`);
        if (options.output === 'json') {
          printJson(context, answer);
        } else if (options.output === 'yaml') {
          context.stdout.write(stringify(answer));
        } else {
          const objects = objectName === undefined ? sortByName((answer as Listing<KubernetesObject>).items) : [answer as KubernetesObject];
          const hasNamespace = isEverywhere && description.isNamespaced;
          const rows = objects.map((object) => rowOf(object, hasNamespace, nowOf(context)));
          context.stdout.write(
            rows.length === 0 ? `no ${description.plural}\n` : formatTable(headOf(description.kind, hasNamespace), rows),
          );
        }
      },
    );
}

function addCrash(program: Command, context: CliContext): void {
  program
    .command('crash')
    .description('crash one replica of a deployment, to see it healed')
    .argument('[name]', 'a deployment', 'acts')
    .addOption(namespaceOption())
    .addHelpText('after', `\nExample: coxswain crash acts${EXIT_CODES}`)
    .action(async (name: string, { namespace }: { namespace: string }) => {
      const query = new URLSearchParams({ name: nameOfKind(name, 'Deployment'), namespace });
      const { pod, address, containerId } = (await clientOf(context).send('POST', `${COXSWAIN}/crash?${query.toString()}`)) as CrashReport;
      context.stdout.write(`pod/${pod} at ${address} was told to crash (container ${containerId.slice(0, 12)})\n`);
    });
}

function addResetAutoscaler(program: Command, context: CliContext): void {
  program
    .command('reset-autoscaler')
    .description('disarm an autoscaler: the next counted request arms it anew')
    .argument('[name]', 'an autoscaler, or the deployment it scales', 'acts')
    .addOption(namespaceOption())
    .addHelpText('after', `\nExample: coxswain reset-autoscaler acts${EXIT_CODES}`)
    .action(async (name: string, { namespace }: { namespace: string }) => {
      const query = new URLSearchParams({ name: name.replace(/^.*\//, ''), namespace });
      const { autoscaler } = (await clientOf(context).send('POST', `${COXSWAIN}/reset-autoscaler?${query.toString()}`)) as {
        autoscaler: string;
      };
      context.stdout.write(`horizontalpodautoscaler/${autoscaler.replace(/^.*\//, '')} is disarmed\n`);
    });
}

function addApply(program: Command, context: CliContext): void {
  program
    .command('apply')
    .description('read the manifests directory now')
    .option('--prune', 'confirm a change that deletes every object, or a PersistentVolumeClaim')
    .addHelpText('after', `\nExample: coxswain apply --prune${EXIT_CODES}`)
    .action(async ({ prune }: { prune?: true }) => {
      const report = (await clientOf(context).send('POST', `${COXSWAIN}/apply?prune=${prune === true}`)) as ApplyReport;
      for (const change of report.changes) context.stdout.write(`${change}\n`);
      for (const problem of report.warnings) context.stderr.write(`warning: ${formatProblem(problem)}\n`);
      for (const problem of report.errors) context.stderr.write(`error: ${formatProblem(problem)}\n`);
      if (report.errors.length > 0) throw new CliError(EXIT_CODE.failed, 'the manifests have errors; the last good state stays');
      if (report.changes.length === 0) context.stdout.write('no changes\n');
    });
}

function colorsOf({ hasColor, isTty }: CliContext): ReturnType<typeof pc.createColors> {
  return pc.createColors(hasColor ?? isTty);
}

function sortByName<T extends KubernetesObject>(objects: readonly T[]): readonly T[] {
  return [...objects].sort(
    (a, b) => compare(a.metadata.namespace ?? '', b.metadata.namespace ?? '') || compare(a.metadata.name, b.metadata.name),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

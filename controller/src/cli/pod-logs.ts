/** `coxswain logs`: one pod's log as it is, several pods' logs with the pod's name before each line. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import type { Colors } from 'picocolors/types.js';
import { resourceUrl } from '../api/resource-path.ts';
import { KINDS } from '../model/objects.ts';
import type { Deployment, Pod } from '../model/objects.ts';
import type { ApiClient } from './api-client.ts';
import { CliError, EXIT_CODE } from './cli-error.ts';

export interface LogRequest {
  /** "acts", "deployment/acts", "pod/acts-5d8f7c9b4d-0" or a pod's bare name. */
  readonly name: string;
  readonly namespace: string;
  readonly isFollowing: boolean;
  readonly isPrevious: boolean;
  readonly tailLines: number | undefined;
}

/** Ends when every log has ended; followed ones when their containers do. Pods that come later are not followed. */
export async function printLogs(
  client: ApiClient,
  request: LogRequest,
  output: { readonly stdout: Writable; readonly stderr: Writable; readonly colors: Colors; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const names = await podNames(client, request);
  const [only] = names;
  if (only === undefined) throw new CliError(EXIT_CODE.notFound, `${request.name} has no pods`);
  const print = async (podName: string, prefix: string): Promise<void> => {
    const log = await client.open(logUrl(podName, request));
    try {
      for await (const line of createInterface({ input: log, crlfDelay: Infinity })) {
        if (!output.stdout.write(`${prefix}${line}\n`)) await once(output.stdout, 'drain');
      }
    } catch (error) {
      if (output.signal?.aborted !== true) throw error;
    }
  };
  if (names.length === 1) {
    await print(only, '');
    return;
  }
  const paints = [output.colors.cyan, output.colors.green, output.colors.magenta, output.colors.yellow, output.colors.blue];
  const prefixes = names.map((name, index) => (paints[index % paints.length] ?? String)(`[${name}]`) + ' ');
  // One pod without a log (it waits to start) must not hide the others'.
  let failures = 0;
  const printOrTell = async (name: string, index: number): Promise<void> => {
    try {
      await print(name, prefixes[index] ?? '');
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      failures += 1;
      output.stderr.write(`${name}: ${error.message}\n`);
    }
  };
  if (request.isFollowing) await Promise.all(names.map(printOrTell));
  else for (const [index, name] of names.entries()) await printOrTell(name, index);
  if (failures === names.length) throw new CliError(EXIT_CODE.failed, `no log of ${request.name} could be read`);
}

async function podNames(client: ApiClient, { name, namespace, isPrevious }: LogRequest): Promise<readonly string[]> {
  const [prefix, rest] = name.includes('/') ? (name.split('/', 2) as [string, string]) : ['', name];
  const kind =
    prefix === ''
      ? undefined
      : KINDS.find((known) => [known.kind.toLowerCase(), known.plural, ...known.shortNames].includes(prefix.toLowerCase()));
  if (prefix !== '' && kind?.kind !== 'Deployment' && kind?.kind !== 'Pod') {
    throw new CliError(EXIT_CODE.usage, `logs are of a deployment or a pod, not of ${name}`);
  }
  const { items: pods } = (await client.get(urlOf('Pod', namespace))) as { readonly items: readonly Pod[] };
  if (kind?.kind !== 'Deployment' && pods.some(({ metadata }) => metadata.name === rest)) return [rest];
  // What it wrote before it was removed may have been kept.
  if (kind?.kind === 'Pod' && isPrevious) return [rest];
  if (kind?.kind === 'Pod') throw new CliError(EXIT_CODE.notFound, `pods "${rest}" not found`);
  const deployment = (await client.get(urlOf('Deployment', namespace, rest))) as Deployment;
  const wanted = Object.entries(deployment.spec.selector.matchLabels ?? {});
  return pods
    .filter(({ metadata }) => wanted.every(([key, value]) => metadata.labels?.[key] === value))
    .map(({ metadata }) => metadata.name);
}

function logUrl(podName: string, { namespace, isFollowing, isPrevious, tailLines }: LogRequest): string {
  const parameters = new URLSearchParams();
  if (isFollowing) parameters.set('follow', 'true');
  if (isPrevious) parameters.set('previous', 'true');
  if (tailLines !== undefined) parameters.set('tailLines', String(tailLines));
  return `${urlOf('Pod', namespace, podName)}/log?${parameters.toString()}`;
}

function urlOf(kind: 'Pod' | 'Deployment', namespace: string, name?: string): string {
  const description = KINDS.find((known) => known.kind === kind);
  if (description === undefined) throw new Error(`the model has no kind ${kind}`);
  return resourceUrl(description, namespace, name);
}

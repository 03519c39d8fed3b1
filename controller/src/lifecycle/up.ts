/** `coxswain up`: from whatever the machine is to a system whose Deployments are all available. Idempotent; every step says what it does. */
import { ApiClient } from '../cli/api-client.ts';
import { CliError, EXIT_CODE } from '../cli/cli-error.ts';
import type { StatusReport } from '../api/control-plane-port.ts';
import { formatReference } from '../model/objects.ts';
import type { Deployment } from '../model/objects.ts';
import { checkPortFree } from '../setup/port.ts';
import { setUp } from '../setup/set-up.ts';
import type { Settings } from '../settings.ts';
import { join } from 'node:path';
import { findSupervisor, hasOrphans, logTail, pause, restartProcesses, startSupervisor, stopOrphans } from './supervisor-process.ts';

export interface UpOptions {
  readonly settings: Settings;
  readonly script: string;
  /** What is installed (build.ts). */
  readonly build: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
  /** Give up on waiting after this; what was started goes on. Milliseconds. */
  readonly deadlineMs: number;
}

const POLL_MS = 100;
/** The API answers before anything else is done; Docker starting under it may take a while. */
const ANSWER_MS = 45_000;
interface List<T> {
  readonly items: readonly T[];
}

export async function up(options: UpOptions): Promise<void> {
  const { settings, print, signal } = options;
  const startedAt = Date.now();
  const place = { home: settings.home, script: options.script };
  const isRunning = findSupervisor(place) !== undefined;
  const isPortOurs = isRunning || hasOrphans(place);
  if (!isPortOurs) await checkPortFree(settings.ingressHost, settings.ingressPort);
  const { images } = await setUp({
    repositoryDir: settings.repositoryDir,
    cacheDir: join(settings.home, 'cache'),
    socketPath: settings.engineSocketPath,
    progress: print,
    signal,
  });
  if (isRunning) print('control plane: already running');
  else {
    // As late as can be: they serve until then.
    for (const name of await stopOrphans(place)) print(`${name}: stopped one that its supervisor had left`);
    if (isPortOurs) await checkPortFree(settings.ingressHost, settings.ingressPort);
    print('control plane: starting');
    startSupervisor(place, options.environment);
  }
  const client = new ApiClient({ socketPath: join(settings.home, 'api.sock'), stderr: process.stderr, signal });
  const deadline = startedAt + options.deadlineMs;
  const found = await untilAnswered(client, options, place, deadline);
  const status = await upgrade(client, found, options, place, deadline);
  if (isRunning)
    await rollRebuilt(
      client,
      images.filter(({ isRebuilt }) => isRebuilt).map(({ name }) => name),
      print,
    );
  await untilAvailable(client, options, place, deadline);
  print(`up in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
  await printAddresses(client, status, print);
}

/** What runs may have been started from an earlier build. Containers are adopted; connections wait in the socket that the supervisor holds. */
async function upgrade(
  client: ApiClient,
  found: StatusReport,
  options: UpOptions,
  place: { readonly home: string; readonly script: string },
  deadline: number,
): Promise<StatusReport> {
  if (found.build === options.build) return found;
  options.print(
    `control plane and ingress: restarting, they run an earlier build (${found.version} of ${found.build ?? 'an unknown time'})`,
  );
  restartProcesses(place);
  for (;;) {
    await pause(POLL_MS);
    const status = await untilAnswered(client, options, place, deadline);
    if (status.build === options.build && status.ingress.isConnected) return status;
    if (Date.now() > deadline)
      throw new CliError(EXIT_CODE.failed, `the new build did not start:\n${await logTail(place.home, 'control-plane')}`);
  }
}

async function untilAnswered(
  client: ApiClient,
  { settings, signal }: UpOptions,
  place: { readonly home: string; readonly script: string },
  deadline: number,
): Promise<StatusReport> {
  const startedAt = Date.now();
  for (;;) {
    signal.throwIfAborted();
    try {
      return (await client.get('/apis/coxswain.dev/v1/status')) as StatusReport;
    } catch (error) {
      if (!(error instanceof CliError) || error.exitCode !== EXIT_CODE.notRunning) throw error;
    }
    // The pid file is there a moment after the start.
    if (Date.now() - startedAt > 3_000 && findSupervisor(place) === undefined) throw await notStarted(settings.home);
    if (Date.now() > Math.min(deadline, startedAt + ANSWER_MS)) {
      throw new CliError(
        EXIT_CODE.failed,
        `the control plane does not answer; the end of ${settings.home}/log/control-plane.log:\n${await logTail(settings.home, 'control-plane')}`,
      );
    }
    await pause(POLL_MS);
  }
}

async function notStarted(home: string): Promise<CliError> {
  const tails = await Promise.all(['control-plane', 'ingress'].map(async (name) => `--- ${name}\n${await logTail(home, name)}`));
  return new CliError(EXIT_CODE.failed, `the control plane or the ingress could not start:\n${tails.join('\n')}`);
}

/** Images were built anew under names that running pods use: those pods are replaced, by a rollout as for any other change. */
async function rollRebuilt(client: ApiClient, rebuilt: readonly string[], print: (line: string) => void): Promise<void> {
  if (rebuilt.length === 0) return;
  const { items } = (await client.get('/apis/apps/v1/deployments')) as List<Deployment>;
  for (const { metadata, spec } of items) {
    const image = spec.template.spec.containers.find((container) => rebuilt.includes(container.image))?.image;
    if (image === undefined) continue;
    print(`rollout: ${formatReference('Deployment', metadata)} gets the new ${image}`);
    const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() };
    await client.send('PATCH', `/apis/apps/v1/namespaces/${metadata.namespace ?? 'default'}/deployments/${metadata.name}`, {
      spec: { template: { metadata: { annotations } } },
    });
  }
}

async function untilAvailable(
  client: ApiClient,
  { print, signal, settings }: UpOptions,
  place: { readonly home: string; readonly script: string },
  deadline: number,
): Promise<void> {
  let told = '';
  for (;;) {
    signal.throwIfAborted();
    const { items } = (await client.get('/apis/apps/v1/deployments')) as List<Deployment>;
    const line = items.map(describe).sort().join(', ');
    const text = line === '' ? 'waiting: no Deployment is declared' : `waiting: ${line}`;
    if (items.every(isAvailable) && (items.length > 0 || (await hasNothingDeclared(client)))) return;
    if (text !== told) print(text);
    told = text;
    if (findSupervisor(place) === undefined) throw await notStarted(settings.home);
    if (Date.now() > deadline) throw new CliError(EXIT_CODE.failed, `not every Deployment is available: ${line}\n${await whyNot(client)}`);
    await pause(POLL_MS);
  }
}

function describe({ metadata, spec, status }: Deployment): string {
  return `${formatReference('Deployment', metadata)} ${status?.availableReplicas ?? 0}/${spec.replicas ?? 1}`;
}

function isAvailable({ metadata, spec, status }: Deployment): boolean {
  const replicas = spec.replicas ?? 1;
  return (
    (status?.observedGeneration ?? 0) >= (metadata.generation ?? 1) &&
    (status?.availableReplicas ?? 0) >= replicas &&
    (status?.updatedReplicas ?? 0) >= replicas
  );
}

async function hasNothingDeclared(client: ApiClient): Promise<boolean> {
  const { manifests } = (await client.get('/apis/coxswain.dev/v1/status')) as StatusReport;
  if (manifests.errors.length > 0)
    throw new CliError(
      EXIT_CODE.failed,
      `nothing runs, because the manifests have errors:\n${manifests.errors.map(({ file, line, message }) => `${file}:${line ?? 0} ${message}`).join('\n')}`,
    );
  return true;
}

async function whyNot(client: ApiClient): Promise<string> {
  const [plan, status] = await Promise.all([client.get('/apis/coxswain.dev/v1/plan'), client.get('/apis/coxswain.dev/v1/status')]);
  const { waits } = plan as { readonly waits: readonly { readonly resource: string; readonly text: string }[] };
  const { manifests } = status as StatusReport;
  return [
    ...waits.map(({ resource, text }) => `  ${resource}: ${text}`),
    ...manifests.errors.map(({ file, line, message }) => `  ${file}:${line ?? 0} ${message}`),
  ].join('\n');
}

async function printAddresses(client: ApiClient, before: StatusReport, print: (line: string) => void): Promise<void> {
  const { addresses, manifests } = (await client.get('/apis/coxswain.dev/v1/status').catch(() => before)) as StatusReport;
  for (const { file, line, message } of manifests.errors) print(`manifest error: ${file}:${line ?? 0} ${message}`);
  const width = Math.max(...addresses.map(({ name }) => name.length));
  for (const { name, url } of addresses) print(`  ${name.padEnd(width)}  ${url}`);
}

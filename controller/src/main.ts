#!/usr/bin/env node
/** The composition root: the only reader of the environment and of arguments. Every process and every command of Coxswain starts here. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { CliError, EXIT_CODE } from './cli/cli-error.ts';
import { prepareProgram, runProgram } from './cli/run-program.ts';
import { buildOf } from './lifecycle/build.ts';
import { EXIT_FATAL } from './supervisor/exit-codes.ts';
import { environmentOf, readSettings, SETTINGS_HELP, SettingsError } from './settings.ts';
import type { ControlPlaneOptions } from './loop/control-plane.ts';
import type { Settings } from './settings.ts';

// The script is dist/main.js: two folders up is the repository.
const script = fileURLToPath(import.meta.url);
const repositoryDir = join(dirname(script), '..', '..');
/** Of a log that cannot be written; lines beyond are dropped. */
const LOG_KEPT_BYTES = 256 * 1024;
const UP_DEADLINE_MS = 300_000;
/** They are started anew while requests wait: what commands are made of is not loaded. */
const PROCESSES: ReadonlySet<string> = new Set(['run', 'ingress', 'supervise']);
/** nobody:nogroup on Debian. */
const INGRESS_USER = { uid: 65534, gid: 65534 };

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function version(): string {
  const text = readFileSync(join(dirname(script), '..', 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** Aborts on the first SIGTERM or SIGINT; a second one ends the process as it is. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}

async function makeLogger(settings: Settings, name: string): Promise<Logger> {
  const { pino } = await import('pino');
  const destination = pino.destination({ dest: 1, sync: true, maxLength: LOG_KEPT_BYTES });
  // Without this a full disk under the log file would throw from every line that is logged. What fits is kept and written when there is room.
  destination.on('error', () => undefined);
  return pino({ level: settings.logLevel, base: { process: name }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

/** Each process imports only what it is made of: the ingress never loads the control plane, the commands load neither. */
async function controlPlaneOptions(settings: Settings, logger: Logger): Promise<Omit<ControlPlaneOptions, 'teardown'>> {
  const { DockerRuntime } = await import('./runtime/docker-runtime.ts');
  const port = settings.ingressPort === 80 ? '' : `:${settings.ingressPort}`;
  return {
    runtime: new DockerRuntime({ socketPath: settings.engineSocketPath }),
    instance: settings.instance,
    home: settings.home,
    manifestDirectory: settings.manifestDirectory,
    ingressAddress: `http://127.0.0.1${port}/`,
    version: version(),
    build: buildOf(dirname(script)),
    isHostPathAllowed: settings.isHostPathAllowed,
    isPrivilegedAllowed: settings.isPrivilegedAllowed,
    logger,
    signal: stopSignal(),
  };
}

/** For the log, and in plain words for whoever ran the process by hand. */
function tellFatal(logger: Logger, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  logger.fatal({ err: error }, message);
  process.stderr.write(`coxswain: ${message}\n`);
}

/** A process that failed to start must end, whatever it had begun: the supervisor starts it again. */
function exitWith(code: number): never {
  process.exit(code);
}

async function run(settings: Settings): Promise<void> {
  const [{ runControlPlane }, { InstanceLocked }] = await Promise.all([
    import('./loop/control-plane.ts'),
    import('./loop/instance-lock.ts'),
  ]);
  const logger = await makeLogger(settings, 'control-plane');
  try {
    const onStep = settings.killAtFile === undefined ? undefined : (await import('./loop/kill-at-step.ts')).killAtStep(settings.killAtFile);
    const options = await controlPlaneOptions(settings, logger);
    await runControlPlane({ ...options, teardown: 'none', ...(onStep !== undefined && { onStep }) });
  } catch (error) {
    tellFatal(logger, error);
    exitWith(error instanceof InstanceLocked ? EXIT_FATAL : 1);
  }
}

/** @param listenFd an open socket to serve on: from the supervisor, or from a service manager */
async function ingress(settings: Settings, listenFd: number | undefined): Promise<void> {
  const { runIngress, IngressError } = await import('./ingress/ingress-process.ts');
  const logger = await makeLogger(settings, 'ingress');
  try {
    await runIngress({
      listenHost: settings.ingressHost,
      listenPort: settings.ingressPort,
      ...(listenFd !== undefined && { listenFd }),
      controlSocketPath: join(settings.home, 'ingress.sock'),
      ...(process.getuid?.() === 0 && { user: INGRESS_USER }),
      logger,
      signal: stopSignal(),
    });
  } catch (error) {
    tellFatal(logger, error);
    exitWith(error instanceof IngressError ? EXIT_FATAL : 1);
  }
}

async function supervise(settings: Settings): Promise<void> {
  const { supervise: runSupervisor, INHERITED_FD } = await import('./supervisor/supervisor.ts');
  const { activatedSocket, bindPublicSocket } = await import('./supervisor/public-socket.ts');
  const { logDirectoryOf } = await import('./lifecycle/supervisor-process.ts');
  const socket = activatedSocket(process.env, process.pid) ?? (await bindPublicSocket(settings.ingressHost, settings.ingressPort));
  const onSocket = socket === undefined ? [] : ['--listen-fd', String(INHERITED_FD)];
  process.exitCode = await runSupervisor({
    processes: [
      {
        name: 'ingress',
        command: process.execPath,
        args: [script, 'ingress', ...onSocket],
        ...(socket !== undefined && { inheritedFd: socket.fd }),
      },
      { name: 'control-plane', command: process.execPath, args: [script, 'run'] },
    ],
    home: settings.home,
    logDirectory: logDirectoryOf(settings.home),
    environment: process.env,
    signal: stopSignal(),
  });
  socket?.close();
}

async function takeDown(settings: Settings, isPurge: boolean): Promise<void> {
  const { down } = await import('./lifecycle/down.ts');
  const logger = await makeLogger({ ...settings, logLevel: 'warn' }, 'down');
  await down({ place: { home: settings.home, script }, controlPlane: await controlPlaneOptions(settings, logger), isPurge, print });
}

async function setUpOnly(settings: Settings): Promise<void> {
  const { setUp } = await import('./setup/set-up.ts');
  const options = {
    repositoryDir,
    cacheDir: join(settings.home, 'cache'),
    socketPath: settings.engineSocketPath,
    progress: print,
    signal: stopSignal(),
  };
  const { images } = await setUp(options);
  for (const { name, id } of images) print(`${name}  ${id}`);
}

async function bringUp(settings: Settings): Promise<void> {
  const { up } = await import('./lifecycle/up.ts');
  await up({
    settings,
    script,
    build: buildOf(dirname(script)),
    environment: { ...process.env, ...environmentOf(settings) },
    print,
    signal: stopSignal(),
    deadlineMs: UP_DEADLINE_MS,
  });
}

interface ProcessOptions {
  /** Of the ingress. */
  readonly listenFd?: number;
}

function addLifecycleCommands(program: Command, settings: Settings): void {
  const add = (name: string, description: string, example: string, action: (options: ProcessOptions) => Promise<void>): Command =>
    program
      .command(name)
      .description(description)
      .addHelpText('after', `\nExample: ${example}\n\nExit codes: 0 ok, 1 failed, 2 wrong usage, ${EXIT_FATAL} cannot run as configured`)
      .action((options: ProcessOptions) => told(() => action(options)));
  add('up', 'set everything up and start it; returns when every Deployment is available', 'coxswain up', () => bringUp(settings));
  add('set-up', 'only the first part of up: the Docker engine and the images', 'coxswain set-up', () => setUpOnly(settings));
  add('down', 'stop, and remove what this instance owns; data is kept', 'coxswain down', () => takeDown(settings, false));
  add('purge', 'like down, and remove the data too', 'coxswain purge', () => takeDown(settings, true));
  add('run', 'run the control plane in the foreground', 'coxswain run', () => run(settings));
  add('ingress', 'run the ingress in the foreground', 'INGRESS_PORT=8088 coxswain ingress', async ({ listenFd }) => {
    const { activatedSocket } = await import('./supervisor/public-socket.ts');
    await ingress(settings, listenFd ?? activatedSocket(process.env, process.pid)?.fd);
  }).addOption(new Option('--listen-fd <number>', 'serve on this open socket').argParser(Number).hideHelp());
  add('supervise', 'run control plane and ingress, and keep them running', 'coxswain supervise', () => supervise(settings));
}

/** Errors a person can act on are told in their own words; anything else is a defect and shows its stack. */
async function told(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (error instanceof Error && 'code' in error && typeof error.code === 'string')
      throw new CliError(EXIT_CODE.failed, error.message, { cause: error });
    throw error;
  }
}

async function main(): Promise<void> {
  let settings: Settings;
  try {
    settings = readSettings(process.env, repositoryDir);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`coxswain: ${error.message}\n`);
    process.exitCode = EXIT_CODE.usage;
    return;
  }
  const isTty = process.stdout.isTTY;
  const context = {
    socketPath: join(settings.home, 'api.sock'),
    stdout: process.stdout,
    stderr: process.stderr,
    isTty,
    hasColor: isTty && process.env['NO_COLOR'] === undefined,
  };
  const program = new Command('coxswain')
    .description('What Kubernetes gives a cluster, for one Docker host')
    .version(version())
    .addHelpText('after', `\n${SETTINGS_HELP}`);
  const args = process.argv.slice(2);
  if (PROCESSES.has(args[0] ?? '')) prepareProgram(program, context);
  else (await import('./cli/client-commands.ts')).addClientCommands(program, context);
  addLifecycleCommands(program, settings);
  const exitCode = await runProgram(program, args, context);
  process.exitCode = exitCode === EXIT_CODE.ok ? (process.exitCode ?? EXIT_CODE.ok) : exitCode;
}

await main();

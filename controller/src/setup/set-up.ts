// Turns a bare machine into one with a Docker engine and the images of the Acts system: observes, plans (plan-set-up.ts), executes.
// Everything is found done or done again: an interrupted run leaves nothing that the next one trips over.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { actsContext, installModules, isPresent, wantedActsImage } from './acts-image.ts';
import { prepareBase, wantedBase, type BaseContext } from './base-image.ts';
import { DebianPackages } from './debian-root.ts';
import { diagnoseDiskFull, freeSpace } from './disk-space.ts';
import { EngineApi, EngineApiError, type EngineImage } from './engine-api.ts';
import { installEngine, observeEngine, STANDARD_ENGINE, startEngine } from './engine.ts';
import { findImage, LABEL_BUILT, LABEL_IMAGE, LABEL_INPUTS, planSetUp } from './plan-set-up.ts';
import type { SetUpFacts, SetUpStep, WantedImage } from './plan-set-up.ts';
import { postgresContext, wantedPostgresImage } from './postgres-image.ts';
import { lastLines } from './run-command.ts';
import { messageOf, SetUpError } from './set-up-error.ts';

const STANDARD_ROOT_DIR = '/var/lib/docker';
const WORK_PREFIX = 'work-';
const LOG_LINES_SHOWN = 12;

/** One human line at a time. */
export type SetUpProgress = (line: string) => void;

export interface SetUpOptions {
  readonly repositoryDir: string;
  readonly cacheDir: string;
  /** STANDARD_ENGINE.socketPath, or what DOCKER_HOST=unix://... names; only the standard engine is ever installed or started. */
  readonly socketPath: string;
  readonly progress: SetUpProgress;
  readonly signal: AbortSignal;
}

export interface SetUpResult {
  readonly images: readonly { readonly name: string; readonly id: string; readonly isRebuilt: boolean }[];
  readonly isEngineStarted: boolean;
}

interface Observation {
  readonly facts: SetUpFacts;
  readonly modulesDir: string;
  readonly dirs: readonly string[];
}

/** Rejects with SetUpError for everything a person can act on, or with the signal's reason. */
export async function setUp(options: SetUpOptions): Promise<SetUpResult> {
  const dirs = new Set([options.cacheDir, STANDARD_ROOT_DIR]);
  try {
    await mkdir(options.cacheDir, { recursive: true, mode: 0o700 });
    let observation = await observe(options);
    let steps = planSetUp(observation.facts);
    const isEngineStarted = observation.facts.engine !== 'reachable';
    if (isEngineStarted) {
      const [before, planned] = [observation, steps];
      // apt-get waits for the network and the disk most of the time, npm for the network: together they take as long as one.
      await runTogether(options.signal, [
        (signal) => bringUpEngine(planned, options, signal),
        (signal) => runModules(planned, before, options, signal),
      ]);
      observation = await observe(options);
      steps = planSetUp(observation.facts);
    }
    for (const dir of observation.dirs) dirs.add(dir);
    await makeImages(steps, observation, options);
    return { images: await report(observation, steps, options), isEngineStarted };
  } catch (error) {
    options.signal.throwIfAborted();
    throw await diagnoseDiskFull(error, [...dirs]);
  }
}

async function observe(options: SetUpOptions): Promise<Observation> {
  const { repositoryDir, cacheDir, socketPath, signal } = options;
  const api = new EngineApi(socketPath);
  const engine = await observeEngine(socketPath, signal);
  const isReachable = engine === 'reachable';
  const bases = await Promise.all([wantedBase('node'), wantedBase('debian')]);
  const [acts, postgres, images, rootDir] = await Promise.all([
    wantedActsImage(repositoryDir, cacheDir, bases[0]),
    wantedPostgresImage(repositoryDir, bases[1]),
    isReachable ? api.listImages(`${LABEL_BUILT}=true`, signal) : [],
    isReachable ? api.rootDir(signal) : STANDARD_ROOT_DIR,
  ]);
  const dirs = [cacheDir, rootDir];
  const facts: SetUpFacts = {
    nodeVersion: process.version,
    isRoot: process.geteuid?.() === 0,
    engine,
    socketPath,
    isDefaultSocket: resolve(socketPath) === STANDARD_ENGINE.socketPath || resolve(socketPath) === '/run/docker.sock',
    images,
    bases,
    wanted: [acts.wanted, postgres],
    hasModules: await isPresent(acts.modulesDir),
    disks: await Promise.all(dirs.map(freeSpace)),
  };
  return { facts, modulesDir: acts.modulesDir, dirs };
}

async function bringUpEngine(steps: readonly SetUpStep[], options: SetUpOptions, signal: AbortSignal): Promise<void> {
  for (const step of steps) {
    if (step.kind === 'InstallEngine') await installEngine(options.progress, signal);
    // Installing may have started it already.
    if (step.kind === 'StartEngine' && (await observeEngine(options.socketPath, signal)) !== 'reachable') {
      await startEngine(STANDARD_ENGINE, options.progress, signal);
    }
  }
}

async function runModules(
  steps: readonly SetUpStep[],
  observation: Observation,
  options: SetUpOptions,
  signal: AbortSignal,
): Promise<void> {
  const step = steps.find(({ kind }) => kind === 'InstallModules');
  if (step === undefined) return;
  const startedAt = performance.now();
  options.progress("acts: installing the service's packages with npm");
  await installModules(options.repositoryDir, observation.modulesDir, signal);
  options.progress(`acts: packages installed (${seconds(startedAt)})`);
}

async function makeImages(steps: readonly SetUpStep[], observation: Observation, options: SetUpOptions): Promise<void> {
  const { facts, modulesDir } = observation;
  const api = new EngineApi(options.socketPath);
  for (const step of steps) if (step.kind === 'TagImage') await api.tagImage(step.id, step.name, options.signal);
  if (!steps.some((step) => step.kind === 'BuildImage')) return;
  await removeAbandonedWork(options.cacheDir);
  const workDir = join(options.cacheDir, `${WORK_PREFIX}${process.pid}`);
  const packages = new DebianPackages(workDir);
  const modules = once((signal) => runModules(steps, observation, options, signal));
  const tasks = steps.flatMap((step) => {
    if (step.kind !== 'BuildImage') return [];
    const { image, cause } = step;
    const missing = steps.flatMap((other) => (other.kind === 'PrepareBase' && other.base.kind === image.base ? [other.base] : []))[0];
    const present = facts.bases.find((base) => base.kind === image.base)?.name ?? '';
    return async (signal: AbortSignal) => {
      const context: BaseContext = { api, packages, workDir, progress: options.progress, signal };
      const base = missing === undefined ? present : await prepareBase(missing, context);
      const isActs = image.image === 'acts';
      if (isActs) await modules(signal);
      const makeContext = () =>
        isActs ? actsContext(options.repositoryDir, modulesDir, signal) : postgresContext(options.repositoryDir, signal);
      await buildImage(image, base, cause, { api, makeContext, progress: options.progress, signal });
    };
  });
  try {
    await runTogether(options.signal, [...tasks, modules]);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
  await removeSuperseded(api, facts, steps, options.signal);
}

interface BuildContext {
  readonly api: EngineApi;
  readonly makeContext: () => ReturnType<typeof postgresContext>;
  readonly progress: SetUpProgress;
  readonly signal: AbortSignal;
}

async function buildImage(image: WantedImage, baseName: string, cause: string, context: BuildContext): Promise<void> {
  const { api, makeContext, progress, signal } = context;
  const startedAt = performance.now();
  progress(`image: building ${image.names.join(' and ')} (${cause})`);
  try {
    await api.buildImage(await makeContext(), {
      tags: image.names,
      labels: { [LABEL_BUILT]: 'true', [LABEL_INPUTS]: image.inputs, [LABEL_IMAGE]: image.image },
      buildArgs: { BASE_IMAGE: baseName },
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    const log = error instanceof EngineApiError ? lastLines(error.log.join('\n'), LOG_LINES_SHOWN) : '';
    throw new SetUpError(
      'ImageBuildFailed',
      `The image ${image.names[0] ?? ''} could not be built: ${messageOf(error)}${log === '' ? '' : `\n${log}`}\n` +
        'Repair what the last lines name, then run "make up" again; everything finished so far is kept.',
      { cause: error },
    );
  }
  progress(`image: ${image.names.join(' and ')} built (${seconds(startedAt)})`);
}

/** Images of ours that lost their name to one just built, so that repeated `make up` does not fill the disk. Those in use stay. */
async function removeSuperseded(api: EngineApi, facts: SetUpFacts, steps: readonly SetUpStep[], signal: AbortSignal): Promise<void> {
  const isReplaced = (image: EngineImage) =>
    steps.some((step) => {
      const kind = image.labels[LABEL_IMAGE];
      // A name somebody else gave it (a version kept to go back to) keeps it.
      if (step.kind === 'BuildImage') return step.image.image === kind && image.tags.every((tag) => step.image.names.includes(tag));
      if (step.kind !== 'PrepareBase' || `${step.base.kind}-base` !== kind) return false;
      return image.tags.every((tag) => tag.split(':')[0] === step.base.name.split(':')[0]);
    });
  for (const image of facts.images.filter(isReplaced)) await api.removeImageIfUnused(image.id, signal);
}

async function report(observation: Observation, steps: readonly SetUpStep[], options: SetUpOptions): Promise<SetUpResult['images']> {
  const built = new Set(steps.flatMap((step) => (step.kind === 'BuildImage' ? [step.image.image] : [])));
  const { facts } = observation;
  const images =
    steps.length === 0 ? facts.images : await new EngineApi(options.socketPath).listImages(`${LABEL_BUILT}=true`, options.signal);
  return facts.wanted.flatMap((wanted) =>
    wanted.names.map((name) => ({ name, id: findImage(images, wanted)?.id ?? '', isRebuilt: built.has(wanted.image) })),
  );
}

/** A run that was killed could not tidy up: up to 300 MB each. */
async function removeAbandonedWork(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith(WORK_PREFIX) || (await isPresent(`/proc/${name.slice(WORK_PREFIX.length)}`))) continue;
    await rm(join(cacheDir, name), { recursive: true, force: true });
  }
}

type Task = (signal: AbortSignal) => Promise<void>;

/** The first failure stops the others; rejects with it once all of them have ended, so that nothing still writes where we clean up. */
async function runTogether(signal: AbortSignal, tasks: readonly Task[]): Promise<void> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const running = tasks.map((task) => task(both));
  try {
    await Promise.all(running);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(running);
    throw error;
  }
}

function once(task: Task): Task {
  let running: Promise<void> | undefined;
  return (signal) => (running ??= task(signal));
}

function seconds(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}

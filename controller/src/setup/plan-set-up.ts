// Decides what set-up has to do, from facts alone: no clock, no disk, no engine. The executor is set-up.ts, which observes and
// plans a second time after the engine has started, because until then the images are unknown (taken as none).
import { diskFullMessage, type DiskSpace } from './disk-space.ts';
import type { EngineImage } from './engine-api.ts';
import { SetUpError } from './set-up-error.ts';

export const LABEL_BUILT = 'coxswain.dev/built';
/** What an image was made from; equal inputs are never built twice. */
export const LABEL_INPUTS = 'coxswain.dev/inputs';
/** Which of our images it is, so that a superseded one can be told from a stranger. */
export const LABEL_IMAGE = 'coxswain.dev/image';

const MIN_NODE: readonly [number, number] = [20, 19];
const MEGABYTE = 1e6;
const SPACE = { InstallEngine: 600, StartEngine: 0, InstallModules: 150, PrepareBase: 450, BuildImage: 200, TagImage: 0 } as const;

export type BaseKind = 'node' | 'debian';

export interface WantedBase {
  readonly kind: BaseKind;
  /** The name of our own base image, were it to be built. */
  readonly name: string;
}

export interface WantedImage {
  readonly image: string;
  readonly names: readonly string[];
  readonly inputs: string;
  readonly base: BaseKind;
}

/** `stopped`: dockerd is installed but the socket does not answer. */
export type EngineState = 'reachable' | 'stopped' | 'absent';

export interface SetUpFacts {
  readonly nodeVersion: string;
  readonly isRoot: boolean;
  readonly engine: EngineState;
  readonly socketPath: string;
  readonly isDefaultSocket: boolean;
  /** Only images that carry LABEL_BUILT. */
  readonly images: readonly EngineImage[];
  readonly bases: readonly WantedBase[];
  readonly wanted: readonly WantedImage[];
  readonly hasModules: boolean;
  readonly disks: readonly DiskSpace[];
}

export type SetUpStep =
  | { readonly kind: 'InstallEngine'; readonly cause: string }
  | { readonly kind: 'StartEngine'; readonly cause: string }
  | { readonly kind: 'InstallModules'; readonly cause: string }
  | { readonly kind: 'PrepareBase'; readonly base: WantedBase; readonly cause: string }
  | { readonly kind: 'BuildImage'; readonly image: WantedImage; readonly cause: string }
  | { readonly kind: 'TagImage'; readonly id: string; readonly name: string; readonly cause: string };

/** Throws SetUpError (NodeTooOld, NotRoot, EngineUnreachable, DiskFull) when there is nothing sensible to do. */
export function planSetUp(facts: SetUpFacts): readonly SetUpStep[] {
  refuseOldNode(facts.nodeVersion);
  const steps = [...planEngine(facts), ...planImages(facts)];
  refuseFullDisk(facts, steps);
  return steps;
}

/** The image that already is what we want, whatever its tags. */
export function findImage(images: readonly EngineImage[], wanted: WantedImage): EngineImage | undefined {
  return images.find((image) => image.labels[LABEL_INPUTS] === wanted.inputs && image.labels[LABEL_IMAGE] === wanted.image);
}

function planEngine(facts: SetUpFacts): readonly SetUpStep[] {
  if (facts.engine === 'reachable') return [];
  if (!facts.isDefaultSocket) {
    throw new SetUpError(
      'EngineUnreachable',
      `No Docker engine answers on ${facts.socketPath}, the socket DOCKER_HOST names. ` +
        'Start that engine, or unset DOCKER_HOST so that "make up" uses (and if need be installs) the standard one.',
    );
  }
  if (!facts.isRoot) {
    throw new SetUpError(
      'NotRoot',
      facts.engine === 'absent'
        ? 'Docker is not installed and installing it takes root. Run "sudo make up", or install it yourself: sudo apt-get install docker.io'
        : 'The Docker engine is not running and starting it takes root. Run "sudo make up", or start it yourself: sudo systemctl start docker',
    );
  }
  const start = { kind: 'StartEngine', cause: `nothing answers on ${facts.socketPath}` } as const;
  return facts.engine === 'stopped' ? [start] : [{ kind: 'InstallEngine', cause: 'there is no dockerd' }, start];
}

function planImages(facts: SetUpFacts): readonly SetUpStep[] {
  const tags: SetUpStep[] = [];
  const builds: (SetUpStep & { kind: 'BuildImage' })[] = [];
  for (const wanted of facts.wanted) {
    const found = findImage(facts.images, wanted);
    if (found === undefined) {
      const wasThere = facts.images.some((image) => image.labels[LABEL_IMAGE] === wanted.image);
      builds.push({ kind: 'BuildImage', image: wanted, cause: wasThere ? 'its inputs changed' : 'there is none' });
      continue;
    }
    for (const name of wanted.names.filter((tag) => !found.tags.includes(tag))) {
      tags.push({ kind: 'TagImage', id: found.id, name, cause: 'the image is there under another name' });
    }
  }
  const bases = facts.bases
    .filter((base) => builds.some((build) => build.image.base === base.kind))
    .filter((base) => !facts.images.some((image) => image.tags.includes(base.name)))
    .map((base): SetUpStep => ({ kind: 'PrepareBase', base, cause: 'an image needs it' }));
  const needsModules = !facts.hasModules && builds.some((build) => build.image.base === 'node');
  const modules: readonly SetUpStep[] = needsModules ? [{ kind: 'InstallModules', cause: 'no packages for this lockfile yet' }] : [];
  return [...tags, ...modules, ...bases, ...builds];
}

function refuseOldNode(version: string): void {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  if (major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1])) return;
  throw new SetUpError(
    'NodeTooOld',
    `This is Node.js ${version}; Coxswain needs ${MIN_NODE.join('.')} or later. Install a current Node.js LTS release, then run "make up" again.`,
  );
}

function refuseFullDisk(facts: SetUpFacts, steps: readonly SetUpStep[]): void {
  const needed = steps.reduce((sum, step) => sum + SPACE[step.kind] * MEGABYTE, 0);
  const full = facts.disks.find((disk) => disk.freeBytes < needed);
  if (full !== undefined) throw new SetUpError('DiskFull', diskFullMessage(full, needed));
}

// The image of the Acts service, which serves as `users` too: its compiled code and its production packages, installed outside the
// image because a base without a registry has no npm, no shell and no network.
import { cp, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RECIPE_VERSION } from './base-image.ts';
import { hashInputs, readInputs, type HashInput } from './content-hash.ts';
import type { WantedBase, WantedImage } from './plan-set-up.ts';
import { runCommand, streamCommand } from './run-command.ts';
import { errnoOf, messageOf, SetUpError } from './set-up-error.ts';

const ACTS_IMAGES: readonly string[] = ['acts:latest', 'users:latest'];

const SERVICE_DIR = 'acts-service';
// Everything the Dockerfile may copy; what is not there is left out.
const CONTEXT_PATHS = ['Dockerfile', 'package.json', 'dist', 'web/dist'];
const MANIFEST_FILES = ['package.json', 'package-lock.json', '.npmrc', 'controller/package.json', 'acts-service/package.json'];
const LOCK_INPUTS = ['package-lock.json', 'acts-service/package.json'];
const BUILD_INFO = '.tsbuildinfo';
const NPM_DEADLINE_MS = 5 * 60_000;
const TAR_DEADLINE_MS = 2 * 60_000;

export interface ActsImagePlan {
  readonly wanted: WantedImage;
  /** Where the production packages are, or will be. */
  readonly modulesDir: string;
}

export async function wantedActsImage(repositoryDir: string, cacheDir: string, base: WantedBase): Promise<ActsImagePlan> {
  const lock = (await Promise.all(LOCK_INPUTS.map((file) => readInputs(repositoryDir, file)))).flat();
  const modulesKey = hashInputs([...lock, { name: 'for', content: `${RECIPE_VERSION} ${process.platform} ${process.arch}` }]);
  const files: HashInput[] = [];
  for (const path of CONTEXT_PATHS)
    files.push(...(await readInputs(join(repositoryDir, SERVICE_DIR), path, (name) => name === BUILD_INFO)));
  for (const needed of ['Dockerfile', 'dist', 'web/dist']) {
    if (files.some(({ name }) => name === needed || name.startsWith(`${needed}/`))) continue;
    throw new SetUpError(
      'ImageBuildFailed',
      `${SERVICE_DIR}/${needed} is missing. Build the code first (npm run build), then run "make up" again.`,
    );
  }
  const inputs = hashInputs([...files, { name: 'modules', content: modulesKey }, { name: 'base', content: base.name }]);
  return { wanted: { image: 'acts', names: ACTS_IMAGES, inputs, base: base.kind }, modulesDir: join(cacheDir, 'acts-modules', modulesKey) };
}

export async function isPresent(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** `npm ci` in a copy of the package files alone; complete or absent, because it is renamed into place. */
export async function installModules(repositoryDir: string, modulesDir: string, signal: AbortSignal): Promise<void> {
  const stagingDir = `${modulesDir}.staging`;
  await rm(stagingDir, { recursive: true, force: true });
  for (const file of MANIFEST_FILES) {
    await cp(join(repositoryDir, file), join(stagingDir, file), { recursive: true }).catch((cause: unknown) => {
      if (file !== '.npmrc') throw cause;
    });
  }
  // The root package is no workspace of its own, and its development tools are not wanted: --omit=dev leaves them out.
  const flags = ['--omit=dev', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--no-progress'];
  try {
    await runCommand('npm', ['ci', '-w', SERVICE_DIR, ...flags], { cwd: stagingDir, signal, deadlineMs: NPM_DEADLINE_MS });
  } catch (cause) {
    signal.throwIfAborted();
    throw new SetUpError(
      'ImageBuildFailed',
      `The Acts service's packages could not be installed: ${messageOf(cause)}\nCheck that this machine reaches an npm registry, then run "make up" again.`,
      { cause },
    );
  }
  const modules = join(stagingDir, 'node_modules');
  // Links to the workspaces, which are not here, and npm's own bookkeeping.
  for (const name of ['@coxswain', '.bin', '.package-lock.json']) await rm(join(modules, name), { recursive: true, force: true });
  await mkdir(join(stagingDir, 'dist'), { recursive: true });
  // Packages that npm nests below the workspace (another version sits at the top) are found from dist/ alone, exactly as in the repository.
  await rename(join(stagingDir, SERVICE_DIR, 'node_modules'), join(stagingDir, 'dist/node_modules')).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
  for (const name of [SERVICE_DIR, 'controller', 'package.json', 'package-lock.json', '.npmrc']) {
    await rm(join(stagingDir, name), { recursive: true, force: true });
  }
  await rm(modulesDir, { recursive: true, force: true });
  await rename(stagingDir, modulesDir);
  // Those of earlier lockfiles, and what interrupted runs left.
  for (const name of await readdir(dirname(modulesDir))) {
    if (name !== basename(modulesDir)) await rm(join(dirname(modulesDir), name), { recursive: true, force: true });
  }
}

/** The build context as a tar stream. Times of change are kept: the service's ETags come from them. */
export async function actsContext(repositoryDir: string, modulesDir: string, signal: AbortSignal) {
  const serviceDir = join(repositoryDir, SERVICE_DIR);
  const present: string[] = [];
  for (const path of CONTEXT_PATHS) if (await isPresent(join(serviceDir, path))) present.push(path);
  const files = ['-C', serviceDir, ...present, '-C', modulesDir, 'dist', 'node_modules'];
  const args = [
    '-cf',
    '-',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mode=a+rX,go-w',
    '--sort=name',
    `--exclude=${BUILD_INFO}`,
    ...files,
  ];
  return streamCommand('tar', args, { signal, deadlineMs: TAR_DEADLINE_MS });
}

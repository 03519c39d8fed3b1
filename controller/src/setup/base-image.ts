// Finds a base to build on: the official image when a registry answers, else one of our own made from Debian packages (and, for
// Node.js, the binary that is running this).
import { chmod, copyFile, mkdir, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hashInputs } from './content-hash.ts';
import { type DebianPackages, hasDebianTools } from './debian-root.ts';
import type { EngineApi } from './engine-api.ts';
import { type BaseKind, LABEL_BUILT, LABEL_IMAGE, type WantedBase } from './plan-set-up.ts';
import { runCommand, streamCommand } from './run-command.ts';
import { messageOf, SetUpError } from './set-up-error.ts';

/** Part of every base's and every image's name or label: raise it when a recipe changes, and they are made anew. */
export const RECIPE_VERSION = '1';

const OFFICIAL: Readonly<Record<BaseKind, string>> = { node: 'node:22-slim', debian: 'debian:bookworm-slim' };
const PACKAGES: Readonly<Record<BaseKind, readonly string[]>> = {
  node: ['base-files', 'base-passwd', 'netbase', 'tzdata', 'ca-certificates', 'libc6', 'libstdc++6', 'libgcc-s1'],
  // A shell and setpriv for PostgreSQL's entrypoint; what its binaries link to beyond their own directory.
  debian: [
    'base-files',
    'base-passwd',
    'netbase',
    'tzdata',
    'libc6',
    'libc-bin',
    'libstdc++6',
    'dash',
    'coreutils',
    'findutils',
    'sed',
    'util-linux',
  ],
};
// A registry that is there answers in well under a second; without one this is the whole price.
const REGISTRY_ANSWER_MS = 3_000;
const COMMAND_DEADLINE_MS = 2 * 60_000;

export interface BaseContext {
  readonly api: EngineApi;
  readonly packages: DebianPackages;
  readonly workDir: string;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Named by what goes into it: the distribution here, and for `node` this Node.js. */
export async function wantedBase(kind: BaseKind): Promise<WantedBase> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const codename = /^VERSION_CODENAME=(.*)$/m.exec(release)?.[1] ?? 'unknown';
  const inputs = [RECIPE_VERSION, process.arch, codename, ...PACKAGES[kind], ...(kind === 'node' ? [process.version] : [])];
  return { kind, name: `coxswain/${kind}-base:${hashInputs([{ name: kind, content: inputs.join('\n') }])}` };
}

/** Resolves to the name to build on. */
export async function prepareBase(base: WantedBase, context: BaseContext): Promise<string> {
  const { api, progress, signal } = context;
  const official = OFFICIAL[base.kind];
  const startedAt = performance.now();
  let refusal: unknown;
  try {
    await api.pullImage(official, REGISTRY_ANSWER_MS, signal);
    progress(`base: ${official} pulled (${seconds(startedAt)})`);
    return official;
  } catch (error) {
    signal.throwIfAborted();
    refusal = error;
  }
  if (!(await hasDebianTools())) {
    throw new SetUpError(
      'BaseImageFailed',
      `The base image ${official} cannot be pulled (${messageOf(refusal)}), and without Debian's tools (apt-get, dpkg-deb, tar, bash) none can be ` +
        'made here. Give the engine access to a registry (or a proxy or mirror in /etc/docker/daemon.json), or run "make up" on Debian or Ubuntu.',
      { cause: refusal },
    );
  }
  progress(`base: no registry has ${official}; making ${base.name.split(':')[0] ?? ''} from Debian packages`);
  try {
    await makeBase(base, context);
  } catch (cause) {
    signal.throwIfAborted();
    throw new SetUpError(
      'BaseImageFailed',
      `The base image ${official} cannot be pulled (${messageOf(refusal)}), nor made from Debian packages: ${messageOf(cause)}\n` +
        'Check that this machine reaches a package mirror (apt-get update) or a registry, then run "make up" again.',
      { cause },
    );
  }
  progress(`base: ${base.name} made (${seconds(startedAt)})`);
  return base.name;
}

async function makeBase(base: WantedBase, context: BaseContext): Promise<void> {
  const { api, packages, signal } = context;
  const rootDir = join(context.workDir, `root-${base.kind}`);
  await packages.makeRoot({ rootDir, packages: PACKAGES[base.kind], hasDependencies: base.kind === 'debian' }, signal);
  if (base.kind === 'node') await addNode(rootDir, context);
  // Everything belongs to root, and nothing raises its rights: no program in here has to.
  const args = ['-C', rootDir, '-cf', '-', '--owner=0', '--group=0', '--numeric-owner', '--mode=ug-s', '--sort=name', '.'];
  const changes = [
    `LABEL ${LABEL_BUILT}=true`,
    `LABEL ${LABEL_IMAGE}=${base.kind}-base`,
    'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin',
  ];
  await api.importImage(base.name, changes, streamCommand('tar', args, { signal, deadlineMs: COMMAND_DEADLINE_MS }), signal);
  await rm(rootDir, { recursive: true, force: true });
}

/** The Node.js that runs this if it stands alone, else (Debian's own, in many shared libraries and files) the same release from npm. */
async function addNode(rootDir: string, context: BaseContext): Promise<void> {
  const options = { signal: context.signal, deadlineMs: COMMAND_DEADLINE_MS };
  let binary = await realpath(process.execPath);
  let libraries = parseLdd(await runCommand('ldd', [binary], options));
  if (libraries.some(({ name }) => name.startsWith('libnode.so'))) {
    const packageName = `node-linux-${process.arch}`;
    const prefix = join(context.workDir, 'npm-node');
    await mkdir(prefix, { recursive: true });
    await runCommand(
      'npm',
      ['install', '--no-save', '--ignore-scripts', '--prefix', prefix, `${packageName}@${process.version.slice(1)}`],
      options,
    );
    binary = join(prefix, 'node_modules', packageName, 'bin/node');
    libraries = parseLdd(await runCommand('ldd', [binary], options));
  }
  const target = join(rootDir, 'usr/local/bin/node');
  await mkdir(join(rootDir, 'usr/local/bin'), { recursive: true });
  await copyFile(binary, target);
  await chmod(target, 0o755);
  const libDir = await libraryDir(rootDir);
  const present = new Set([...(await readdir(libDir)), ...(await readdir(join(rootDir, 'usr/lib64')))]);
  for (const { name, path } of libraries.filter((library) => !present.has(library.name)))
    await copyFile(await realpath(path), join(libDir, name));
}

/** `name => path (address)` lines of ldd; the loader and the kernel's own object have no arrow and are in every base. */
export function parseLdd(output: string): readonly { readonly name: string; readonly path: string }[] {
  return [...output.matchAll(/^\s*(\S+) => (\/\S+) \(0x[0-9a-f]+\)$/gm)].map(([, name = '', path = '']) => ({ name, path }));
}

async function libraryDir(rootDir: string): Promise<string> {
  const parent = join(rootDir, 'usr/lib');
  const triplet = (await readdir(parent)).find((name) => name.endsWith('-linux-gnu'));
  if (triplet === undefined) throw new Error(`no C library was unpacked into ${parent}`);
  return join(parent, triplet);
}

function seconds(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}

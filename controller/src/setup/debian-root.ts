// Makes a root file system from Debian (or Ubuntu) packages with what such a machine always has: apt-get, dpkg-deb and tar. Packages are
// unpacked, not configured, which takes a second or two and no root. apt verifies them, against the machine's own package sources.
import { appendFile, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailed, findProgram, runCommand } from './run-command.ts';

const APT_DEADLINE_MS = 5 * 60_000;
const UNPACK_DEADLINE_MS = 2 * 60_000;
// Package payload that nothing in a container reads. The C.UTF-8 locale is in /usr/lib/locale and stays.
const EXCLUDED = [
  './usr/share/doc',
  './usr/share/man',
  './usr/share/info',
  './usr/share/locale',
  './usr/share/lintian',
  './usr/share/bash-completion',
];
// base-passwd makes these on configuration; Debian has merged its top-level directories into /usr.
const MERGED_DIRS = ['bin', 'sbin', 'lib', 'lib64'];

const APT_OPTIONS = [
  'Debug::NoLocking=1',
  'APT::Sandbox::User=root',
  'Dir::Cache::pkgcache=',
  'Dir::Cache::srcpkgcache=',
  'Acquire::Retries=2',
];

export interface DebianRootOptions {
  readonly rootDir: string;
  readonly packages: readonly string[];
  /** With dependencies, everything apt selects is unpacked; without, only `packages`. */
  readonly hasDependencies: boolean;
}

export class DebianPackages {
  readonly #workDir: string;
  #privateLists: Promise<string> | undefined;

  constructor(workDir: string) {
    this.#workDir = workDir;
  }

  async makeRoot(options: DebianRootOptions, signal: AbortSignal): Promise<void> {
    const { rootDir } = options;
    await rm(rootDir, { recursive: true, force: true });
    await mkdir(rootDir, { recursive: true });
    const debsDir = `${rootDir}.debs`;
    await this.#download(options.packages, debsDir, signal);
    for (const dir of MERGED_DIRS) {
      await mkdir(join(rootDir, 'usr', dir), { recursive: true });
      await symlink(`usr/${dir}`, join(rootDir, dir));
    }
    const files = (await readdir(debsDir)).filter((name) => name.endsWith('.deb'));
    const isWanted = (file: string) => options.hasDependencies || options.packages.includes(file.split('_')[0] ?? '');
    for (const file of files.filter(isWanted)) await unpack(join(debsDir, file), rootDir, signal);
    await rm(debsDir, { recursive: true, force: true });
    await configure(rootDir);
  }

  async #download(packages: readonly string[], debsDir: string, signal: AbortSignal): Promise<void> {
    await rm(debsDir, { recursive: true, force: true });
    await mkdir(join(debsDir, 'partial'), { recursive: true });
    try {
      await downloadOnce(debsDir, [], packages, signal);
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      // The machine's package lists are missing or out of date. Ours are apart: this needs no root and changes nothing there.
      this.#privateLists ??= this.#updateLists(signal);
      await downloadOnce(debsDir, ['-o', `Dir::State::lists=${await this.#privateLists}`], packages, signal);
    }
  }

  async #updateLists(signal: AbortSignal): Promise<string> {
    const listsDir = join(this.#workDir, 'apt-lists');
    await mkdir(join(listsDir, 'partial'), { recursive: true });
    const options = [`Dir::State::lists=${listsDir}`, ...APT_OPTIONS].flatMap((option) => ['-o', option]);
    // One broken third-party source makes `update` fail although ours arrived; the download tells.
    await runCommand('apt-get', ['-qq', ...options, 'update'], { signal, deadlineMs: APT_DEADLINE_MS }).catch((error: unknown) => {
      if (!(error instanceof CommandFailed)) throw error;
    });
    return listsDir;
  }
}

async function downloadOnce(debsDir: string, extra: readonly string[], packages: readonly string[], signal: AbortSignal): Promise<void> {
  // An empty status file makes apt select every dependency, installed here or not; with no caches of its own, two may run at once.
  const options = ['Dir::State::status=/dev/null', `Dir::Cache::archives=${debsDir}`, ...APT_OPTIONS].flatMap((option) => ['-o', option]);
  const args = ['-y', '-qq', '--no-install-recommends', '--download-only', ...options, ...extra, 'install', ...packages];
  await runCommand('apt-get', args, { signal, deadlineMs: APT_DEADLINE_MS });
}

async function unpack(deb: string, rootDir: string, signal: AbortSignal): Promise<void> {
  const excludes = EXCLUDED.map((path) => `--exclude=${path}`);
  // bash, for pipefail; it is Essential on Debian.
  const script = 'dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --keep-directory-symlink --no-same-owner "${@:3}"';
  await runCommand('bash', ['-o', 'pipefail', '-c', script, 'unpack', deb, rootDir, ...excludes], {
    signal,
    deadlineMs: UNPACK_DEADLINE_MS,
  });
}

export async function hasDebianTools(): Promise<boolean> {
  const found = await Promise.all(['apt-get', 'dpkg-deb', 'tar', 'bash'].map(findProgram));
  return found.every((path) => path !== undefined);
}

/** The few files that package scripts would have made. */
async function configure(rootDir: string): Promise<void> {
  const etc = join(rootDir, 'etc');
  for (const file of ['passwd', 'group']) {
    await writeFile(join(etc, file), await readFile(join(rootDir, `usr/share/base-passwd/${file}.master`)));
  }
  // Without it the C library asks DNS before /etc/hosts.
  await writeFile(join(etc, 'nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files dns\n');
  const certificatesDir = join(rootDir, 'usr/share/ca-certificates');
  const certificates = await readdir(certificatesDir, { recursive: true }).catch(() => []);
  const bundle = join(etc, 'ssl/certs/ca-certificates.crt');
  await mkdir(join(etc, 'ssl/certs'), { recursive: true });
  for (const file of certificates.filter((name) => name.endsWith('.crt')).sort()) {
    await appendFile(bundle, await readFile(join(certificatesDir, file)));
  }
}

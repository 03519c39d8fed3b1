// The files of the web app, read once and kept in memory: they are few and small. A path is looked up in a table, so nothing outside
// the directory can be named. Slow to import (helmet, zlib): web-app.ts loads it behind the first requests.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { limits } from './limits.ts';
import { webSecurityHeaders } from './web-security-headers.ts';

export type Encoding = 'br' | 'gzip' | 'identity';

const compressible = new Set(['.html', '.js', '.css', '.json', '.webmanifest', '.svg', '.txt', '.map']);
const brotli = promisify<Buffer, { params: Record<number, number> }, Buffer>(brotliCompress);
const gzipped = promisify<Buffer, { level: number }, Buffer>(gzip);

export class WebFile {
  readonly extension: string;
  readonly encodings: readonly Encoding[];
  readonly cacheControl: string;
  readonly #bytes: Buffer;
  readonly #digest: string;
  readonly #encoded = new Map<Encoding, Promise<Buffer>>();

  constructor(path: string, bytes: Buffer) {
    this.extension = extname(path);
    this.#bytes = bytes;
    this.#digest = createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
    const isWorthwhile = compressible.has(this.extension) && bytes.length >= limits.compressFromBytes;
    this.encodings = isWorthwhile ? ['br', 'gzip', 'identity'] : ['identity'];
    // The build puts a digest into the names under /assets; everything else keeps its name and may change with the next release.
    this.cacheControl = path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
  }

  /** Of these very bytes: another encoding has another tag. */
  etag(encoding: Encoding): string {
    return encoding === 'identity' ? this.#digest : `${this.#digest}-${encoding}`;
  }

  /** Compressed at the first request for it, off the main thread, and kept. */
  bytes(encoding: Encoding): Promise<Buffer> {
    const known = this.#encoded.get(encoding);
    if (known !== undefined) return known;
    const made = this.#encode(encoding);
    this.#encoded.set(encoding, made);
    return made;
  }

  async #encode(encoding: Encoding): Promise<Buffer> {
    if (encoding === 'br') return brotli(this.#bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
    if (encoding === 'gzip') return gzipped(this.#bytes, { level: 9 });
    return this.#bytes;
  }
}

export interface WebFiles {
  readonly headers: Readonly<Record<string, string>>;
  /** By URL path as it is sent, percent-encoded; `/` is the front page. Empty when the web app is not built. */
  readonly byPath: ReadonlyMap<string, WebFile>;
}

export async function loadWebFiles(root: string): Promise<WebFiles> {
  const byPath = new Map<string, WebFile>();
  let totalBytes = 0;
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true }).catch(nothingThere)) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const path = encodeURI(`/${relative(root, file).split(sep).join('/')}`);
    const bytes = await readFile(file);
    totalBytes += bytes.length;
    if (totalBytes > limits.webFilesBytes) throw new Error(`the web app in ${root} is larger than ${limits.webFilesBytes} bytes`);
    byPath.set(path, new WebFile(path, bytes));
  }
  const frontPage = byPath.get('/index.html');
  if (frontPage !== undefined) byPath.set('/', frontPage);
  return { headers: webSecurityHeaders(), byPath };
}

function nothingThere(error: unknown): never[] {
  if ((error as { code?: unknown }).code === 'ENOENT') return [];
  throw error;
}

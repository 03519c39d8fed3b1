/**
 * A snapshot: the whole durable state up to one journal sequence number, in one file:
 *   coxswain-state 1 sha256=<of the version and all that follows> \n {"sequence":..,"reserved":..,"objects":..,"records":..} \n one JSON line each.
 */
import { createHash } from 'node:crypto';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import type { KubernetesObject } from '../model/objects.ts';
import { StoreError } from './store-error.ts';

export interface StateImage {
  /** The last journal record this image contains; 0 = none. */
  readonly sequence: number;
  /** See JournalChange.reserve. */
  readonly reserved: number;
  readonly objects: readonly KubernetesObject[];
  readonly records: readonly (readonly [name: string, value: unknown])[];
}

const MAGIC = 'coxswain-state';
const VERSION = '1';
/** Objects encoded before other work gets a turn; about 2 ms. */
const SLICE = 200;
const NEWLINE = 0x0a;

/** `strip` leaves out of an object what is not durable. Objects are immutable, so the image stays what it was while other work goes on. */
export async function encodeSnapshot(image: StateImage, strip: (object: KubernetesObject) => KubernetesObject): Promise<Buffer> {
  const summary = { sequence: image.sequence, reserved: image.reserved, objects: image.objects.length, records: image.records.length };
  const parts: Buffer[] = [Buffer.from(`${JSON.stringify(summary)}\n`)];
  for (let from = 0; from < image.objects.length; from += SLICE) {
    if (from > 0) await yieldToEvents();
    const slice = image.objects.slice(from, from + SLICE);
    parts.push(Buffer.from(slice.map((object) => `${JSON.stringify(strip(object))}\n`).join('')));
  }
  parts.push(Buffer.from(image.records.map((entry) => `${JSON.stringify(entry)}\n`).join('')));
  const hash = createHash('sha256').update(`${VERSION}\n`);
  for (const part of parts) hash.update(part);
  return Buffer.concat([Buffer.from(`${MAGIC} ${VERSION} sha256=${hash.digest('hex')}\n`), ...parts]);
}

/** The image, or in words why the file is not a whole snapshot. Throws UnsupportedVersion for a whole one of a newer format. */
export function decodeSnapshot(data: Buffer): StateImage | string {
  const headerEnd = data.indexOf(NEWLINE);
  if (headerEnd < 0) return 'it has no header';
  const header = /^coxswain-state (\S+) sha256=([0-9a-f]{64})$/.exec(data.toString('latin1', 0, headerEnd));
  if (header === null) return 'its header is damaged';
  const version = header[1] ?? '';
  const body = data.subarray(headerEnd + 1);
  // The version is under the checksum: a flipped bit must not look like a newer format.
  if (createHash('sha256').update(`${version}\n`, 'latin1').update(body).digest('hex') !== header[2]) return 'its checksum is wrong';
  if (version !== VERSION) {
    throw new StoreError(
      'UnsupportedVersion',
      `the state has format ${version}; this Coxswain reads format ${VERSION}: use the newer version`,
    );
  }
  const lines = body.toString('utf8').split('\n');
  const summary = JSON.parse(lines[0] ?? '') as { sequence: number; reserved: number; objects: number; records: number };
  const objects = lines.slice(1, 1 + summary.objects).map((line) => JSON.parse(line) as KubernetesObject);
  const records = lines
    .slice(1 + summary.objects, 1 + summary.objects + summary.records)
    .map((line) => JSON.parse(line) as readonly [string, unknown]);
  return { sequence: summary.sequence, reserved: summary.reserved, objects, records };
}

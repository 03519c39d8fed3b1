// Long JSON answers, a bounded part of them in memory at a time. The rows' keys and sizes are known first; the rows themselves are read
// batch by batch as the client takes them. No connection or transaction is held in between: a slow reader costs nobody anything. A row
// deleted meanwhile is left out.
import { Readable } from 'node:stream';
import { limits } from './limits.ts';

export interface RowKey {
  readonly id: string;
  readonly bytes: number;
}

/** Reads the rows with these ids, in this order, as JSON text: `value`, or `"key":value` for an object. */
export type ReadRows = (ids: readonly string[]) => Promise<readonly string[]>;

/** A string when everything fits into one batch (so a failure is still an honest status), a stream otherwise. */
export async function jsonList(brackets: '[]' | '{}', keys: readonly RowKey[], read: ReadRows): Promise<string | Readable> {
  const batches = inBatches(keys);
  if (batches.length <= 1) return brackets.charAt(0) + (await read(batches[0] ?? [])).join(',') + brackets.charAt(1);
  return Readable.from(listParts(brackets, batches, read));
}

async function* listParts(brackets: string, batches: readonly (readonly string[])[], read: ReadRows): AsyncGenerator<string> {
  let before = brackets.charAt(0);
  for (const ids of batches) {
    const rows = await read(ids);
    if (rows.length === 0) continue;
    yield before + rows.join(',');
    before = ',';
  }
  yield (before === ',' ? '' : before) + brackets.charAt(1);
}

function inBatches(keys: readonly RowKey[]): string[][] {
  const batches: string[][] = [];
  let batch: string[] = [];
  let bytes = 0;
  for (const key of keys) {
    if (batch.length > 0 && (bytes + key.bytes > limits.listBatchBytes || batch.length === limits.listBatchRows)) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(key.id);
    bytes += key.bytes;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

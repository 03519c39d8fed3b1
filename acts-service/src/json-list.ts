// Long JSON answers, a bounded part of them in memory at a time. The rows' keys and sizes are known first; the rows themselves are read
// batch by batch as the client takes them, a very large one part by part. No connection or transaction is held in between: a slow reader
// costs nobody anything. A row deleted meanwhile is left out; one deleted in the middle breaks the connection, so that nobody takes half
// an answer for a whole one.
import { Readable } from 'node:stream';
import type { Context } from 'koa';
import { limits } from './limits.ts';

export interface RowKey {
  readonly id: string;
  readonly bytes: number;
}

export interface RowReader {
  /** The rows with these ids, in this order, as JSON text: `value`, or `"key":value` for an object. */
  rows(ids: readonly string[]): Promise<readonly string[]>;
  /** One large row in parts. Without it large rows are read whole, one at a time. */
  parts?(id: string): AsyncIterable<string>;
}

export interface ListSource {
  /** The rows' texts, joined: empty when there are none, undefined when they are more than fits. */
  whole(): Promise<string | undefined>;
  keys(): Promise<readonly RowKey[]>;
  readonly reader: RowReader;
}

/** 204 when there is nothing; one statement when it is little (so a failure is still an honest status), streamed otherwise. */
export async function answerList(ctx: Context, brackets: '[]' | '{}', source: ListSource): Promise<void> {
  const whole = await source.whole();
  if (whole === '') {
    ctx.status = 204;
    return;
  }
  ctx.type = 'json';
  ctx.body = whole === undefined ? jsonList(brackets, await source.keys(), source.reader) : brackets.charAt(0) + whole + brackets.charAt(1);
}

export function jsonList(brackets: '[]' | '{}', keys: readonly RowKey[], reader: RowReader): Readable {
  return Readable.from(listParts(brackets, keys, reader));
}

async function* listParts(brackets: string, keys: readonly RowKey[], reader: RowReader): AsyncGenerator<string> {
  let isFirst = true;
  yield brackets.charAt(0);
  for (const batch of inBatches(keys)) {
    let before = isFirst ? '' : ',';
    for await (const part of batchParts(batch, reader)) {
      yield before + part;
      before = '';
      isFirst = false;
    }
  }
  yield brackets.charAt(1);
}

async function* batchParts(batch: readonly RowKey[], reader: RowReader): AsyncGenerator<string> {
  const [first] = batch;
  if (reader.parts !== undefined && first !== undefined && isLarge(first)) {
    yield* reader.parts(first.id);
    return;
  }
  const rows = await reader.rows(batch.map(({ id }) => id));
  if (rows.length > 0) yield rows.join(',');
}

/** A large row is a batch of its own. */
function* inBatches(keys: readonly RowKey[]): Generator<readonly RowKey[]> {
  let batch: RowKey[] = [];
  let bytes = 0;
  for (const key of keys) {
    const isFull = bytes + key.bytes > limits.listBatchBytes || batch.length === limits.listBatchRows || batch.some(isLarge);
    if (batch.length > 0 && (isFull || isLarge(key))) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(key);
    bytes += key.bytes;
  }
  if (batch.length > 0) yield batch;
}

function isLarge(key: RowKey): boolean {
  return key.bytes > limits.imageSliceBytes;
}

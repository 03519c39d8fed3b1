/** JSON bodies of requests, bounded; and RFC 7386 merge patch. */
import type { IncomingMessage } from 'node:http';
import { ApiError } from './api-error.ts';

/** As the Kubernetes API server's limit. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** undefined for an empty body. */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new ApiError('RequestEntityTooLarge', `the body is larger than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (length === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    throw new ApiError('BadRequest', 'the body is not JSON');
  }
}

export async function readJsonObject(request: IncomingMessage): Promise<JsonObject> {
  const body = await readJsonBody(request);
  if (!isJsonObject(body)) throw new ApiError('BadRequest', 'the body is not a JSON object');
  return body;
}

/** RFC 7386: null removes, objects merge, everything else replaces. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const merged = new Map(Object.entries(isJsonObject(target) ? target : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, applyMergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

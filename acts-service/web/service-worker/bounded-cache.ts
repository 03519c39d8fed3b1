// A cache that holds so many answers: the newest are kept, the oldest go. An answer that is too large is not kept at all.

export interface CacheBound {
  readonly entries: number;
  /** Of one answer. */
  readonly bytes: number;
}

/** Counting what a cache holds takes longer than putting something in: it is done once in so many puts, and the bound overrun by as many. */
const putsPerTrim = 16;
let puts = 0;

export async function boundedPut(stores: CacheStorage, name: string, url: string, response: Response, bound: CacheBound): Promise<void> {
  const body = await response.arrayBuffer();
  const cache = await stores.open(name);
  // Removed first: then it is the newest, whatever the browser does on overwriting.
  await cache.delete(url);
  if (body.byteLength > bound.bytes) return;
  const { status, headers } = response;
  await cache.put(url, new Response(status === 204 ? null : body, { status, headers }));
  if (++puts % putsPerTrim !== 0) return;
  const keys = await cache.keys();
  await Promise.all(keys.slice(0, Math.max(0, keys.length - bound.entries)).map((key) => cache.delete(key)));
}

// The service worker's caches stay within their bounds.
import { expect } from 'chai';
import { boundedPut } from '../service-worker/bounded-cache.ts';

/** What boundedPut uses of the browser's cache: entries in the order in which they were put. */
class MapCache {
  readonly entries = new Map<string, Response>();
  delete(url: string | { readonly url: string }): Promise<boolean> {
    return Promise.resolve(this.entries.delete(typeof url === 'string' ? url : url.url));
  }
  put(url: string, response: Response): Promise<void> {
    this.entries.set(url, response);
    return Promise.resolve();
  }
  keys(): Promise<{ readonly url: string }[]> {
    return Promise.resolve([...this.entries.keys()].map((url) => ({ url })));
  }
}

describe('a bounded cache', () => {
  let cache: MapCache;
  const put = (url: string, response: Response): Promise<void> =>
    boundedPut({ open: () => Promise.resolve(cache) } as unknown as CacheStorage, 'reads', url, response, { entries: 3, bytes: 10 });
  beforeEach(() => (cache = new MapCache()));

  it('lets the one that was not renewed for longest go', async () => {
    for (const url of ['/1', '/2', '/3', '/1', '/4']) await put(url, new Response('x'));
    expect([...cache.entries.keys()]).to.deep.equal(['/3', '/1', '/4']);
  });
  it('keeps no answer that is too large, nor the older one it replaces', async () => {
    await put('/1', new Response('small'));
    await put('/1', new Response('much too large'));
    expect([...cache.entries.keys()]).to.deep.equal([]);
  });
  it('keeps an answer without content', async () => {
    await put('/1', new Response(null, { status: 204 }));
    expect(cache.entries.get('/1')?.status).to.equal(204);
  });
});

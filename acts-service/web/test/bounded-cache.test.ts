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

  it('lets those that were not renewed for longest go', async () => {
    for (let i = 1; i <= 40; i++) {
      await put(`/${i}`, new Response('x'));
      await put('/often', new Response('x'));
      expect(cache.entries.size).to.be.below(3 + 16);
    }
    expect([...cache.entries.keys()].slice(-2)).to.deep.equal(['/40', '/often']);
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

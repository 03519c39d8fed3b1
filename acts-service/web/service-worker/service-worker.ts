// Makes the app start and what was seen readable without a connection. Answers GET only; never keeps a write. The shell is cached by version,
// reads and pictures in caches of their own with a bound each.
import { answerOrSeen } from './answer-or-seen.ts';
import { boundedPut } from './bounded-cache.ts';

declare const self: ServiceWorkerGlobalScope;

interface Shell {
  readonly version: string;
  readonly files: readonly string[];
}

/** Filled in by the build (vite.config.js). */
const shell = JSON.parse('SHELL') as Shell;
const shellCache = `shell-${shell.version}`;
const readsCache = 'reads-1';
const picturesCache = 'pictures-1';
/** Shorter than the page waits before it gives up. */
const patienceMs = 5000;
/** While nothing is answered: a view asks several times, one after the other. */
const shortPatienceMs = 300;
let isHanging = false;
const bounds = {
  [readsCache]: { entries: 300, bytes: 1024 * 1024 },
  [picturesCache]: { entries: 400, bytes: 4 * 1024 * 1024 },
} as const;

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(shellCache)
      // `reload`: not what the browser's own cache still holds of the version before.
      .then((cache) => cache.addAll(shell.files.map((file) => new Request(file, { cache: 'reload' }))))
      // At once: pages have loaded all of their version already.
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => !isCurrent(name)).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (request.mode === 'navigate') {
    if (url.pathname === '/' || url.pathname === '/index.html') event.respondWith(fromShell(new Request('/')));
  } else if (shell.files.includes(url.pathname)) event.respondWith(fromShell(request));
  else if (/^\/api\/v1\/acts\/[0-9]+\/(image|thumbnail)$/.test(url.pathname)) event.respondWith(networkFirst(event, picturesCache));
  else if (/^\/api\/v1\/(users|categories)(\/|$)/.test(url.pathname)) event.respondWith(networkFirst(event, readsCache));
});

function isCurrent(name: string): boolean {
  return name === shellCache || name === readsCache || name === picturesCache;
}

async function fromShell(request: Request): Promise<Response> {
  const cache = await caches.open(shellCache);
  return (await cache.match(request.url)) ?? fetch(request);
}

/** What the service says; when it says nothing or takes too long, what it said the last time, marked as such. */
async function networkFirst(event: FetchEvent, cacheName: typeof readsCache | typeof picturesCache): Promise<Response> {
  const { request } = event;
  const answer = fetch(request).then((response) => {
    isHanging = false;
    if (response.ok) event.waitUntil(boundedPut(caches, cacheName, request.url, response.clone(), bounds[cacheName]));
    else if (response.status === 400 || response.status === 404) event.waitUntil(forget(cacheName, request.url));
    return response;
  });
  // Kept also when it comes too late to be shown.
  event.waitUntil(answer.catch(() => undefined));
  const seen = async (): Promise<Response | undefined> => {
    isHanging = true;
    return seenBefore(cacheName, request.url);
  };
  return answerOrSeen(answer, seen, isHanging ? shortPatienceMs : patienceMs);
}

async function seenBefore(cacheName: string, url: string): Promise<Response | undefined> {
  const seen = await (await caches.open(cacheName)).match(url);
  if (seen === undefined) return undefined;
  const headers = new Headers(seen.headers);
  headers.set('X-Seen-Before', 'true');
  return new Response(seen.status === 204 ? null : seen.body, { status: seen.status, headers });
}

/** What the service says is gone is not to come back offline. */
async function forget(cacheName: string, url: string): Promise<void> {
  await (await caches.open(cacheName)).delete(url);
}

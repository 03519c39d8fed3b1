// Follows the address: which screen, where it was scrolled to when the reader comes back, and where the focus goes.
import { signal } from '@preact/signals';
import { parseRoute, routeHash, type Route } from './route.ts';

interface EntryState {
  readonly key: number;
}

export const route = signal<Route>(parseRoute(location.hash));

/** Where the history entry now shown was scrolled to when it was left; undefined for a new one. */
export let scrollToRestore: number | undefined;

/** Keys rise from visit to visit, so that two of them tell back from forward. */
let latestKey = Date.now();
const scrolledTo = new Map<number, number>();
let entry = entryKey();
/** Entries visited inside the app: whether a "back" link may go back instead of forward to the same place. */
let depth = 0;

export function startNavigation(): void {
  history.scrollRestoration = 'manual';
  markEntry(entry);
  addEventListener('scroll', () => scrolledTo.set(entry, scrollY), { passive: true });
  addEventListener('popstate', followAddress);
}

export function go(to: Route, how: 'push' | 'replace' = 'push'): void {
  if (how === 'replace') {
    history.replaceState(history.state, '', routeHash(to));
    route.value = to;
  } else location.hash = routeHash(to);
}

/** One step back if the reader came from inside the app, else to `fallback`. */
export function goBack(fallback: Route): void {
  if (depth > 0) history.back();
  else go(fallback, 'replace');
}

function followAddress(): void {
  const known = (history.state as EntryState | null)?.key;
  // A link makes an entry without state; going back or forward finds the state it had.
  if (known === undefined) {
    entry = entryKey();
    depth++;
    markEntry(entry);
  } else {
    depth = Math.max(0, depth + (known < entry ? -1 : 1));
    entry = known;
  }
  scrollToRestore = known === undefined ? undefined : (scrolledTo.get(entry) ?? 0);
  route.value = parseRoute(location.hash);
}

function entryKey(): number {
  const known = (history.state as EntryState | null)?.key;
  if (known !== undefined) return known;
  return ++latestKey;
}

function markEntry(key: number): void {
  history.replaceState({ key } satisfies EntryState, '');
}

// Whether what is on the screen comes from the service or from what was seen before.
import { signal } from '@preact/signals';

export type Connection = 'online' | 'offline' | 'unreachable';

export const connection = signal<Connection>(navigator.onLine ? 'online' : 'offline');

addEventListener('offline', () => (connection.value = 'offline'));
addEventListener('online', () => (connection.value = 'online'));

/** An answer came; `wasSeenBefore` when the service worker gave it because the service could not be reached. */
export function noteAnswer(wasSeenBefore: boolean): void {
  if (!wasSeenBefore) connection.value = 'online';
  else noteFailure();
}

export function noteFailure(): void {
  connection.value = navigator.onLine ? 'unreachable' : 'offline';
}

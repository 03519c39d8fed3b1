// Registers the service worker, and offers a reload when a new version of the app has taken over.
import { say } from './messages/messages.ts';

export function startServiceWorker(): void {
  if (!isSecureContext || !('serviceWorker' in navigator)) return;
  const hadOne = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    if (hadOne) say('done', 'A new version is ready.', { label: 'Reload', run: () => location.reload() });
  });
  // Without it the app works, only not offline.
  navigator.serviceWorker.register('/sw.js').catch(() => undefined);
}

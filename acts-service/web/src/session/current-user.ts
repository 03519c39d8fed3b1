// Who is using the app on this device.
import { signal } from '@preact/signals';

const storageKey = 'selfieless.user';

function remembered(): string | undefined {
  try {
    return localStorage.getItem(storageKey) ?? undefined;
  } catch {
    // Storage may be forbidden; the app then asks each time.
    return undefined;
  }
}

export const currentUser = signal<string | undefined>(remembered());

export function becomeUser(username: string | undefined): void {
  currentUser.value = username;
  try {
    if (username === undefined) localStorage.removeItem(storageKey);
    else localStorage.setItem(storageKey, username);
  } catch {
    // As above.
  }
}

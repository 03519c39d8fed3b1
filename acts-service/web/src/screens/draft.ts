// What the reader is about to share. Lives outside the screen, so that neither a failure nor a look elsewhere loses any of it.
import { effect, signal } from '@preact/signals';
import { currentUser } from '../session/current-user.ts';

export interface Picture {
  readonly blob: Blob;
  /** For the preview; revoked when the picture is replaced. */
  readonly url: string;
}

const storageKey = 'selfieless.caption';

export const draft = {
  picture: signal<Picture | undefined>(undefined),
  caption: signal(keptCaption()),
  category: signal(''),
  username: signal(''),
};

// Whoever is using the app now, until another name is picked.
effect(() => void (draft.username.value = currentUser.value ?? ''));

// Phones may end the page while the camera is open.
effect(() => {
  try {
    sessionStorage.setItem(storageKey, draft.caption.value);
  } catch {
    // Storage may be forbidden; then it is kept as long as the page lives.
  }
});

function keptCaption(): string {
  try {
    return sessionStorage.getItem(storageKey) ?? '';
  } catch {
    return '';
  }
}

export function setPicture(blob: Blob | undefined): void {
  const previous = draft.picture.value;
  draft.picture.value = blob && { blob, url: URL.createObjectURL(blob) };
  if (previous !== undefined) URL.revokeObjectURL(previous.url);
}

/** After it was shared: the next act is probably by the same person in the same category. */
export function clearDraft(): void {
  setPicture(undefined);
  draft.caption.value = '';
}

// What the reader is about to share. Lives outside the screen, so that neither a failure nor a look elsewhere loses any of it.
import { signal } from '@preact/signals';

export interface Picture {
  readonly blob: Blob;
  /** For the preview; revoked when the picture is replaced. */
  readonly url: string;
}

export const draft = {
  picture: signal<Picture | undefined>(undefined),
  caption: signal(''),
  category: signal(''),
  username: signal(''),
};

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

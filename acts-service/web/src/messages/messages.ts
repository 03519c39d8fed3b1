// Short messages over the page: what was done, what went wrong. Read aloud by a live region.
import { signal } from '@preact/signals';

export interface Message {
  readonly id: number;
  readonly tone: 'done' | 'problem';
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

const shownMs = { done: 4000, problem: 9000 } as const;

export const messages = signal<readonly Message[]>([]);
let made = 0;

export function say(tone: Message['tone'], text: string, action?: Message['action']): void {
  const message: Message = { id: ++made, tone, text, ...(action && { action }) };
  // One at a time, so that they never pile up over the page. One that waits for an answer stays, unless it is said again.
  messages.value = [...messages.value.filter((other) => other.action !== undefined && other.text !== text), message];
  if (action === undefined) setTimeout(() => dismiss(message.id), shownMs[tone]);
}

export function dismiss(id: number): void {
  messages.value = messages.value.filter((message) => message.id !== id);
}

// Errors in words for people. The service's own words are for developers.
import { ServiceError } from './request.ts';

const words: Readonly<Record<string, string>> = {
  'no-answer': 'SelfieLessActs cannot be reached right now. Check your connection and try again.',
  'user-exists': 'Somebody already has this name. Please choose another one.',
  'unknown-user': 'This person is no longer here. Please choose another one.',
  'category-exists': 'There is a category with this name already.',
  'unknown-category': 'This category is no longer here.',
  'unknown-act': 'This act is no longer here.',
  'bad-name': 'This name holds a character that cannot be kept. Please choose another one.',
  'bad-caption': 'The caption holds a character that cannot be kept.',
};

export function explain(error: unknown): string {
  if (!(error instanceof ServiceError)) return error instanceof Error ? sentence(error.message) : 'Something went wrong.';
  const known = words[error.code];
  if (known !== undefined) return known;
  if (error.status === 429) return 'That was a lot in a short time. Please wait a moment and try again.';
  if (error.status === 413) return 'That is too large to be shared.';
  if (error.status >= 500) return 'The service is busy. Nothing is lost; please try again in a moment.';
  return sentence(error.message);
}

function sentence(text: string): string {
  const trimmed = text.replace(/[.\s]+$/, '').slice(0, 300);
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}.`;
}

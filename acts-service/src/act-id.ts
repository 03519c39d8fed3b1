// An act's id: an unsigned integer written the one way JSON allows, at most 1,000 digits. It is text everywhere and never a number,
// since a double keeps 15 digits. One spelling per value (no sign, leading zero, fraction or exponent), so equal text is equal value.
import { limits } from './limits.ts';

const digitsOnly = /^(?:0|[1-9][0-9]*)$/;

export function isActId(text: string): boolean {
  // Length first: eight million digits are refused without being looked at.
  return text.length <= limits.actIdDigits && digitsOnly.test(text);
}

// One id a request through all logs: the ingress's or the caller's when it is fit to be logged, else our own.
import { randomBytes } from 'node:crypto';

const acceptable = /^[\w.~+/=:-]{1,128}$/;
const prefix = randomBytes(6).toString('hex');
let made = 0;

export function requestId(received: string | string[] | undefined): string {
  if (typeof received === 'string' && acceptable.test(received)) return received;
  return `${prefix}-${(++made).toString(36)}`;
}

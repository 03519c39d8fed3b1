/** Query parameters: the first of a repeated one counts, an empty one is absent, as in the Kubernetes API. */
import type { ParameterizedContext } from 'koa';
import { ApiError } from './api-error.ts';

export function parameter(context: ParameterizedContext, name: string): string | undefined {
  const value = context.query[name];
  const first = Array.isArray(value) ? value[0] : value;
  return first === '' ? undefined : first;
}

/** A whole number >= 0. */
export function numberParameter(context: ParameterizedContext, name: string): number | undefined {
  const text = parameter(context, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new ApiError('BadRequest', `${name}: ${JSON.stringify(text)} is not a whole number`);
  return value;
}

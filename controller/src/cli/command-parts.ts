/** What the commands of several files share: their options, the client, how a person names an object, and how JSON is printed. */
import { InvalidArgumentError, Option } from 'commander';
import { KINDS } from '../model/objects.ts';
import type { Kind, KindDescription } from '../model/objects.ts';
import { ApiClient } from './api-client.ts';
import type { CliContext } from './cli-context.ts';
import { CliError, EXIT_CODE, EXIT_CODES_HELP } from './cli-error.ts';

/** Coxswain's own requests. */
export const COXSWAIN = '/apis/coxswain.dev/v1';

export const EXIT_CODES = `\n${EXIT_CODES_HELP}`;

export interface Listing<T> {
  readonly items: readonly T[];
}

export type Format = 'json' | 'yaml' | 'table';

export function formatOption(formats: readonly Format[]): Option {
  return new Option('-o, --output <format>', 'how to print').choices([...formats]).default('table');
}

export function clientOf({ socketPath, stderr, signal }: CliContext): ApiClient {
  return new ApiClient({ socketPath, stderr, signal });
}

export function printJson({ stdout }: CliContext, value: unknown): void {
  stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function namespaceOption(): Option {
  return new Option('-n, --namespace <name>', 'the namespace').default('default');
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('It must be a whole number.');
  return value;
}

export function nowOf({ now }: CliContext): Date {
  return now?.() ?? new Date();
}

export function describe(kind: Kind): KindDescription {
  return describeByName(kind);
}

export function describeByName(name: string): KindDescription {
  const wanted = name.toLowerCase();
  const found = KINDS.find(
    ({ kind, plural, shortNames }) => kind.toLowerCase() === wanted || plural === wanted || shortNames.includes(wanted),
  );
  if (found === undefined)
    throw new CliError(EXIT_CODE.usage, `there is no kind ${name}; there are ${KINDS.map(({ plural }) => plural).join(', ')}`);
  return found;
}

/** "deployment/acts" or "acts" -> "acts". */
export function nameOfKind(text: string, kind: Kind): string {
  const [prefix = '', name] = text.split('/', 2);
  if (name === undefined) return prefix;
  if (describeByName(prefix).kind !== kind) throw new CliError(EXIT_CODE.usage, `${text} is not a ${kind.toLowerCase()}`);
  return name;
}

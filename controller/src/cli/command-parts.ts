/** What the commands of several files share: their options, the client, and how JSON is printed. */
import { Option } from 'commander';
import { ApiClient } from './api-client.ts';
import type { CliContext } from './cli-context.ts';

/** Coxswain's own requests. */
export const COXSWAIN = '/apis/coxswain.dev/v1';

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

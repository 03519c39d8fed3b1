/** How every command is parsed, run and answered for. */
import { CommanderError } from 'commander';
import type { Command } from 'commander';
import type { CliContext } from './cli-context.ts';
import { CliError, EXIT_CODE } from './cli-error.ts';
import type { ExitCode } from './cli-error.ts';

/** Commands made from it throw usage errors instead of ending the process. */
export function prepareProgram(program: Command, context: Pick<CliContext, 'stdout' | 'stderr'>): void {
  program.exitOverride().configureOutput({
    writeOut: (text) => context.stdout.write(text),
    writeErr: (text) => context.stderr.write(text),
  });
}

/** Parses and runs; errors are told on stderr. Never exits: the caller sets the process's exit code. `args` without node and script. */
export async function runProgram(program: Command, args: readonly string[], context: Pick<CliContext, 'stderr'>): Promise<ExitCode> {
  try {
    await program.parseAsync([...args], { from: 'user' });
    return EXIT_CODE.ok;
  } catch (error) {
    // Commander has told it already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODE.ok : EXIT_CODE.usage;
    if (!(error instanceof CliError)) throw error;
    if (error.message !== '') context.stderr.write(`coxswain: ${error.message}\n`);
    return error.exitCode;
  }
}

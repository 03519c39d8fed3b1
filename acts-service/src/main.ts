// The process: reads the environment, starts one replica, stops it on a signal. The only file that knows process.env and exits.
import { readConfig } from './config.ts';
import { startReplica } from './replica.ts';

const result = readConfig(process.env);
if ('errors' in result) {
  process.stderr.write(`The configuration is wrong:\n${result.errors.map((error) => `  ${error}\n`).join('')}`);
  process.exit(1);
}

const replica = await startReplica(result.config);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  // A second signal changes nothing: the stop is bounded already.
  process.on(signal, () => void replica.stop().then(() => process.exit(0)));
}

try {
  await replica.ready;
} catch (error) {
  // Stopped while starting is a normal end; the signal handler exits.
  if (!(error instanceof Error && error.name === 'AbortError')) throw error;
}

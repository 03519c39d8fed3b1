/** Signals to the processes of a system. */
import { eventually } from '../eventually.ts';
import type { System } from '../e2e/system.ts';

/** Resolves when another process has taken its place. No container goes with it. */
export async function endProcess(system: System, name: 'control-plane' | 'ingress', signal: NodeJS.Signals): Promise<readonly []> {
  const pid = system.pid(name);
  process.kill(pid, signal);
  await eventually(() => system.pid(name) !== pid, 20_000);
  return [];
}

/**
 * Fault injection, for tests only: the control plane kills itself (SIGKILL) at a step. `COXSWAIN_KILL_AT_FILE` names a file; when that is there
 * and says "2 after CreateContainer", the process dies at the second such step from then on. The file is renamed first, so that it happens once.
 * Every step is noted in FILE.steps: that is how a test knows which there are.
 */
import { appendFileSync, readFileSync, renameSync } from 'node:fs';
import type { OnStep } from './steps.ts';

export function killAtStep(path: string): OnStep {
  let wish = '';
  let seen = 0;
  return (name) => {
    appendFileSync(`${path}.steps`, `${name}\n`);
    const text = read(path);
    if (text !== wish) seen = 0;
    wish = text;
    const [, count, step] = /^(\d+) (.*)$/.exec(text) ?? [];
    if (name !== step) return;
    seen++;
    if (seen < Number(count)) return;
    renameSync(path, `${path}.done`);
    process.kill(process.pid, 'SIGKILL');
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

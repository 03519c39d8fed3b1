/** The processes of a container as the host sees them. */
import { readdir, readFile } from 'node:fs/promises';

/** Process 1 of the container first. */
export async function processesOf(containerId: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => Number.isInteger(pid) && pid > 0);
  const found = await Promise.all(
    pids.map(async (pid) => {
      try {
        return (await readFile(`/proc/${pid}/cgroup`, 'utf8')).includes(containerId) ? [{ pid, inner: await innerPid(pid) }] : [];
      } catch {
        // It ended while we looked.
        return [];
      }
    }),
  );
  return found
    .flat()
    .sort((a, b) => a.inner - b.inner)
    .map(({ pid }) => pid);
}

async function innerPid(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^NSpid:.*?(\d+)$/m.exec(status)?.[1] ?? pid);
}

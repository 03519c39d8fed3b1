// Replicas as processes of their own, for what only a process can show: signals, exit codes, memory.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { call } from './client.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

export interface ServiceProcess {
  readonly child: ChildProcess;
  readonly url: string;
  /** Exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  /** What it printed so far. */
  output(): string;
}

export async function startProcess(env: Record<string, string>, nodeOptions: readonly string[] = []): Promise<ServiceProcess> {
  const port = env.PORT === undefined || env.PORT === '0' ? await freePort() : Number(env.PORT);
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const child = spawn(process.execPath, [...nodeOptions, '--import', tsx, main], {
    env: { PATH: process.env.PATH, ...env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  return { child, url: `http://127.0.0.1:${port}`, exited, output: () => output };
}

export async function isReady(replica: ServiceProcess): Promise<void> {
  await eventually(async () => {
    const { status } = await call(replica.url, 'GET', '/api/v1/_health');
    if (status !== 200) throw new Error(`health is ${status}`);
  }, 8000);
}

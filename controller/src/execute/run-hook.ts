/** The preStop hook of a container: a command in it, or a GET to it. Rejects when it fails; whoever asked goes on without it. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { PreStopHook } from '../model/operation.ts';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';

const MESSAGE_CHARACTERS = 200;

export async function runHook(runtime: ContainerRuntime, containerId: string, hook: PreStopHook, signal: AbortSignal): Promise<void> {
  if (hook.type === 'http') {
    const status = await sendHook(hook, signal);
    if (status < 200 || status >= 400) throw new Error(`preStop hook: HTTP ${status}`);
    return;
  }
  const { exitCode, output } = await runtime.exec(containerId, hook.command, signal);
  const lastLine = output.trimEnd().split('\n').at(-1) ?? '';
  if (exitCode !== 0) throw new Error(`preStop hook: exit code ${exitCode}: ${lastLine}`.slice(0, MESSAGE_CHARACTERS));
}

function sendHook(hook: Extract<PreStopHook, { readonly type: 'http' }>, signal: AbortSignal): Promise<number> {
  const { host, port, path, headers } = hook;
  return new Promise((resolve, reject) => {
    const options = { host, port, path, headers, signal, agent: false as const };
    const call = hook.isTls ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
    call.on('response', (response) => {
      response.resume();
      response.on('error', () => undefined);
      resolve(response.statusCode ?? 0);
    });
    call.on('error', reject);
    call.end();
  });
}

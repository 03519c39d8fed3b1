/**
 * Everything the control plane does to the world outside it, as named steps: "before CreateContainer", "after CreateContainer", ... Tests end the
 * process at each of them (kill-at-step.ts). The steps only look on: nothing is done differently because of them.
 */
import { basename } from 'node:path';
import type { HostFiles } from '../execute/host-files.ts';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';
import type { JournalFile, StateFileSystem } from '../state/state-file-system.ts';

export type OnStep = (name: string) => void;

const RUNTIME_STEPS: Readonly<Partial<Record<keyof ContainerRuntime, string>>> = {
  pullImage: 'PullImage',
  createNetwork: 'CreateNetwork',
  removeNetwork: 'RemoveNetwork',
  createVolume: 'CreateVolume',
  removeVolume: 'RemoveVolume',
  createContainer: 'CreateContainer',
  startContainer: 'StartContainer',
  unpauseContainer: 'UnpauseContainer',
  connectNetwork: 'ConnectNetwork',
  exec: 'RunPreStop',
  stopContainer: 'StopContainer',
  killContainer: 'KillContainer',
  removeContainer: 'RemoveContainer',
};

export function steppedRuntime(runtime: ContainerRuntime, onStep: OnStep): ContainerRuntime {
  return stepped(runtime, RUNTIME_STEPS, onStep);
}

export function steppedHostFiles(files: HostFiles, onStep: OnStep): HostFiles {
  return stepped(files, { writeFiles: 'WriteFiles', saveLogs: 'SaveLogs', remove: 'remove files' }, onStep);
}

/** @param owner "state" or "secret" */
export function steppedFileSystem(fileSystem: StateFileSystem, owner: string, onStep: OnStep): StateFileSystem {
  const path = (verb: string) => (name: unknown) => `${owner}: ${verb} ${basename(String(name))}`;
  const journal: Readonly<Partial<Record<keyof JournalFile, string>>> = {
    append: `${owner}: append`,
    sync: `${owner}: sync`,
    truncate: `${owner}: truncate`,
  };
  return {
    ...stepped(
      fileSystem,
      { writeAtomic: path('write'), rename: path('rename'), remove: path('remove'), syncDirectory: `${owner}: sync directory` },
      onStep,
    ),
    openJournal: async (name) => stepped(await fileSystem.openJournal(name), journal, onStep),
  };
}

/** The same object, with a step before and after each call of the named methods; a name may depend on the first argument. */
export function stepped<Port extends object>(
  port: Port,
  names: Readonly<Partial<Record<keyof Port, string | ((argument: unknown) => string)>>>,
  onStep: OnStep,
): Port {
  const own = new Map<string | symbol, unknown>();
  for (const [method, name] of Object.entries(names) as [string, string | ((argument: unknown) => string)][]) {
    const call = Reflect.get(port, method) as (...args: readonly unknown[]) => unknown;
    own.set(method, (...args: readonly unknown[]) => {
      const step = typeof name === 'string' ? name : name(args[0]);
      onStep(`before ${step}`);
      const result = call.apply(port, args as unknown[]);
      if (result instanceof Promise) return result.finally(() => onStep(`after ${step}`));
      onStep(`after ${step}`);
      return result;
    });
  }
  return new Proxy(port, {
    get: (target, key) => {
      if (own.has(key)) return own.get(key);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
    ownKeys: (target) => Reflect.ownKeys(target),
  });
}

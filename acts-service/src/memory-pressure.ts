// Is this process about to run out of memory: its heap against V8's limit, its cgroup (v1 or v2) against its own.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { limits } from './limits.ts';

interface CgroupFiles {
  readonly limit: string;
  readonly usage: string;
  readonly stat: string;
  /** How memory.stat calls page cache that the kernel drops before it kills anyone. */
  readonly reclaimable: RegExp;
}

export interface MemorySources {
  readonly heap: () => { readonly used_heap_size: number; readonly heap_size_limit: number };
  /** Where the cgroup file system is mounted, and the process's own membership file. */
  readonly cgroupRoot: string;
  readonly membership: string;
}

export const processMemory: MemorySources = { heap: getHeapStatistics, cgroupRoot: '/sys/fs/cgroup', membership: '/proc/self/cgroup' };

/** Returns a check that says what is nearly full, or undefined. The cgroup is found once; the check reads three small kernel files. */
export function memoryPressure(sources: MemorySources = processMemory): () => string | undefined {
  const cgroup = findCgroup(sources);
  return () => {
    const heap = sources.heap();
    if (heap.used_heap_size > limits.memoryShare * heap.heap_size_limit) return 'the heap is nearly full';
    if (cgroup !== undefined && cgroupShare(cgroup) > limits.memoryShare) return 'the memory cgroup is nearly full';
    return undefined;
  };
}

function findCgroup(sources: MemorySources): CgroupFiles | undefined {
  const { cgroupRoot } = sources;
  // `0::/path` is v2, `N:memory:/path` is v1. With a cgroup namespace the path is `/`; without one Docker mounts the container's own at the root.
  const lines = (readText(sources.membership) ?? '').split('\n').map((line) => line.split(':'));
  const path = (controller: string): string => lines.find((fields) => fields[1] === controller)?.[2] ?? '/';
  const v2 = (directory: string): CgroupFiles => ({
    limit: join(directory, 'memory.max'),
    usage: join(directory, 'memory.current'),
    stat: join(directory, 'memory.stat'),
    reclaimable: /^inactive_file (\d+)$/m,
  });
  const v1 = (directory: string): CgroupFiles => ({
    limit: join(directory, 'memory.limit_in_bytes'),
    usage: join(directory, 'memory.usage_in_bytes'),
    stat: join(directory, 'memory.stat'),
    reclaimable: /^total_inactive_file (\d+)$/m,
  });
  const candidates = [
    v2(join(cgroupRoot, path(''))),
    v2(cgroupRoot),
    v1(join(cgroupRoot, 'memory', path('memory'))),
    v1(join(cgroupRoot, 'memory')),
  ];
  return candidates.find((files) => readText(files.limit) !== undefined && readText(files.usage) !== undefined);
}

/** Working set over limit, as the kubelet has it: page cache that can be dropped is not pressure. 0 without a limit ("max"). */
function cgroupShare(files: CgroupFiles): number {
  const limit = Number(readText(files.limit));
  const usage = Number(readText(files.usage));
  const reclaimable = Number(files.reclaimable.exec(readText(files.stat) ?? '')?.[1] ?? 0);
  return Number.isFinite(limit) && limit > 0 ? (usage - reclaimable) / limit : 0;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

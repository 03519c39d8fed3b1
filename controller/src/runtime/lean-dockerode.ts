/**
 * Loads dockerode without the parts that a local engine never uses. `require('dockerode')` pulls in gRPC (BuildKit sessions) and ssh2 (remote
 * engines): together 11 MB resident and 100 ms of every start, more than half of dockerode's whole cost. Entries put into `require.cache`
 * beforehand (documented: https://nodejs.org/api/modules.html#requirecache) take their places; nothing here may break when they are absent.
 */
import { createRequire } from 'node:module';
import type Dockerode from 'dockerode';

const load = createRequire(import.meta.url);

function leaveOut(packageName: string, requiredBy: string): void {
  let file: string;
  try {
    file = createRequire(load.resolve(requiredBy)).resolve(packageName);
  } catch {
    return; // Not installed, or required by somebody else now: then there is nothing to save.
  }
  if (load.cache[file] !== undefined) return;
  load.cache[file] = { id: file, filename: file, loaded: true, exports: {}, children: [], paths: [], path: '' } as unknown as NodeJS.Module;
}

leaveOut('@grpc/grpc-js', 'dockerode');
leaveOut('@grpc/proto-loader', 'dockerode');
leaveOut('ssh2', 'docker-modem');

export const LeanDockerode = load('dockerode') as typeof Dockerode;

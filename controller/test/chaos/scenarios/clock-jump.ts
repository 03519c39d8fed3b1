import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { untilConverged, withSystem } from '../converged.ts';
import { disturb, pause } from '../disturb.ts';
import { IsolatedSystem } from '../isolated-system.ts';
import type { ChaosScenario } from '../scenario.ts';

/** Long enough for several probes of each kind, and for a resync. */
const WATCH_MS = 4_000;

/** Debian's libfaketime, installed when it is missing and we may. */
function libraryPath(): string {
  const find = (): string | undefined =>
    readdirSync('/usr/lib')
      .map((architecture) => join('/usr/lib', architecture, 'faketime/libfaketimeMT.so.1'))
      .find((path) => existsSync(path));
  const present = find();
  if (present !== undefined) return present;
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = (): unknown =>
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'libfaketime'], { env: environment, stdio: 'ignore' });
  try {
    install();
  } catch {
    execFileSync('apt-get', ['update', '-qq'], { env: environment, stdio: 'ignore' });
    install();
  }
  const installed = find();
  if (installed === undefined) throw new Error('the package libfaketime brought no library');
  return installed;
}

/** The wall clock of one process: moved by writing a file. Its monotonic clock stays. */
class FakeWallClock {
  readonly #directory = mkdtempSync(join(tmpdir(), 'coxswain-clock-'));
  readonly #file = join(this.#directory, 'offset');
  readonly environment = {
    LD_PRELOAD: libraryPath(),
    FAKETIME_TIMESTAMP_FILE: this.#file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    // Files keep their times: what the process sees of the disk is not its own clock.
    NO_FAKE_STAT: '1',
  };

  constructor() {
    this.set(0);
  }

  set(offsetSeconds: number): void {
    writeFileSync(`${this.#file}.next`, `${offsetSeconds < 0 ? '-' : '+'}${Math.abs(offsetSeconds)}`);
    renameSync(`${this.#file}.next`, this.#file);
  }

  remove(): void {
    if (existsSync(this.#directory)) rmSync(this.#directory, { recursive: true });
  }
}

async function killReplica(system: IsolatedSystem): Promise<string> {
  const all = await system.containers();
  const victim = all.find(({ labels, phase }) => phase === 'running' && labels['coxswain.dev/owner'] === 'Deployment/web');
  await system.runtime.killContainer(victim?.id ?? '', AbortSignal.timeout(10_000));
  return victim?.id ?? '';
}

/** The clock that the API's timestamps come from, against ours; seconds. */
async function offsetOf(system: IsolatedSystem): Promise<number> {
  const name = `clock-${Date.now()}`;
  const { status, body } = await system.call('POST', '/api/v1/namespaces/default/configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
  });
  if (status !== 201) throw new Error(`a ConfigMap was answered ${status} ${body}`);
  const { metadata } = JSON.parse(body) as { readonly metadata: { readonly creationTimestamp: string } };
  await system.call('DELETE', `/api/v1/namespaces/default/configmaps/${name}`);
  return Math.round((Date.parse(metadata.creationTimestamp) - Date.now()) / 1000);
}

export const clockJump: ChaosScenario = {
  name: 'clock-jump',
  fault: "the control plane's wall clock jumps an hour forward and back",
  promise: 'nothing restarts, heals and rollouts take no longer; only timestamps are odd',
  bounds: { convergeMs: 20_000 },
  async run({ basePort, print }) {
    const clock = new FakeWallClock();
    try {
      const system = new IsolatedSystem({ name: 'clock', basePort, controlPlaneEnvironment: clock.environment });
      const jump = (name: string, offsetSeconds: number, then: (system: IsolatedSystem) => Promise<readonly string[]>) => ({
        name,
        make: async (it: IsolatedSystem): Promise<readonly string[]> => {
          clock.set(offsetSeconds);
          const seen = await offsetOf(it);
          if (Math.abs(seen - offsetSeconds) > 5) throw new Error(`the clock did not jump: ${seen} s`);
          return await then(it);
        },
      });
      const nothing = async (): Promise<readonly string[]> => {
        await pause(WATCH_MS);
        return [];
      };
      const heal = async (it: IsolatedSystem): Promise<readonly string[]> => [await killReplica(it)];
      const restart = async (it: IsolatedSystem): Promise<readonly string[]> => {
        await it.crashControlPlane();
        await untilConverged(it);
        await pause(WATCH_MS);
        return [];
      };
      const all = [
        jump('an hour forward', 3600, nothing),
        jump('a replica killed an hour ahead', 3600, heal),
        jump('an hour back, to the true time', 0, nothing),
        jump('an hour behind', -3600, nothing),
        jump('a replica killed an hour behind', -3600, heal),
        jump('control plane killed an hour behind', -3600, restart),
        jump('control plane killed an hour ahead', 3600, restart),
        jump('a replica killed back in true time', 0, heal),
      ];
      return await withSystem(system, () =>
        disturb({ system, load: { path: '/', perSecond: 100, connections: 'new' }, deadlineMs: 15_000, print, disturbances: all }),
      );
    } finally {
      clock.remove();
    }
  },
};

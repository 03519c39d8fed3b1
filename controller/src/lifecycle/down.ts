/** `coxswain down` and `purge`: the system stops in order, then everything this instance owns goes; volumes stay unless purged. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runControlPlane } from '../loop/control-plane.ts';
import type { ControlPlaneOptions } from '../loop/control-plane.ts';
import { stopOrphans, stopSupervisor } from './supervisor-process.ts';
import type { SupervisorPlace } from './supervisor-process.ts';

export interface DownOptions {
  readonly place: SupervisorPlace;
  readonly controlPlane: Omit<ControlPlaneOptions, 'teardown'>;
  readonly isPurge: boolean;
  readonly print: (line: string) => void;
}

export async function down({ place, controlPlane, isPurge, print }: DownOptions): Promise<void> {
  const orphans = await stopOrphans(place);
  print(
    (await stopSupervisor(place)) || orphans.length > 0 ? 'ingress and control plane: stopped' : 'ingress and control plane: not running',
  );
  print(isPurge ? 'containers, networks and volumes: removing' : 'containers and networks: removing');
  await runControlPlane({ ...controlPlane, teardown: isPurge ? 'purge' : 'down' });
  if (isPurge) {
    // The set-up cache stays: it holds nothing of the instance, and saves minutes.
    for (const name of ['state', 'secrets', 'volumes', 'logs']) await rm(join(place.home, name), { recursive: true, force: true });
    print('data, state and secrets: removed');
  } else print('data is kept: "make up" goes on with it, "make purge" removes it');
}

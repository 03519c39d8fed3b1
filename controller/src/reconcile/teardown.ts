/** What is left when pods are gone: networks when the instance is taken down, and on purge the volumes as well. */
import type { Draft } from './draft.ts';

export function removeLeftovers(draft: Draft): void {
  const { teardown, observed } = draft.world;
  if (teardown === 'none' || observed.containers.size > 0 || draft.pods.size > 0) return;
  const cause = `the instance is taken down (${teardown})`;
  for (const { name } of observed.networks.values()) {
    draft.operate({ verb: 'RemoveNetwork', subject: `network:${name}`, resource: `network/${name}`, cause, network: name });
  }
  if (teardown !== 'purge') return;
  for (const { name } of observed.volumes.values()) {
    draft.operate({ verb: 'RemoveVolume', subject: `volume:${name}`, resource: `volume/${name}`, cause, volume: name });
  }
}

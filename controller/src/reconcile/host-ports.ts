/** Pinned host ports: which one a new pod takes, and which pods go first. */
import { parsePortRange } from '../model/annotation-values.ts';
import type { PortRange } from '../model/annotation-values.ts';
import { ANNOTATION } from '../model/annotations.ts';
import type { Pod, PodTemplateSpec } from '../model/objects.ts';

/** Undefined when the template pins none; the manifest check has refused anything that is no range. */
export function hostPortRange(template: PodTemplateSpec | undefined): PortRange | undefined {
  return parsePortRange(template?.metadata?.annotations?.[ANNOTATION.hostPorts] ?? '');
}

export function hostPortOf(pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[ANNOTATION.hostPort];
  return text === undefined ? undefined : Number(text);
}

/**
 * The lowest free port among the first `allowed` ports of the range. Pods take no port beyond those, so that a pod which waits for
 * a terminating one to give its port back does not wander to the end of the range instead.
 */
export function freeHostPort(range: PortRange, allowed: number, taken: ReadonlySet<number>): number | undefined {
  const last = Math.min(range.last, range.first + allowed - 1);
  for (let port = range.first; port <= last; port++) {
    if (!taken.has(port)) return port;
  }
  return undefined;
}

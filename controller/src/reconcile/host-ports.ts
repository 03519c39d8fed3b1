/** Pinned host ports: which one a new pod takes, and which pods go first. */
import { ANNOTATION } from '../model/annotations.ts';
import type { Pod, PodTemplateSpec } from '../model/objects.ts';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** "8000-8009" or "8000". Undefined when the template pins none; the manifest check has refused anything else. */
export function hostPortRange(template: PodTemplateSpec | undefined): PortRange | undefined {
  const text = template?.metadata?.annotations?.[ANNOTATION.hostPorts];
  const match = text === undefined ? null : /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text.trim());
  if (match === null) return undefined;
  const first = Number(match[1]);
  return { first, last: match[2] === undefined ? first : Number(match[2]) };
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

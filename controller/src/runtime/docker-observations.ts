/** Docker's list and inspect answers as observed state. The list mapping runs every second over every container: it copies nothing it need not. */
import type Dockerode from 'dockerode';
import { LABEL } from '../model/annotations.ts';
import type { ContainerPhase, ContainerResources, ObservedContainer, ObservedImage } from '../model/observed.ts';
import type { ListedContainer } from './container-runtime.ts';

const PHASES: ReadonlySet<string> = new Set<ContainerPhase>(['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']);

function toPhase(state: string): ContainerPhase {
  return PHASES.has(state) ? (state as ContainerPhase) : 'dead';
}

function toAddresses(networks: Readonly<Record<string, { readonly IPAddress: string }>>): Record<string, string> {
  const addresses: Record<string, string> = {};
  for (const name in networks) addresses[name] = networks[name]?.IPAddress ?? '';
  return addresses;
}

/** The container's own name; a container that others link to has further ones, "/other/alias". */
function ownName(names: readonly string[] | null): string {
  for (const name of names ?? []) if (!name.includes('/', 1)) return name.slice(1);
  return '';
}

export function toListedContainer(entry: Dockerode.ContainerInfo): ListedContainer {
  return {
    id: entry.Id,
    name: ownName(entry.Names),
    // Stale trap: once the tag points elsewhere, Docker lists the image id here; inspect keeps the reference.
    image: entry.Image,
    imageId: entry.ImageID,
    phase: toPhase(entry.State),
    labels: entry.Labels,
    networks: toAddresses(entry.NetworkSettings.Networks),
    status: entry.Status,
  };
}

export function toObservedContainer(details: Dockerode.ContainerInspectInfo): ObservedContainer {
  const state = details.State as Dockerode.ContainerInspectInfo['State'] & { Status: string };
  const phase = toPhase(state.Status);
  return {
    id: details.Id,
    name: details.Name.slice(1),
    image: details.Config.Image,
    imageId: details.Image,
    phase,
    labels: details.Config.Labels,
    startedAtMs: toMilliseconds(state.StartedAt),
    // A container started again keeps the end of its former run.
    finishedAtMs: phase === 'running' || phase === 'paused' || phase === 'created' ? 0 : toMilliseconds(state.FinishedAt),
    exitCode: state.ExitCode,
    isOomKilled: state.OOMKilled,
    error: state.Error,
    resources: toResources(details.HostConfig),
    networks: toAddresses(details.NetworkSettings.Networks),
  };
}

/** A CPU limit set by `docker update --cpus` or by us; one given as quota and period by others counts as none. */
function toResources({ Memory, NanoCpus, CpuShares }: Dockerode.HostConfig): ContainerResources {
  return { memoryBytes: Memory ?? 0, nanoCpus: NanoCpus ?? 0, cpuShares: CpuShares ?? 0 };
}

export function toObservedImage({ Id, Config }: Dockerode.ImageInspectInfo): ObservedImage {
  const { User, Labels } = Config as { readonly User?: string; readonly Labels?: Readonly<Record<string, string>> | null };
  return { id: Id, user: User ?? '', isBuiltHere: Labels?.[LABEL.built] !== undefined };
}

/** RFC 3339 with nanoseconds to milliseconds of the wall clock; Go's zero time, "0001-01-01T00:00:00Z", is 0. */
function toMilliseconds(time: string): number {
  const milliseconds = Date.parse(time);
  return milliseconds > 0 ? milliseconds : 0;
}

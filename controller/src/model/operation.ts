/**
 * Operations: the only way the control plane changes the outside. One operation is one Docker call (or one file written),
 * has one subject, and carries its cause. reconcile/ makes them, execute/ has one function for each.
 */

import type { ContainerResources } from './observed.ts';

/** How to create one container; already resolved: no references are left. Mirrors POST /containers/create. */
export interface ContainerSpec extends ContainerResources {
  readonly name: string;
  readonly image: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly workingDir?: string;
  /** "NAME=value" */
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly hostname: string;
  /** "65532" or "65532:65532" */
  readonly user?: string;
  readonly network: string;
  readonly networkAliases: readonly string[];
  /** Container ports, "8080/tcp"; published where `hostPort` is set. */
  readonly ports: readonly {
    readonly containerPort: number;
    readonly protocol: string;
    readonly hostIp?: string;
    readonly hostPort?: number;
  }[];
  readonly mounts: readonly ContainerMount[];
  readonly isRootReadOnly: boolean;
  readonly isPrivileged: boolean;
  readonly isPrivilegeEscalationAllowed: boolean;
  readonly capabilitiesAdded: readonly string[];
  readonly capabilitiesDropped: readonly string[];
}

/** What a container is told before it is stopped: a command in it, or a GET to it. */
export type PreStopHook =
  | { readonly type: 'exec'; readonly command: readonly string[] }
  | {
      readonly type: 'http';
      readonly isTls: boolean;
      readonly host: string;
      readonly port: number;
      readonly path: string;
      readonly headers: Readonly<Record<string, string>>;
    };

/** How a container ended, kept beside the end of its log. */
export interface ContainerEnding {
  readonly namespace: string;
  readonly podName: string;
  readonly containerId: string;
  readonly image: string;
  readonly exitCode: number;
  /** "OOMKilled", "Completed" or "Error". */
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
}

export type ContainerMount =
  | { readonly type: 'volume'; readonly source: string; readonly target: string; readonly isReadOnly: boolean }
  | { readonly type: 'bind'; readonly source: string; readonly target: string; readonly isReadOnly: boolean }
  | { readonly type: 'tmpfs'; readonly target: string; readonly sizeBytes: number };

interface OperationBase {
  /** What must not have two operations at once: "container:<id>", "pod:<uid>", "network:<name>", "volume:<name>", "image:<reference>". */
  readonly subject: string;
  /** The object it is for: "pod/acts-5d8f7c9b4d-0". */
  readonly resource: string;
  /** Why, for people: "liveness probe failed: HTTP 500". */
  readonly cause: string;
}

export type Operation =
  | (OperationBase & {
      readonly verb: 'PullImage';
      readonly image: string;
      /** "<pod uid>/<restart count>": imagePullPolicy Always wants one pull for each container. */
      readonly forContainer: string;
      /** It was on this host before: nobody's but its owner's to remove. */
      readonly wasPresent: boolean;
      /** Asked for the first time by this pod: earlier failures do not count. */
      readonly isFirst: boolean;
    })
  | (OperationBase & { readonly verb: 'RemoveImage'; readonly image: string })
  | (OperationBase & { readonly verb: 'CreateNetwork'; readonly network: string; readonly labels: Readonly<Record<string, string>> })
  | (OperationBase & { readonly verb: 'RemoveNetwork'; readonly network: string })
  | (OperationBase & { readonly verb: 'CreateVolume'; readonly volume: string; readonly labels: Readonly<Record<string, string>> })
  | (OperationBase & { readonly verb: 'RemoveVolume'; readonly volume: string })
  | (OperationBase & {
      readonly verb: 'WriteFiles';
      readonly directory: string;
      readonly files: readonly { readonly path: string; readonly contentBase64: string; readonly mode: number }[];
    })
  | (OperationBase & { readonly verb: 'CreateContainer'; readonly spec: ContainerSpec })
  | (OperationBase & { readonly verb: 'StartContainer'; readonly containerId: string })
  | (OperationBase & { readonly verb: 'UnpauseContainer'; readonly containerId: string })
  | (OperationBase & {
      readonly verb: 'ConnectNetwork';
      readonly containerId: string;
      readonly network: string;
      readonly aliases: readonly string[];
    })
  | (OperationBase & { readonly verb: 'UpdateResources'; readonly containerId: string; readonly resources: ContainerResources })
  | (OperationBase & {
      readonly verb: 'RunPreStop';
      readonly containerId: string;
      readonly hook: PreStopHook;
      readonly timeoutMs: number;
    })
  | (OperationBase & { readonly verb: 'StopContainer'; readonly containerId: string; readonly graceMs: number })
  | (OperationBase & { readonly verb: 'KillContainer'; readonly containerId: string })
  | (OperationBase & { readonly verb: 'SaveLogs'; readonly containerId: string; readonly podUid: string; readonly ending: ContainerEnding })
  | (OperationBase & { readonly verb: 'RemoveContainer'; readonly containerId: string });

export type Verb = Operation['verb'];
export type OperationOf<V extends Verb> = Extract<Operation, { readonly verb: V }>;

/** One line for people, stable for tests: `KillContainer pod/acts-5d8f7c9b4d-0 0123456789ab: liveness probe failed: HTTP 500`. */
export function formatOperation(operation: Operation): string {
  return formatPlannedOperation(operation, new Map());
}

/** The same with the names of containers instead of their ids, as far as they are known: those to come have no id yet. */
export function formatPlannedOperation(operation: Operation, containerNames: ReadonlyMap<string, string>): string {
  return `${operation.verb} ${operation.resource} ${formatTarget(operation, containerNames)}: ${operation.cause}`;
}

function formatTarget(operation: Operation, containerNames: ReadonlyMap<string, string>): string {
  switch (operation.verb) {
    case 'PullImage':
    case 'RemoveImage':
      return operation.image;
    case 'CreateNetwork':
    case 'RemoveNetwork':
      return operation.network;
    case 'CreateVolume':
    case 'RemoveVolume':
      return operation.volume;
    case 'WriteFiles':
      return operation.directory;
    case 'CreateContainer':
      return operation.spec.name;
    default:
      return containerNames.get(operation.containerId) ?? operation.containerId.slice(0, 12);
  }
}

/** The same text for the same resources. */
export function formatResources({ memoryBytes, nanoCpus, cpuShares }: ContainerResources): string {
  return `${memoryBytes}/${nanoCpus}/${cpuShares}`;
}

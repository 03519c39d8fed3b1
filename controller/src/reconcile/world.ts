/**
 * What a reconciliation reads and what it decides. Everything a decision depends on is in `World`, the clock included;
 * everything it wants is in `Plan`. Nothing here has behaviour.
 */
import type { EndpointTable } from '../model/endpoint-table.ts';
import type { Event, Kind, KubernetesObject, ObjectKey, ObjectOf } from '../model/objects.ts';
import type { ObservedState } from '../model/observed.ts';
import type { Operation } from '../model/operation.ts';

export type ObjectMaps = { readonly [K in Kind]: ReadonlyMap<ObjectKey, ObjectOf<K>> };

export interface World {
  /** Milliseconds of CLOCK_MONOTONIC. */
  readonly nowMs: number;
  /** Milliseconds since the epoch; only for timestamps people read. */
  readonly wallMs: number;
  readonly instance: string;
  readonly objects: ObjectMaps;
  readonly observed: ObservedState;
  readonly memory: Memory;
  /** What is not declared is removed only when the manifests directory was read whole and without errors. */
  readonly isRemovalAllowed: boolean;
  /** False after a start, until what was found running has been probed: so long nobody knows which pods serve. */
  readonly isReadinessKnown: boolean;
  /** `make down`: everything this instance owns stops and goes; volumes too when purging. */
  readonly teardown: 'none' | 'down' | 'purge';
  /** Directory below which WriteFiles puts configMap and secret volumes. */
  readonly volumeDir: string;
}

/** What one pass tells the next; lost with the process, and nothing durable depends on it. */
export interface Memory {
  readonly pods: ReadonlyMap<string, PodMemory>;
  readonly deployments: ReadonlyMap<ObjectKey, DeploymentMemory>;
  /** Since when nothing has named an image that this instance pulled. */
  readonly unusedImages?: ReadonlyMap<string, number>;
}

export interface PodMemory {
  /** The container this pod runs now, and since when it has been ready without a break (undefined: it is not). */
  readonly containerId: string | undefined;
  readonly readySinceMs: number | undefined;
  /** How long the current container was ready before it stopped being so. */
  readonly readyForMs: number;
  /** When its container was last seen created and not started: it is no older, whatever the wall clocks say. Undefined: it ran when first seen. */
  readonly unstartedAtMs: number | undefined;
  /**
   * Since when its container runs that was started before this process looked, or is paused or unpaused, and no probe has answered: nobody
   * knows whether it serves, or will in a moment. Undefined: it is known.
   */
  readonly unprovenSinceMs: number | undefined;
  readonly isPaused: boolean;
  /** The current container is to be killed and replaced, and why. */
  readonly condemned: string | undefined;
  /** The next container may start at this time; 0 = at once. */
  readonly notBeforeMs: number;
  /** The delay that `notBeforeMs` was set by; 0 = none. */
  readonly delayMs: number;
  /** Delay of the next container that was not ready long enough. */
  readonly backoffMs: number;
  /** Why the container before this one was condemned. */
  readonly restartCause: string | undefined;
  readonly restartCount: number;
  /** The end of the container before this one. */
  readonly lastTermination:
    { readonly containerId: string; readonly exitCode: number; readonly reason: string; readonly finishedAtMs: number } | undefined;
  /** Since when the pod is terminating: the drain deadline counts from here. */
  readonly terminatingSinceMs: number | undefined;
  /** Since when its grace period runs: after the drain, when the preStop hook or the signal began. */
  readonly stoppingSinceMs: number | undefined;
  /** The resources that its container was last seen to have as declared; see resources.ts. */
  readonly resourcesTaken: string;
  /** What the last written status said, to write it only on a change. */
  readonly statusDigest: string;
}

export interface DeploymentMemory {
  readonly readyPods: number;
  /** When the number of ready pods last fell, and when it last rose from zero. */
  readonly lostReadyAtMs: number | undefined;
  readonly returnedAtMs: number | undefined;
  /** Liveness failures of the last seconds, for the full-disruption guard. */
  readonly livenessFailures: readonly { readonly podUid: string; readonly atMs: number }[];
  readonly suspension: string | undefined;
  /** A rollout is under way: surge pods are retired only when every new pod is available. */
  readonly isRollingOut: boolean;
  readonly progress: RolloutProgress | undefined;
}

/** How far the newest template has come. Only going further than ever counts: a pod that comes and goes is no progress. */
export interface RolloutProgress {
  /** Of the template, and the replicas: another target starts anew. */
  readonly target: string;
  readonly updated: number;
  readonly available: number;
  readonly old: number;
  readonly atMs: number;
  /** Every pod was new and available once: what happens to pods later is no rollout. */
  readonly isComplete: boolean;
  /** The trouble that was told of last. */
  readonly toldTrouble: string;
}

export type ObjectChange =
  | { readonly type: 'create'; readonly object: KubernetesObject; readonly cause: string }
  | { readonly type: 'update'; readonly object: KubernetesObject; readonly cause: string }
  | { readonly type: 'status'; readonly object: KubernetesObject }
  | { readonly type: 'delete'; readonly kind: Kind; readonly key: ObjectKey; readonly cause: string };

export type EventDraft = Pick<Event, 'involvedObject' | 'type' | 'reason' | 'message'>;

/** Something that would be done but must wait, and for what. */
export interface Wait {
  readonly resource: string;
  readonly text: string;
}

export interface ProbeTargetPlan {
  readonly containerId: string;
  readonly podKey: ObjectKey;
  /** Monotonic milliseconds; undefined = unknown. */
  readonly startedAfterMs: number | undefined;
}

export interface Plan {
  readonly changes: readonly ObjectChange[];
  readonly operations: readonly Operation[];
  readonly events: readonly EventDraft[];
  readonly waits: readonly Wait[];
  /** Containers that are running and want to be probed. */
  readonly probeTargets: readonly ProbeTargetPlan[];
  /** Containers whose probes should run now rather than at their next period. */
  readonly probeNow: readonly string[];
  /** Containers that ended and whose last lines are not known yet. */
  readonly logsWanted: readonly string[];
  readonly endpointTable: Omit<EndpointTable, 'version'>;
  readonly memory: Memory;
  /** The next pass is needed at this time even if nothing happens; undefined = the resync is enough. */
  readonly wakeAtMs: number | undefined;
}

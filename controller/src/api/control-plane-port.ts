/**
 * What the API asks of the rest of the control plane. Everything else it answers from the object store.
 * Reports are for people first: texts are whole sentences without a full stop, times are RFC 3339.
 */
import type { Readable } from 'node:stream';
import type { Condition, KubernetesObject, ObjectKey, Timestamp } from '../model/objects.ts';

export type ControlPlaneErrorCode =
  | 'NotFound'
  /** The request makes no sense for this object, e.g. the logs of a pod that has no container. */
  | 'BadRequest'
  | 'Conflict'
  /** Docker, the ingress or a pod does not answer. */
  | 'Unavailable';

/** Thrown by implementations of the port; any other error is a defect and answered as InternalError. */
export class ControlPlaneError extends Error {
  override readonly name = 'ControlPlaneError';
  readonly code: ControlPlaneErrorCode;

  constructor(code: ControlPlaneErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export interface ManifestProblem {
  /** Relative to the manifests directory. */
  readonly file: string;
  /** From 1; absent when the whole file is meant. */
  readonly line?: number;
  readonly message: string;
}

export interface AutoscalerReport {
  readonly name: string;
  readonly namespace: string;
  /** "deployment/acts" */
  readonly target: string;
  readonly isArmed: boolean;
  readonly armedAt?: Timestamp;
  readonly nextTickAt?: Timestamp;
  /** Requests counted in the window that the next tick will judge. */
  readonly countSoFar: number;
  readonly currentReplicas: number;
  /** What the last tick decided. */
  readonly desiredReplicas?: number;
}

export interface StatusReport {
  readonly version: string;
  /** When what runs was compiled (lifecycle/build.ts); versions before 0.1.0 was finished did not say. */
  readonly build?: string;
  readonly instance: string;
  readonly startedAt: Timestamp;
  /** Where people reach the system, e.g. { name: "acts", url: "http://127.0.0.1/" }. */
  readonly addresses: readonly { readonly name: string; readonly url: string }[];
  readonly manifests: {
    readonly directory: string;
    readonly errors: readonly ManifestProblem[];
    readonly warnings: readonly ManifestProblem[];
  };
  /** Conditions of the control plane itself (StateDurable, EngineReachable, ManifestsValid, ...), fine ones included. */
  readonly conditions: readonly Condition[];
  readonly engine: {
    readonly isReachable: boolean;
    /** Of the first look at it that was not answered. */
    readonly unreachableSince?: Timestamp;
    readonly version?: string;
    readonly message?: string;
  };
  readonly ingress: {
    readonly isConnected: boolean;
    readonly inFlight: number;
    /** Requests waiting for an endpoint. */
    readonly held: number;
    readonly requestsTotal: number;
    readonly heldTotal: number;
    readonly retriedTotal: number;
    readonly failedTotal: number;
    /** Pod name -> requests its container has got; of the pods in rotation. */
    readonly requestsByPod: Readonly<Record<string, number>>;
  };
  readonly autoscalers: readonly AutoscalerReport[];
}

/** What one pass of the loop does. */
export interface PlanStepReport {
  readonly operations: readonly { readonly verb: string; readonly resource: string; readonly cause: string; readonly text: string }[];
  /** Changes to objects. */
  readonly changes: readonly { readonly text: string }[];
}

/** The dry run: what the loop would do now. All empty = everything is as declared. */
export interface PlanReport extends PlanStepReport {
  /** What it would wait for before it goes on. */
  readonly waits: readonly { readonly resource: string; readonly text: string }[];
  /** Where it was asked for: the passes after this one, until everything is as declared, if all goes well. */
  readonly following?: ProjectionReport;
}

export interface ProjectionReport {
  readonly steps: readonly PlanStepReport[];
  /** What is still waited for at the end. */
  readonly waits: readonly { readonly resource: string; readonly text: string }[];
  /** False: it goes on beyond what was looked at. */
  readonly isComplete: boolean;
}

/** One object that applying would create, change or delete. */
export interface ObjectDifference {
  readonly resource: string;
  readonly change: 'create' | 'update' | 'delete';
  /** "acts.yaml:12" */
  readonly source: string;
  /** Values as JSON; an absent one is not there. */
  readonly fields: readonly { readonly path: string; readonly before?: string; readonly after?: string }[];
}

/** What applying manifests would change. With errors all else is empty: they would not be applied. */
export interface DiffReport {
  readonly errors: readonly ManifestProblem[];
  readonly warnings: readonly ManifestProblem[];
  readonly objects: readonly ObjectDifference[];
  /** What would keep deletions from being carried out. */
  readonly conditions: readonly { readonly code: string; readonly message: string }[];
  readonly plan: ProjectionReport;
}

export interface DiffRequest {
  /** Texts that are not in the manifests directory; undefined = that directory as it is now. */
  readonly files: readonly { readonly path: string; readonly content: string }[] | undefined;
  /** With files: they are all that is declared. Deletions that want to be confirmed are. */
  readonly prune: boolean;
}

export interface LogOptions {
  readonly isFollowing: boolean;
  /** The container before this one. */
  readonly isPrevious: boolean;
  readonly hasTimestamps: boolean;
  /** Undefined = all of it. */
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
}

export interface ApplyReport {
  /** "deployment/acts created", ... */
  readonly changes: readonly string[];
  readonly errors: readonly ManifestProblem[];
  readonly warnings: readonly ManifestProblem[];
}

export interface CrashReport {
  readonly pod: string;
  /** host:port the crash request was sent to. */
  readonly address: string;
  readonly containerId: string;
}

export interface ControlPlanePort {
  status(): StatusReport;
  /** Calls back after each pass of the control loop: milliseconds from when it was called for until its plan was begun. */
  onPass(listener: (latencyMs: number) => void): void;
  /** Changes nothing. With `all` the passes after the next one are told too. */
  plan(options: { readonly all: boolean }, signal: AbortSignal): Promise<PlanReport>;
  /** Changes nothing. */
  diff(request: DiffRequest, signal: AbortSignal): Promise<DiffReport>;
  /** Resolves when the log is open; the stream carries stdout and stderr as text, unframed, and ends with the log (or never, when following). */
  readLogs(pod: ObjectKey, options: LogOptions, signal: AbortSignal): Promise<Readable>;
  /** Disarms the HorizontalPodAutoscaler and forgets its counts; the next counted request arms it. */
  resetAutoscaler(autoscaler: ObjectKey): Promise<void>;
  /** Reads the manifests directory now; with `prune` a change that deletes everything, or a claim, is confirmed. */
  applyNow(options: { readonly prune: boolean }): Promise<ApplyReport>;
  /** Asks one ready pod of the Deployment to crash (POST /api/v1/_crash, directly to the pod). */
  crash(deployment: ObjectKey): Promise<CrashReport>;
  /** Of the control plane: the state is loaded, Docker was listed, the first round is done. */
  readiness(): { readonly isReady: boolean; readonly reasons: readonly string[] };
  /** Why the object cannot be taken, one text a field ("spec.replicas: must be >= 0"); none = it is valid. Asked before every write. */
  validate(object: KubernetesObject): readonly string[];
}

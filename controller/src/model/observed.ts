/**
 * What was seen: Docker's containers, networks, volumes and images, probe results and what the ingress acknowledged.
 * Filled by observe/, read by reconcile/. Times are milliseconds of the control plane's monotonic clock unless they say otherwise.
 */

export type ContainerPhase = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

/** What a container may use, as Docker has it. */
export interface ContainerResources {
  /** Bytes; 0 means no limit. */
  readonly memoryBytes: number;
  /** Billionths of a CPU; 0 means no limit. */
  readonly nanoCpus: number;
  /** Docker's relative weight from requests.cpu; 0 means Docker's default. */
  readonly cpuShares: number;
}

/** One container of this instance. Source: GET /containers/json and, after a change, GET /containers/{id}/json. */
export interface ObservedContainer {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  /** The reference it was created from, e.g. "acts:latest". */
  readonly image: string;
  readonly imageId: string;
  readonly phase: ContainerPhase;
  readonly labels: Readonly<Record<string, string>>;
  /** Wall clock, milliseconds; 0 when never started. */
  readonly startedAtMs: number;
  /** Wall clock, milliseconds; 0 when it has not finished. */
  readonly finishedAtMs: number;
  readonly exitCode: number;
  readonly isOomKilled: boolean;
  /** Docker's own message of a failed start, "" when there is none. */
  readonly error: string;
  readonly resources: ContainerResources;
  /** Network name -> address in it ("" while not running). */
  readonly networks: Readonly<Record<string, string>>;
}

export interface ObservedNetwork {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ObservedVolume {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ObservedImage {
  readonly id: string;
  /** Whom its containers run as when nobody says otherwise: "", "app", "1000" or "1000:1000". */
  readonly user: string;
  /** Made by set-up on this host: no registry has it. */
  readonly isBuiltHere: boolean;
}

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

/** The verdict over thresholds of one probe on one container. Made by observe/. */
export interface ProbeVerdict {
  /** undefined until a threshold was reached for the first time. */
  readonly isPassing: boolean | undefined;
  /** Time of the newest result, and of the start of that attempt; 0 when there is none. */
  readonly lastResultAtMs: number;
  readonly lastStartedAtMs: number;
  /** Since when `isPassing` has had its value. */
  readonly sinceMs: number;
  readonly consecutiveFailures: number;
  /** "HTTP 500", "connection refused", ... of the newest failure; "" when there was none. */
  readonly lastFailure: string;
}

export interface ObservedProbes {
  readonly startup?: ProbeVerdict;
  readonly readiness?: ProbeVerdict;
  readonly liveness?: ProbeVerdict;
}

/** What the ingress acknowledged. */
export interface ObservedIngress {
  readonly isConnected: boolean;
  /** Container ids that are in the table the ingress acknowledged last. */
  readonly routedEndpointIds: ReadonlySet<string>;
  /** Container id -> requests in flight; absent means 0. */
  readonly inFlight: ReadonlyMap<string, number>;
}

/** A failed operation that has not succeeded since, by subject (see Operation). */
export interface OperationFailure {
  readonly verb: string;
  readonly code: string;
  readonly message: string;
  readonly count: number;
  readonly lastAtMs: number;
}

export interface ObservedState {
  readonly containers: ReadonlyMap<string, ObservedContainer>;
  readonly networks: ReadonlyMap<string, ObservedNetwork>;
  readonly volumes: ReadonlyMap<string, ObservedVolume>;
  /** Image reference -> image, for the references any pod names; absent means not on this host. */
  readonly images: ReadonlyMap<string, ObservedImage>;
  /** Images that this instance pulled: reference -> image id; "" while it is not known. */
  readonly pulledImages: ReadonlyMap<string, string>;
  /** Directories that WriteFiles has completed; their names carry a digest of their content. */
  readonly writtenDirectories: ReadonlySet<string>;
  readonly probes: ReadonlyMap<string, ObservedProbes>;
  readonly ingress: ObservedIngress;
  /** Container id -> the last lines of one that ended; "" when it said nothing. Bounded: the newest, a few lines each. */
  readonly logTails: ReadonlyMap<string, string>;
  /** Subjects with an operation still running. */
  readonly busySubjects: ReadonlySet<string>;
  readonly failures: ReadonlyMap<string, OperationFailure>;
  /**
   * "SaveLogs <container id>" and "RunPreStop <container id>" that are done, "PullImage <pod uid>/<restart count>" and
   * "UpdateResources <container id> <resources>": what leaves no trace at the engine, or should have left one.
   */
  readonly doneOnce: ReadonlySet<string>;
}

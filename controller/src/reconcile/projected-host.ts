/**
 * What operations do to the observed state when everything goes well: each succeeds, what starts becomes ready at once, and the ingress
 * follows. It begins from what was observed and changes copies only; what is seen to be ill stays ill.
 */
import type { EndpointTable } from '../model/endpoint-table.ts';
import type {
  ObservedContainer,
  ObservedImage,
  ObservedNetwork,
  ObservedProbes,
  ObservedState,
  ObservedVolume,
  OperationFailure,
  ProbeVerdict,
} from '../model/observed.ts';
import type { ContainerSpec, Operation } from '../model/operation.ts';

/** Stand for what only Docker will know. */
const SOME_ADDRESS = 'assigned by Docker';
const SOME_ID = 'known to Docker';
/** No root: what refuses to run as root is taken to be right about its image. */
const SOME_USER = '65534';

export class ProjectedHost {
  readonly #containers: Map<string, ObservedContainer>;
  readonly #networks: Map<string, ObservedNetwork>;
  readonly #volumes: Map<string, ObservedVolume>;
  readonly #images: Map<string, ObservedImage>;
  readonly #pulledImages: Map<string, string>;
  readonly #writtenDirectories: Set<string>;
  readonly #probes: Map<string, ObservedProbes>;
  readonly #failures: Map<string, OperationFailure>;
  readonly #doneOnce: Set<string>;
  readonly #logTails: ReadonlyMap<string, string>;
  readonly #isIngressConnected: boolean;
  #inFlight: ReadonlyMap<string, number>;
  #routed: ReadonlySet<string>;
  #created = 0;

  constructor(observed: ObservedState) {
    this.#containers = new Map(observed.containers);
    this.#networks = new Map(observed.networks);
    this.#volumes = new Map(observed.volumes);
    this.#images = new Map(observed.images);
    this.#pulledImages = new Map(observed.pulledImages);
    this.#writtenDirectories = new Set(observed.writtenDirectories);
    this.#probes = new Map(observed.probes);
    this.#failures = new Map(observed.failures);
    this.#doneOnce = new Set(observed.doneOnce);
    this.#logTails = observed.logTails;
    this.#isIngressConnected = observed.ingress.isConnected;
    this.#inFlight = observed.ingress.inFlight;
    this.#routed = observed.ingress.routedEndpointIds;
  }

  /** As it is now; the maps live on. */
  get observed(): ObservedState {
    return {
      containers: this.#containers,
      networks: this.#networks,
      volumes: this.#volumes,
      images: this.#images,
      pulledImages: this.#pulledImages,
      writtenDirectories: this.#writtenDirectories,
      probes: this.#probes,
      ingress: { isConnected: this.#isIngressConnected, routedEndpointIds: this.#routed, inFlight: this.#inFlight },
      logTails: this.#logTails,
      busySubjects: new Set(),
      failures: this.#failures,
      doneOnce: this.#doneOnce,
    };
  }

  nameOf(containerId: string): string | undefined {
    return this.#containers.get(containerId)?.name;
  }

  perform(operation: Operation, wallMs: number): void {
    this.#failures.delete(operation.subject);
    switch (operation.verb) {
      case 'PullImage':
        if (!this.#images.has(operation.image)) this.#images.set(operation.image, { id: SOME_ID, user: SOME_USER, isBuiltHere: false });
        this.#doneOnce.add(`PullImage ${operation.forContainer}`);
        return;
      case 'RemoveImage':
        this.#images.delete(operation.image);
        this.#pulledImages.delete(operation.image);
        return;
      case 'CreateNetwork':
        this.#networks.set(operation.network, { id: operation.network, name: operation.network, labels: operation.labels });
        return;
      case 'RemoveNetwork':
        for (const [id, { name }] of this.#networks) if (name === operation.network) this.#networks.delete(id);
        return;
      case 'CreateVolume':
        this.#volumes.set(operation.volume, { name: operation.volume, labels: operation.labels });
        return;
      case 'RemoveVolume':
        this.#volumes.delete(operation.volume);
        return;
      case 'WriteFiles':
        this.#writtenDirectories.add(operation.directory);
        return;
      case 'CreateContainer':
        this.#create(operation.spec);
        return;
      default:
        this.#performOn(operation, wallMs);
    }
  }

  /** The ingress takes the table over, requests end, what runs answers its first probes. Returns whether anything changed by that. */
  settle(table: Omit<EndpointTable, 'version'>): boolean {
    let hasChanged = false;
    for (const { id, phase } of this.#containers.values()) hasChanged = (phase === 'running' && this.#answerProbes(id)) || hasChanged;
    if (!this.#isIngressConnected) return hasChanged;
    const routed = new Set(table.services.flatMap(({ endpoints }) => endpoints.map(({ id }) => id)));
    const isSame = routed.size === this.#routed.size && [...routed].every((id) => this.#routed.has(id));
    if (isSame && this.#inFlight.size === 0) return hasChanged;
    this.#routed = routed;
    this.#inFlight = new Map();
    return true;
  }

  #performOn(operation: Extract<Operation, { readonly containerId: string }>, wallMs: number): void {
    const { containerId: id } = operation;
    const container = this.#containers.get(id);
    if (container === undefined) return;
    switch (operation.verb) {
      case 'StartContainer': {
        const networks = Object.fromEntries(Object.keys(container.networks).map((network) => [network, SOME_ADDRESS]));
        this.#containers.set(id, { ...container, phase: 'running', startedAtMs: wallMs, error: '', networks });
        return;
      }
      case 'UnpauseContainer':
        this.#containers.set(id, { ...container, phase: 'running' });
        return;
      case 'UpdateResources':
        this.#containers.set(id, { ...container, resources: operation.resources });
        return;
      case 'ConnectNetwork':
        this.#containers.set(id, { ...container, networks: { ...container.networks, [operation.network]: SOME_ADDRESS } });
        return;
      case 'StopContainer':
      case 'KillContainer':
        this.#containers.set(id, {
          ...container,
          phase: 'exited',
          exitCode: operation.verb === 'KillContainer' ? 137 : 0,
          finishedAtMs: wallMs,
        });
        this.#probes.delete(id);
        return;
      case 'RemoveContainer':
        this.#containers.delete(id);
        return;
      case 'SaveLogs':
      case 'RunPreStop':
        this.#doneOnce.add(`${operation.verb} ${id}`);
    }
  }

  #create(spec: ContainerSpec): void {
    this.#created++;
    const id = `projected container ${this.#created}`;
    this.#containers.set(id, {
      id,
      name: spec.name,
      image: spec.image,
      imageId: this.#images.get(spec.image)?.id ?? '',
      phase: 'created',
      labels: spec.labels,
      startedAtMs: 0,
      finishedAtMs: 0,
      exitCode: 0,
      isOomKilled: false,
      error: '',
      resources: { memoryBytes: spec.memoryBytes, nanoCpus: spec.nanoCpus, cpuShares: spec.cpuShares },
      networks: { [spec.network]: '' },
    });
  }

  /** Probes without a verdict pass; those that have one keep it. */
  #answerProbes(id: string): boolean {
    const { startup, readiness, liveness } = this.#probes.get(id) ?? {};
    const verdicts = { startup: orPassing(startup), readiness: orPassing(readiness), liveness: orPassing(liveness) };
    if (verdicts.startup === startup && verdicts.readiness === readiness && verdicts.liveness === liveness) return false;
    this.#probes.set(id, verdicts);
    return true;
  }
}

const PASSING: ProbeVerdict = {
  isPassing: true,
  lastResultAtMs: 0,
  lastStartedAtMs: 0,
  sinceMs: 0,
  consecutiveFailures: 0,
  lastFailure: '',
};

function orPassing(verdict: ProbeVerdict | undefined): ProbeVerdict {
  return verdict?.isPassing === undefined ? PASSING : verdict;
}

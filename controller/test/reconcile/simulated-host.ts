/**
 * A host for the pure reconcilers: applies plans to objects and an observed state in memory, at once or with delays, on a clock that only
 * the test moves. It is not the fake engine (test/runtime/): it knows no engine calls, only the effects of operations.
 */
import { keyOf } from '../../src/model/objects.ts';
import type { DeclarableObject, Kind, KubernetesObject, ObjectKey, Pod } from '../../src/model/objects.ts';
import type {
  ObservedContainer,
  ObservedImage,
  ObservedNetwork,
  ObservedProbes,
  ObservedVolume,
  OperationFailure,
  ProbeVerdict,
} from '../../src/model/observed.ts';
import { formatOperation, formatResources } from '../../src/model/operation.ts';
import type { Operation } from '../../src/model/operation.ts';
import { checkPlan } from '../../src/loop/plan-check.ts';
import { reconcile } from '../../src/reconcile/reconcile.ts';
import type { Memory, ObjectMaps, Plan, World } from '../../src/reconcile/world.ts';

const KINDS: readonly Kind[] = [
  'Deployment',
  'ReplicaSet',
  'Pod',
  'Service',
  'Ingress',
  'EndpointSlice',
  'HorizontalPodAutoscaler',
  'ConfigMap',
  'Secret',
  'PersistentVolumeClaim',
  'Event',
  'Namespace',
  'Node',
];

export class SimulatedHost {
  nowMs = 1_000_000;
  memory: Memory = { pods: new Map(), deployments: new Map() };
  readonly objects = new Map<Kind, Map<ObjectKey, KubernetesObject>>(KINDS.map((kind) => [kind, new Map<ObjectKey, KubernetesObject>()]));
  readonly containers = new Map<string, ObservedContainer>();
  readonly networks = new Map<string, ObservedNetwork>();
  readonly volumes = new Map<string, ObservedVolume>();
  readonly images = new Map<string, ObservedImage>(
    ['web:1', 'web:2', 'db:1'].map((image) => [image, { id: `sha256:${image}`, user: '', isBuiltHere: false }]),
  );
  readonly pulledImages = new Map<string, string>();
  readonly probes = new Map<string, ObservedProbes>();
  readonly failures = new Map<string, OperationFailure>();
  readonly busy = new Set<string>();
  readonly doneOnce = new Set<string>();
  /** Whether the engine makes the changes of resources that it accepts. */
  areResourcesTaken = true;
  readonly logTails = new Map<string, string>();
  readonly inFlight = new Map<string, number>();
  routed = new Set<string>();
  isIngressConnected = true;
  isRemovalAllowed = true;
  isReadinessKnown = true;
  teardown: World['teardown'] = 'none';
  /** Containers that answer their probes: by default all that run. */
  isHealthy: (container: ObservedContainer) => boolean = () => true;
  readonly trace: string[] = [];
  readonly #made = new Map<string, number>();
  #nextId = 0;
  #version = 0;

  declare(...objects: DeclarableObject[]): this {
    for (const object of objects) {
      const namespaced = { ...object, metadata: { namespace: 'default', ...object.metadata } } as DeclarableObject;
      const known = this.objects.get(object.kind)?.get(keyOf(namespaced));
      this.#put({
        ...namespaced,
        metadata: { ...namespaced.metadata, uid: known?.metadata.uid ?? this.#newUid(namespaced), generation: 1 },
      });
    }
    return this;
  }

  /** Another one each time an object of the same name is made. */
  #newUid(object: DeclarableObject): string {
    const base = `uid-${object.kind}-${keyOf(object)}`;
    const made = (this.#made.get(base) ?? 0) + 1;
    this.#made.set(base, made);
    return made === 1 ? base : `${base}-${made}`;
  }

  undeclare(kind: Kind, name: string): this {
    this.objects.get(kind)?.delete(`default/${name}`);
    return this;
  }

  get<T extends KubernetesObject>(kind: T['kind'], name: string): T {
    return this.objects.get(kind)?.get(`default/${name}`) as T;
  }

  pods(): readonly Pod[] {
    return [...(this.objects.get('Pod')?.values() ?? [])] as Pod[];
  }

  world(): World {
    const maps = Object.fromEntries(KINDS.map((kind) => [kind, this.objects.get(kind)])) as unknown as ObjectMaps;
    return {
      nowMs: this.nowMs,
      wallMs: Date.UTC(2026, 0, 1) + this.nowMs,
      instance: 'default',
      objects: maps,
      memory: this.memory,
      isRemovalAllowed: this.isRemovalAllowed,
      isReadinessKnown: this.isReadinessKnown,
      teardown: this.teardown,
      volumeDir: '/volumes',
      observed: {
        containers: this.containers,
        networks: this.networks,
        volumes: this.volumes,
        images: this.images,
        pulledImages: this.pulledImages,
        writtenDirectories: new Set(),
        probes: this.probes,
        ingress: { isConnected: this.isIngressConnected, routedEndpointIds: this.routed, inFlight: this.inFlight },
        logTails: this.logTails,
        busySubjects: this.busy,
        failures: this.failures,
        doneOnce: this.doneOnce,
      },
    };
  }

  plan(): Plan {
    return reconcile(this.world());
  }

  /** One pass: plan, check, apply everything at once. Returns the plan. */
  step(): Plan {
    const world = this.world();
    const plan = reconcile(world);
    const { violations } = checkPlan(world, plan);
    if (violations.length > 0) throw new Error(`invariant broken: ${violations.join('; ')}`);
    this.memory = plan.memory;
    for (const change of plan.changes) {
      if (change.type === 'delete') this.objects.get(change.kind)?.delete(change.key);
      else if (change.type === 'status') this.#putStatus(change.object);
      else this.#put(change.object);
    }
    for (const operation of plan.operations) {
      this.trace.push(formatOperation(operation));
      this.#perform(operation);
    }
    this.routed = new Set(plan.endpointTable.services.flatMap(({ endpoints }) => endpoints.map(({ id }) => id)));
    return plan;
  }

  /** Steps until a plan has nothing to do, probing and moving the clock in between. */
  converge(rounds = 100, tickMs = 100): this {
    for (let round = 0; round < rounds; round++) {
      this.probe();
      const plan = this.step();
      this.nowMs += tickMs;
      if (plan.operations.length === 0 && plan.changes.length === 0 && plan.wakeAtMs === undefined && plan.waits.length === 0) return this;
    }
    throw new Error(
      `did not converge in ${rounds} rounds: ${JSON.stringify(this.plan().operations.map(formatOperation))} ${JSON.stringify(this.plan().waits)}`,
    );
  }

  run(durationMs: number, tickMs = 100): this {
    for (let spent = 0; spent < durationMs; spent += tickMs) {
      this.probe();
      this.step();
      this.nowMs += tickMs;
    }
    return this;
  }

  /** Gives every running container a fresh probe result. */
  probe(): void {
    for (const container of this.containers.values()) {
      if (container.phase !== 'running') this.probes.delete(container.id);
      else this.#setVerdicts(container.id, this.isHealthy(container));
    }
  }

  change(containerId: string, change: Partial<ObservedContainer>): void {
    const container = this.containers.get(containerId);
    if (container !== undefined) this.containers.set(containerId, { ...container, ...change });
  }

  containersOf(prefix: string): readonly ObservedContainer[] {
    return [...this.containers.values()].filter(({ name }) => name.startsWith(prefix));
  }

  #setVerdicts(id: string, isPassing: boolean): void {
    const previous = this.probes.get(id);
    const verdict = (old: ProbeVerdict | undefined): ProbeVerdict => ({
      isPassing,
      lastResultAtMs: this.nowMs,
      lastStartedAtMs: this.nowMs,
      sinceMs: old?.isPassing === isPassing ? old.sinceMs : this.nowMs,
      consecutiveFailures: isPassing ? 0 : (old?.consecutiveFailures ?? 0) + 1,
      lastFailure: isPassing ? '' : 'HTTP 500',
    });
    const startup = previous?.startup?.isPassing === true ? previous.startup : isPassing ? verdict(previous?.startup) : previous?.startup;
    const hasStarted = startup?.isPassing === true;
    this.probes.set(id, {
      ...(startup !== undefined && { startup }),
      ...(hasStarted && { readiness: verdict(previous?.readiness), liveness: verdict(previous?.liveness) }),
    });
  }

  #put(object: KubernetesObject): void {
    const map = this.objects.get(object.kind);
    const known = map?.get(keyOf(object));
    const status = known !== undefined && 'status' in known ? { status: known.status } : {};
    map?.set(keyOf(object), {
      ...status,
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(++this.#version) },
    } as KubernetesObject);
  }

  #putStatus(object: KubernetesObject): void {
    const map = this.objects.get(object.kind);
    const known = map?.get(keyOf(object));
    if (known !== undefined && 'status' in object) map?.set(keyOf(object), { ...known, status: object.status } as KubernetesObject);
  }

  #perform(operation: Operation): void {
    switch (operation.verb) {
      case 'CreateNetwork':
        this.networks.set(operation.network, { id: operation.network, name: operation.network, labels: operation.labels });
        return;
      case 'RemoveNetwork':
        this.networks.delete(operation.network);
        return;
      case 'CreateVolume':
        this.volumes.set(operation.volume, { name: operation.volume, labels: operation.labels });
        return;
      case 'RemoveVolume':
        this.volumes.delete(operation.volume);
        return;
      case 'CreateContainer': {
        const { spec } = operation;
        if ([...this.containers.values()].some(({ name }) => name === spec.name)) throw new Error(`container name ${spec.name} is taken`);
        const id = `c${String(++this.#nextId).padStart(4, '0')}`;
        this.containers.set(id, {
          id,
          name: spec.name,
          image: spec.image,
          imageId: `sha256:${spec.image}`,
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
        return;
      }
      case 'StartContainer':
        this.#checkPort(operation.containerId);
        this.change(operation.containerId, {
          phase: 'running',
          startedAtMs: this.nowMs,
          networks: Object.fromEntries(
            Object.keys(this.containers.get(operation.containerId)?.networks ?? {}).map((name) => [name, `10.0.0.${this.#nextId}`]),
          ),
        });
        return;
      case 'UpdateResources':
        this.doneOnce.add(`UpdateResources ${operation.containerId} ${formatResources(operation.resources)}`);
        if (this.areResourcesTaken) this.change(operation.containerId, { resources: operation.resources });
        return;
      case 'UnpauseContainer':
        this.change(operation.containerId, { phase: 'running' });
        return;
      case 'StopContainer':
      case 'KillContainer':
        this.change(operation.containerId, {
          phase: 'exited',
          exitCode: operation.verb === 'KillContainer' ? 137 : 0,
          finishedAtMs: this.nowMs,
        });
        return;
      case 'PullImage':
        this.images.set(operation.image, { id: `sha256:${operation.image}`, user: '', isBuiltHere: false });
        if (!operation.wasPresent) this.pulledImages.set(operation.image, `sha256:${operation.image}`);
        this.doneOnce.add(`PullImage ${operation.forContainer}`);
        return;
      case 'RemoveImage':
        this.images.delete(operation.image);
        this.pulledImages.delete(operation.image);
        return;
      case 'RemoveContainer':
        this.containers.delete(operation.containerId);
        return;
      case 'SaveLogs':
      case 'RunPreStop':
        this.doneOnce.add(`${operation.verb} ${operation.containerId}`);
        return;
      default:
        return;
    }
  }

  #checkPort(containerId: string): void {
    const port = this.containers.get(containerId)?.labels['coxswain.dev/host-port'];
    if (port === undefined) return;
    for (const other of this.containers.values()) {
      if (other.id !== containerId && other.phase === 'running' && other.labels['coxswain.dev/host-port'] === port)
        throw new Error(`port ${port} has two owners`);
    }
  }
}

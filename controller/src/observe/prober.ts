/**
 * Runs the probes of all containers and keeps their verdicts. Decides nothing about containers: it is told which to probe, and it tells what it saw.
 */
import type { ContainerPort, Probe } from '../model/objects.ts';
import type { ObservedProbes, ProbeKind } from '../model/observed.ts';
import { systemClock, type Clock } from '../runtime/clock.ts';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';
import { NetworkProbeRunner, type ProbeRunner } from './probe-runner.ts';
import { ProbeSchedule } from './probe-schedule.ts';

export interface ProbeTarget {
  readonly containerId: string;
  readonly podName: string;
  /** On the bridge: docker-proxy accepts connections for a container that does not listen. */
  readonly address: string;
  readonly ports: readonly ContainerPort[];
  readonly startup?: Probe;
  readonly readiness?: Probe;
  readonly liveness?: Probe;
  /** In the prober's clock. Another start of the same container is a new target. */
  readonly startedAtMs: number;
}

export interface ProberOptions {
  readonly runtime: Pick<ContainerRuntime, 'exec'>;
  /** Ends all probing. */
  readonly signal: AbortSignal;
  /** An `isPassing` of this container has a new value. */
  readonly onChange: (containerId: string) => void;
  readonly clock?: Clock;
  /** What sends the probes; the simulation has its own. */
  readonly runner?: ProbeRunner;
}

/** Start times that differ by less are the same start, computed twice. */
const SAME_START_MS = 50;

export class Prober {
  readonly #options: ProberOptions;
  readonly #clock: Clock;
  readonly #runner: ProbeRunner;
  readonly #schedules = new Map<string, ProbeSchedule>();
  readonly #probes = new Map<string, ObservedProbes>();
  #targets: readonly ProbeTarget[] = [];

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#runner = options.runner ?? new NetworkProbeRunner(options.runtime);
    options.signal.addEventListener('abort', () => this.#stop(), { once: true });
  }

  /** By container id; the values are replaced, never changed. */
  get probes(): ReadonlyMap<string, ObservedProbes> {
    return this.#probes;
  }

  /** The containers to probe from now on. The same array, or the same target objects in it, cost next to nothing. */
  sync(targets: readonly ProbeTarget[]): void {
    if (targets === this.#targets || this.#options.signal.aborted) return;
    this.#targets = targets;
    const wanted = new Set<string>();
    for (const target of targets) {
      wanted.add(target.containerId);
      const present = this.#schedules.get(target.containerId);
      if (present && isSame(present.target, target)) continue;
      present?.stop();
      this.#begin(target, present?.slot ?? this.#freeSlot());
    }
    for (const [containerId, schedule] of this.#schedules) {
      if (wanted.has(containerId)) continue;
      schedule.stop();
      this.#schedules.delete(containerId);
      this.#probes.delete(containerId);
    }
  }

  /**
   * Probes at once and updates the verdicts; while the startup probe has not passed, it is that one. Resolves with whether all passed: true for a
   * container without such probes, false for one that is not probed.
   */
  probeNow(containerId: string, kinds: readonly ProbeKind[] = ['readiness', 'liveness']): Promise<boolean> {
    return this.#schedules.get(containerId)?.probeNow(kinds) ?? Promise.resolve(false);
  }

  #begin(target: ProbeTarget, slot: number): void {
    const { containerId } = target;
    const schedule = new ProbeSchedule(target, slot, this.#clock, this.#runner, (isChanged) => {
      this.#probes.set(containerId, schedule.observed);
      if (isChanged) this.#options.onChange(containerId);
    });
    this.#schedules.set(containerId, schedule);
    this.#probes.set(containerId, schedule.observed);
    schedule.start();
  }

  #freeSlot(): number {
    const taken = new Set([...this.#schedules.values()].map((schedule) => schedule.slot));
    let slot = 0;
    while (taken.has(slot)) slot++;
    return slot;
  }

  #stop(): void {
    for (const schedule of this.#schedules.values()) schedule.stop();
    this.#schedules.clear();
    this.#runner.close();
  }
}

function isSame(one: ProbeTarget, other: ProbeTarget): boolean {
  if (one === other) return true;
  if (one.address !== other.address || Math.abs(one.startedAtMs - other.startedAtMs) > SAME_START_MS) return false;
  const isEqual = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
  return (
    isEqual(one.startup, other.startup) &&
    isEqual(one.readiness, other.readiness) &&
    isEqual(one.liveness, other.liveness) &&
    isEqual(one.ports, other.ports)
  );
}

/**
 * Runs the autoscalers: counts in, scale targets out, written to the Deployment's replicas as `kubectl scale` does.
 * The arithmetic is reconcile/autoscaler.ts; here are the effects: durable counts and states, events, conditions.
 */
import type { Logger } from 'pino';
import { ANNOTATION } from '../model/annotations.ts';
import type { CounterKey } from '../model/endpoint-table.ts';
import { keyOf } from '../model/objects.ts';
import type { Deployment, HorizontalPodAutoscaler } from '../model/objects.ts';
import { CountedRequests } from '../observe/counted-requests.ts';
import type { CounterRecord } from '../observe/counted-requests.ts';
import { autoscale, autoscalerStatus, NEW_AUTOSCALER } from '../reconcile/autoscaler.ts';
import type { AutoscalerDecision, AutoscalerState, CounterView } from '../reconcile/autoscaler.ts';
import { parseDurationMs } from '../reconcile/duration.ts';
import { counterKeys } from '../reconcile/service.ts';
import type { ObjectStore } from '../state/object-store.ts';
import type { EventRecorder } from './event-recorder.ts';

export interface AutoscalingOptions {
  readonly store: ObjectStore;
  readonly events: EventRecorder;
  readonly bootId: string;
  readonly wallNow: () => number;
  /** CLOCK_MONOTONIC milliseconds; 0 = unknown. */
  readonly countsCompleteUntilMs: () => number;
  /** Tells the ingress how a counter is armed. */
  readonly arm: (key: CounterKey, armGeneration: number, armedAtMs: number | undefined) => void;
  readonly logger: Logger;
}

export interface AutoscalerView {
  readonly name: string;
  readonly namespace: string;
  readonly armedAtMs: number | undefined;
  readonly nextTickMs: number | undefined;
  readonly countSoFar: number;
}

interface Judgement {
  readonly deployment: Deployment;
  readonly counter: CounterView;
  readonly currentReplicas: number;
  readonly decision: AutoscalerDecision;
}

/** Counts are kept at least this long, and twice as long as any autoscaler looks back. */
const SHORTEST_KEPT_MS = 60_000;

function windowOf({ metadata }: HorizontalPodAutoscaler): number {
  const periods = [ANNOTATION.syncPeriod, ANNOTATION.window].map((name) => parseDurationMs(metadata.annotations?.[name] ?? '') ?? 60_000);
  return 2 * Math.max(...periods);
}

const COUNTER_RECORD = 'counter ';
const STATE_RECORD = 'autoscaler ';

export class Autoscaling {
  readonly #options: AutoscalingOptions;
  readonly counted: CountedRequests;

  constructor(options: AutoscalingOptions) {
    this.#options = options;
    this.counted = new CountedRequests(options.bootId);
    for (const name of options.store.recordNames()) {
      if (!name.startsWith(COUNTER_RECORD)) continue;
      this.counted.load(name.slice(COUNTER_RECORD.length), options.store.getRecord(name) as CounterRecord);
    }
  }

  /** As of now: the count so far grows with every request. */
  views(nowMs: number): readonly AutoscalerView[] {
    return [...this.#options.store.list('HorizontalPodAutoscaler').values()].flatMap((autoscaler) => {
      const judged = this.#judge(autoscaler, nowMs);
      if (judged === undefined) return [];
      const { name, namespace } = autoscaler.metadata;
      const { counter, decision } = judged;
      return [
        {
          name,
          namespace: namespace ?? 'default',
          armedAtMs: counter.armedAtMs,
          nextTickMs: decision.wakeAtMs,
          countSoFar: decision.currentCount,
        },
      ];
    });
  }

  /** The ingress has (re)connected: it learns how every counter is armed. */
  armAll(): void {
    for (const key of this.counted.keys()) {
      const { armGeneration, armedAtMs } = this.counted.arming(key);
      this.#options.arm(key, armGeneration, armedAtMs);
    }
  }

  /** Puts the counts into the store if they have changed; the caller flushes and acknowledges. */
  save(nowMs: number): boolean {
    if (!this.counted.takeDirty()) return false;
    this.counted.prune(nowMs, this.#longestWindowMs());
    for (const key of this.counted.keys()) this.#options.store.putRecord(`${COUNTER_RECORD}${key}`, this.counted.save(key));
    return true;
  }

  /** Evaluates every autoscaler. Returns when the next decision is due (monotonic milliseconds). */
  evaluate(nowMs: number): number | undefined {
    let wakeAtMs: number | undefined;
    for (const autoscaler of this.#options.store.list('HorizontalPodAutoscaler').values()) {
      const atMs = this.#evaluateOne(autoscaler, nowMs);
      if (atMs !== undefined && (wakeAtMs === undefined || atMs < wakeAtMs)) wakeAtMs = atMs;
    }
    return wakeAtMs;
  }

  /** Disarms: the next counted request starts the clock anew. */
  reset(autoscaler: HorizontalPodAutoscaler): void {
    const { store, arm, events } = this.#options;
    for (const key of this.#keysOf(autoscaler)) arm(key, this.counted.reset(key), undefined);
    store.putRecord(`${STATE_RECORD}${keyOf(autoscaler)}`, undefined);
    this.save(0);
    events.about(autoscaler, 'Normal', 'Disarmed', 'Autoscaler reset: the next counted request starts its clock.');
  }

  /** Declared by someone else's hand: does an autoscaler rule over this Deployment? */
  autoscalerOf(deployment: Deployment): HorizontalPodAutoscaler | undefined {
    for (const autoscaler of this.#options.store.list('HorizontalPodAutoscaler').values()) {
      const { kind, name } = autoscaler.spec.scaleTargetRef;
      if (kind === 'Deployment' && name === deployment.metadata.name && autoscaler.metadata.namespace === deployment.metadata.namespace)
        return autoscaler;
    }
    return undefined;
  }

  #longestWindowMs(): number {
    const windows = [...this.#options.store.list('HorizontalPodAutoscaler').values()].map(windowOf);
    return Math.max(SHORTEST_KEPT_MS, ...windows);
  }

  #keysOf(autoscaler: HorizontalPodAutoscaler): readonly CounterKey[] {
    const deployment = this.#targetOf(autoscaler);
    const described = autoscaler.spec.metrics?.[0]?.object.describedObject;
    if (deployment === undefined || described?.kind !== 'Ingress') return [];
    return counterKeys(
      this.#options.store.list('Service').values(),
      deployment,
      `${autoscaler.metadata.namespace ?? ''}/${described.name}`,
    );
  }

  #targetOf({ spec, metadata }: HorizontalPodAutoscaler): Deployment | undefined {
    return this.#options.store.get('Deployment', `${metadata.namespace ?? ''}/${spec.scaleTargetRef.name}`);
  }

  #evaluateOne(autoscaler: HorizontalPodAutoscaler, nowMs: number): number | undefined {
    const { store, wallNow } = this.#options;
    const judged = this.#judge(autoscaler, nowMs);
    if (judged === undefined) return undefined;
    const { deployment, currentReplicas, decision } = judged;
    if (decision.desiredReplicas !== undefined) {
      store.putRecord(`${STATE_RECORD}${keyOf(autoscaler)}`, decision.state);
      this.#carryOut(autoscaler, deployment, decision.desiredReplicas, decision.reason);
    }
    const status = autoscalerStatus(autoscaler, decision, currentReplicas, wallNow());
    if (status !== undefined) {
      this.#announceArming(autoscaler, status);
      store.updateStatus({ ...autoscaler, status });
    }
    return decision.wakeAtMs;
  }

  /** The decision, without its effects. */
  #judge(autoscaler: HorizontalPodAutoscaler, nowMs: number): Judgement | undefined {
    const deployment = this.#targetOf(autoscaler);
    if (deployment === undefined) return undefined;
    const counter = this.#counterOf(autoscaler);
    const currentReplicas = deployment.spec.replicas ?? 1;
    const state = (this.#options.store.getRecord(`${STATE_RECORD}${keyOf(autoscaler)}`) as AutoscalerState | undefined) ?? NEW_AUTOSCALER;
    return { deployment, counter, currentReplicas, decision: autoscale({ autoscaler, currentReplicas, counter, state, nowMs }) };
  }

  #counterOf(autoscaler: HorizontalPodAutoscaler): CounterView {
    return this.counted.view(this.#keysOf(autoscaler), this.#options.countsCompleteUntilMs());
  }

  #carryOut(autoscaler: HorizontalPodAutoscaler, deployment: Deployment, desired: number, reason: string): void {
    const { store, events, logger } = this.#options;
    const current = deployment.spec.replicas ?? 1;
    logger.info({ autoscaler: autoscaler.metadata.name, from: current, to: desired, reason }, 'autoscaler decision');
    if (desired === current) {
      events.about(autoscaler, 'Normal', 'ScalingUnchanged', `Stays at ${current}: ${reason}`);
      return;
    }
    store.update({ ...deployment, spec: { ...deployment.spec, replicas: desired } });
    events.about(autoscaler, 'Normal', 'SuccessfulRescale', `Scaled ${deployment.metadata.name} from ${current} to ${desired}: ${reason}`);
  }

  #announceArming(autoscaler: HorizontalPodAutoscaler, status: NonNullable<HorizontalPodAutoscaler['status']>): void {
    const isActive = (from: HorizontalPodAutoscaler['status']): boolean =>
      from?.conditions?.some(({ type, status: is }) => type === 'ScalingActive' && is === 'True') ?? false;
    if (isActive(status) && autoscaler.status !== undefined && !isActive(autoscaler.status)) {
      this.#options.events.about(autoscaler, 'Normal', 'Armed', 'The first counted request started the clock.');
    }
  }
}

/**
 * HorizontalPodAutoscaler: from counted requests to a scale target, with Kubernetes' arithmetic.
 * Ticks lie at armedAt + k * syncPeriod; a tick takes the count of its own window, also when it is evaluated late.
 * Never: a decision from counts that are incomplete (the ingress is away), or while unarmed.
 */
import { ANNOTATION } from '../model/annotations.ts';
import { deepEqual } from '../model/deep-equal.ts';
import type { Condition, HorizontalPodAutoscaler, ObjectMetric, ScalingRules } from '../model/objects.ts';
import { parseQuantity } from '../model/quantity.ts';
import { parseDurationMs } from './duration.ts';

/** What is known of the counted requests of one autoscaler. Times: CLOCK_MONOTONIC milliseconds. */
export interface CounterView {
  /** undefined = unarmed: no counted request since the last reset. */
  readonly armedAtMs: number | undefined;
  /** Requests with fromMs <= arrival < toMs, both relative to `armedAtMs`. */
  readonly countBetween: (fromMs: number, toMs: number) => number;
  /** Whether everything that arrived before this time (absolute) is known. */
  readonly completeUntilMs: number;
}

/** Durable: survives restarts of the control plane in mid-window. */
export interface AutoscalerState {
  /** The arming this state belongs to; with another one it means nothing. */
  readonly armedAtMs: number;
  /** The last tick that was evaluated, counted from the arming; 0 = none. */
  readonly lastTick: number;
  /** Replicas recommended at recent ticks, for the stabilization windows. */
  readonly recommendations: readonly { readonly atMs: number; readonly replicas: number }[];
  /** Changes made, for the scaling policies. */
  readonly changes: readonly { readonly atMs: number; readonly from: number; readonly to: number }[];
}

export const NEW_AUTOSCALER: AutoscalerState = { armedAtMs: 0, lastTick: 0, recommendations: [], changes: [] };

export interface AutoscalerInput {
  readonly autoscaler: HorizontalPodAutoscaler;
  readonly currentReplicas: number;
  readonly counter: CounterView;
  readonly state: AutoscalerState;
  readonly nowMs: number;
}

export interface AutoscalerDecision {
  readonly state: AutoscalerState;
  /** Set when a tick was evaluated; equal to the current replicas = keep. */
  readonly desiredReplicas: number | undefined;
  /** "42 requests in 120 s / 19.99 per replica = 3": for the event. */
  readonly reason: string;
  readonly conditions: readonly Condition[];
  readonly currentCount: number;
  readonly wakeAtMs: number | undefined;
}

/** Reports of the ingress reach the control plane within this time of a boundary. */
const REPORT_LAG_MS = 150;
const HISTORY_MOST = 64;

interface Settings {
  readonly syncPeriodMs: number;
  readonly windowMs: number;
  /** Thousandths of a request per replica, so that 19990m is exact. */
  readonly targetMilli: number;
  readonly isPerReplica: boolean;
  readonly min: number;
  readonly max: number;
}

export function autoscale(input: AutoscalerInput): AutoscalerDecision {
  const { autoscaler, counter, nowMs, currentReplicas } = input;
  const state = input.state.armedAtMs === counter.armedAtMs ? input.state : { ...NEW_AUTOSCALER, armedAtMs: counter.armedAtMs ?? 0 };
  const metric = autoscaler.spec.metrics?.[0];
  if (metric === undefined) return inactive(state, 'FailedGetObjectMetric', 'No metric is declared.');
  const settings = settingsOf(autoscaler, metric);
  if (counter.armedAtMs === undefined)
    return inactive(NEW_AUTOSCALER, 'NotArmed', 'No counted request yet: the first one starts the clock.');
  if (currentReplicas === 0 && settings.min > 0) return inactive(state, 'ScalingDisabled', 'The Deployment is scaled to 0 by hand.');
  const tick = Math.floor((nowMs - counter.armedAtMs - REPORT_LAG_MS) / settings.syncPeriodMs);
  const nextAtMs = counter.armedAtMs + (Math.max(tick, 0) + 1) * settings.syncPeriodMs + REPORT_LAG_MS;
  const sinceArmedMs = nowMs - counter.armedAtMs;
  const windowStartMs =
    settings.windowMs === settings.syncPeriodMs ? Math.max(tick, 0) * settings.syncPeriodMs : sinceArmedMs - settings.windowMs;
  const currentCount = counter.countBetween(Math.max(windowStartMs, 0), sinceArmedMs + 1);
  const active = condition(
    'ScalingActive',
    'True',
    'ValidMetricFound',
    `Armed; next decision in ${Math.max(0, Math.round((nextAtMs - nowMs) / 1000))} s.`,
  );
  const waiting: AutoscalerDecision = {
    state,
    desiredReplicas: undefined,
    reason: '',
    conditions: [stable(active)],
    currentCount,
    wakeAtMs: nextAtMs,
  };
  if (tick < 1 || tick <= state.lastTick) return waiting;
  const boundaryMs = tick * settings.syncPeriodMs;
  if (counter.completeUntilMs < counter.armedAtMs + boundaryMs) {
    return {
      ...waiting,
      wakeAtMs: undefined,
      conditions: [condition('ScalingActive', 'Unknown', 'FailedGetObjectMetric', 'The ingress is away: its counts are incomplete.')],
    };
  }
  const count = counter.countBetween(Math.max(boundaryMs - settings.windowMs, 0), boundaryMs);
  const { desired, limited, reason } = decide(autoscaler, settings, count, currentReplicas, state, counter.armedAtMs + boundaryMs);
  const atMs = counter.armedAtMs + boundaryMs;
  return {
    state: {
      armedAtMs: counter.armedAtMs,
      lastTick: tick,
      recommendations: [...state.recommendations, { atMs, replicas: recommended(settings, count, currentReplicas, autoscaler) }].slice(
        -HISTORY_MOST,
      ),
      changes:
        desired === currentReplicas ? state.changes : [...state.changes, { atMs, from: currentReplicas, to: desired }].slice(-HISTORY_MOST),
    },
    desiredReplicas: desired,
    reason,
    conditions: [
      stable(active),
      condition('ScalingLimited', limited === '' ? 'False' : 'True', limited === '' ? 'DesiredWithinRange' : limited, reason),
    ],
    currentCount,
    wakeAtMs: nextAtMs,
  };
}

/** The message of a condition must not change every second: at rest nothing is written. */
function stable(active: Condition): Condition {
  return { ...active, message: 'Armed: counting requests.' };
}

function settingsOf({ metadata, spec }: HorizontalPodAutoscaler, { object }: ObjectMetric): Settings {
  const syncPeriodMs = parseDurationMs(metadata.annotations?.[ANNOTATION.syncPeriod] ?? '') ?? 15_000;
  const windowMs = parseDurationMs(metadata.annotations?.[ANNOTATION.window] ?? '') ?? 60_000;
  const { averageValue, value } = object.target;
  return {
    syncPeriodMs,
    windowMs,
    targetMilli: Math.max(1, Math.round((parseQuantity(averageValue ?? value ?? 1) ?? 1) * 1000)),
    isPerReplica: averageValue !== undefined,
    min: spec.minReplicas ?? 1,
    max: spec.maxReplicas,
  };
}

/** ceil(count / target), unless the ratio is within the tolerance of 1. */
function recommended(settings: Settings, count: number, current: number, autoscaler: HorizontalPodAutoscaler): number {
  const { targetMilli, isPerReplica } = settings;
  const ratio = isPerReplica ? (count * 1000) / (targetMilli * Math.max(current, 1)) : (count * 1000) / targetMilli;
  const rules = ratio > 1 ? autoscaler.spec.behavior?.scaleUp : autoscaler.spec.behavior?.scaleDown;
  const tolerance = rules?.tolerance === undefined ? 0.1 : (parseQuantity(rules.tolerance) ?? 0.1);
  if (current > 0 && Math.abs(ratio - 1) <= tolerance) return current;
  return isPerReplica ? Math.ceil((count * 1000) / targetMilli) : Math.ceil(Math.max(current, 1) * ratio);
}

function decide(
  autoscaler: HorizontalPodAutoscaler,
  settings: Settings,
  count: number,
  current: number,
  state: AutoscalerState,
  atMs: number,
): { readonly desired: number; readonly limited: string; readonly reason: string } {
  const raw = recommended(settings, count, current, autoscaler);
  const stabilized = stabilize(autoscaler, raw, current, state, atMs);
  const allowed = applyPolicies(autoscaler, stabilized, current, state, atMs);
  const desired = Math.min(Math.max(allowed, settings.min), settings.max);
  const limited =
    allowed < settings.min ? 'TooFewReplicas' : allowed > settings.max ? 'TooManyReplicas' : allowed !== stabilized ? 'ScaleLimited' : '';
  const windowText = `${settings.windowMs / 1000} s`;
  const rule = settings.isPerReplica ? `at ${settings.targetMilli / 1000} per replica` : `for a target of ${settings.targetMilli / 1000}`;
  const bounded = desired === raw ? '' : ` (bounded from ${raw})`;
  return {
    desired,
    limited,
    reason: `${count} requests in ${windowText} ${rule} need ${desired} replica${desired === 1 ? '' : 's'}${bounded}`,
  };
}

/** Down: the highest recommendation of the window; up: the lowest. */
function stabilize(autoscaler: HorizontalPodAutoscaler, raw: number, current: number, state: AutoscalerState, atMs: number): number {
  const { scaleUp, scaleDown } = autoscaler.spec.behavior ?? {};
  const within = (windowSeconds: number): number[] =>
    state.recommendations.filter((entry) => atMs - entry.atMs < windowSeconds * 1000).map(({ replicas }) => replicas);
  if (raw < current) return Math.min(current, Math.max(raw, ...within(scaleDown?.stabilizationWindowSeconds ?? 300)));
  if (raw > current) return Math.max(current, Math.min(raw, ...within(scaleUp?.stabilizationWindowSeconds ?? 0)));
  return raw;
}

const DEFAULT_UP: ScalingRules = {
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const DEFAULT_DOWN: ScalingRules = { policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] };

function applyPolicies(autoscaler: HorizontalPodAutoscaler, wanted: number, current: number, state: AutoscalerState, atMs: number): number {
  if (wanted === current) return current;
  const isUp = wanted > current;
  const declared = isUp ? autoscaler.spec.behavior?.scaleUp : autoscaler.spec.behavior?.scaleDown;
  const rules = isUp ? { ...DEFAULT_UP, ...declared } : { ...DEFAULT_DOWN, ...declared };
  if (rules.selectPolicy === 'Disabled') return current;
  const bounds = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const recent = state.changes.filter((change) => atMs - change.atMs < periodSeconds * 1000 && change.to > change.from === isUp);
    const moved = recent.reduce((sum, { from, to }) => sum + (to - from), 0);
    const start = current - moved;
    const step = type === 'Pods' ? value : Math.ceil((start * value) / 100);
    return isUp ? start + step : start - step;
  });
  if (bounds.length === 0) return wanted;
  const isMost = (rules.selectPolicy ?? 'Max') === 'Max';
  const bound = isUp === isMost ? Math.max(...bounds) : Math.min(...bounds);
  return isUp ? Math.min(wanted, Math.max(bound, current)) : Math.max(wanted, Math.min(bound, current));
}

function inactive(state: AutoscalerState, reason: string, message: string): AutoscalerDecision {
  return {
    state,
    desiredReplicas: undefined,
    reason: '',
    conditions: [condition('ScalingActive', 'False', reason, message)],
    currentCount: 0,
    wakeAtMs: undefined,
  };
}

function condition(type: string, status: Condition['status'], reason: string, message: string): Condition {
  return { type, status, reason, message };
}

/** The autoscaler's status object, with transition times kept where nothing changed; undefined when it says the same as before. */
export function autoscalerStatus(
  autoscaler: HorizontalPodAutoscaler,
  decision: AutoscalerDecision,
  currentReplicas: number,
  wallMs: number,
): HorizontalPodAutoscaler['status'] | undefined {
  const now = new Date(wallMs).toISOString();
  const previous = autoscaler.status;
  const conditions = decision.conditions.map((wanted) => {
    const same = previous?.conditions?.find(({ type, status }) => type === wanted.type && status === wanted.status);
    return { ...wanted, lastTransitionTime: same?.lastTransitionTime ?? now };
  });
  const hasScaled = decision.desiredReplicas !== undefined && decision.desiredReplicas !== currentReplicas;
  const metric = autoscaler.spec.metrics?.[0];
  const lastScaleTime = hasScaled ? now : previous?.lastScaleTime;
  const status = {
    observedGeneration: autoscaler.metadata.generation ?? 1,
    ...(lastScaleTime !== undefined && { lastScaleTime }),
    currentReplicas,
    desiredReplicas: decision.desiredReplicas ?? previous?.desiredReplicas ?? currentReplicas,
    ...(metric !== undefined && {
      currentMetrics: [
        {
          type: 'Object' as const,
          object: {
            describedObject: metric.object.describedObject,
            metric: metric.object.metric,
            current: { value: decision.currentCount },
          },
        },
      ],
    }),
    conditions,
  };
  return deepEqual(status, previous ?? {}) ? undefined : status;
}

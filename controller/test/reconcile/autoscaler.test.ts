import { expect } from 'chai';
import fc from 'fast-check';
import type { HorizontalPodAutoscaler } from '../../src/model/objects.ts';
import { autoscale, NEW_AUTOSCALER } from '../../src/reconcile/autoscaler.ts';
import type { AutoscalerState, CounterView } from '../../src/reconcile/autoscaler.ts';

const ARMED_AT_MS = 5_000;
const WINDOW_MS = 120_000;

/** The shipped autoscaler of acts. */
function actsAutoscaler(changes: Partial<HorizontalPodAutoscaler['spec']> = {}): HorizontalPodAutoscaler {
  const rules = { stabilizationWindowSeconds: 0, tolerance: 0, policies: [{ type: 'Pods' as const, value: 10, periodSeconds: 120 }] };
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'acts', namespace: 'default', annotations: { 'coxswain.dev/sync-period': '120s', 'coxswain.dev/window': '120s' } },
    spec: {
      scaleTargetRef: { kind: 'Deployment', name: 'acts' },
      minReplicas: 1,
      maxReplicas: 10,
      metrics: [
        {
          type: 'Object',
          object: {
            describedObject: { kind: 'Ingress', name: 'acts' },
            metric: { name: 'requests-per-window' },
            target: { type: 'AverageValue', averageValue: '19990m' },
          },
        },
      ],
      behavior: { scaleUp: rules, scaleDown: rules },
      ...changes,
    },
  };
}

/** Requests by their arrival, milliseconds since the arming. */
function counterOf(arrivals: readonly number[], completeUntilMs = Infinity): CounterView {
  const countBetween = (fromMs: number, toMs: number): number => arrivals.filter((at) => at >= fromMs && at < toMs).length;
  return { armedAtMs: arrivals.length === 0 ? undefined : ARMED_AT_MS, completeUntilMs, countBetween };
}

function decide(requests: number, currentReplicas = 1, autoscaler = actsAutoscaler()): number | undefined {
  const arrivals = Array.from({ length: requests }, (_, index) => index);
  return autoscale({
    autoscaler,
    currentReplicas,
    counter: counterOf(arrivals),
    state: NEW_AUTOSCALER,
    nowMs: ARMED_AT_MS + WINDOW_MS + 200,
  }).desiredReplicas;
}

describe('autoscale', () => {
  for (const [requests, replicas] of [
    [1, 1],
    [19, 1],
    [20, 2],
    [39, 2],
    [40, 3],
    [59, 3],
    [179, 9],
    [180, 10],
    [199, 10],
    [1000, 10],
  ] as const) {
    it(`${requests} requests in the window need ${replicas}`, () => {
      expect(decide(requests)).to.equal(replicas);
      expect(decide(requests, 10), 'from above as well').to.equal(replicas);
    });
  }

  it('gives floor(n / 20) + 1 within its bounds, from any number of replicas', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 10 }), (requests, current) => {
        expect(decide(requests, current)).to.equal(Math.min(10, Math.floor(requests / 20) + 1));
      }),
    );
  });

  it('is unarmed before the first counted request, and decides nothing', () => {
    const decision = autoscale({
      autoscaler: actsAutoscaler(),
      currentReplicas: 3,
      counter: counterOf([]),
      state: NEW_AUTOSCALER,
      nowMs: 1e9,
    });
    expect(decision.desiredReplicas).to.equal(undefined);
    expect(decision.conditions).to.deep.equal([
      { type: 'ScalingActive', status: 'False', reason: 'NotArmed', message: 'No counted request yet: the first one starts the clock.' },
    ]);
  });

  it('decides once per window, each on its own requests, also when it looks late', () => {
    // 25 in the first window, 45 in the second, none in the third.
    const arrivals = [
      ...Array.from({ length: 25 }, (_, index) => index * 100),
      ...Array.from({ length: 45 }, (_, index) => WINDOW_MS + index * 100),
    ];
    let state: AutoscalerState = NEW_AUTOSCALER;
    let current = 1;
    const decisions: [number, number][] = [];
    for (let nowMs = ARMED_AT_MS; nowMs < ARMED_AT_MS + 3.5 * WINDOW_MS; nowMs += 7_001) {
      const decision = autoscale({ autoscaler: actsAutoscaler(), currentReplicas: current, counter: counterOf(arrivals), state, nowMs });
      if (decision.desiredReplicas === undefined) continue;
      state = decision.state;
      current = decision.desiredReplicas;
      decisions.push([state.lastTick, current]);
    }
    expect(decisions).to.deep.equal([
      [1, 2],
      [2, 3],
      [3, 1],
    ]);
  });

  it('waits for the ingress when its counts are incomplete, and then decides for the same window', () => {
    const input = { autoscaler: actsAutoscaler(), currentReplicas: 1, state: NEW_AUTOSCALER };
    const arrivals = Array.from({ length: 20 }, (_, index) => index);
    const nowMs = ARMED_AT_MS + WINDOW_MS + 500;
    const away = autoscale({ ...input, nowMs, counter: counterOf(arrivals, ARMED_AT_MS + 1_000) });
    expect(away.desiredReplicas).to.equal(undefined);
    expect(away.conditions[0]?.reason).to.equal('FailedGetObjectMetric');
    expect(autoscale({ ...input, nowMs: nowMs + 5_000, counter: counterOf(arrivals) }).desiredReplicas).to.equal(2);
  });

  it('forgets the state of an earlier arming', () => {
    const counter = counterOf(Array.from({ length: 20 }, (_, index) => index));
    const state = { ...NEW_AUTOSCALER, armedAtMs: 1, lastTick: 99 };
    expect(
      autoscale({ autoscaler: actsAutoscaler(), currentReplicas: 1, counter, state, nowMs: ARMED_AT_MS + WINDOW_MS + 200 }).desiredReplicas,
    ).to.equal(2);
  });

  it('leaves a Deployment alone that was scaled to 0 by hand', () => {
    const counter = counterOf([0, 1, 2]);
    const decision = autoscale({
      autoscaler: actsAutoscaler(),
      currentReplicas: 0,
      counter,
      state: NEW_AUTOSCALER,
      nowMs: ARMED_AT_MS + WINDOW_MS + 200,
    });
    expect([decision.desiredReplicas, decision.conditions[0]?.reason]).to.deep.equal([undefined, 'ScalingDisabled']);
  });

  it('keeps the highest recommendation of the stabilization window on the way down', () => {
    const behavior = { scaleDown: { stabilizationWindowSeconds: 600, tolerance: 0 }, scaleUp: { tolerance: 0 } };
    const autoscaler = actsAutoscaler({ behavior });
    const atMs = ARMED_AT_MS + WINDOW_MS;
    const state: AutoscalerState = {
      armedAtMs: ARMED_AT_MS,
      lastTick: 0,
      changes: [],
      recommendations: [{ atMs: atMs - 60_000, replicas: 4 }],
    };
    const counter = counterOf([0]);
    expect(autoscale({ autoscaler, currentReplicas: 6, counter, state, nowMs: atMs + 200 }).desiredReplicas).to.equal(4);
  });

  it('is bounded by its scaling policies', () => {
    const policies = [{ type: 'Pods' as const, value: 2, periodSeconds: 120 }];
    const behavior = { scaleUp: { tolerance: 0, stabilizationWindowSeconds: 0, policies }, scaleDown: { tolerance: 0 } };
    expect(decide(180, 1, actsAutoscaler({ behavior }))).to.equal(3);
  });

  it('does not move within the tolerance', () => {
    const behavior = { scaleUp: { tolerance: '0.1' }, scaleDown: { tolerance: '0.1' } };
    expect(decide(21, 1, actsAutoscaler({ behavior })), '5 % over').to.equal(1);
    expect(decide(23, 1, actsAutoscaler({ behavior })), '15 % over').to.equal(2);
  });
});

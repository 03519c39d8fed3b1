/** The arithmetic of rollouts, case by case as Kubernetes works them out. */
import { expect } from 'chai';
import { holdStill, recreate, rollOut, rolloutBounds } from '../../src/reconcile/rollout.ts';
import type { PodCounts, RolloutState } from '../../src/reconcile/rollout.ts';
import { makeDeployment } from './objects.ts';

describe('rolloutBounds', () => {
  const rows: readonly (readonly [
    surge: number | string | undefined,
    unavailable: number | string | undefined,
    replicas: number,
    is: string,
  ])[] = [
    [undefined, undefined, 0, '0 0'],
    [undefined, undefined, 1, '1 0'],
    [undefined, undefined, 3, '1 0'],
    [undefined, undefined, 4, '1 1'],
    [undefined, undefined, 10, '3 2'],
    [1, 1, 0, '1 0'],
    [1, 1, 1, '1 1'],
    [2, 0, 10, '2 0'],
    [0, 0, 10, '0 1'],
    ['0%', '0%', 10, '0 1'],
    // Rounded down to nothing, and no surge: one pod may be missing, or nothing would ever move.
    [0, '10%', 3, '0 1'],
    [0, '10%', 10, '0 1'],
    [0, '19%', 10, '0 1'],
    ['1%', '99%', 10, '1 9'],
    ['7%', '7%', 100, '7 7'],
    ['29%', '57%', 100, '29 57'],
    ['100%', '100%', 3, '3 3'],
    ['150%', '25%', 10, '15 2'],
    [20, 20, 3, '20 3'],
  ];
  for (const [maxSurge, maxUnavailable, replicas, expected] of rows) {
    it(`maxSurge ${maxSurge ?? 'default'}, maxUnavailable ${maxUnavailable ?? 'default'} of ${replicas}: ${expected}`, () => {
      const options = { ...(maxSurge !== undefined && { maxSurge }), ...(maxUnavailable !== undefined && { maxUnavailable }) };
      const bounds = rolloutBounds(makeDeployment(options).spec, replicas);
      expect(`${bounds.maxSurge} ${bounds.maxUnavailable}`).to.equal(expected);
    });
  }
});

/** "new a/b old c/d": a pods of which b are available. */
const state = (
  text: string,
  replicas: number,
  maxSurge: number,
  maxUnavailable: number,
  more: Partial<Omit<RolloutState, 'displaced'>> & { readonly displaced?: number; readonly displacedAvailable?: number } = {},
): RolloutState => {
  const { displaced = 0, displacedAvailable = displaced, ...rest } = more;
  const counts = (active: number, available: number): PodCounts => ({ active, ready: available, available });
  const [newActive = 0, newAvailable = 0, oldActive = 0, oldAvailable = 0] = text.match(/\d+/g)?.map(Number) ?? [];
  return {
    replicas,
    bounds: { maxSurge, maxUnavailable },
    newPods: counts(newActive, newAvailable),
    oldPods: counts(oldActive, oldAvailable),
    terminating: 0,
    freePorts: undefined,
    displaced: counts(displaced, displacedAvailable),
    isRollingOut: true,
    ...rest,
  };
};

it('rolloutBounds of Recreate: no surge, and all count', () => {
  expect(rolloutBounds(makeDeployment({ strategy: 'Recreate' }).spec, 4)).to.deep.equal({ maxSurge: 0, maxUnavailable: 0 });
});

describe('rollOut', () => {
  const rows: readonly { name: string; state: RolloutState; is: string }[] = [
    { name: 'begins with the surge', state: state('new 0/0 old 10/10', 10, 2, 0), is: 'new 2 old 10' },
    { name: 'begins with surge and unavailable together', state: state('new 0/0 old 10/10', 10, 3, 2), is: 'new 5 old 8' },
    { name: 'waits for the surge pods to serve', state: state('new 2/0 old 10/10', 10, 2, 0), is: 'new 2 old 10' },
    { name: 'lets one old pod go for each new one that serves', state: state('new 2/1 old 10/10', 10, 2, 0), is: 'new 3 old 9' },
    { name: 'fills up what old pods gave back', state: state('new 2/2 old 8/8', 10, 2, 0), is: 'new 4 old 8' },
    { name: 'makes no more new pods than replicas', state: state('new 9/9 old 2/2', 10, 5, 0), is: 'new 10 old 1' },
    { name: 'ends', state: state('new 10/10 old 2/2', 10, 2, 0), is: 'new 10 old 0' },
    { name: 'without a surge lets a new pod come for each old one that goes', state: state('new 0/0 old 3/3', 3, 0, 1), is: 'new 1 old 2' },
    { name: 'without a surge fills the gap', state: state('new 0/0 old 2/2', 3, 0, 1), is: 'new 1 old 2' },
    { name: 'lets old pods that do not serve go first, they cost nothing', state: state('new 2/0 old 10/7', 10, 2, 3), is: 'new 5 old 7' },
    { name: 'does not count on new pods that are still starting', state: state('new 3/0 old 10/8', 10, 3, 2), is: 'new 5 old 8' },
    {
      name: 'with nothing that serves, replaces what is broken within its bounds',
      state: state('new 0/0 old 4/0', 4, 1, 1),
      is: 'new 2 old 3',
    },
    { name: 'of one replica', state: state('new 0/0 old 1/1', 1, 1, 0), is: 'new 1 old 1' },
    { name: 'of one replica that may be missing', state: state('new 0/0 old 1/1', 1, 0, 1), is: 'new 1 old 0' },
    {
      name: 'of one replica that may be missing, beside a surge: it stays until another serves',
      state: state('new 0/0 old 1/1', 1, 1, 1),
      is: 'new 1 old 1',
    },
    { name: 'then it goes', state: state('new 1/1 old 1/1', 1, 1, 1), is: 'new 1 old 0' },
    { name: 'all may be missing: the last one that serves stays', state: state('new 0/0 old 3/3', 3, 1, 3), is: 'new 3 old 1' },
    {
      name: 'pinned, of one replica that may be missing: the same',
      state: state('new 0/0 old 1/1', 1, 1, 1, { freePorts: 9 }),
      is: 'new 1 old 1',
    },
    { name: 'of none: the old pods go', state: state('new 0/0 old 2/2', 0, 0, 0), is: 'new 0 old 0' },
    { name: 'scaled up in the middle: the new template grows', state: state('new 2/2 old 3/3', 10, 2, 0), is: 'new 9 old 3' },
    { name: 'scaled down in the middle: the old template shrinks', state: state('new 2/2 old 8/8', 4, 1, 1), is: 'new 4 old 1' },
    { name: 'scaled below the new pods', state: state('new 4/4 old 4/4', 2, 1, 0), is: 'new 2 old 0' },
    {
      name: 'pinned: counts the pods that still hold a port',
      state: state('new 1/1 old 2/2', 3, 1, 1, { freePorts: 6, terminating: 1 }),
      is: 'new 1 old 1',
    },
    {
      name: 'pinned, no free port and none may be missing: nothing moves',
      state: state('new 0/0 old 3/3', 3, 1, 0, { freePorts: 0 }),
      is: 'new 0 old 3 NoFreePort',
    },
    {
      name: 'pinned: the surge stays until the end',
      state: state('new 3/3 old 1/1', 3, 1, 0, { freePorts: 6, displaced: 1 }),
      is: 'new 3 old 0',
    },
    {
      name: 'pinned: the surge is matched in place before it goes',
      state: state('new 3/3 old 0/0', 3, 1, 0, { freePorts: 6, displaced: 1 }),
      is: 'new 4 old 0',
    },
    {
      name: 'pinned: the surge goes last',
      state: state('new 4/4 old 0/0', 3, 1, 0, { freePorts: 6, displaced: 1 }),
      is: 'new 3 old 0',
    },
    {
      name: 'pinned, scaled to none: a surge pod that never served goes as well',
      state: state('new 1/0 old 0/0', 0, 1, 0, { freePorts: 6, displaced: 1 }),
      is: 'new 0 old 0',
    },
    {
      name: 'pinned, scaled down in the middle: the only pod that serves does not go before another one does',
      state: state('new 1/1 old 0/0', 2, 0, 1, { freePorts: 3, displaced: 1 }),
      is: 'new 2 old 0',
    },
    {
      name: 'pinned, scaled down in the middle: it goes once another one serves in place',
      state: state('new 2/2 old 0/0', 2, 0, 1, { freePorts: 3, displaced: 1 }),
      is: 'new 1 old 0',
    },
    {
      name: 'pinned, its beginning forgotten: what serves beyond the ports stays until its successor in place serves',
      state: state('new 2/1 old 0/0', 1, 1, 0, { freePorts: 3, displaced: 1, isRollingOut: false }),
      is: 'new 2 old 0',
    },
    {
      name: 'pinned, no rollout: a port below is free, so the pod beyond moves there',
      state: state('new 2/2 old 0/0', 2, 1, 0, { freePorts: 3, displaced: 1, isRollingOut: false }),
      is: 'new 3 old 0',
    },
    {
      name: 'pinned, a scale-down: goes at once when none is needed',
      state: state('new 4/4 old 0/0', 2, 1, 0, { freePorts: 1, displaced: 2, isRollingOut: false }),
      is: 'new 2 old 0',
    },
    {
      name: 'pinned, a scale-down while a lower pod is down: as far as others serve, to the surge',
      state: state('new 4/3 old 0/0', 2, 1, 0, { freePorts: 1, displaced: 2, isRollingOut: false }),
      is: 'new 3 old 0',
    },
    {
      name: 'pinned, a scale-down while a lower pod is down that may be: goes at once',
      state: state('new 3/2 old 0/0', 2, 1, 1, { freePorts: 1, displaced: 1, isRollingOut: false }),
      is: 'new 2 old 0',
    },
    {
      name: 'pinned, a scale-down of pods that cannot run: goes at once',
      state: state('new 3/0 old 0/0', 1, 1, 0, { freePorts: 1, displaced: 2, displacedAvailable: 0, isRollingOut: false }),
      is: 'new 1 old 0',
    },
    {
      name: 'pinned, a scale-down right after a start: what serves stays, though nothing has served for minReadySeconds yet',
      state: {
        ...state('new 4/0 old 0/0', 2, 1, 1, { freePorts: 1, isRollingOut: false }),
        newPods: { active: 4, ready: 2, available: 0 },
        displaced: { active: 2, ready: 2, available: 0 },
      },
      is: 'new 3 old 0',
    },
    {
      name: 'pinned: a surge pod that serves no more goes once all in place serve',
      state: state('new 4/3 old 0/0', 3, 1, 0, { freePorts: 1, displaced: 1, displacedAvailable: 0 }),
      is: 'new 3 old 0',
    },
  ];
  for (const { name, state: given, is } of rows) {
    it(name, () => {
      const { newWanted, oldWanted, blocked } = rollOut(given);
      expect(`new ${newWanted} old ${oldWanted}${blocked === undefined ? '' : ` ${blocked}`}`).to.equal(is);
    });
  }
});

describe('recreate', () => {
  const rows: readonly { name: string; state: RolloutState; is: string }[] = [
    { name: 'begins with the end of what is old', state: state('new 0/0 old 3/3', 3, 0, 0), is: 'new 0 old 0' },
    { name: 'waits until it is gone', state: state('new 0/0 old 0/0', 3, 0, 0, { terminating: 2 }), is: 'new 0 old 0' },
    { name: 'then makes all new ones', state: state('new 0/0 old 0/0', 3, 0, 0), is: 'new 3 old 0' },
    { name: 'keeps new pods beside an old one', state: state('new 2/2 old 1/1', 3, 0, 0), is: 'new 2 old 0' },
    { name: 'keeps new pods while an old one ends', state: state('new 2/2 old 0/0', 3, 0, 0, { terminating: 1 }), is: 'new 2 old 0' },
    { name: 'keeps no more than replicas', state: state('new 4/4 old 1/1', 3, 0, 0), is: 'new 3 old 0' },
    {
      name: 'pinned: a pod beyond the ports goes before its successor comes',
      state: state('new 1/1 old 0/0', 1, 0, 0, { freePorts: 4, displaced: 1 }),
      is: 'new 0 old 0',
    },
    {
      name: 'pinned: its successor waits until it is gone',
      state: state('new 1/1 old 0/0', 2, 0, 0, { freePorts: 3, displaced: 1, terminating: 1 }),
      is: 'new 1 old 0',
    },
    {
      name: 'pinned: its successor comes once it is gone',
      state: state('new 1/1 old 0/0', 2, 0, 0, { freePorts: 4, displaced: 1 }),
      is: 'new 2 old 0',
    },
    {
      name: 'pinned: pods beyond the ports move one at a time',
      state: state('new 3/3 old 0/0', 3, 0, 0, { freePorts: 4, displaced: 2 }),
      is: 'new 2 old 0',
    },
    {
      name: 'pinned: none moves while another does not serve',
      state: state('new 3/2 old 0/0', 3, 0, 0, { freePorts: 4, displaced: 2 }),
      is: 'new 3 old 0',
    },
  ];
  for (const { name, state: given, is } of rows) {
    it(name, () => {
      const { newWanted, oldWanted } = recreate(given);
      expect(`new ${newWanted} old ${oldWanted}`).to.equal(is);
    });
  }
});

describe('holdStill', () => {
  const rows: readonly {
    name: string;
    sizes: readonly number[];
    present?: readonly number[];
    available?: readonly number[];
    replicas: number;
    surge: number;
    is: readonly number[];
  }[] = [
    { name: 'leaves a rollout in its middle as it is', sizes: [8, 4], replicas: 10, surge: 2, is: [8, 4] },
    { name: 'leaves one within its bounds as it is', sizes: [8, 3], replicas: 10, surge: 2, is: [8, 3] },
    { name: 'follows a scale of pods of one template', sizes: [0, 3], replicas: 7, surge: 1, is: [0, 7] },
    { name: 'follows a scale of an earlier template', sizes: [3, 0], replicas: 5, surge: 1, is: [5, 0] },
    { name: 'grows in proportion', sizes: [8, 4], replicas: 20, surge: 2, is: [14, 6] },
    { name: 'shrinks in proportion, to the surge', sizes: [8, 4], replicas: 5, surge: 1, is: [4, 2] },
    { name: 'fills up to replicas what was missing', sizes: [2, 0, 1], replicas: 4, surge: 0, is: [3, 0, 1] },
    { name: 'goes to none', sizes: [8, 4], replicas: 0, surge: 2, is: [0, 0] },
    { name: 'comes back from none with the newest', sizes: [0, 0], replicas: 2, surge: 1, is: [0, 2] },
    { name: 'takes what does not serve first', sizes: [1, 2], available: [1, 0], replicas: 1, surge: 1, is: [1, 1] },
    {
      name: 'takes what does not serve first, of an earlier template too',
      sizes: [2, 2],
      available: [0, 2],
      replicas: 1,
      surge: 1,
      is: [0, 2],
    },
    { name: 'then shrinks in proportion', sizes: [6, 6], available: [6, 3], replicas: 5, surge: 1, is: [4, 2] },
    {
      name: 'first gives up what is not made yet, before a pod that may come to serve',
      sizes: [2, 1],
      present: [1, 1],
      available: [1, 0],
      replicas: 2,
      surge: 0,
      is: [1, 1],
    },
    { name: 'has nothing to do without a template', sizes: [], replicas: 2, surge: 1, is: [] },
  ];
  for (const { name, sizes, present = sizes, available = sizes, replicas, surge, is } of rows) {
    it(name, () => {
      expect(holdStill(sizes, present, available, replicas, { maxSurge: surge, maxUnavailable: 0 })).to.deep.equal(is);
    });
  }
});

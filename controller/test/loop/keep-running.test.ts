import { expect } from 'chai';
import { keepRunning, runningReplicas } from '../../src/loop/keep-running.ts';
import { LABEL } from '../../src/model/annotations.ts';
import type { ObservedContainer } from '../../src/model/observed.ts';
import type { StateReport } from '../../src/state/state-files.ts';
import { makeDeployment } from '../reconcile/objects.ts';
import { openStore, silent } from '../state/fixtures.ts';
import { MemoryFileSystem } from '../state/memory-file-system.ts';

const LOST: StateReport = { kind: 'Lost', file: 'journal.log', message: '' };
const CUT: StateReport = { kind: 'Cut', file: 'journal.log', message: '' };

function pods(count: number, template = 'a', phase = 'running'): readonly ObservedContainer[] {
  return Array.from({ length: count }, (_, index) => {
    const labels = {
      [LABEL.owner]: 'Deployment/web',
      [LABEL.namespace]: 'default',
      [LABEL.templateHash]: template,
      [LABEL.podUid]: `${template}-${index}`,
    };
    return { labels, phase } as unknown as ObservedContainer;
  });
}

const CASES: readonly (readonly [
  name: string,
  reports: readonly StateReport[],
  containers: readonly ObservedContainer[],
  replicas: number,
])[] = [
  ['a lost scale-up is taken over from what runs', [LOST], pods(5), 5],
  ['fewer that run are no scale-down: a replica may just have crashed', [LOST], pods(2), 3],
  ['ended containers do not count', [LOST], [...pods(3), ...pods(2, 'a', 'exited').map((it) => ({ ...it, id: 'x' }))], 3],
  ['the two templates of a rollout are not added up', [LOST], [...pods(2, 'old'), ...pods(2, 'new')], 3],
  ['an unfinished write that nobody was told of is no loss', [CUT], pods(5), 3],
  ['without a report nothing is touched', [], pods(5), 3],
];

describe('keepRunning', () => {
  for (const [name, reports, containers, replicas] of CASES)
    it(name, async () => {
      const { store } = await openStore(new MemoryFileSystem());
      const web = makeDeployment({ replicas: 3 });
      store.create({ ...web, metadata: { ...web.metadata, namespace: 'default' } });
      keepRunning(store, containers, reports, silent);
      expect(store.get('Deployment', 'default/web')?.spec.replicas).to.equal(replicas);
    });
});

describe('runningReplicas', () => {
  const made = makeDeployment({ replicas: 3, maxSurge: 1, maxUnavailable: 1 });
  const web = { ...made, metadata: { ...made.metadata, namespace: 'default' } };
  const ROWS: readonly (readonly [name: string, containers: readonly ObservedContainer[], replicas: number])[] = [
    ['nothing runs', [], 0],
    ['a scale-up', pods(5), 5],
    ['a scale-down', pods(2), 2],
    ['a rollout with its surge pod', [...pods(3, 'old'), ...pods(1, 'new')], 3],
    ['a rollout with a pod missing', [...pods(1, 'old'), ...pods(1, 'new')], 3],
    ['a rollout of a Deployment that was scaled up', [...pods(4, 'old'), ...pods(2, 'new')], 5],
    ['a rollout of a Deployment that was scaled to one', [...pods(1, 'new')], 1],
  ];
  for (const [name, containers, replicas] of ROWS)
    it(`${name}: ${replicas}`, () => expect(runningReplicas(web, containers)).to.equal(replicas));
});

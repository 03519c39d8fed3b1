/** Random histories of a Deployment on the simulated host: scales, images, containers that end, stop answering or are removed, lost memory. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { ObjectChange } from '../../src/reconcile/world.ts';
import { makeDeployment, makeIngress, makeService } from './objects.ts';
import type { DeploymentOptions } from './objects.ts';
import { SimulatedHost } from './simulated-host.ts';

export type Step =
  | { readonly do: 'scale'; readonly replicas: number }
  | { readonly do: 'image'; readonly image: string }
  | { readonly do: 'exit' | 'pause' | 'remove' | 'break'; readonly index: number }
  | { readonly do: 'forget' }
  | { readonly do: 'run'; readonly passes: number };

const index = fc.nat({ max: 20 });
export const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('scale' as const), replicas: fc.integer({ min: 0, max: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('image' as const), image: fc.constantFrom('web:1', 'web:2') }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('exit' as const, 'pause' as const, 'remove' as const, 'break' as const), index }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('run' as const), passes: fc.integer({ min: 1, max: 12 }) }) },
);

export interface Run {
  readonly host: SimulatedHost;
  readonly broken: Set<string>;
  options: DeploymentOptions;
}

export function startRun(hostPorts: string | undefined): Run {
  const options: DeploymentOptions = { replicas: 3, maxSurge: 1, maxUnavailable: 1, ...(hostPorts !== undefined && { hostPorts }) };
  const host = new SimulatedHost().declare(makeDeployment(options), makeService(), makeIngress()).converge();
  const broken = new Set<string>();
  host.isHealthy = ({ id }) => !broken.has(id);
  return { host, broken, options };
}

export function applyStep(run: Run, what: Step): void {
  const { host } = run;
  const ids = [...host.containers.keys()];
  switch (what.do) {
    case 'scale':
      run.options = { ...run.options, replicas: what.replicas };
      host.declare(makeDeployment(run.options));
      return;
    case 'image':
      run.options = { ...run.options, image: what.image };
      host.declare(makeDeployment(run.options));
      return;
    case 'run':
      for (let pass = 0; pass < what.passes; pass++) tick(run);
      return;
    case 'forget':
      // The control plane is killed: pods and memory go, what is durable stays.
      host.objects.get('Pod')?.clear();
      host.memory = { pods: new Map(), deployments: new Map() };
      return;
    default:
      disturb(run, what.do, ids[what.index % Math.max(ids.length, 1)]);
  }
}

function disturb({ host, broken }: Run, how: 'exit' | 'pause' | 'remove' | 'break', id: string | undefined): void {
  if (id === undefined || host.containers.get(id)?.phase !== 'running') return;
  if (how === 'exit') host.change(id, { phase: 'exited', exitCode: 1 });
  if (how === 'pause') host.change(id, { phase: 'paused' });
  if (how === 'remove') host.containers.delete(id);
  if (how === 'break') broken.add(id);
}

function tick({ host, options }: Run): void {
  host.probe();
  const plan = host.step();
  host.nowMs += 100;
  const subjects = plan.operations.map(({ subject }) => subject);
  expect(new Set(subjects).size, 'one operation per subject').to.equal(subjects.length);
  // What is there already may have to stay until it is known which pods serve.
  const isMade = (change: ObjectChange): boolean =>
    change.type === 'create' && change.object.kind === 'Pod' && !change.cause.includes('found running');
  if (!plan.changes.some(isMade)) return;
  const alive = host.pods().filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  expect(alive.length, 'none is made above replicas + maxSurge').to.be.at.most((options.replicas ?? 1) + 1);
}

/** Safety properties of the reconcilers over random histories on the simulated host; the host itself refuses two owners of a port. */
import { expect } from 'chai';
import fc from 'fast-check';
import { formatOperation } from '../../src/model/operation.ts';
import { makeDeployment, makeIngress, makeService } from './objects.ts';
import type { DeploymentOptions } from './objects.ts';
import { SimulatedHost } from './simulated-host.ts';

type Step =
  | { readonly do: 'scale'; readonly replicas: number }
  | { readonly do: 'image'; readonly image: string }
  | { readonly do: 'exit' | 'pause' | 'remove' | 'break'; readonly index: number }
  | { readonly do: 'forget' }
  | { readonly do: 'run'; readonly passes: number };

const index = fc.nat({ max: 20 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('scale' as const), replicas: fc.integer({ min: 0, max: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('image' as const), image: fc.constantFrom('web:1', 'web:2') }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('exit' as const, 'pause' as const, 'remove' as const, 'break' as const), index }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('run' as const), passes: fc.integer({ min: 1, max: 12 }) }) },
);

interface Run {
  readonly host: SimulatedHost;
  readonly broken: Set<string>;
  options: DeploymentOptions;
}

function start(hostPorts: string | undefined): Run {
  const options: DeploymentOptions = { replicas: 3, maxSurge: 1, maxUnavailable: 1, ...(hostPorts !== undefined && { hostPorts }) };
  const host = new SimulatedHost().declare(makeDeployment(options), makeService(), makeIngress()).converge();
  const broken = new Set<string>();
  host.isHealthy = ({ id }) => !broken.has(id);
  return { host, broken, options };
}

function apply(run: Run, what: Step): void {
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
  const alive = host.pods().filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  expect(alive.length, 'never above replicas + maxSurge').to.be.at.most((options.replicas ?? 1) + 1);
}

for (const [name, hostPorts] of [
  ['unpinned', undefined],
  ['pinned', '8000-8009'],
] as const) {
  describe(`reconcile, whatever happens (${name})`, function () {
    this.timeout(60_000);

    it('ends where the declaration says, with nothing left over and nothing more to do', () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
          const run = start(hostPorts);
          for (const what of steps) apply(run, what);
          run.broken.clear();
          run.host.converge(1_000, 500);
          const { replicas = 1, image = 'web:1' } = run.options;
          const containers = [...run.host.containers.values()];
          expect(containers.map(({ phase, image: runs }) => `${phase} ${runs}`)).to.deep.equal(
            Array.from({ length: replicas }, () => `running ${image}`),
          );
          if (hostPorts !== undefined) {
            const ports = containers.map(({ labels }) => Number(labels['coxswain.dev/host-port'])).sort();
            expect(new Set(ports).size, 'one owner per port').to.equal(replicas);
            // A pod removed while nobody looked leaves its port to the next one made; a healthy pod is not moved to close the gap.
            const hasForgotten = steps.some(({ do: what }) => what === 'forget');
            if (!hasForgotten) expect(ports).to.deep.equal(Array.from({ length: replicas }, (_, port) => 8000 + port));
            else expect(ports.every((port) => port >= 8000 && port <= 8009)).to.equal(true);
          }
          expect(run.host.plan().operations.map(formatOperation), 'a converged world needs nothing').to.deep.equal([]);
        }),
        { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 150) },
      );
    });

    it('never touches a container that is healthy and wanted', () => {
      fc.assert(
        fc.property(
          fc.array(
            step.filter(({ do: what }) => what !== 'image' && what !== 'scale'),
            { maxLength: 12 },
          ),
          (steps) => {
            const run = start(hostPorts);
            run.host.run(3_000);
            const untouched = new Set(run.host.containers.keys());
            for (const what of steps) {
              const before = [...run.host.containers].filter(([, { phase }]) => phase === 'running').map(([id]) => id);
              apply(run, what);
              for (const id of before) if (run.broken.has(id) || run.host.containers.get(id)?.phase !== 'running') untouched.delete(id);
            }
            run.host.run(2_000);
            run.broken.clear();
            run.host.converge(1_000, 500);
            for (const id of untouched) expect(run.host.containers.get(id)?.phase, id).to.equal('running');
          },
        ),
        { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 150) },
      );
    });
  });
}

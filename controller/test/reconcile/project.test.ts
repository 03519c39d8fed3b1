/** What project() foretells is what happens: on the simulated host, where everything goes well from then on. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { Deployment } from '../../src/model/objects.ts';
import { formatPlannedOperation } from '../../src/model/operation.ts';
import type { Operation } from '../../src/model/operation.ts';
import { project } from '../../src/reconcile/project.ts';
import type { Projection } from '../../src/reconcile/project.ts';
import { reconcile } from '../../src/reconcile/reconcile.ts';
import { deepFreeze } from './deep-freeze.ts';
import { applyStep, startRun, stepArbitrary } from './histories.ts';
import { makeDeployment, makeIngress, makeService } from './objects.ts';
import { SimulatedHost } from './simulated-host.ts';

function texts({ steps }: Projection): readonly string[] {
  return steps.flatMap(({ operations, containerNames }) =>
    operations.map((operation) => formatPlannedOperation(operation, containerNames)),
  );
}

const short = (lines: readonly string[]): readonly string[] => lines.map((line) => line.replace(/-[a-z0-9]{10}-/g, '-'));

/** Verbs in order, by what they are done to: containers by name, for those to come have no id. */
function byResource(
  operations: Iterable<{ readonly operation: Operation; readonly name: string }>,
): Readonly<Record<string, readonly string[]>> {
  const result: Record<string, string[]> = {};
  for (const { operation, name } of operations) (result[`${operation.resource} ${name}`] ??= []).push(operation.verb);
  return result;
}

function nameIn(operation: Operation, names: ReadonlyMap<string, string>): string {
  if (operation.verb === 'CreateContainer') return operation.spec.name;
  return 'containerId' in operation ? (names.get(operation.containerId) ?? operation.containerId) : operation.subject;
}

describe('project', () => {
  it('tells what an undeclared world becomes, in order', () => {
    const host = new SimulatedHost().declare(makeDeployment({ replicas: 1, hostPorts: '8000-8009' }), makeService(), makeIngress());
    const projection = project(host.world());
    expect(projection.isComplete).to.equal(true);
    expect(projection.waits).to.deep.equal([]);
    expect(short(texts(projection))).to.deep.equal([
      'CreateNetwork pod/web-0 coxswain-default: pod has no container',
      'CreateContainer pod/web-0 web-0: pod has no container',
      'StartContainer pod/web-0 web-0: it is created and nothing holds it up',
    ]);
  });

  it('tells a rollout to its end: pull, create, start, and only then the old pod goes', () => {
    const host = new SimulatedHost()
      .declare(makeDeployment({ maxUnavailable: 0 }), makeService(), makeIngress())
      .converge()
      .run(2_000);
    host.declare(makeDeployment({ maxUnavailable: 0, image: 'web:3' }));
    const projection = project(host.world());
    expect(projection.isComplete).to.equal(true);
    const [first = '', second = ''] = [...host.containers.values()].map(({ name }) => name);
    expect(second).to.equal('');
    expect(
      texts(projection).map((text) =>
        text
          .replace(first, 'OLD')
          .replace(first, 'OLD')
          .replace(/web-[a-z0-9]{10}-0/g, 'NEW'),
      ),
    ).to.deep.equal([
      'PullImage pod/NEW web:3: the image is not on this host',
      'CreateContainer pod/NEW NEW: pod has no container',
      'StartContainer pod/NEW NEW: it is created and nothing holds it up',
      'StopContainer pod/OLD OLD: the pod is terminating',
      'SaveLogs pod/OLD OLD: the pod is terminating',
      'RemoveContainer pod/OLD OLD: the pod is terminating',
    ]);
  });

  it('says what is waited for in vain', () => {
    const host = new SimulatedHost().declare(makeDeployment({ env: {} }));
    const deployment = makeDeployment();
    const [container] = deployment.spec.template.spec.containers;
    host.declare({
      ...deployment,
      spec: {
        ...deployment.spec,
        template: { ...deployment.spec.template, spec: { containers: [{ ...container!, image: 'web:9', imagePullPolicy: 'Never' }] } },
      },
    });
    const { waits, isComplete } = project(host.world());
    expect(isComplete).to.equal(true);
    expect(waits.map(({ text }) => text)).to.deep.equal(['image "web:9" is not on this host and imagePullPolicy is Never']);
  });

  it('takes what is under way as done', () => {
    const host = new SimulatedHost().declare(makeDeployment({ replicas: 2 })).converge();
    host.declare(makeDeployment({ replicas: 1 }));
    while (!host.plan().operations.some(({ verb }) => verb === 'StopContainer')) host.step();
    const [stop] = host.plan().operations.filter(({ verb }) => verb === 'StopContainer');
    host.busy.add(stop!.subject);
    const projection = project(host.world(), { underway: [stop!] });
    expect(projection.steps.flatMap(({ operations }) => operations.map(({ verb }) => verb))).to.deep.equal(['SaveLogs', 'RemoveContainer']);
  });

  it('waits out a back-off instead of ending at it', () => {
    const host = new SimulatedHost().declare(makeDeployment({ replicas: 1 })).converge();
    const [container] = host.containers.values();
    host.change(container!.id, { phase: 'exited', exitCode: 1 });
    host.nowMs += 100;
    const verbs = project(host.world()).steps.flatMap(({ operations }) => operations.map(({ verb }) => verb));
    expect(verbs).to.deep.equal(['CreateContainer', 'StartContainer', 'SaveLogs', 'RemoveContainer']);
  });

  it('waits until new pods have been ready for minReadySeconds', () => {
    const careful = (image: string): Deployment => {
      const deployment = makeDeployment({ image, maxSurge: 1, maxUnavailable: 0 });
      return { ...deployment, spec: { ...deployment.spec, minReadySeconds: 5 } };
    };
    const host = new SimulatedHost().declare(careful('web:1'), makeService(), makeIngress()).run(20_000);
    host.declare(careful('web:2'));
    const projection = project(host.world());
    expect(projection.isComplete).to.equal(true);
    const verbs = projection.steps.flatMap(({ operations }) => operations.map(({ verb }) => verb));
    expect(verbs).to.deep.equal(['CreateContainer', 'StartContainer', 'StopContainer', 'SaveLogs', 'RemoveContainer']);
  });

  it('is cut where it would go on for long, and says so', () => {
    const slow = { replicas: 250, maxSurge: 1, maxUnavailable: 0 };
    const host = new SimulatedHost().declare(makeDeployment(slow)).converge();
    host.declare(makeDeployment({ ...slow, image: 'web:2' }));
    expect(project(host.world()).isComplete).to.equal(false);
  });

  for (const [name, hostPorts] of [
    ['unpinned', undefined],
    ['pinned', '8000-8009'],
  ] as const) {
    describe(`whatever happened before (${name})`, function () {
      this.timeout(60_000);
      const runs = { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 100) };

      it('leaves a world as it is, frozen to its depths', () => {
        fc.assert(
          fc.property(fc.array(stepArbitrary, { maxLength: 10 }), (steps) => {
            const run = startRun(hostPorts);
            for (const what of steps) applyStep(run, what);
            const world = deepFreeze(run.host.world());
            const before = JSON.stringify(project(world));
            reconcile(world);
            expect(JSON.stringify(project(world))).to.equal(before);
          }),
          runs,
        );
      });

      it('begins with exactly what the next pass does', () => {
        fc.assert(
          fc.property(fc.array(stepArbitrary, { maxLength: 10 }), (steps) => {
            const run = startRun(hostPorts);
            for (const what of steps) applyStep(run, what);
            const projection = project(run.host.world());
            const planned = run.host.plan();
            const done = run.host.step();
            expect(projection.steps[0]?.operations).to.deep.equal(done.operations);
            expect(planned.operations).to.deep.equal(done.operations);
            expect(planned.changes).to.deep.equal(done.changes);
          }),
          runs,
        );
      });

      it('foretells every operation until nothing is left to do, in order for each container', () => {
        fc.assert(
          fc.property(fc.array(stepArbitrary, { maxLength: 10 }), (steps) => {
            const run = startRun(hostPorts);
            for (const what of steps) applyStep(run, what);
            run.broken.clear();
            // From here on all goes well; what is ill by now is seen to be.
            run.host.probe();
            const projection = project(run.host.world());
            const foretold = projection.steps.flatMap(({ operations, containerNames }) =>
              operations.map((operation) => ({ operation, name: nameIn(operation, containerNames) })),
            );
            const done: { operation: Operation; name: string }[] = [];
            for (let pass = 0; pass < 400; pass++) {
              run.host.probe();
              const names = new Map([...run.host.containers.values()].map(({ id, name: called }) => [id, called]));
              for (const operation of run.host.step().operations) done.push({ operation, name: nameIn(operation, names) });
              run.host.nowMs += 100;
            }
            expect(projection.isComplete).to.equal(true);
            expect(byResource(foretold)).to.deep.equal(byResource(done));
          }),
          runs,
        );
      });
    });
  }
});

/** Safety properties of the reconcilers over random histories on the simulated host; the host itself refuses two owners of a port. */
import { expect } from 'chai';
import fc from 'fast-check';
import { formatOperation } from '../../src/model/operation.ts';
import { applyStep, startRun, stepArbitrary } from './histories.ts';

for (const [name, hostPorts] of [
  ['unpinned', undefined],
  ['pinned', '8000-8009'],
] as const) {
  describe(`reconcile, whatever happens (${name})`, function () {
    this.timeout(60_000);

    it('ends where the declaration says, with nothing left over and nothing more to do', () => {
      fc.assert(
        fc.property(fc.array(stepArbitrary, { maxLength: 14 }), (steps) => {
          const run = startRun(hostPorts);
          for (const what of steps) applyStep(run, what);
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
            stepArbitrary.filter(({ do: what }) => what !== 'image' && what !== 'scale'),
            { maxLength: 12 },
          ),
          (steps) => {
            const run = startRun(hostPorts);
            run.host.run(3_000);
            const untouched = new Set(run.host.containers.keys());
            for (const what of steps) {
              const before = [...run.host.containers].filter(([, { phase }]) => phase === 'running').map(([id]) => id);
              applyStep(run, what);
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

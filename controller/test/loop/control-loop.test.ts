import { expect } from 'chai';
import fc from 'fast-check';
import { LABEL } from '../../src/model/annotations.ts';
import type { Deployment } from '../../src/model/objects.ts';
import { eventually } from '../eventually.ts';
import { makeDeployment, makeIngress, makeService } from '../reconcile/objects.ts';
import type { CallName, Fault } from '../runtime/fake-runtime.ts';
import { LoopWorld } from './loop-fixture.ts';
import { removeByForce } from '../runtime/remove-by-force.ts';

const THREE = [8000, 8001, 8002];

function threeReplicas(change: Parameters<typeof makeDeployment>[0] = {}): Deployment {
  return makeDeployment({ replicas: 3, hostPorts: '8000-8009', ...change });
}

describe('ControlLoop', () => {
  let world: LoopWorld;
  beforeEach(() => {
    world = new LoopWorld();
  });
  afterEach(async () => {
    await world.end();
  });

  it('a declared Deployment becomes running containers, each on its port', async () => {
    const plane = (await world.start()).declare(threeReplicas(), makeService(), makeIngress());
    await world.converged(THREE);
    await eventually(() => expect(plane.store.get('Deployment', 'default/web')?.status?.readyReplicas).to.equal(3));
    await eventually(() =>
      expect(plane.tables.at(-1)?.services.map(({ key, endpoints }) => `${key} ${endpoints.length}`)).to.deep.equal(['default/web:8080 3']),
    );
    expect([...world.engine.networks.keys()]).to.deep.equal(['coxswain-default']);
  });

  it('does each thing once, however slow the answers and in whatever order they come', async () => {
    let turn = 0;
    world.latencyMs = () => (turn++ * 7) % 23;
    const plane = (await world.start()).declare(threeReplicas({ replicas: 10 }));
    const ports = Array.from({ length: 10 }, (_, index) => 8000 + index);
    await world.converged(ports);
    const before = world.containersOf().map(({ id }) => id);
    for (const id of before.slice(0, 5)) world.engine.crash(id, 1);
    await eventually(() => expect(world.containersOf().filter(({ id }) => before.includes(id))).to.have.length(5), 5_000);
    await world.converged(ports);
    const times = (name: CallName): number => world.calls.filter((call) => call === name).length;
    expect([times('createNetwork'), times('createContainer'), times('startContainer')]).to.deep.equal([1, 15, 15]);
    const warnings = [...plane.store.list('Event').values()].filter(({ message }) => /failed \((?:Conflict|NotFound)/.test(message));
    expect(warnings.map(({ message }) => message)).to.deep.equal([]);
  });

  it('never pulls an image that is on the host, whenever it is declared', async () => {
    const plane = await world.start();
    let isDeclared = false;
    // While the engine is being looked at, for the list of containers it was asked before.
    world.fault = (callName) => {
      if (callName === 'listContainers' && !isDeclared && plane.loop.statistics.passes > 0) {
        isDeclared = true;
        plane.declare(makeDeployment({ hostPorts: '8000' }));
      }
      return 'none';
    };
    await world.converged([8000]);
    expect(world.calls).to.not.include('pullImage');
  });

  it('a scale down removes the containers that are too many', async () => {
    const plane = (await world.start()).declare(threeReplicas());
    await world.converged(THREE);
    plane.declare(threeReplicas({ replicas: 1 }));
    await world.converged([8000]);
  });

  it('a new template replaces every container', async () => {
    const plane = (await world.start()).declare(threeReplicas());
    await world.converged(THREE);
    plane.declare(threeReplicas({ image: 'web:2' }));
    await eventually(() => expect(new Set(world.containersOf().map(({ spec }) => spec.image))).to.deep.equal(new Set(['web:2'])), 8_000);
    await eventually(() => expect(world.containersOf().map(({ phase }) => phase)).to.deep.equal(['running', 'running', 'running']));
    expect(world.violations).to.deep.equal([]);
  });

  it('a killed container is replaced on its port, by another container of the same pod', async () => {
    (await world.start()).declare(threeReplicas());
    await world.converged(THREE);
    const victim = world.onPort(8001)!;
    const others = [world.onPort(8000)?.id, world.onPort(8002)?.id];
    world.engine.crash(victim.id, 137);
    await eventually(() => expect(world.onPort(8001)?.id).to.be.a('string').that.does.not.equal(victim.id));
    await world.converged(THREE);
    expect(world.onPort(8001)?.spec.labels[LABEL.podUid]).to.equal(victim.spec.labels[LABEL.podUid]);
    expect([world.onPort(8000)?.id, world.onPort(8002)?.id], 'the others go on').to.deep.equal(others);
  });

  it('a container that was removed from outside comes back', async () => {
    (await world.start()).declare(threeReplicas());
    await world.converged(THREE);
    await removeByForce(world.engine, world.onPort(8002)!.id, new AbortController().signal);
    expect(world.portsOf()).to.deep.equal(['8000 running', '8001 running']);
    await world.converged(THREE);
  });

  it('a container that was paused from outside goes on', async () => {
    (await world.start()).declare(threeReplicas());
    await world.converged(THREE);
    const runs = world.runs();
    await world.engine.pauseContainer(world.onPort(8000)!.id, new AbortController().signal);
    await world.converged(THREE);
    expect(world.runs()).to.deep.equal(runs);
  });

  it('a container that fails its liveness probe is replaced once it does not', async () => {
    (await world.start()).declare(makeDeployment({ hostPorts: '8000' }));
    await world.converged([8000]);
    const first = world.onPort(8000)!.id;
    world.isHealthy = false;
    await eventually(() => expect(world.engine.containers.get(first)?.isAlive ?? false).to.equal(false), 5_000);
    world.isHealthy = true;
    await world.converged([8000]);
  });

  it('the successor of a container is made beside a slow kill, and started only when that is done', async () => {
    (await world.start()).declare(makeDeployment({ hostPorts: '8000' }));
    await world.converged([8000]);
    const first = world.onPort(8000)!;
    // Ready for more than a second, so that no back-off hides the order: the second list from now is.
    world.calls.length = 0;
    await eventually(() => expect(world.calls.filter((name) => name === 'listContainers')).to.have.length(2), 5_000);
    world.calls.length = 0;
    const startsBeforeKill: number[] = [];
    world.fault = (callName) => {
      if (callName !== 'killContainer') return 'none';
      startsBeforeKill.push(world.calls.filter((name) => name === 'startContainer').length);
      return startsBeforeKill.length === 1 ? 'hang' : 'none';
    };
    world.isHealthy = false;
    await eventually(() => expect(world.containersOf().map(({ phase }) => phase)).to.deep.equal(['running', 'created']), 5_000);
    world.isHealthy = true;
    await eventually(() => expect(world.onPort(8000)?.id).to.be.a('string').that.does.not.equal(first.id), 5_000);
    expect(startsBeforeKill).to.deep.equal([0, 0]);
    await world.converged([8000]);
  });

  describe('when the engine misbehaves', () => {
    const operations: readonly CallName[] = ['createNetwork', 'createContainer', 'startContainer'];
    for (const name of operations) {
      for (const fault of ['hang', 'after', 'before'] as const) {
        it(`converges without duplicates over a ${name} with fault "${fault}"`, async () => {
          let faults = name === 'createNetwork' ? 1 : 2;
          world.fault = (callName) => (callName === name && faults-- > 0 ? fault : 'none');
          (await world.start()).declare(threeReplicas());
          await world.converged(THREE);
          expect(faults, 'the fault was injected').to.be.lessThan(1);
        });
      }
    }

    for (const fault of ['hang', 'after', 'before'] as const) {
      it(`replaces a container over a kill and removal with fault "${fault}"`, async () => {
        const plane = (await world.start()).declare(makeDeployment({ hostPorts: '8000' }));
        await world.converged([8000]);
        const first = world.onPort(8000)!.id;
        const faulted = new Set<CallName>();
        world.fault = (callName) => {
          if (!['killContainer', 'removeContainer', 'readLogs', 'inspectContainer'].includes(callName) || faulted.has(callName))
            return 'none';
          faulted.add(callName);
          return fault;
        };
        world.isHealthy = false;
        await eventually(() => expect(world.engine.containers.get(first)?.isAlive ?? false).to.equal(false), 5_000);
        world.isHealthy = true;
        await world.converged([8000]);
        expect([...faulted]).to.include.members(['killContainer', 'removeContainer']);
        await eventually(() => expect(plane.loop.lastPlan?.waits).to.deep.equal([]), 5_000);
      });
    }

    it('a container that the engine makes long after the caller gave up is used, not doubled', async () => {
      let late = 3;
      world.latencyMs = (callName) => (callName === 'createContainer' && late-- > 0 ? 350 : 0);
      (await world.start({ callTimeoutMs: 100 })).declare(threeReplicas());
      await world.converged(THREE);
      expect(world.containersOf()).to.have.length(3);
    });

    it('changes nothing while the engine answers 500, and catches up when it answers again', async () => {
      const plane = (await world.start()).declare(threeReplicas());
      await world.converged(THREE);
      world.fault = () => 'before';
      world.engine.crash(world.onPort(8000)!.id, 1);
      plane.declare(threeReplicas({ replicas: 4 }));
      await eventually(() => expect(plane.loop.statistics.isEngineReachable).to.equal(false));
      expect(plane.loop.statistics.lastError).to.be.a('string').that.includes('injected failure');
      world.calls.length = 0;
      await eventually(() => expect(world.calls.filter((name) => name === 'listContainers').length).to.be.greaterThan(1), 4_000);
      expect(world.portsOf()).to.deep.equal(['8000 exited', '8001 running', '8002 running']);
      world.fault = () => 'none';
      await world.converged([...THREE, 8003]);
      expect(plane.loop.statistics).to.include({ isEngineReachable: true, lastError: undefined });
    });

    it('goes on probing and routing while the engine answers nothing, and touches no container', async () => {
      const plane = (await world.start()).declare(threeReplicas(), makeService(), makeIngress());
      const routedIds = (): readonly string[] =>
        plane.tables.at(-1)?.services.flatMap(({ endpoints }) => endpoints.map(({ id }) => id)) ?? [];
      await eventually(() => expect(routedIds()).to.have.length(3), 8_000);
      world.fault = () => 'before';
      await eventually(() => expect(plane.loop.statistics.engineUnreachableSinceMs).to.be.a('number'), 4_000);
      world.isHealthy = false;
      await eventually(() => expect(routedIds()).to.deep.equal([]), 8_000);
      expect(world.portsOf()).to.deep.equal(THREE.map((port) => `${port} running`));
      expect(world.changes().slice(-1), 'the last change was a start').to.deep.equal(['startContainer']);
    });

    it('tries a failing operation again with growing pauses, and at once succeeds when it can', async () => {
      world.engine.takeHostPort(8000);
      const plane = (await world.start()).declare(makeDeployment({ hostPorts: '8000' }));
      const starts = (): number => world.calls.filter((name) => name === 'startContainer').length;
      await eventually(() => expect(starts()).to.be.greaterThan(0));
      const startedAt = performance.now();
      await eventually(() => expect(starts()).to.equal(4), 5_000);
      expect(performance.now() - startedAt, '250, 500 and 1000 ms').to.be.within(1_700, 3_000);
      expect(plane.loop.lastPlan?.waits.map(({ text }) => text).join()).to.match(/StartContainer failed \(EngineFailure: port 8000/);
      world.engine.freeHostPort(8000);
      await eventually(() => expect(world.portsOf()).to.deep.equal(['8000 running']), 5_000);
      expect(starts()).to.equal(5);
      const failed = [...plane.store.list('Event').values()].filter(({ message }) => message.startsWith('StartContainer failed'));
      expect(failed.map(({ message, count }) => `${message} ${count}`)).to.deep.equal([
        'StartContainer failed (EngineFailure): port 8000 is already allocated 4',
      ]);
    });

    it('survives a list that hangs', async () => {
      let hangs = 2;
      world.fault = (callName) => (callName === 'listContainers' && hangs-- > 0 ? 'hang' : 'none');
      (await world.start()).declare(threeReplicas());
      await world.converged(THREE);
      expect(hangs).to.be.lessThan(1);
    });

    it('sees at the next list what lost events did not tell', async () => {
      (await world.start()).declare(threeReplicas());
      await world.converged(THREE);
      world.engine.isSilent = true;
      world.engine.crash(world.onPort(8001)!.id, 1);
      await world.converged(THREE);
    });

    it('sees at once, when the event stream comes back, what happened in between', async () => {
      const plane = (await world.start()).declare(threeReplicas());
      await world.converged(THREE);
      world.engine.isSilent = true;
      // Right after a list, so that the next one is a second away.
      const passes = plane.loop.statistics.passes;
      await eventually(() => expect(plane.loop.statistics.passes).to.be.greaterThan(passes));
      const crashed = world.onPort(8001)!.id;
      world.engine.lost = 0;
      world.engine.crash(crashed, 1);
      await eventually(() => expect(world.engine.lost).to.equal(1));
      const startedAt = performance.now();
      world.engine.isSilent = false;
      world.engine.disconnectWatchers();
      await eventually(() => expect(plane.observer.containers.get(crashed)?.phase).to.not.equal('running'));
      expect(performance.now() - startedAt).to.be.lessThan(700);
      await world.converged(THREE);
    });

    it('starts everything again after the engine was restarted', async () => {
      (await world.start()).declare(threeReplicas());
      await world.converged(THREE);
      const before = Object.keys(world.runs());
      world.engine.restartEngine();
      await world.converged(THREE);
      expect(Object.keys(world.runs())).to.not.include.members(before);
    });

    it('whatever the first calls run into, converges without duplicates', async () => {
      const faults = fc.array(fc.constantFrom<Fault>('none', 'none', 'before', 'after', 'hang'), { minLength: 10, maxLength: 24 });
      const seed = Math.floor(Math.random() * 2 ** 31);
      const scenarios = fc.sample(faults, { seed, numRuns: 12 });
      await Promise.all(
        scenarios.map(async (scenario, index) => {
          const own = new LoopWorld();
          try {
            const remaining = [...scenario];
            own.fault = () => remaining.shift() ?? 'none';
            (await own.start({ callTimeoutMs: 100 })).declare(threeReplicas(), makeService(), makeIngress());
            await own.converged(THREE, 'default', 20_000);
          } catch (error) {
            throw new Error(`seed ${seed}, scenario ${index}: ${scenario.join(' ')}`, { cause: error });
          } finally {
            await own.end();
          }
        }),
      );
    }).timeout(30_000);
  });

  describe('at rest', () => {
    it('calls the engine for nothing but one list a second', async () => {
      const plane = (await world.start()).declare(threeReplicas(), makeService(), makeIngress());
      await world.converged(THREE);
      await eventually(() => expect(plane.loop.lastPlan).to.deep.include({ operations: [], changes: [], waits: [] }), 5_000);
      const lists = world.calls.length;
      await eventually(() => expect(world.calls.length).to.be.greaterThan(lists), 3_000);
      world.calls.length = 0;
      const { resourceVersion } = plane.store;
      const startedAt = performance.now();
      await eventually(() => expect(world.calls.length).to.be.greaterThan(2), 8_000);
      expect(performance.now() - startedAt, 'three lists take about three seconds').to.be.greaterThan(2_700);
      expect(world.calls).to.deep.equal(['listContainers', 'listContainers', 'listContainers']);
      expect(plane.store.resourceVersion, 'nothing is written').to.equal(resourceVersion);
      expect(plane.loop.lastPlan?.operations).to.deep.equal([]);
    });
  });

  describe('over a restart', () => {
    it('restarts nothing and calls for no change', async () => {
      const first = (await world.start()).declare(threeReplicas(), makeService(), makeIngress());
      await world.converged(THREE);
      await eventually(() => expect(first.store.get('Deployment', 'default/web')?.status?.readyReplicas).to.equal(3));
      await first.stop();
      const runs = world.runs();
      world.calls.length = 0;
      const second = await world.start();
      await eventually(() => expect(second.store.get('Deployment', 'default/web')?.status?.readyReplicas).to.equal(3), 5_000);
      await eventually(() => expect(second.loop.lastPlan).to.deep.include({ operations: [], waits: [] }), 5_000);
      expect(world.changes()).to.deep.equal([]);
      expect(world.runs()).to.deep.equal(runs);
      expect(second.store.list('ReplicaSet').size).to.equal(1);
    });

    it('publishes its first table complete, and newer than the one before', async () => {
      const first = (await world.start()).declare(threeReplicas(), makeService(), makeIngress());
      await eventually(() => expect(first.tables.at(-1)?.services[0]?.endpoints).to.have.length(3), 5_000);
      await first.stop();
      const second = await world.start();
      await eventually(() => expect(second.tables).to.not.be.empty, 5_000);
      expect(second.tables[0]?.services[0]?.endpoints).to.have.length(3);
      expect(second.tables[0]?.version).to.be.greaterThan(first.tables.at(-1)!.version);
    });

    it('replaces what ended while it was away', async () => {
      const first = (await world.start()).declare(threeReplicas());
      await world.converged(THREE);
      await first.stop();
      world.engine.crash(world.onPort(8002)!.id, 1);
      await world.start();
      await world.converged(THREE);
    });

    it('killed after any change it made, it goes on where it was, without duplicates', async () => {
      // createNetwork, 3 x createContainer, 3 x startContainer; then a crash, its successor's create and start, and the removal.
      const moments = Array.from({ length: 10 }, (_, index) => index + 1);
      await Promise.all(
        moments.map(async (moment) => {
          const own = new LoopWorld();
          try {
            const first = (await own.start()).declare(threeReplicas());
            await first.store.flushed();
            let hasCrashed = false;
            own.fault = () => {
              if (own.changes().length >= moment) first.abandon();
              return 'none';
            };
            await eventually(() => {
              if (own.changes().length >= moment) return;
              const victim = own.onPort(8001);
              if (!hasCrashed && victim !== undefined && own.containersOf().every(({ isAlive }) => isAlive)) {
                hasCrashed = true;
                own.engine.crash(victim.id, 1);
              }
              throw new Error(`only ${own.changes().join(' ')}`);
            }, 8_000);
            await first.stop();
            own.fault = () => 'none';
            await own.start();
            await own.converged(THREE, 'default', 20_000);
          } catch (error) {
            throw new Error(`killed after change ${moment}`, { cause: error });
          } finally {
            await own.end();
          }
        }),
      );
    }).timeout(30_000);
  });

  describe('teardown', () => {
    for (const teardown of ['down', 'purge'] as const) {
      it(`${teardown} leaves no container and no network`, async () => {
        const first = (await world.start()).declare(threeReplicas());
        await world.converged(THREE);
        await first.stop();
        await world.start({ teardown });
        await eventually(() => expect([world.engine.containers.size, world.engine.networks.size]).to.deep.equal([0, 0]), 8_000);
      });
    }
  });

  describe('two instances on one engine', () => {
    it('never see or touch the containers of each other', async () => {
      const one = (await world.start({ instance: 'one' })).declare(makeDeployment({ replicas: 2, hostPorts: '8000-8001' }));
      const two = (await world.start({ instance: 'two' })).declare(makeDeployment({ replicas: 2, hostPorts: '9000-9001' }));
      await world.converged([8000, 8001], 'one');
      await world.converged([9000, 9001], 'two');
      for (const plane of [one, two]) {
        expect([...plane.observer.containers.keys()].sort()).to.deep.equal(Object.keys(world.runs(plane.instance)).sort());
      }
      const runs = world.runs('two');
      await one.stop();
      const touched = new Set<unknown>();
      world.fault = (callName, args) => {
        if (callName === 'removeNetwork' || callName === 'removeVolume') touched.add(args[0]);
        return 'none';
      };
      await world.start({ instance: 'one', teardown: 'purge' });
      await eventually(() => expect(world.containersOf('one')).to.deep.equal([]), 8_000);
      expect(world.runs('two')).to.deep.equal(runs);
      await eventually(() => expect([...world.engine.networks.keys()]).to.deep.equal(['coxswain-two-default']));
      expect([...touched]).to.deep.equal(['coxswain-one-default']);
    });
  });
});

/**
 * What every ContainerRuntime must do, as one suite: run on the fake and on a real engine, so that what the simulation proves on the one
 * holds on the other. Programs are shell scripts for BusyBox; the fake is told by the same name how they behave.
 */
import { expect } from 'chai';
import { RuntimeError, type RuntimeEvent } from '../../src/runtime/container-runtime.ts';
import { ContractWorld, eventually, EXIT_WITH, expectRejection, type ContractSubject } from './contract-world.ts';
import { removeByForce } from './remove-by-force.ts';

export function describeContract(name: string, open: () => Promise<ContractSubject>): void {
  describe(`${name} as a ContainerRuntime`, function () {
    this.timeout(30_000);
    let world: ContractWorld;

    before(async () => {
      world = new ContractWorld(await open());
      await world.runtime.createNetwork(world.network, world.labels, world.signal());
    });
    after(async () => world.clean());

    describeContainers(() => world);
    describeStopping(() => world);
    describeOutput(() => world);
    describeNetworksAndVolumes(() => world);
    describeEvents(() => world);
  });
}

function describeContainers(get: () => ContractWorld): void {
  describe('containers', () => {
    it('describes the engine', async () => {
      const world = get();
      const engine = await world.runtime.describe(world.signal());
      expect(engine.id).to.not.equal('');
      expect(engine.cpus).to.be.greaterThan(0);
      expect(engine.memoryBytes).to.be.greaterThan(0);
    });

    it('creates, starts and lists a container, and inspect says the same', async () => {
      const world = get();
      const spec = world.spec('sleeper');
      const beforeMs = Date.now();
      const id = await world.runtime.createContainer(spec, world.signal());
      const created = await world.runtime.inspectContainer(id, world.signal());
      expect(created).to.include({ phase: 'created', startedAtMs: 0, finishedAtMs: 0, exitCode: 0, isOomKilled: false, error: '' });
      expect(created.networks).to.deep.equal({ [world.network]: '' });

      await world.runtime.startContainer(id, world.signal());
      const observed = await world.runtime.inspectContainer(id, world.signal());
      expect(observed).to.include({ id, name: spec.name, image: spec.image, phase: 'running', finishedAtMs: 0 });
      expect(observed.startedAtMs).to.be.within(beforeMs - 5, Date.now() + 5);
      expect(observed.labels).to.deep.equal(spec.labels);
      expect(await world.runtime.findImage(spec.image, world.signal())).to.deep.equal({
        id: observed.imageId,
        user: '',
        isBuiltHere: false,
      });
      expect(observed.networks[world.network]).to.match(/^\d+\.\d+\.\d+\.\d+$/);

      const listed = await world.runtime.listContainers([world.subject.instanceLabel], world.signal());
      const { startedAtMs: _s, finishedAtMs: _f, exitCode: _e, isOomKilled: _o, error: _r, resources: _p, ...common } = observed;
      const { status: _status, ...entry } = listed.find((container) => container.id === id)!;
      expect(entry).to.deep.equal(common);
    });

    it('lists only what carries every label', async () => {
      const world = get();
      const id = await world.create('sleeper', { labels: { 'coxswain.dev/test-color': 'green' } });
      const list = async (...labels: string[]): Promise<string[]> =>
        (await world.runtime.listContainers([world.subject.instanceLabel, ...labels], world.signal())).map((container) => container.id);
      expect(await list('coxswain.dev/test-color=green')).to.deep.equal([id]);
      expect(await list('coxswain.dev/test-color=red')).to.deep.equal([]);
    });

    it('finds no image that is not there, and creates no container from it', async () => {
      const world = get();
      expect(await world.runtime.findImage('coxswain-test/absent:latest', world.signal())).to.equal(undefined);
      await expectRejection(world.create('sleeper', { image: 'coxswain-test/absent:latest' }), 'NotFound', 404);
    });

    it('refuses a second container of one name', async () => {
      const world = get();
      const spec = world.spec('sleeper');
      await world.runtime.createContainer(spec, world.signal());
      await expectRejection(world.runtime.createContainer(spec, world.signal()), 'Conflict', 409);
    });

    it('takes a second start as success', async () => {
      const world = get();
      const id = await world.run('sleeper');
      await world.runtime.startContainer(id, world.signal());
      expect((await world.runtime.inspectContainer(id, world.signal())).phase).to.equal('running');
    });

    it('starts an exited container again, with a new start time and no end', async () => {
      const world = get();
      const id = await world.run('sleeper');
      const first = await world.runtime.inspectContainer(id, world.signal());
      await world.runtime.killContainer(id, world.signal());
      await world.runtime.startContainer(id, world.signal());
      const second = await world.runtime.inspectContainer(id, world.signal());
      expect(second).to.include({ phase: 'running', exitCode: 0, finishedAtMs: 0 });
      expect(second.startedAtMs).to.be.greaterThan(first.startedAtMs - 1);
    });

    it('keeps a container created when its host port is taken, and starts it once the port is free', async () => {
      const world = get();
      const hostPort = world.subject.hostPorts[0]!;
      const ports = [{ containerPort: 8080, protocol: 'TCP', hostPort }];
      const holder = await world.run('sleeper', { ports });
      const waiting = await world.create('sleeper', { ports });
      await expectRejection(world.runtime.startContainer(waiting, world.signal()), 'EngineFailure', 500);
      const refused = await world.runtime.inspectContainer(waiting, world.signal());
      expect(refused).to.include({ phase: 'created', startedAtMs: 0, exitCode: 128 });
      expect(refused.error).to.not.equal('');
      await removeByForce(world.runtime, holder, world.signal());
      await world.runtime.startContainer(waiting, world.signal());
      expect(await world.runtime.inspectContainer(waiting, world.signal())).to.include({ phase: 'running', exitCode: 0, error: '' });
    });

    it('reads back the environment', async () => {
      const world = get();
      const env = ['PASSWORD=a b=c', 'EMPTY='];
      const id = await world.create('sleeper', { env });
      expect(await world.runtime.readEnvironment(id, world.signal())).to.include.members(env);
    });

    it('answers NotFound for a container that is not there', async () => {
      const world = get();
      const { runtime } = world;
      const absent = 'f'.repeat(64);
      await expectRejection(runtime.inspectContainer(absent, world.signal()), 'NotFound', 404);
      await expectRejection(runtime.startContainer(absent, world.signal()), 'NotFound', 404);
      await expectRejection(runtime.pauseContainer(absent, world.signal()), 'NotFound', 404);
      await expectRejection(runtime.unpauseContainer(absent, world.signal()), 'NotFound', 404);
      await expectRejection(runtime.readEnvironment(absent, world.signal()), 'NotFound', 404);
      await expectRejection(runtime.exec(absent, ['/bin/true'], world.signal()), 'NotFound', 404);
      await expectRejection(
        runtime.readLogs(absent, {}, () => undefined, world.signal()),
        'NotFound',
        404,
      );
      await expectRejection(runtime.connectNetwork(world.network, absent, [], world.signal()), 'NotFound', 404);
    });

    it('removes no container that runs, one that has ended, and one that is gone', async () => {
      const world = get();
      const id = await world.run('sleeper');
      await expectRejection(world.runtime.removeContainer(id, world.signal()), 'Conflict', 409);
      await world.runtime.killContainer(id, world.signal());
      await world.untilExited(id);
      await world.runtime.removeContainer(id, world.signal());
      await expectRejection(world.runtime.inspectContainer(id, world.signal()), 'NotFound', 404);
      await world.runtime.removeContainer(id, world.signal());
    });

    it('changes the limits of a running container, and leaves what is 0 as it is', async () => {
      const world = get();
      const before = { memoryBytes: 64 * 2 ** 20, nanoCpus: 500_000_000, cpuShares: 128 };
      const id = await world.run('sleeper', before);
      const { startedAtMs, resources } = await world.runtime.inspectContainer(id, world.signal());
      expect(resources).to.deep.equal(before);
      await world.runtime.updateResources(id, { memoryBytes: 32 * 2 ** 20, nanoCpus: 250_000_000, cpuShares: 0 }, world.signal());
      const changed = { memoryBytes: 32 * 2 ** 20, nanoCpus: 250_000_000, cpuShares: 128 };
      expect(await world.runtime.inspectContainer(id, world.signal())).to.deep.include({
        phase: 'running',
        startedAtMs,
        resources: changed,
      });
      await expectRejection(
        world.runtime.updateResources(id, { memoryBytes: 2 ** 20, nanoCpus: 0, cpuShares: 0 }, world.signal()),
        'Invalid',
        400,
      );
      await expectRejection(world.runtime.updateResources('f'.repeat(64), before, world.signal()), 'NotFound', 404);
    });

    it('pauses and unpauses', async () => {
      const world = get();
      const id = await world.run('sleeper');
      const phase = async (): Promise<string> => (await world.runtime.inspectContainer(id, world.signal())).phase;
      await world.runtime.unpauseContainer(id, world.signal());
      await world.runtime.pauseContainer(id, world.signal());
      expect(await phase()).to.equal('paused');
      const listed = await world.runtime.listContainers([world.subject.instanceLabel], world.signal());
      expect(listed.find((container) => container.id === id)!.phase).to.equal('paused');
      await expectRejection(world.runtime.pauseContainer(id, world.signal()), 'Conflict', 409);
      await expectRejection(world.runtime.startContainer(id, world.signal()), 'Conflict', 409);
      await expectRejection(world.runtime.exec(id, ['/bin/true'], world.signal()), 'Conflict', 409);
      await world.runtime.unpauseContainer(id, world.signal());
      expect(await phase()).to.equal('running');
    });

    it('cannot pause a container that is not running', async () => {
      const world = get();
      await expectRejection(world.runtime.pauseContainer(await world.create('sleeper'), world.signal()), 'Conflict', 409);
    });

    it('gives up a call when its signal aborts, and before it was made', async () => {
      const world = get();
      await expectRejection(world.runtime.listContainers([], AbortSignal.abort()), 'Timeout', 0);
      const id = await world.run('deaf');
      await world.untilSpoken(id, 'deaf');
      const startedAtMs = performance.now();
      await expectRejection(world.runtime.stopContainer(id, 20_000, AbortSignal.timeout(150)), 'Timeout', 0);
      expect(performance.now() - startedAtMs).to.be.within(140, 2000);
      await world.runtime.killContainer(id, world.signal());
    });
  });
}

function describeStopping(get: () => ContractWorld): void {
  describe('stopping', () => {
    it('stops a program by SIGTERM, long before the grace period ends', async () => {
      const world = get();
      const id = await world.run('polite');
      await world.untilSpoken(id, 'polite');
      const startedAtMs = performance.now();
      await world.runtime.stopContainer(id, 20_000, world.signal());
      expect(performance.now() - startedAtMs).to.be.lessThan(5000);
      const observed = await world.runtime.inspectContainer(id, world.signal());
      expect(observed).to.include({ phase: 'exited', exitCode: 3 });
      expect(observed.finishedAtMs).to.be.greaterThan(observed.startedAtMs - 1);
      expect(observed.networks).to.deep.equal({ [world.network]: '' });
    });

    it('stops a program without a handler for SIGTERM', async () => {
      const world = get();
      const id = await world.run('sleeper');
      await world.untilSpoken(id, 'third');
      await world.runtime.stopContainer(id, 20_000, world.signal());
      expect((await world.runtime.inspectContainer(id, world.signal())).exitCode).to.equal(143);
    });

    it('kills a program that ignores SIGTERM when the grace period, rounded up to seconds, is over', async () => {
      const world = get();
      const id = await world.run('deaf');
      await world.untilSpoken(id, 'deaf');
      const startedAtMs = performance.now();
      await world.runtime.stopContainer(id, 300, world.signal());
      expect(performance.now() - startedAtMs).to.be.within(950, 5000);
      expect(await world.runtime.inspectContainer(id, world.signal())).to.include({ phase: 'exited', exitCode: 137 });
    });

    it('takes stop and kill of what does not run, or is gone, as success', async () => {
      const world = get();
      const exited = await world.run('brief');
      await world.untilExited(exited);
      for (const id of [exited, await world.create('sleeper'), 'f'.repeat(64)]) {
        await world.runtime.stopContainer(id, 1000, world.signal());
        await world.runtime.killContainer(id, world.signal());
      }
    });

    it('kills at once', async () => {
      const world = get();
      const id = await world.run('deaf');
      await world.runtime.killContainer(id, world.signal());
      await world.untilExited(id);
      expect((await world.runtime.inspectContainer(id, world.signal())).exitCode).to.equal(137);
    });

    it('kills a paused container, and does not remove it', async () => {
      const world = get();
      const killed = await world.run('sleeper');
      await world.runtime.pauseContainer(killed, world.signal());
      await world.runtime.killContainer(killed, world.signal());
      await world.untilExited(killed);
      const removed = await world.run('sleeper');
      await world.runtime.pauseContainer(removed, world.signal());
      await expectRejection(world.runtime.removeContainer(removed, world.signal()), 'Conflict', 409);
    });

    it('keeps the exit code of a program that ends by itself', async () => {
      const world = get();
      const id = await world.run('brief');
      await world.untilExited(id);
      expect((await world.runtime.inspectContainer(id, world.signal())).exitCode).to.equal(7);
    });
  });
}

function describeOutput(get: () => ContractWorld): void {
  describe('output', () => {
    it('reads the whole log, the last lines and none', async () => {
      const world = get();
      const id = await world.run('brief');
      await world.untilExited(id);
      const lines = (await world.logs(id)).trim().split('\n');
      expect(lines).to.have.members(['first', 'second', 'third']);
      expect((await world.logs(id, 1)).trim()).to.equal(lines[2]);
      expect(await world.logs(id, 0)).to.equal('');
    });

    it('follows a log until the container ends', async () => {
      const world = get();
      const id = await world.run('polite');
      let text = '';
      const follow = world.runtime.readLogs(id, { isFollowing: true }, (chunk) => (text += Buffer.from(chunk).toString()), world.signal());
      await eventually(() => expect(text).to.equal('polite\n'), world.subject.patienceMs);
      await world.runtime.stopContainer(id, 5000, world.signal());
      await follow;
    });

    it('ends following when the signal aborts', async () => {
      const world = get();
      const id = await world.run('sleeper');
      await world.untilSpoken(id, 'third');
      const following = new AbortController();
      let text = '';
      const follow = world.runtime.readLogs(
        id,
        { isFollowing: true },
        (chunk) => {
          text += Buffer.from(chunk).toString();
          if (text.includes('third')) following.abort();
        },
        following.signal,
      );
      await expectRejection(follow, 'Timeout');
    });

    it('runs a command and gives its exit code and the end of its output', async () => {
      const world = get();
      const id = await world.run('sleeper');
      expect(await world.runtime.exec(id, EXIT_WITH(0, 'fine'), world.signal())).to.deep.equal({ exitCode: 0, output: 'fine\n' });
      expect(await world.runtime.exec(id, EXIT_WITH(5, 'broken'), world.signal())).to.deep.equal({ exitCode: 5, output: 'broken\n' });
    });

    it('runs no command in a container that is not running', async () => {
      const world = get();
      await expectRejection(world.runtime.exec(await world.create('sleeper'), ['/bin/true'], world.signal()), 'Conflict', 409);
    });
  });
}

function describeNetworksAndVolumes(get: () => ContractWorld): void {
  describe('networks and volumes', () => {
    it('creates a network once, lists it by label and removes it twice', async () => {
      const world = get();
      const name = world.uniqueName('net');
      const id = await world.runtime.createNetwork(name, world.labels, world.signal());
      expect(await world.runtime.createNetwork(name, world.labels, world.signal())).to.equal(id);
      await expectRejection(world.runtime.createNetwork(name, { ...world.labels, other: 'label' }, world.signal()), 'Conflict', 409);
      const networks = await world.runtime.listNetworks([world.subject.instanceLabel], world.signal());
      expect(networks).to.deep.include({ id, name, labels: world.labels });
      await world.runtime.removeNetwork(name, world.signal());
      await world.runtime.removeNetwork(name, world.signal());
      expect((await world.runtime.listNetworks([world.subject.instanceLabel], world.signal())).map((network) => network.id)).to.not.include(
        id,
      );
    });

    it('removes no network with a running container in it', async () => {
      const world = get();
      await world.run('sleeper');
      await expectRejection(world.runtime.removeNetwork(world.network, world.signal()), 'Conflict');
    });

    it('starts no container whose network is gone', async () => {
      const world = get();
      const network = world.uniqueName('net');
      await world.runtime.createNetwork(network, world.labels, world.signal());
      const id = await world.create('sleeper', { network });
      await world.runtime.removeNetwork(network, world.signal());
      await expectRejection(world.runtime.startContainer(id, world.signal()), 'NotFound', 404);
    });

    it('connects a running container to a second network, once', async () => {
      const world = get();
      const network = world.uniqueName('net');
      await world.runtime.createNetwork(network, world.labels, world.signal());
      const id = await world.run('sleeper');
      await world.runtime.connectNetwork(network, id, ['alias'], world.signal());
      await world.runtime.connectNetwork(network, id, ['alias'], world.signal());
      const { networks } = await world.runtime.inspectContainer(id, world.signal());
      expect(Object.keys(networks)).to.have.members([world.network, network]);
      expect(networks[network]).to.not.equal('');
      expect(networks[network]).to.not.equal(networks[world.network]);
      await expectRejection(world.runtime.connectNetwork(world.uniqueName('absent'), id, [], world.signal()), 'NotFound', 404);
      await removeByForce(world.runtime, id, world.signal());
      await world.runtime.removeNetwork(network, world.signal());
    });

    it('creates a volume once, refuses one of other labels, and removes it when nobody uses it', async () => {
      const world = get();
      const name = world.uniqueName('volume');
      await world.runtime.createVolume(name, world.labels, world.signal());
      await world.runtime.createVolume(name, world.labels, world.signal());
      await expectRejection(world.runtime.createVolume(name, { ...world.labels, other: 'label' }, world.signal()), 'Conflict', 409);
      expect(await world.runtime.listVolumes([world.subject.instanceLabel], world.signal())).to.deep.include({
        name,
        labels: world.labels,
      });
      const mounts = [{ type: 'volume', source: name, target: '/data', isReadOnly: false }] as const;
      const id = await world.create('sleeper', { mounts });
      await expectRejection(world.runtime.removeVolume(name, world.signal()), 'Conflict', 409);
      await removeByForce(world.runtime, id, world.signal());
      await world.runtime.removeVolume(name, world.signal());
      await world.runtime.removeVolume(name, world.signal());
    });

    it('takes the removal of an image that is not there as success', async () => {
      const world = get();
      await world.runtime.removeImage('coxswain-test/absent:latest', world.signal());
    });

    it('fails to pull what no registry has', async () => {
      const world = get();
      const error = await world.runtime.pullImage('localhost:1/absent:latest', world.signal()).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(RuntimeError);
      expect((error as RuntimeError).code).to.be.oneOf(['EngineFailure', 'NotFound', 'Timeout']);
    });
  });
}

function describeEvents(get: () => ContractWorld): void {
  describe('events', () => {
    it('tells of create, start, die and destroy in order, of this instance only, until the signal aborts', async () => {
      const world = get();
      const watching = new AbortController();
      const events: RuntimeEvent[] = [];
      let connections = 0;
      const watch = world.runtime.watchEvents(
        [world.subject.instanceLabel],
        (event) => events.push(event),
        () => connections++,
        watching.signal,
      );
      await eventually(() => expect(connections).to.equal(1), world.subject.patienceMs);
      const foreign = await world.create('sleeper', { labels: { 'coxswain.dev/instance': `${world.subject.prefix}-foreign` } });
      await removeByForce(world.runtime, foreign, world.signal());
      const network = world.uniqueName('net');
      const networkId = await world.runtime.createNetwork(network, world.labels, world.signal());
      const id = await world.run('sleeper');
      await world.runtime.exec(id, EXIT_WITH(0, 'quiet'), world.signal());
      await removeByForce(world.runtime, id, world.signal());
      await world.runtime.removeNetwork(network, world.signal());

      const actionsOf = (wanted: string): string[] => events.filter((event) => event.id === wanted).map((event) => event.action);
      await eventually(() => expect(actionsOf(networkId)).to.deep.equal(['create', 'destroy']), world.subject.patienceMs);
      expect(actionsOf(id).filter((action) => action !== 'kill')).to.deep.equal(['create', 'start', 'die', 'destroy']);
      expect(actionsOf(foreign)).to.deep.equal([]);
      watching.abort();
      await watch;
      expect(connections).to.equal(1);
    });
  });
}

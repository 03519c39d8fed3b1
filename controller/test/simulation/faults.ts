/** Things that go wrong in a run, beside those of single calls: what crashes, is removed by hand, restarts, fills up, jumps. */
import { LABEL } from '../../src/model/annotations.ts';
import type { ContainerSpec } from '../../src/model/operation.ts';
import type { FakeContainer } from '../runtime/fake-container.ts';
import { MemoryFileSystem } from '../state/memory-file-system.ts';
import type { Random } from './random.ts';
import type { Simulation } from './simulation.ts';
import { INSTANCE } from './control-plane-life.ts';
import { removeByForce } from '../runtime/remove-by-force.ts';

type Fault = (simulation: Simulation, random: Random) => string | undefined;

function anyContainer(
  { engine }: Simulation,
  random: Random,
  isWanted = (container: FakeContainer): boolean => container.isAlive,
): FakeContainer | undefined {
  return random.pickSome(
    [...engine.docker.containers.values()].filter((container) => container.spec.labels[LABEL.instance] === INSTANCE && isWanted(container)),
  );
}

function onContainer(what: string, act: (container: FakeContainer, simulation: Simulation, random: Random) => void): Fault {
  return (simulation, random) => {
    const container = anyContainer(simulation, random);
    if (container === undefined) return undefined;
    act(container, simulation, random);
    return `${what} ${container.spec.name}`;
  };
}

const signal = (): AbortSignal => new AbortController().signal;

/** By hand: `docker rm -f`, `docker stop`, `docker pause`. */
const BY_HAND: readonly Fault[] = [
  onContainer('docker rm -f', ({ id }, { engine }) => void removeByForce(engine.docker, id, signal())),
  onContainer('docker kill', ({ id }, { engine }) => void engine.docker.killContainer(id, signal())),
  onContainer('docker stop', ({ id }, { engine }) => void engine.docker.stopContainer(id, 2_000, signal())),
  onContainer('docker pause', ({ id }, { engine }) => void engine.docker.pauseContainer(id, signal()).catch(() => undefined)),
];

const CRASHES: readonly Fault[] = [
  onContainer('crash of', ({ id }, { engine }) => engine.docker.crash(id, 1)),
  onContainer('out of memory:', ({ id }, { engine }) => engine.docker.crash(id, 137, true)),
  onContainer('clean exit of', ({ id }, { engine }) => engine.docker.crash(id, 0)),
];

const FLAPS: readonly Fault[] = [
  onContainer('probes fail at', (container, { engine }, random) => engine.breakFor(container, random.int(200, 8_000))),
  // Like a shared dependency that nobody declared.
  ({ engine }, random) => {
    const durationMs = random.int(500, 5_000);
    for (const container of engine.docker.containers.values())
      if (container.isAlive && 'brokenUntilMs' in container.program) engine.breakFor(container, durationMs);
    return `probes fail everywhere for ${durationMs} ms`;
  },
];

const CONFLICTS: readonly Fault[] = [
  (simulation, random) => {
    const container = anyContainer(simulation, random);
    if (container === undefined) return undefined;
    const { name, labels } = container.spec;
    const base = name.replace(/\.\d+$/, '');
    const taken = `${base}.${Number(labels[LABEL.restartCount] ?? 0) + 1}`;
    if (simulation.engine.docker.findByName(taken) !== undefined) return undefined;
    const goneAfterMs = random.int(1_000, 10_000);
    void addForeign(simulation, taken).then(
      (id) => setTimeout(() => simulation.engine.docker.containers.delete(id), goneAfterMs),
      () => undefined,
    );
    return `somebody's container takes the name ${taken}`;
  },
  ({ engine }, random) => {
    const port = 8000 + 20 * random.int(0, 2) + random.int(0, 4);
    for (const container of engine.docker.containers.values())
      if (container.isAlive && container.hostPorts.includes(port)) return undefined;
    engine.docker.takeHostPort(port);
    setTimeout(() => engine.docker.freeHostPort(port), random.int(1_000, 10_000));
    return `somebody takes port ${port}`;
  },
];

const ENGINE: readonly Fault[] = [
  ({ engine }, random) => {
    const downMs = random.int(100, 3_000);
    const isLive = random.chance(0.4);
    engine.isDown = true;
    engine.releaseHanging();
    if (!isLive) engine.docker.restartEngine();
    setTimeout(() => {
      engine.isDown = false;
      engine.docker.disconnectWatchers();
    }, downMs);
    return `the engine restarts, ${downMs} ms${isLive ? ', containers live on' : ''}`;
  },
  ({ engine }) => {
    engine.docker.disconnectWatchers();
    return 'the event stream is cut';
  },
  ({ engine }, random) => {
    const image = random.pick(['app:1', 'app:2', 'app:3']);
    return engine.docker.images.delete(image) ? `docker rmi ${image}` : undefined;
  },
];

const CONTROL: readonly Fault[] = [
  (simulation, random) => simulation.killControlPlane(random.int(20, 1_500)),
  (simulation, random) => simulation.killControlPlane(random.int(20, 100)),
  (simulation, random) => {
    const done = simulation.killControlPlane(random.int(20, 1_500));
    return done && `${done}; ${damageState(simulation, random)}`;
  },
];

const INGRESS: readonly Fault[] = [
  ({ ingress }, random) => {
    if (!ingress.isUp) return undefined;
    ingress.kill();
    setTimeout(() => ingress.start(), random.int(50, 4_000));
    return 'the ingress is killed';
  },
  ({ ingress }) => {
    ingress.cutConnection();
    return 'the connection to the ingress is cut';
  },
];

const MACHINE: readonly Fault[] = [
  ({ clock }, random) => {
    const byMs = random.pick([-1, 1]) * random.int(1_000, 3_600_000);
    clock.jumpWall(byMs);
    return `the wall clock jumps by ${byMs} ms`;
  },
  ({ disk }, random) => {
    disk.isFull = true;
    setTimeout(() => (disk.isFull = false), random.int(200, 5_000));
    return 'the disk is full';
  },
];

export const FAULTS: readonly (readonly Fault[])[] = [
  BY_HAND,
  CRASHES,
  CRASHES,
  FLAPS,
  CONFLICTS,
  ENGINE,
  CONTROL,
  CONTROL,
  INGRESS,
  MACHINE,
];

function damageState(simulation: Simulation, random: Random): string {
  const { disk } = simulation;
  const kind = random.pick(['snapshot', 'journal', 'all'] as const);
  // What is physically gone cannot be asked for; everything else must still be there.
  if (kind !== 'snapshot') simulation.acknowledged.clear();
  if (kind === 'all') {
    disk.state = new MemoryFileSystem();
    if (random.chance(0.5)) disk.secrets = new MemoryFileSystem();
    return 'its state is lost';
  }
  const path = [...disk.state.files.keys()].find((candidate) => candidate.endsWith(kind === 'snapshot' ? 'snapshot.json' : 'journal.log'));
  const data = path === undefined ? undefined : disk.state.files.get(path);
  if (path === undefined || data === undefined || data.length === 0) return 'its state is whole';
  const at = random.int(0, data.length - 1);
  const damaged = random.chance(0.5) ? data.subarray(0, at) : Buffer.from(data);
  if (damaged.length === data.length) damaged[at] = (damaged[at] ?? 0) ^ 0x20;
  disk.state.files.set(path, damaged);
  return `${path} is damaged at ${at}`;
}

/** A running container that is not ours; resolves with its id. */
export async function addForeign({ engine }: Simulation, name: string): Promise<string> {
  const { docker } = engine;
  if (!docker.networks.has('bridge')) await docker.createNetwork('bridge', {}, signal());
  const id = await docker.createContainer({ ...FOREIGN, name }, signal());
  await docker.startContainer(id, signal());
  return id;
}

const FOREIGN: ContainerSpec = {
  name: 'foreign',
  image: 'app:1',
  env: [],
  labels: { 'com.example': 'theirs' },
  hostname: 'foreign',
  network: 'bridge',
  networkAliases: [],
  ports: [],
  mounts: [],
  isRootReadOnly: false,
  isPrivileged: false,
  isPrivilegeEscalationAllowed: true,
  capabilitiesAdded: [],
  capabilitiesDropped: [],
  memoryBytes: 0,
  nanoCpus: 0,
  cpuShares: 0,
};

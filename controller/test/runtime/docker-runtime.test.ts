import { expect } from 'chai';
import Dockerode from 'dockerode';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerSpec } from '../../src/model/operation.ts';
import { DockerRuntime } from '../../src/runtime/docker-runtime.ts';
import { ContractWorld, expectRejection, type ContractSubject } from './contract-world.ts';
import { describeContract } from './contract.ts';
import { ensureTestImage, TEST_IMAGE } from './test-image.ts';
import { removeByForce } from './remove-by-force.ts';

const SOCKET = process.env['DOCKER_SOCKET'] ?? '/var/run/docker.sock';
const PREFIX = `test-contract-${process.pid}`;

async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  for (let i = 0; i < count; i++) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.push(server);
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function openSubject(prefix: string): Promise<ContractSubject> {
  await ensureTestImage(SOCKET);
  return {
    runtime: new DockerRuntime({ socketPath: SOCKET }),
    image: TEST_IMAGE,
    instanceLabel: `coxswain.dev/instance=${prefix}`,
    prefix,
    hostPorts: await freePorts(3),
    patienceMs: 20_000,
  };
}

describeContract('DockerRuntime', () => openSubject(PREFIX));

describe('DockerRuntime on a real engine', function () {
  this.timeout(30_000);
  let world: ContractWorld;

  before(async () => {
    world = new ContractWorld(await openSubject(`${PREFIX}-more`));
    await world.runtime.createNetwork(world.network, world.labels, world.signal());
  });
  after(async () => world.clean());

  async function outputOf(change: Partial<ContainerSpec>, script: string): Promise<string> {
    const id = await world.run('sleeper', change);
    return (await world.runtime.exec(id, ['/bin/sh', '-c', script], world.signal())).output.trim();
  }

  it('applies user, hostname, working directory and environment', async () => {
    const change = { user: '65532:65533', hostname: 'acts-0', workingDir: '/tmp', env: ['GREETING=hello there'] };
    expect(await outputOf(change, 'id -u; id -g; hostname; pwd; echo $GREETING')).to.equal('65532\n65533\nacts-0\n/tmp\nhello there');
  });

  it('keeps the root read-only and tmpfs and volumes writable', async () => {
    const volume = world.uniqueName('volume');
    await world.runtime.createVolume(volume, world.labels, world.signal());
    const mounts = [
      { type: 'tmpfs', target: '/scratch', sizeBytes: 1024 * 1024 },
      { type: 'volume', source: volume, target: '/data', isReadOnly: false },
    ] as const;
    const script =
      'touch /file 2>/dev/null || echo root is read-only; touch /scratch/file /data/file && echo others are not; df -k /scratch | tail -1';
    const output = await outputOf({ isRootReadOnly: true, mounts }, script);
    expect(output).to.match(/^root is read-only\nothers are not\ntmpfs +1024 /);
    expect(await outputOf({ mounts: [mounts[1]] }, 'ls /data')).to.equal('file');
    expect(await outputOf({ mounts: [{ ...mounts[1], isReadOnly: true }] }, 'touch /data/other 2>&1 || true')).to.include('Read-only');
  });

  it('binds a directory of the host, and refuses one that is not there', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'coxswain-bind-'));
    try {
      writeFileSync(join(directory, 'greeting'), 'hello');
      const bind = { type: 'bind', source: directory, target: '/config', isReadOnly: true } as const;
      expect(await outputOf({ mounts: [bind] }, 'cat /config/greeting')).to.equal('hello');
      await expectRejection(world.create('sleeper', { mounts: [{ ...bind, source: join(directory, 'absent') }] }), 'Invalid', 400);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('limits memory, drops capabilities and forbids new privileges', async () => {
    const change = { memoryBytes: 32 * 1024 * 1024, capabilitiesDropped: ['ALL'], nanoCpus: 500_000_000, cpuShares: 128 };
    const script =
      'grep -E "^(CapEff|NoNewPrivs)" /proc/self/status; cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes';
    const output = await outputOf(change, `${script} 2>/dev/null`);
    expect(output).to.match(/CapEff:\s+0000000000000000/);
    expect(output).to.match(/NoNewPrivs:\s+1/);
    expect(output).to.include(String(32 * 1024 * 1024));
    expect(await outputOf({ isPrivilegeEscalationAllowed: true }, 'grep NoNewPrivs /proc/self/status')).to.match(/:\s+0/);
  });

  it('tells a death by memory limit from others', async () => {
    const id = await world.create('sleeper', { memoryBytes: 8 * 1024 * 1024, command: ['/bin/sh', '-c', 'tail /dev/zero'] });
    await world.runtime.startContainer(id, world.signal());
    await world.untilExited(id);
    expect(await world.runtime.inspectContainer(id, world.signal())).to.include({ exitCode: 137, isOomKilled: true });
  });

  it('resolves the aliases of a network, those of a later connection too', async () => {
    const alias = world.uniqueName('alias');
    const late = world.uniqueName('late');
    const server = await world.run('sleeper', { networkAliases: [alias] });
    const other = world.uniqueName('net');
    await world.runtime.createNetwork(other, world.labels, world.signal());
    await world.runtime.connectNetwork(other, server, [late], world.signal());
    const { networks } = await world.runtime.inspectContainer(server, world.signal());
    expect(await outputOf({}, `ping -c1 ${alias}`)).to.include(networks[world.network]);
    expect(await outputOf({ network: other }, `ping -c1 ${late}`)).to.include(networks[other]);
  });

  it('publishes on loopback when no address is given', async () => {
    const hostPort = world.subject.hostPorts[1]!;
    await world.run('sleeper', { ports: [{ containerPort: 8080, protocol: 'TCP', hostPort }] });
    const other = await world.create('sleeper', { ports: [{ containerPort: 8080, protocol: 'TCP', hostIp: '127.0.0.2', hostPort }] });
    await world.runtime.startContainer(other, world.signal());
  });

  it('keeps the last 4 KiB of what a command writes', async () => {
    const id = await world.run('sleeper');
    const command = ['/bin/sh', '-c', 'i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done'];
    const { output } = await world.runtime.exec(id, command, world.signal());
    expect(output.length).to.equal(4096);
    expect(output).to.match(/line 1999\n$/);
  });

  it('a command that is not in the image fails with a code other than 0', async () => {
    const id = await world.run('sleeper');
    const result = await world.runtime.exec(id, ['/absent'], world.signal()).catch((error: unknown) => error);
    expect(result).to.have.property('exitCode').that.is.oneOf([126, 127]);
  });

  it('does not leave secrets in the URL of a creation', async () => {
    const env = [`SECRET=${'x'.repeat(300_000)}`];
    const id = await world.create('sleeper', { env });
    expect(await world.runtime.readEnvironment(id, world.signal())).to.include(env[0]);
  });

  it('says Unreachable where no engine listens', async () => {
    const runtime = new DockerRuntime({ socketPath: join(tmpdir(), `coxswain-absent-${process.pid}.sock`) });
    await expectRejection(runtime.listContainers([], world.signal()), 'Unreachable', 0);
    await expectRejection(runtime.startContainer('f'.repeat(64), world.signal()), 'Unreachable', 0);
  });

  it('answers calls at its own socket whatever DOCKER_HOST says', async () => {
    const former = process.env['DOCKER_HOST'];
    process.env['DOCKER_HOST'] = 'tcp://127.0.0.1:1';
    try {
      const engine = await new DockerRuntime({ socketPath: SOCKET }).describe(world.signal());
      expect(engine.apiVersion).to.match(/^1\.\d+$/);
    } finally {
      if (former === undefined) delete process.env['DOCKER_HOST'];
      else process.env['DOCKER_HOST'] = former;
    }
  });

  it('takes the name of an image away, and refuses to while a container uses its last one', async () => {
    const docker = new Dockerode({ socketPath: SOCKET });
    const repo = `coxswain-test/removable-${process.pid}`;
    // An image of its own: others use the test image.
    const committed = docker.getContainer(await world.create('sleeper'));
    await committed.commit({ repo, tag: '1' });
    const id = await world.create('sleeper', { image: `${repo}:1` });
    await expectRejection(world.runtime.removeImage(`${repo}:1`, world.signal()), 'Conflict', 409);
    await removeByForce(world.runtime, id, world.signal());
    await world.runtime.removeImage(`${repo}:1`, world.signal());
    expect(await world.runtime.findImage(`${repo}:1`, world.signal())).to.equal(undefined);
    await world.runtime.removeImage(`${repo}:1`, world.signal());
  });

  it('keeps named volumes when a container is removed', async () => {
    const named = world.uniqueName('volume');
    await world.runtime.createVolume(named, world.labels, world.signal());
    const id = await world.run('sleeper', { mounts: [{ type: 'volume', source: named, target: '/data', isReadOnly: false }] });
    await removeByForce(world.runtime, id, world.signal());
    const volumes = await world.runtime.listVolumes([world.subject.instanceLabel], world.signal());
    expect(volumes.map((volume) => volume.name)).to.include(named);
  });
});

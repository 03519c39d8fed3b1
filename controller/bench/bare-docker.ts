/** The peer of the benchmarks: the same image run by bare engine calls, with nobody steering. Its containers carry a label of their own. */
import { connect } from 'node:net';
import { request } from 'node:http';
import type { ContainerSpec } from '../src/model/operation.ts';
import type { ContainerRuntime } from '../src/runtime/container-runtime.ts';

/** Few enough that asking ten ports at once does not slow down what is measured. */
const POLL_MS = 10;
const signal = (): AbortSignal => AbortSignal.timeout(60_000);

/** What a container of the acts Deployment is made of, without Coxswain's labels and names. */
export async function bareSpec(
  runtime: ContainerRuntime,
  containerId: string,
  network: string,
): Promise<Omit<ContainerSpec, 'name' | 'ports'>> {
  const environment = await runtime.readEnvironment(containerId, signal());
  return {
    image: 'acts:latest',
    env: environment.filter((entry) => !entry.startsWith('PATH=')),
    labels: { 'coxswain.dev/bench': String(process.pid) },
    hostname: 'bare',
    user: '65532',
    network,
    networkAliases: [],
    mounts: [],
    isRootReadOnly: true,
    isPrivileged: false,
    isPrivilegeEscalationAllowed: false,
    capabilitiesAdded: [],
    capabilitiesDropped: ['ALL'],
    memoryBytes: 512 * 1024 * 1024,
    nanoCpus: 0,
    cpuShares: 0,
  };
}

/** `docker run` as two engine calls. Resolves with the container id. */
export async function bareRun(runtime: ContainerRuntime, spec: Omit<ContainerSpec, 'name' | 'ports'>, port: number): Promise<string> {
  const ports = [{ containerPort: 8080, protocol: 'tcp', hostIp: '127.0.0.1', hostPort: port }];
  const id = await runtime.createContainer({ ...spec, name: `bare-${process.pid}-${port}`, ports }, signal());
  await runtime.startContainer(id, signal());
  return id;
}

export async function bareRemove(runtime: ContainerRuntime, id: string): Promise<void> {
  await runtime.removeContainer(id, signal());
}

/**
 * Resolves when the port answers 200: a new request on a connection of its own every `everyMs`, whatever became of those before. One that is
 * sent while the container is being started may hang for a second (docker-proxy's SYN is lost before the network is up), and says nothing
 * about when the port first answers. Rejects after a minute.
 */
export async function untilHealthy(port: number, everyMs = POLL_MS): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const finish = (settle: () => void): void => {
      clearInterval(asking);
      clearTimeout(deadline);
      settle();
    };
    const asking = setInterval(() => void statusOf(port).then((status) => status === 200 && finish(resolve)), everyMs);
    const deadline = setTimeout(() => finish(() => reject(new Error(`port ${port} did not answer 200 within a minute`))), 60_000);
  });
}

function statusOf(port: number): Promise<number> {
  return new Promise((resolve) => {
    const call = request(
      {
        host: '127.0.0.1',
        port,
        path: '/api/v1/_health',
        agent: false,
        timeout: 2_000,
        createConnection: () => connect(port, '127.0.0.1'),
      },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(0));
    call.end();
  });
}

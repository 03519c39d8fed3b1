/** The peer of the rollout benchmark: one Swarm service on this engine. The swarm is made for it on loopback, and left afterwards. */
import { setTimeout as sleep } from 'node:timers/promises';
import Dockerode from 'dockerode';
import { eventually } from '../test/eventually.ts';

export interface SwarmServiceOptions {
  readonly image: string;
  readonly command: readonly string[];
  readonly replicas: number;
}

const POLL_MS = 50;

interface ServiceInspection {
  readonly Version: { readonly Index: number };
  readonly UpdateStatus?: { readonly State?: string };
}

export class SwarmService {
  readonly #docker: Dockerode;
  readonly #service: Dockerode.Service;
  readonly #options: SwarmServiceOptions;
  readonly #name: string;

  private constructor(docker: Dockerode, service: Dockerode.Service, name: string, options: SwarmServiceOptions) {
    this.#docker = docker;
    this.#service = service;
    this.#name = name;
    this.#options = options;
  }

  /** Or why there is none: an engine that is in a swarm already belongs to somebody else. */
  static async create(socketPath: string, options: SwarmServiceOptions): Promise<SwarmService | string> {
    const docker = new Dockerode({ socketPath });
    const { Swarm: swarm } = (await docker.info()) as { readonly Swarm?: { readonly LocalNodeState?: string } };
    if (swarm?.LocalNodeState !== 'inactive') return `the engine is in a swarm already (${swarm?.LocalNodeState ?? 'unknown'})`;
    try {
      await docker.swarmInit({ ListenAddr: '127.0.0.1:2377', AdvertiseAddr: '127.0.0.1' });
    } catch (error) {
      return `no swarm can be made: ${error instanceof Error ? error.message : String(error)}`;
    }
    const name = `coxswain-bench-${process.pid}`;
    try {
      const service = await docker.createService(specOf(name, options, ['VERSION=1']));
      return new SwarmService(docker, docker.getService(service.id), name, options);
    } catch (error) {
      await docker.swarmLeave({ force: true });
      throw error;
    }
  }

  async untilRunning(deadlineMs: number): Promise<void> {
    await eventually(async () => {
      await sleep(POLL_MS);
      const tasks = (await this.#docker.listTasks({ filters: { service: [this.#name], 'desired-state': ['running'] } })) as readonly {
        readonly Status?: { readonly State?: string };
      }[];
      const running = tasks.filter(({ Status: status }) => status?.State === 'running').length;
      if (running !== this.#options.replicas) throw new Error(`${running} tasks run`);
    }, deadlineMs);
  }

  /** @param monitorNs of the update; the engine takes 0 for its default of 5 s, so 1 is the least there is */
  async update(environment: readonly string[], monitorNs: number): Promise<void> {
    const { Version: version } = (await this.#service.inspect()) as ServiceInspection;
    await this.#service.update({ ...specOf(this.#name, this.#options, environment, monitorNs), version: version.Index });
  }

  async untilUpdated(deadlineMs: number): Promise<void> {
    await eventually(async () => {
      await sleep(POLL_MS);
      const { UpdateStatus: status } = (await this.#service.inspect()) as ServiceInspection;
      if (status?.State !== 'completed') throw new Error(`the update is ${status?.State ?? 'not begun'}`);
    }, deadlineMs);
  }

  async remove(): Promise<void> {
    await this.#service.remove();
    await eventually(async () => {
      const left = await this.#docker.listContainers({ all: true, filters: { label: [`com.docker.swarm.service.name=${this.#name}`] } });
      if (left.length > 0) throw new Error(`${left.length} containers of the service are left`);
    }, 60_000);
    await this.#docker.swarmLeave({ force: true });
    // What it leaves behind.
    await this.#docker
      .getNetwork('docker_gwbridge')
      .remove()
      .catch(() => undefined);
  }
}

function specOf(name: string, { image, command, replicas }: SwarmServiceOptions, environment: readonly string[], monitorNs = 1): object {
  return {
    Name: name,
    TaskTemplate: { ContainerSpec: { Image: image, Command: command, Env: environment, StopGracePeriod: 10e9 } },
    Mode: { Replicated: { Replicas: replicas } },
    UpdateConfig: { Parallelism: 2, Delay: 0, Monitor: monitorNs, Order: 'start-first', FailureAction: 'continue' },
  };
}

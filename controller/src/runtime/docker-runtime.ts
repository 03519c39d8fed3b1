/**
 * The ContainerRuntime port over dockerode. One method is one engine call, except where it says otherwise; no retries, no state, no decisions:
 * those belong to the loop. Nothing else imports dockerode.
 */
import { Agent } from 'node:http';
import { inspect } from 'node:util';
import type Dockerode from 'dockerode';
import type { ContainerResources, ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume } from '../model/observed.ts';
import type { ContainerSpec } from '../model/operation.ts';
import {
  RuntimeError,
  type ContainerRuntime,
  type EngineDescription,
  type ExecResult,
  type ListedContainer,
  type LogOptions,
  type RuntimeEvent,
} from './container-runtime.ts';
import { toContainerBody, toResourceBody } from './docker-container-body.ts';
import { isStatus, toRuntimeError } from './docker-errors.ts';
import { watchDockerEvents } from './docker-events.ts';
import { toListedContainer, toObservedContainer, toObservedImage } from './docker-observations.ts';
import { OutputDemultiplexer, OutputTail, readJsonLines } from './docker-streams.ts';
import { LeanDockerode } from './lean-dockerode.ts';

type Labels = Readonly<Record<string, string>>;

const EXEC_OUTPUT_BYTES = 4096;
const PULL_LINE_BYTES = 1024 * 1024;
/** How often an exec whose output has ended is asked whether its process has ended, too. */
const EXEC_POLL_MS = 10;
const IDLE_SOCKETS = 8;

/** Requests and answers of dockerode that its types do not know. */
interface PullProgress {
  readonly error?: string;
}

export class DockerRuntime implements ContainerRuntime {
  readonly #docker: Dockerode;
  readonly #agent: Agent;

  constructor(options: { readonly socketPath: string }) {
    this.#agent = new Agent({ keepAlive: true, maxFreeSockets: IDLE_SOCKETS });
    // docker-modem runs util.inspect over every request's options, to any depth, even when nobody reads it: with the agent's sockets in them
    // that doubles the cost of a call.
    Object.assign(this.#agent, { [inspect.custom]: () => 'Agent' });
    // Empty host and protocol: docker-modem would otherwise prefer DOCKER_HOST of the environment over this socket.
    const modemOptions = { socketPath: options.socketPath, host: '', protocol: 'http', agent: this.#agent } as const;
    this.#docker = new LeanDockerode(modemOptions);
  }

  /** Frees the idle connections; calls under way are not touched. */
  close(): void {
    this.#agent.destroy();
  }

  /** Two calls. */
  async describe(signal: AbortSignal): Promise<EngineDescription> {
    return await this.#call('describe the engine', signal, async () => {
      const [info, version] = await Promise.all([this.#docker.info() as Promise<EngineInfo>, this.#docker.version()]);
      return {
        id: info.ID,
        version: version.Version,
        apiVersion: version.ApiVersion,
        cpus: info.NCPU,
        memoryBytes: info.MemTotal,
        operatingSystem: info.OperatingSystem,
      };
    });
  }

  async listContainers(labels: readonly string[], signal: AbortSignal): Promise<readonly ListedContainer[]> {
    return await this.#call('list containers', signal, async (abortSignal) => {
      const entries = await this.#docker.listContainers({ all: true, filters: { label: [...labels] }, abortSignal });
      return entries.map(toListedContainer);
    });
  }

  async inspectContainer(containerId: string, signal: AbortSignal): Promise<ObservedContainer> {
    return await this.#onContainer('inspect', containerId, signal, async (container, abortSignal) =>
      toObservedContainer(await container.inspect({ abortSignal })),
    );
  }

  async listNetworks(labels: readonly string[], signal: AbortSignal): Promise<readonly ObservedNetwork[]> {
    return await this.#call('list networks', signal, async (abortSignal) => {
      const entries = await this.#docker.listNetworks({ filters: { label: [...labels] }, abortSignal });
      return entries.map((entry) => ({ id: entry.Id, name: entry.Name, labels: entry.Labels ?? {} }));
    });
  }

  async listVolumes(labels: readonly string[], signal: AbortSignal): Promise<readonly ObservedVolume[]> {
    return await this.#call('list volumes', signal, async (abortSignal) => {
      const { Volumes } = await this.#docker.listVolumes({ filters: { label: [...labels] }, abortSignal });
      // Docker writes null for no volumes and for no labels.
      return ((Volumes as Dockerode.VolumeInspectInfo[] | null) ?? []).map((entry) => ({
        name: entry.Name,
        labels: (entry.Labels as Labels | null) ?? {},
      }));
    });
  }

  async readEnvironment(containerId: string, signal: AbortSignal): Promise<readonly string[]> {
    return await this.#onContainer('read the environment of', containerId, signal, async (container, abortSignal) => {
      const { Config }: { readonly Config: { readonly Env: readonly string[] | null } } = await container.inspect({ abortSignal });
      return Config.Env ?? [];
    });
  }

  async findImage(reference: string, signal: AbortSignal): Promise<ObservedImage | undefined> {
    return await this.#call(`find image ${reference}`, signal, async () =>
      toObservedImage(await this.#docker.getImage(reference).inspect()),
    ).catch(acceptStatus(404));
  }

  async createContainer(spec: ContainerSpec, signal: AbortSignal): Promise<string> {
    return await this.#call(`create container ${spec.name}`, signal, async (abortSignal) => {
      // Apart, because dockerode puts options into the query, too: secrets of the environment would be in a URL.
      const request = { _query: { name: spec.name }, _body: toContainerBody(spec), abortSignal };
      const container = await this.#docker.createContainer(request);
      return container.id;
    });
  }

  async startContainer(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#onContainer('start', containerId, signal, (container, abortSignal) => container.start({ abortSignal })).catch(
      acceptStatus(304),
    );
  }

  async updateResources(containerId: string, resources: ContainerResources, signal: AbortSignal): Promise<void> {
    await this.#onContainer('update', containerId, signal, (container, abortSignal) =>
      container.update({ ...toResourceBody(resources), abortSignal }),
    );
  }

  async stopContainer(containerId: string, graceMs: number, signal: AbortSignal): Promise<void> {
    const t = Math.ceil(graceMs / 1000);
    await this.#onContainer('stop', containerId, signal, (container, abortSignal) => container.stop({ t, abortSignal })).catch(
      acceptStatus(304, 404),
    );
  }

  async killContainer(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#onContainer('kill', containerId, signal, (container, abortSignal) => container.kill({ abortSignal })).catch(
      acceptStatus(404, 409),
    );
  }

  async removeContainer(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#onContainer('remove', containerId, signal, (container, abortSignal) => container.remove({ v: true, abortSignal })).catch(
      acceptStatus(404),
    );
  }

  async pauseContainer(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#onContainer('pause', containerId, signal, (container, abortSignal) => container.pause({ abortSignal }));
  }

  /** A second call after an error: Docker answers 500, not 409, for a container that is not paused. */
  async unpauseContainer(containerId: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#onContainer('unpause', containerId, signal, (container, abortSignal) => container.unpause({ abortSignal }));
    } catch (error) {
      if (!isStatus(error, 409, 500)) throw error;
      if ((await this.inspectContainer(containerId, signal)).phase === 'paused') throw error;
    }
  }

  async readLogs(containerId: string, options: LogOptions, onChunk: (chunk: Uint8Array) => void, signal: AbortSignal): Promise<void> {
    await this.#call(`read logs of ${shortId(containerId)}`, signal, async (abortSignal) => {
      const query = {
        stdout: true,
        stderr: true,
        follow: options.isFollowing ?? false,
        timestamps: options.isTimestamped ?? false,
        ...(options.sinceSeconds !== undefined && { since: options.sinceSeconds }),
        ...(options.tailLines !== undefined && { tail: options.tailLines }),
      };
      const stream = await this.#openLogs(containerId, query, abortSignal);
      const output = new OutputDemultiplexer(onChunk);
      for await (const chunk of stream) output.push(chunk);
    });
  }

  /**
   * Three calls. A deadline ends the waiting, not the process: Docker cannot stop an exec. It is a Timeout only once the engine has taken the
   * command: before that the container was not asked anything.
   */
  async exec(containerId: string, command: readonly string[], signal: AbortSignal): Promise<ExecResult> {
    return await this.#onContainer('exec in', containerId, signal, async (container, abortSignal) => {
      const options = { Cmd: [...command], AttachStdout: true, AttachStderr: true, abortSignal };
      const exec = await container.exec(options).catch((error: unknown) => {
        if (!abortSignal.aborted) throw error;
        throw new RuntimeError('Unreachable', 0, `exec in container ${shortId(containerId)}: no answer in time`, { cause: error });
      });
      const stream = await exec.start({ abortSignal });
      const tail = new OutputTail(EXEC_OUTPUT_BYTES);
      const output = new OutputDemultiplexer((chunk) => tail.push(chunk));
      for await (const chunk of stream) output.push(chunk as Buffer);
      let result = await exec.inspect({ abortSignal });
      while (result.Running) {
        await new Promise((resolve) => setTimeout(resolve, EXEC_POLL_MS));
        abortSignal.throwIfAborted();
        result = await exec.inspect({ abortSignal });
      }
      return { exitCode: result.ExitCode ?? -1, output: tail.toString() };
    });
  }

  async createNetwork(name: string, labels: Labels, signal: AbortSignal): Promise<string> {
    try {
      return await this.#call(`create network ${name}`, signal, async (abortSignal) => {
        const request = { Name: name, Driver: 'bridge', CheckDuplicate: true, Labels: labels, abortSignal };
        const network = await this.#docker.createNetwork(request);
        return network.id;
      });
    } catch (error) {
      if (!isStatus(error, 409)) throw error;
      const present = await this.#call(`inspect network ${name}`, signal, () => this.#inspectNetwork(name));
      if (!isLabelled(present.Labels, labels)) throw error;
      return present.Id;
    }
  }

  async removeNetwork(name: string, signal: AbortSignal): Promise<void> {
    await this.#call(`remove network ${name}`, signal, (abortSignal) => this.#docker.getNetwork(name).remove({ abortSignal })).catch(
      acceptStatus(404),
    );
  }

  async connectNetwork(network: string, containerId: string, aliases: readonly string[], signal: AbortSignal): Promise<void> {
    try {
      await this.#call(`connect ${shortId(containerId)} to network ${network}`, signal, (abortSignal) => {
        const endpoint = { Aliases: [...aliases] } as Dockerode.EndpointSettings;
        const request = { Container: containerId, EndpointConfig: endpoint, abortSignal };
        return this.#docker.getNetwork(network).connect(request);
      });
    } catch (error) {
      if (!isStatus(error, 403, 409)) throw error;
      const container = await this.inspectContainer(containerId, signal);
      if (container.networks[network] === undefined) throw error;
    }
  }

  /** Two calls: Docker answers 201 with the volume of that name that is already there, whoever made it. */
  async createVolume(name: string, labels: Labels, signal: AbortSignal): Promise<void> {
    await this.#call(`create volume ${name}`, signal, async (abortSignal) => {
      const request = { Name: name, Labels: labels, abortSignal };
      await this.#docker.createVolume(request);
      const volume = await this.#docker.getVolume(name).inspect({ abortSignal });
      if (!isLabelled(volume.Labels, labels)) throw new RuntimeError('Conflict', 409, `create volume ${name}: the name is taken`);
    });
  }

  async removeVolume(name: string, signal: AbortSignal): Promise<void> {
    await this.#call(`remove volume ${name}`, signal, (abortSignal) => this.#docker.getVolume(name).remove({ abortSignal })).catch(
      acceptStatus(404),
    );
  }

  async pullImage(reference: string, signal: AbortSignal): Promise<void> {
    const doing = `pull image ${reference}`;
    await this.#call(doing, signal, async (abortSignal) => {
      const progress = (await this.#docker.pull(reference, { abortSignal })) as unknown as AsyncIterable<Buffer>;
      // The status line was 200 long before the layers came: a failure is a line of the progress.
      for await (const line of readJsonLines(progress, PULL_LINE_BYTES)) {
        const { error } = line as PullProgress;
        if (error !== undefined) throw new RuntimeError('EngineFailure', 500, `${doing}: ${error}`);
      }
    });
  }

  async removeImage(reference: string, signal: AbortSignal): Promise<void> {
    await this.#call(`remove image ${reference}`, signal, (abortSignal) =>
      this.#docker.getImage(reference).remove({ force: false, abortSignal }),
    ).catch(acceptStatus(404));
  }

  async watchEvents(
    labels: readonly string[],
    onEvent: (event: RuntimeEvent) => void,
    onConnect: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    await watchDockerEvents(this.#docker, labels, onEvent, onConnect, signal);
  }

  async #inspectNetwork(name: string): Promise<Dockerode.NetworkInspectInfo> {
    return await this.#docker.getNetwork(name).inspect();
  }

  /** Like `container.logs`, which without `follow` collects the whole log in memory and tries to parse it. */
  #openLogs(containerId: string, query: object, abortSignal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    const modem = this.#docker.modem as { dial(options: object, done: (error: Error | null, stream: AsyncIterable<Buffer>) => void): void };
    const request = { path: `/containers/${containerId}/logs?`, method: 'GET', isStream: true, statusCodes: { 200: true }, abortSignal };
    return new Promise((resolve, reject) => {
      modem.dial({ ...request, options: query }, (error, stream) => {
        if (error) reject(error);
        else resolve(stream);
      });
    });
  }

  #onContainer<T>(
    verb: string,
    containerId: string,
    signal: AbortSignal,
    call: (container: Dockerode.Container, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#call(`${verb} container`, signal, (abortSignal) => call(this.#docker.getContainer(containerId), abortSignal));
  }

  /** Runs one call: ends with the signal even where dockerode takes none, and leaves only RuntimeErrors. */
  async #call<T>(doing: string, signal: AbortSignal, call: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    let giveUp: (() => void) | undefined;
    try {
      signal.throwIfAborted();
      const aborted = new Promise<never>((_resolve, reject) => {
        giveUp = () => reject(signal.reason as Error);
        signal.addEventListener('abort', giveUp, { once: true });
      });
      return await Promise.race([call(signal), aborted]);
    } catch (error) {
      throw toRuntimeError(doing, error, signal);
    } finally {
      if (giveUp) signal.removeEventListener('abort', giveUp);
    }
  }
}

interface EngineInfo {
  readonly ID: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly OperatingSystem: string;
}

function acceptStatus(...statuses: readonly number[]): (error: unknown) => undefined {
  return (error) => {
    if (!isStatus(error, ...statuses)) throw error;
    return undefined;
  };
}

function isLabelled(present: Labels | null | undefined, wanted: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => present?.[key] === value);
}

function shortId(containerId: string): string {
  return containerId.slice(0, 12);
}

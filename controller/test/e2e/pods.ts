/** Small pods for the tests of single fields: a manifest is a JavaScript object, what came of it is asked of Docker. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Dockerode from 'dockerode';
import type { Container, Pod, PodSpec } from '../../src/model/objects.ts';
import { eventually } from '../eventually.ts';
import { TEST_IMAGE } from '../runtime/test-image.ts';
import type { System } from './system.ts';

type Manifest = Readonly<Record<string, unknown>>;
const docker = new Dockerode({ socketPath: '/var/run/docker.sock' });
const SETTLE_MS = 60_000;

export function podManifest(name: string, container: Partial<Container> = {}, spec: Partial<PodSpec> = {}): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image: TEST_IMAGE, command: ['sleep', '3600'], ...container }],
      ...spec,
    },
  };
}

/** All of them as one file that a manifests directory may hold. */
export function asFile(...manifests: readonly Manifest[]): string {
  return manifests.map((manifest) => JSON.stringify(manifest)).join('\n---\n');
}

export class Pods {
  readonly #system: System;

  constructor(system: System) {
    this.#system = system;
  }

  declare(file: string, ...manifests: readonly Manifest[]): void {
    writeFileSync(join(this.#system.manifestDir, `${file}.yaml`), asFile(...manifests));
  }

  undeclare(file: string): void {
    rmSync(join(this.#system.manifestDir, `${file}.yaml`));
  }

  get(name: string, namespace = 'default'): Promise<Pod> {
    return this.#system.api<Pod>(`/api/v1/namespaces/${namespace}/pods/${name}`);
  }

  /** The id of its current container, once it runs. */
  running(name: string, namespace = 'default'): Promise<string> {
    return eventually(async () => {
      const status = (await this.get(name, namespace)).status?.containerStatuses?.[0];
      if (status?.state.running === undefined) throw new Error(`pod ${name}: ${JSON.stringify(status?.state)}`);
      return status.containerID?.replace('docker://', '') ?? '';
    }, SETTLE_MS);
  }

  async isReady(name: string): Promise<boolean> {
    return (await this.get(name)).status?.containerStatuses?.[0]?.ready === true;
  }

  untilReady(name: string): Promise<void> {
    return eventually(async () => {
      if (!(await this.isReady(name))) throw new Error(`pod ${name} is not ready: ${JSON.stringify((await this.get(name)).status)}`);
    }, SETTLE_MS);
  }

  /** What a command writes in the container of a pod. */
  async run(name: string, ...command: readonly string[]): Promise<string> {
    return await this.runIn(await this.running(name), ...command);
  }

  async runIn(containerId: string, ...command: readonly string[]): Promise<string> {
    const { output } = await this.#system.runtime.exec(containerId, command, AbortSignal.timeout(20_000));
    return output.trim();
  }

  sh(name: string, script: string): Promise<string> {
    return this.run(name, 'sh', '-c', script);
  }

  /** Docker's own words about the container of a pod. */
  async inspect(name: string): Promise<Dockerode.ContainerInspectInfo> {
    return await docker.getContainer(await this.running(name)).inspect();
  }

  /** As `inspect`, also of a container that does not run. */
  async inspectAny(name: string): Promise<Dockerode.ContainerInspectInfo> {
    const id = await eventually(async () => {
      const found = (await this.#system.containers()).find(({ labels }) => labels['coxswain.dev/pod'] === name);
      if (found === undefined) throw new Error(`pod ${name} has no container`);
      return found.id;
    }, SETTLE_MS);
    return await docker.getContainer(id).inspect();
  }

  /** "reason: message" of a pod whose container waits. */
  async waiting(name: string): Promise<string> {
    const { reason = '', message = '' } = (await this.get(name)).status?.containerStatuses?.[0]?.state.waiting ?? {};
    return `${reason}: ${message}`;
  }

  /** What `coxswain logs` prints. */
  logs(name: string, ...options: readonly string[]): Promise<string> {
    return this.#system.command('logs', `pod/${name}`, ...options);
  }
}

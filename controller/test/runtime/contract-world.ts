/** What the contract suite works with: the subject under test, its test programs, and the containers it makes and cleans up. */
import { expect } from 'chai';
import type { ContainerSpec } from '../../src/model/operation.ts';
import { RuntimeError, type ContainerRuntime, type RuntimeErrorCode } from '../../src/runtime/container-runtime.ts';
import { removeByForce } from './remove-by-force.ts';

/** What a test container runs. `deaf` ignores SIGTERM; `polite` ends with 3 on SIGTERM; `brief` says three lines and ends with 7. */
export type Program = 'sleeper' | 'deaf' | 'polite' | 'brief';

export const SCRIPTS: Readonly<Record<Program, string>> = {
  sleeper: 'echo first; echo second >&2; echo third; exec sleep 600',
  deaf: 'trap "" TERM; echo deaf; while :; do sleep 0.1; done',
  polite: 'trap "exit 3" TERM; echo polite; while :; do sleep 0.05; done',
  brief: 'echo first; echo second >&2; echo third; exit 7',
};

export const PROGRAM_LABEL = 'coxswain.dev/test-program';
export const EXIT_WITH = (code: number, output: string): readonly string[] => ['/bin/sh', '-c', `echo ${output}; exit ${code}`];

export interface ContractSubject {
  readonly runtime: ContainerRuntime;
  readonly image: string;
  /** "key=value", on everything the suite makes. */
  readonly instanceLabel: string;
  /** Unique on the engine; names start with it. */
  readonly prefix: string;
  /** Free host ports, at least 3. */
  readonly hostPorts: readonly number[];
  /** Docker answers on the wall clock within this. */
  readonly patienceMs: number;
}

export async function eventually<T>(check: () => T | Promise<T>, deadlineMs: number): Promise<T> {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

export async function expectRejection(
  call: Promise<unknown>,
  code: RuntimeErrorCode,
  ...statuses: readonly number[]
): Promise<RuntimeError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error, `expected ${code}`).to.be.instanceOf(RuntimeError);
  const refusal = error as RuntimeError;
  expect(refusal.code, refusal.message).to.equal(code);
  if (statuses.length > 0) expect(refusal.status).to.be.oneOf([...statuses]);
  return refusal;
}

let names = 0;

export class ContractWorld {
  readonly subject: ContractSubject;
  constructor(subject: ContractSubject) {
    this.subject = subject;
  }

  get runtime(): ContainerRuntime {
    return this.subject.runtime;
  }

  get labels(): Readonly<Record<string, string>> {
    const [key, value] = this.subject.instanceLabel.split('=') as [string, string];
    return { [key]: value };
  }

  get network(): string {
    return `${this.subject.prefix}-net`;
  }

  signal(): AbortSignal {
    return AbortSignal.timeout(this.subject.patienceMs);
  }

  uniqueName(kind: string): string {
    return `${this.subject.prefix}-${kind}-${++names}`;
  }

  spec(program: Program, change: Partial<ContainerSpec> = {}): ContainerSpec {
    const name = this.uniqueName(program);
    return {
      name,
      image: this.subject.image,
      command: ['/bin/sh', '-c', SCRIPTS[program]],
      env: [],
      hostname: name,
      network: this.network,
      networkAliases: [],
      ports: [],
      mounts: [],
      isRootReadOnly: false,
      isPrivileged: false,
      isPrivilegeEscalationAllowed: false,
      capabilitiesAdded: [],
      capabilitiesDropped: [],
      memoryBytes: 0,
      nanoCpus: 0,
      cpuShares: 0,
      ...change,
      labels: { ...this.labels, [PROGRAM_LABEL]: program, ...change.labels },
    };
  }

  async create(program: Program, change: Partial<ContainerSpec> = {}): Promise<string> {
    return await this.runtime.createContainer(this.spec(program, change), this.signal());
  }

  async run(program: Program, change: Partial<ContainerSpec> = {}): Promise<string> {
    const id = await this.create(program, change);
    await this.runtime.startContainer(id, this.signal());
    return id;
  }

  async logs(id: string, tailLines?: number): Promise<string> {
    const chunks: Uint8Array[] = [];
    await this.runtime.readLogs(id, tailLines === undefined ? {} : { tailLines }, (chunk) => chunks.push(chunk), this.signal());
    return Buffer.concat(chunks).toString();
  }

  /** Until the program has said its first words: only then are its signal handlers there. */
  async untilSpoken(id: string, word: string): Promise<void> {
    await eventually(async () => expect(await this.logs(id)).to.include(word), this.subject.patienceMs);
  }

  async untilExited(id: string): Promise<void> {
    await eventually(
      async () => expect((await this.runtime.inspectContainer(id, this.signal())).phase).to.equal('exited'),
      this.subject.patienceMs,
    );
  }

  async clean(): Promise<void> {
    const { runtime } = this;
    const labels = [this.subject.instanceLabel];
    const containers = await runtime.listContainers(labels, this.signal());
    await Promise.all(containers.map((container) => removeByForce(runtime, container.id, this.signal())));
    for (const network of await runtime.listNetworks(labels, this.signal())) await runtime.removeNetwork(network.name, this.signal());
    for (const volume of await runtime.listVolumes(labels, this.signal())) await runtime.removeVolume(volume.name, this.signal());
  }
}

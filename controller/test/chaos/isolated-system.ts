/**
 * A small Coxswain (web servers that start in a moment) whose surroundings belong to the scenario: another engine and its network namespace, a
 * faulty way to the engine, a disk, a clock. Run by the supervisor, or as two processes of which the control plane has an environment of its own.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StatusReport } from '../../src/api/control-plane-port.ts';
import type { Deployment, Event, KubernetesObject, Pod } from '../../src/model/objects.ts';
import type { ListedContainer } from '../../src/runtime/container-runtime.ts';
import { DockerRuntime } from '../../src/runtime/docker-runtime.ts';
import { eventually } from '../eventually.ts';
import { untilConverged } from './converged.ts';
import type { LoadOptions, LoadResult } from '../e2e/load.ts';
import { TEST_IMAGE, ensureTestImage } from '../runtime/test-image.ts';
import { removeByForce } from '../runtime/remove-by-force.ts';

const repositoryDir = process.cwd();
const script = join(repositoryDir, 'controller/dist/main.js');
const CALL_DEADLINE_MS = 20_000;
const END_DEADLINE_MS = 30_000;

export interface IsolatedSystemOptions {
  readonly name: string;
  /** The first of ten: five for the pinned replicas, the last for the ingress. */
  readonly basePort: number;
  readonly engineSocketPath?: string;
  /** What the control plane is told the engine's socket is: a faulty way to it. */
  readonly controlPlaneSocketPath?: string;
  /** Puts a command line into the network namespace of the engine. */
  readonly inside?: (...command: readonly string[]) => readonly string[];
  /** Only the control plane gets these. Processes then run without a supervisor. */
  readonly controlPlaneEnvironment?: Readonly<Record<string, string>>;
  /** An existing, empty directory; made and removed otherwise. */
  readonly home?: string;
  readonly manifests?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** `web`, three replicas, pinned, and `plain`, two, not pinned; generated Secrets, one in the environment of both and one that nobody uses. */
export function isolatedManifests(basePort: number, edit: (text: string) => string = (text) => text): Readonly<Record<string, string>> {
  return {
    'web.yaml': edit(manifestOf('web', 3, `${basePort}-${basePort + 4}`)),
    'plain.yaml': edit(manifestOf('plain', 2, undefined)),
    'secrets.yaml': ['used', 'unused'].map(secretOf).join('---\n'),
  };
}

function secretOf(name: string): string {
  return `apiVersion: v1
kind: Secret
metadata: { name: ${name}, annotations: { coxswain.dev/generate: password } }
`;
}

function manifestOf(name: string, replicas: number, hostPorts: string | undefined): string {
  const annotations = hostPorts === undefined ? '' : `\n      annotations: { coxswain.dev/host-ports: "${hostPorts}" }`;
  const path = hostPorts === undefined ? `/${name}` : '/';
  const probe = (period: number): string => `{ httpGet: { path: /, port: 8080 }, periodSeconds: ${period}, timeoutSeconds: 3 }`;
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: ${replicas}
  strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: ${hostPorts === undefined ? 0 : 1} } }
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata:
      labels: { app: ${name} }${annotations}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: ${name}
          image: ${TEST_IMAGE}
          imagePullPolicy: Never
          command: [sh, -c, 'mkdir -p /tmp/w/plain; echo "$VERSION" | tee /tmp/w/plain/index.html > /tmp/w/index.html; trap "exit 0" TERM; httpd -f -p 8080 -h /tmp/w & wait']
          ports: [{ containerPort: 8080 }]
          env: [{ name: VERSION, value: one }, { name: PASSWORD, valueFrom: { secretKeyRef: { name: used, key: password } } }]
          startupProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1, failureThreshold: 60 }
          readinessProbe: ${probe(1)}
          livenessProbe: ${probe(2)}
---
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [{ port: 8080 }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: ${name} }
spec: { rules: [{ http: { paths: [{ path: ${path}, pathType: Prefix, backend: { service: { name: ${name}, port: { number: 8080 } } } }] } }] }
`;
}

export class IsolatedSystem {
  readonly instance: string;
  readonly home: string;
  readonly manifestDir: string;
  readonly ingressPort: number;
  readonly runtime: DockerRuntime;
  readonly #options: IsolatedSystemOptions;
  readonly #engineSocketPath: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #processes = new Map<string, ChildProcess>();

  constructor(options: IsolatedSystemOptions) {
    this.#options = options;
    this.instance = `chaos-${options.name}-${process.pid}`;
    this.home = options.home ?? mkdtempSync(join(tmpdir(), `coxswain-${options.name}-`));
    this.manifestDir = mkdtempSync(join(tmpdir(), `coxswain-${options.name}-manifests-`));
    this.ingressPort = options.basePort + 9;
    this.#engineSocketPath = options.engineSocketPath ?? '/var/run/docker.sock';
    this.runtime = new DockerRuntime({ socketPath: this.#engineSocketPath });
    for (const [file, text] of Object.entries(options.manifests ?? isolatedManifests(options.basePort)))
      writeFileSync(join(this.manifestDir, file), text);
    this.#environment = {
      ...process.env,
      COXSWAIN_INSTANCE: this.instance,
      COXSWAIN_HOME: this.home,
      COXSWAIN_MANIFESTS: this.manifestDir,
      INGRESS_PORT: String(this.ingressPort),
      INGRESS_HOST: '127.0.0.1',
      DOCKER_HOST: `unix://${options.controlPlaneSocketPath ?? this.#engineSocketPath}`,
    };
  }

  /** Runs, and every Deployment is available. */
  async up(): Promise<void> {
    await ensureTestImage(this.#engineSocketPath);
    this.start();
    await untilConverged(this, 60_000);
  }

  start(): void {
    mkdirSync(join(this.home, 'log'), { recursive: true, mode: 0o700 });
    const { controlPlaneEnvironment } = this.#options;
    if (controlPlaneEnvironment === undefined) this.#run('supervisor', 'supervise', {});
    else {
      this.#run('ingress', 'ingress', {});
      this.#run('control-plane', 'run', controlPlaneEnvironment);
    }
  }

  /** Without a supervisor: what one would do. */
  startControlPlane(): void {
    this.#run('control-plane', 'run', this.#options.controlPlaneEnvironment ?? {});
  }

  pid(name: 'control-plane' | 'ingress' | 'supervisor'): number {
    const child = this.#processes.get(name);
    return child?.pid ?? Number(readFileSync(join(this.home, `${name}.pid`), 'utf8'));
  }

  /** Killed with SIGKILL, and running again as another process. */
  async crashControlPlane(): Promise<void> {
    const before = this.pid('control-plane');
    process.kill(before, 'SIGKILL');
    if (this.#processes.has('control-plane')) this.startControlPlane();
    await eventually(() => this.pid('control-plane') !== before && this.pid('control-plane') > 0, END_DEADLINE_MS);
  }

  /** SIGTERM to what this started, and its end. Containers go on. */
  async stop(): Promise<void> {
    const all = [...this.#processes.values()].filter(isRunning);
    for (const child of all) child.kill('SIGTERM');
    await eventually(() => !all.some(isRunning), END_DEADLINE_MS);
    this.#processes.clear();
  }

  /** What it owns is removed, data too, by way of the engine itself. */
  async remove(hasFailed: boolean): Promise<void> {
    if (hasFailed)
      for (const name of ['control-plane', 'ingress'] as const) process.stderr.write(`--- ${name}.log (end)\n${this.logTail(name)}\n`);
    await this.stop();
    const label = [`coxswain.dev/instance=${this.instance}`];
    const signal = (): AbortSignal => AbortSignal.timeout(60_000);
    const containers = await this.runtime.listContainers(label, signal());
    // An engine that was killed may find mounts busy for a while.
    await Promise.all(containers.map(({ id }) => eventually(() => removeByForce(this.runtime, id, signal()), END_DEADLINE_MS)));
    for (const { name } of await this.runtime.listNetworks(label, signal())) await this.runtime.removeNetwork(name, signal());
    for (const { name } of await this.runtime.listVolumes(label, signal())) await this.runtime.removeVolume(name, signal());
    this.runtime.close();
    if (this.#options.home === undefined) rmSync(this.home, { recursive: true, force: true });
    rmSync(this.manifestDir, { recursive: true, force: true });
  }

  /** Killed with SIGKILL; `meanwhile` happens before the supervisor starts another one. */
  async crashControlPlaneAnd(meanwhile: () => void): Promise<void> {
    const supervisor = this.pid('supervisor');
    process.kill(supervisor, 'SIGSTOP');
    try {
      const before = this.pid('control-plane');
      process.kill(before, 'SIGKILL');
      await eventually(() => !existsSync(`/proc/${before}/fd/0`), END_DEADLINE_MS);
      meanwhile();
    } finally {
      process.kill(supervisor, 'SIGCONT');
    }
  }

  // ---- what it says

  /** Of the control plane's API. Rejects when nobody answers. */
  call(method: string, path: string, body?: unknown): Promise<Answer> {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = payload === undefined ? {} : { 'Content-Type': 'application/merge-patch+json', 'Content-Length': payload.length };
    return new Promise((resolve, reject) => {
      const call = request(
        { socketPath: join(this.home, 'api.sock'), method, path, headers, agent: false, timeout: CALL_DEADLINE_MS },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
        },
      );
      call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer`)));
      call.on('error', reject);
      call.end(payload);
    });
  }

  async api<T>(path: string): Promise<T> {
    const { status, body } = await this.call('GET', path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${body}`);
    return JSON.parse(body) as T;
  }

  status(): Promise<StatusReport> {
    return this.api('/apis/coxswain.dev/v1/status');
  }

  async list<T extends KubernetesObject>(path: string): Promise<readonly T[]> {
    return (await this.api<{ readonly items: readonly T[] }>(path)).items;
  }

  deployment(name: string): Promise<Deployment> {
    return this.api(`/apis/apps/v1/namespaces/default/deployments/${name}`);
  }

  pods(): Promise<readonly Pod[]> {
    return this.list('/api/v1/pods');
  }

  events(): Promise<readonly Event[]> {
    return this.list('/api/v1/events');
  }

  patchDeployment(name: string, patch: unknown): Promise<Answer> {
    return this.call('PATCH', `/apis/apps/v1/namespaces/default/deployments/${name}`, patch);
  }

  async scale(name: string, replicas: number): Promise<void> {
    const { status, body } = await this.patchDeployment(name, { spec: { replicas } });
    if (status !== 200) throw new Error(`scale ${name}: ${status} ${body}`);
  }

  edit(file: string, change: (text: string) => string): void {
    const path = join(this.manifestDir, file);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  }

  // ---- what is there

  containers(): Promise<readonly ListedContainer[]> {
    return this.runtime.listContainers([`coxswain.dev/instance=${this.instance}`], AbortSignal.timeout(CALL_DEADLINE_MS));
  }

  logTail(name: 'control-plane' | 'ingress' | 'supervisor'): string {
    try {
      return readFileSync(join(this.home, 'log', `${name}.log`), 'utf8')
        .split('\n')
        .slice(-40)
        .join('\n');
    } catch {
      return '(no log)';
    }
  }

  /** Resolves once it runs. In a process of its own, which nothing here holds up. */
  async load(options: LoadOptions): Promise<{ stop(): Promise<LoadResult> }> {
    const loadScript = join(repositoryDir, 'controller/test/chaos/load-process.ts');
    const node = [process.execPath, '--import', 'tsx', loadScript, String(this.ingressPort), JSON.stringify(options)];
    const [command, ...args] = this.#wrap(node) as [string, ...string[]];
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    await eventually(() => output.includes('\n'), CALL_DEADLINE_MS);
    return {
      stop: async () => {
        child.kill('SIGTERM');
        await eventually(() => child.exitCode !== null, END_DEADLINE_MS);
        const [origin, text] = output.split('\n');
        const result = JSON.parse(text ?? '') as LoadResult;
        // Its times in the clock of this process.
        const shiftMs = Number(origin) - performance.timeOrigin;
        const failed = result.failed.map((failure) => ({
          ...failure,
          sentAtMs: failure.sentAtMs + shiftMs,
          endedAtMs: failure.endedAtMs + shiftMs,
        }));
        return { ...result, failed };
      },
    };
  }

  #wrap(command: readonly string[]): readonly string[] {
    return this.#options.inside?.(...command) ?? command;
  }

  #run(name: string, verb: string, environment: Readonly<Record<string, string>>): void {
    const log = openSync(join(this.home, 'log', `${name}.log`), 'a', 0o600);
    const [command, ...args] = this.#wrap([process.execPath, script, verb]) as [string, ...string[]];
    // nsenter becomes the process it starts: its pid is ours to signal.
    const child = spawn(command, args, { env: { ...this.#environment, ...environment }, stdio: ['ignore', log, log], cwd: '/' });
    closeSync(log);
    this.#processes.set(name, child);
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

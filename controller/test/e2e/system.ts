/**
 * One Coxswain of a test's own, run as a user runs it: the compiled command, the shipped manifests on other ports, its own instance, home and
 * network. Passes beside a `make up` that is running. `KEEP_FAILED=1` keeps everything for a look.
 */
import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlanReport, StatusReport } from '../../src/api/control-plane-port.ts';
import type { Deployment, Event, KubernetesObject, Pod } from '../../src/model/objects.ts';
import { DockerRuntime } from '../../src/runtime/docker-runtime.ts';
import type { ListedContainer } from '../../src/runtime/container-runtime.ts';
import { eventually } from '../eventually.ts';

/** Where commands are run from: the benchmarks are compiled elsewhere, so this file's own place says nothing. */
const repositoryDir = process.cwd();
const script = join(repositoryDir, 'controller/dist/main.js');

export interface Reply {
  readonly status: number;
  readonly body: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

export interface SystemOptions {
  readonly name: string;
  /** The first of ten ports for acts; users take the ten after those, the ingress the one after. */
  readonly basePort: number;
  /** Changes the text of a shipped manifest before it is used. */
  readonly edit?: (file: string, text: string) => string;
  /** Instead of the shipped ones: file name -> text. */
  readonly manifests?: Readonly<Record<string, string>>;
  /** For every command and process of this system. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** For `edit`: another period and window of the shipped autoscaler, seconds. With an hour it has no say about replicas in the middle of a test. */
export function withWindow(windowSeconds: number): NonNullable<SystemOptions['edit']> {
  return (_file, text) => text.replaceAll(': 120s', `: ${windowSeconds}s`);
}

function shippedManifests(): Readonly<Record<string, string>> {
  const directory = join(repositoryDir, 'manifests');
  return Object.fromEntries(readdirSync(directory).map((file) => [file, readFileSync(join(directory, file), 'utf8')]));
}

export class System {
  readonly instance: string;
  readonly home: string;
  readonly manifestDir: string;
  readonly basePort: number;
  readonly ingressPort: number;
  readonly runtime = new DockerRuntime({ socketPath: '/var/run/docker.sock' });
  readonly #environment: NodeJS.ProcessEnv;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor({ name, basePort, edit = (_file, text) => text, manifests, environment = {} }: SystemOptions) {
    this.instance = `e2e-${name}-${process.pid}`;
    this.home = mkdtempSync(join(tmpdir(), `coxswain-${name}-`));
    this.manifestDir = join(this.home, 'manifests');
    this.basePort = basePort;
    this.ingressPort = basePort + 20;
    mkdirSync(this.manifestDir);
    for (const [file, text] of Object.entries(manifests ?? shippedManifests())) {
      const moved = text
        .replaceAll('"8000-8009"', `"${basePort}-${basePort + 9}"`)
        .replaceAll('"8080-8089"', `"${basePort + 10}-${basePort + 19}"`);
      writeFileSync(join(this.manifestDir, file), edit(file, moved));
    }
    // The base images are made once for the machine, not once for each test.
    const cache = join(repositoryDir, '.coxswain', 'cache');
    mkdirSync(cache, { recursive: true, mode: 0o700 });
    cpSync(cache, join(this.home, 'cache'), { recursive: true });
    this.#environment = {
      ...process.env,
      COXSWAIN_INSTANCE: this.instance,
      COXSWAIN_HOME: this.home,
      COXSWAIN_MANIFESTS: this.manifestDir,
      INGRESS_PORT: String(this.ingressPort),
      INGRESS_HOST: '127.0.0.1',
      ...environment,
    };
  }

  async up(): Promise<void> {
    await this.command('up');
  }

  /** Removes everything, unless the test failed and its evidence is wanted. */
  async remove(hasFailed: boolean): Promise<void> {
    this.#agent.destroy();
    if (hasFailed) {
      for (const name of ['control-plane', 'ingress']) process.stderr.write(`--- ${name}.log (end)\n${this.logTail(name)}\n`);
      if (process.env['KEEP_FAILED'] === '1') return;
    }
    await this.command('purge');
    this.runtime.close();
    rmSync(this.home, { recursive: true, force: true });
  }

  logTail(name: string): string {
    try {
      return readFileSync(join(this.home, 'log', `${name}.log`), 'utf8')
        .split('\n')
        .slice(-40)
        .join('\n');
    } catch {
      return '(no log)';
    }
  }

  command(...args: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      execFile(process.execPath, [script, ...args], { env: this.#environment, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`coxswain ${args.join(' ')}: ${error.message}\n${stdout}${stderr}`));
      });
    });
  }

  /** For commands that say something by their exit code. */
  outcome(...args: string[]): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    return new Promise((resolve) => {
      execFile(process.execPath, [script, ...args], { env: this.#environment, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr });
      });
    });
  }

  spawn(...args: string[]): ReturnType<typeof spawn> {
    return spawn(process.execPath, [script, ...args], { env: this.#environment, stdio: 'ignore' });
  }

  pid(name: 'control-plane' | 'ingress' | 'supervisor'): number {
    return Number(readFileSync(join(this.home, `${name}.pid`), 'utf8'));
  }

  /** The control plane's API, without starting a process for it. A body is sent as a merge patch. */
  api<T>(path: string, method = 'GET', body?: unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'Content-Type': 'application/merge-patch+json' };
      const options = { socketPath: join(this.home, 'api.sock'), path, method, headers, agent: false, timeout: 15_000 };
      const call = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode === 200) resolve(JSON.parse(text) as T);
          else reject(new Error(`${path}: ${response.statusCode} ${text}`));
        });
      });
      call.on('timeout', () => call.destroy(new Error(`${path}: no answer within 15 s`)));
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  // ---- HTTP

  call(method: string, port: number, path: string, body?: unknown): Promise<Reply> {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const headers = payload === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': payload.length };
      const call = request({ host: '127.0.0.1', port, path, method, headers, agent: this.#agent, timeout: 15_000 }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), headers: response.headers }),
        );
      });
      call.on('timeout', () => call.destroy(new Error('no answer within 15 s')));
      call.on('error', reject);
      call.end(payload);
    });
  }

  /** Through the ingress. */
  http(method: string, path: string, body?: unknown): Promise<Reply> {
    return this.call(method, this.ingressPort, path, body);
  }

  /** To the replica on the n-th pinned port, past the ingress. */
  replica(index: number, method: string, path: string): Promise<Reply> {
    return this.call(method, this.basePort + index, path);
  }

  // ---- what is there

  async status(): Promise<{ readonly status: StatusReport; readonly deployments: readonly Deployment[]; readonly pods: readonly Pod[] }> {
    return JSON.parse(await this.command('status', '-o', 'json')) as Awaited<ReturnType<System['status']>>;
  }

  async plan(): Promise<PlanReport> {
    return JSON.parse(await this.command('plan', '-o', 'json')) as PlanReport;
  }

  async events(): Promise<readonly Event[]> {
    const list = JSON.parse(await this.command('events', '-o', 'json')) as { readonly items: readonly Event[] } | readonly Event[];
    return 'items' in list ? list.items : list;
  }

  async get<T extends KubernetesObject>(kind: string, name: string): Promise<T> {
    return JSON.parse(await this.command('get', kind, name, '-o', 'json')) as T;
  }

  /** Requests each pod of a Deployment has got through the ingress. */
  async requestsByPod(deployment: string): Promise<Readonly<Record<string, number>>> {
    const { status } = await this.status();
    return Object.fromEntries(Object.entries(status.ingress.requestsByPod).filter(([pod]) => pod.startsWith(`${deployment}-`)));
  }

  containers(): Promise<readonly ListedContainer[]> {
    return this.runtime.listContainers([`coxswain.dev/instance=${this.instance}`], AbortSignal.timeout(10_000));
  }

  /** Running containers of a Deployment: "port id", by port. */
  async replicas(deployment = 'acts'): Promise<readonly { readonly port: number; readonly id: string; readonly name: string }[]> {
    const all = await this.containers();
    return all
      .filter(({ labels, phase }) => phase === 'running' && labels['coxswain.dev/owner'] === `Deployment/${deployment}`)
      .map(({ labels, id, name }) => ({ port: Number(labels['coxswain.dev/host-port'] ?? 0), id, name }))
      .sort((a, b) => a.port - b.port);
  }

  async untilReplicas(count: number, deadlineMs = 30_000): Promise<void> {
    await eventually(async () => {
      const { deployments } = await this.status();
      const acts = deployments.find(({ metadata }) => metadata.name === 'acts');
      const running = (await this.replicas()).length;
      if ((acts?.status?.availableReplicas ?? 0) !== count || running !== count)
        throw new Error(`acts has ${acts?.status?.availableReplicas ?? 0} available and ${running} running, not ${count}`);
    }, deadlineMs);
  }

  manifest(file: string, edit?: (text: string) => string): string {
    const path = join(this.manifestDir, file);
    const text = readFileSync(path, 'utf8');
    if (edit !== undefined) writeFileSync(path, edit(text));
    return text;
  }
}

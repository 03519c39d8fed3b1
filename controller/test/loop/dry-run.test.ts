/** `coxswain plan` and `coxswain diff` against a whole control plane on the fake engine: what they tell is what is done, and they do nothing. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { Command } from 'commander';
import type { DiffReport, PlanReport } from '../../src/api/control-plane-port.ts';
import { addClientCommands } from '../../src/cli/client-commands.ts';
import { runProgram } from '../../src/cli/run-program.ts';
import { runControlPlane } from '../../src/loop/control-plane.ts';
import { LABEL } from '../../src/model/annotations.ts';
import { eventually } from '../eventually.ts';
import { FakeRuntime } from '../runtime/fake-runtime.ts';
import { silent } from '../state/fixtures.ts';

const WEB = `apiVersion: v1
kind: Secret
metadata:
  name: web
  annotations: {coxswain.dev/generate: password}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata:
      labels: {app: web}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: web:1
          imagePullPolicy: IfNotPresent
          env:
            - {name: PASSWORD, valueFrom: {secretKeyRef: {name: web, key: password}}}
`;

const TOOL = `apiVersion: v1
kind: Secret
metadata:
  name: tool
  annotations: {coxswain.dev/generate: token}
---
apiVersion: v1
kind: Pod
metadata: {name: tool}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: tool
      image: tool:1
      env:
        - {name: TOKEN, valueFrom: {secretKeyRef: {name: tool, key: token}}}
`;

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe('the dry runs', function () {
  this.timeout(30_000);
  let root: string;
  let runtime: FakeRuntime;
  let plane: { stop(): Promise<void> };
  /** Engine calls that change something, in order. */
  const done: string[] = [];

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'coxswain-dry-run-'));
    mkdirSync(join(root, 'manifests'));
    writeFileSync(join(root, 'manifests', 'web.yaml'), WEB);
    done.length = 0;
    runtime = new FakeRuntime({
      images: ['web:1', 'web:2'],
      registry: ['tool:1'],
      fault: (callName) => {
        if (/^(create|start|stop|kill|remove|unpause|connect|pull|update|exec)/.test(callName)) done.push(callName);
        return 'none';
      },
    });
    const stopping = new AbortController();
    const ended = runControlPlane({
      runtime,
      instance: `d${process.pid}-${Math.floor(Math.random() * 1e6)}`,
      home: join(root, 'home'),
      manifestDirectory: join(root, 'manifests'),
      ingressAddress: 'http://127.0.0.1/',
      version: '0.0.0',
      build: 'test',
      isHostPathAllowed: false,
      isPrivilegedAllowed: false,
      logger: silent,
      signal: stopping.signal,
      teardown: 'none',
    });
    plane = {
      stop: async () => {
        stopping.abort();
        await ended.catch(() => undefined);
      },
    };
    await settled();
  });
  afterEach(async () => {
    await plane.stop();
    rmSync(root, { recursive: true, force: true });
  });

  async function run(...args: readonly string[]): Promise<Outcome> {
    const stdout = new PassThrough({ highWaterMark: 1 << 24 });
    const stderr = new PassThrough();
    const program = new Command('coxswain');
    addClientCommands(program, { socketPath: join(root, 'home', 'api.sock'), stdout, stderr, isTty: false });
    const code = await runProgram(program, args, { stderr });
    const text = (stream: PassThrough): string => (stream.read() as Buffer | null)?.toString() ?? '';
    return { code, out: text(stdout), err: text(stderr) };
  }

  const json = async <T>(...args: readonly string[]): Promise<T> => JSON.parse((await run(...args, '-o', 'json')).out) as T;

  /** Two web pods run, and there is nothing to do. */
  async function settled(): Promise<void> {
    await eventually(async () => {
      expect([...runtime.containers.values()].filter(({ phase }) => phase === 'running')).to.have.length.at.least(2);
      expect(await json<PlanReport>('plan')).to.deep.equal({ operations: [], changes: [], waits: [] });
    }, 15_000);
    // Events, status and files follow a moment later.
    let last: unknown;
    let unchanged = 0;
    await eventually(async () => {
      const now = await traces();
      unchanged = isDeepStrictEqual(now, last) ? unchanged + 1 : 0;
      last = now;
      expect(unchanged, 'looks without a change').to.be.at.least(5);
    }, 15_000);
  }

  /** Everything that a dry run could have left behind. */
  async function traces(): Promise<unknown> {
    const lists = await Promise.all(['pods', 'deploy', 'rs', 'secrets', 'events'].map((kind) => json<unknown>('get', kind, '-A')));
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(root, name)).isFile())
      .map((name) => [name, readFileSync(join(root, name), 'utf8')]);
    return { lists, files, done: [...done] };
  }

  const withoutHash = (text: string): string => text.replace(/web-[a-z0-9]{10}(-\d+)?/g, 'web$1');

  it('leave objects, versions, files and the engine as they are', async () => {
    const file = join(root, 'tool.yaml');
    writeFileSync(file, TOOL + '---\n' + WEB.replace('web:1', 'web:2').replace('replicas: 2', 'replicas: 5'));
    const before = await traces();
    expect((await run('plan', '--all')).code).to.equal(0);
    expect((await run('diff')).code).to.equal(0);
    expect((await run('diff', '-f', file)).code).to.equal(1);
    expect((await run('diff', '-f', file, '--prune')).code).to.equal(1);
    expect(await traces()).to.deep.equal(before);
  });

  it('tell a rollout before it is applied, and then exactly that is done', async () => {
    const file = join(root, 'new.yaml');
    writeFileSync(file, WEB.replace('web:1', 'web:2'));
    const report = await json<DiffReport>('diff', '-f', file);
    expect(report.objects.map(({ resource, change, fields }) => ({ resource, change, fields }))).to.deep.equal([
      {
        resource: 'deployment/web',
        change: 'update',
        fields: [{ path: 'spec.template.spec.containers[web].image', before: '"web:1"', after: '"web:2"' }],
      },
    ]);
    const foretold = report.plan.steps.flatMap(({ operations }) => operations);
    expect(report.plan.isComplete).to.equal(true);
    done.length = 0;
    writeFileSync(join(root, 'manifests', 'web.yaml'), readFileSync(file));
    await eventually(() => {
      const images = [...runtime.containers.values()].map(({ spec, phase }) => `${spec.image} ${phase}`);
      expect(images).to.deep.equal(['web:2 running', 'web:2 running']);
    }, 15_000);
    await settled();
    const verbs: Readonly<Record<string, string>> = {
      CreateContainer: 'createContainer',
      StartContainer: 'startContainer',
      StopContainer: 'stopContainer',
      RemoveContainer: 'removeContainer',
    };
    const calls = foretold.flatMap(({ verb }) => verbs[verb] ?? []);
    expect([...done].sort()).to.deep.equal([...calls].sort());
    expect(calls.filter((name) => name === 'stopContainer')).to.have.length(2);
  });

  it('show what a new object needs, from the pull on, without generating its Secret', async () => {
    const file = join(root, 'tool.yaml');
    writeFileSync(file, TOOL);
    const { out, code, err } = await run('diff', '-f', file);
    expect(err).to.equal('');
    expect(code).to.equal(1);
    expect(out.replaceAll(root, '')).to.equal(
      [
        'secret/tool  new in /tool.yaml:1',
        '  + metadata.annotations["coxswain.dev/generate"]: "token"',
        '  + data.token: (generated)',
        'pod/tool  new in /tool.yaml:7',
        '  + spec.terminationGracePeriodSeconds: 1',
        '  + spec.containers[tool].name: "tool"',
        '  + spec.containers[tool].image: "tool:1"',
        '  + spec.containers[tool].env[TOKEN].name: "TOKEN"',
        '  + spec.containers[tool].env[TOKEN].valueFrom.secretKeyRef.name: "tool"',
        '  + spec.containers[tool].env[TOKEN].valueFrom.secretKeyRef.key: "token"',
        '',
        'what would be done, if all goes well:',
        'do      PullImage pod/tool tool:1: the image is not on this host',
        `do      CreateContainer pod/tool ${[...runtime.containers.values()][0]!.spec.labels[LABEL.instance]}.tool: pod has no container`,
        `do      StartContainer pod/tool ${[...runtime.containers.values()][0]!.spec.labels[LABEL.instance]}.tool: it is created and nothing holds it up`,
        '',
      ].join('\n'),
    );
  });

  it('replace a pod that is declared by itself only once it is gone', async () => {
    writeFileSync(join(root, 'manifests', 'tool.yaml'), TOOL);
    await eventually(() => {
      expect([...runtime.containers.values()].some(({ spec, phase }) => spec.image === 'tool:1' && phase === 'running')).to.equal(true);
    }, 10_000);
    await settled();
    const file = join(root, 'tool.yaml');
    writeFileSync(file, TOOL.replace('image: tool:1', 'image: web:2'));
    const { plan } = await json<DiffReport>('diff', '-f', file);
    expect(plan.steps.flatMap(({ operations }) => operations.map(({ verb }) => verb))).to.deep.equal([
      'StopContainer',
      'SaveLogs',
      'RemoveContainer',
      'CreateContainer',
      'StartContainer',
    ]);
  });

  it('say what a scale by hand keeps: a manifest that did not change does not undo it', async () => {
    await run('scale', 'web', '--replicas', '3');
    expect(await run('diff')).to.include({ code: 0, out: 'no differences\n' });
  });

  it('with --prune a file is all there is: the rest would be deleted, in order', async () => {
    const file = join(root, 'only.yaml');
    writeFileSync(file, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: only}\ndata: {a: b}\n');
    const added = await json<DiffReport>('diff', '-f', file);
    expect(added.objects.map(({ resource, change }) => `${change} ${resource}`)).to.deep.equal(['create configmap/only']);
    expect(added.plan.steps.flatMap(({ operations }) => operations)).to.deep.equal([]);
    const pruned = await json<DiffReport>('diff', '-f', file, '--prune');
    expect(pruned.objects.map(({ resource, change }) => `${change} ${resource}`)).to.deep.equal([
      'create configmap/only',
      'delete secret/web',
      'delete deployment/web',
    ]);
    const texts = pruned.plan.steps.flatMap(({ operations }) => operations.map(({ verb }) => verb));
    expect(texts.filter((verb) => verb === 'RemoveContainer')).to.have.length(2);
    expect(pruned.plan.waits).to.deep.equal([]);
  });

  it('tell a directory that would delete everything, and that it waits to be confirmed', async () => {
    writeFileSync(join(root, 'manifests', 'web.yaml'), 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: only}\ndata: {a: b}\n');
    const { conditions, objects } = await json<DiffReport>('diff');
    expect(conditions.map(({ code }) => code)).to.deep.equal(['WouldDeleteEverything']);
    expect(objects.map(({ resource, change }) => `${change} ${resource}`)).to.deep.equal(['create configmap/only']);
  });

  it('name errors with file and line, as apply does, and exit with 2', async () => {
    const file = join(root, 'bad.yaml');
    writeFileSync(file, WEB.replace('replicas: 2', 'replicaz: 2'));
    const { code, out, err } = await run('diff', '-f', file);
    expect({ code, out }).to.deep.equal({ code: 2, out: '' });
    expect(err).to.include('bad.yaml:11').and.to.include('replicaz');
    expect((await run('diff', '-f', join(root, 'nowhere.yaml'))).code).to.equal(2);
  });

  it('plan --all goes on to the end', async () => {
    writeFileSync(join(root, 'manifests', 'web.yaml'), WEB.replace('replicas: 2', 'replicas: 2 '));
    const before = [...runtime.containers.keys()];
    runtime.crash(before[0]!, 1);
    const { out } = await run('plan', '--all');
    // Whatever the loop has done of it by now, the rest is told.
    expect(withoutHash(out)).to.match(/StartContainer|SaveLogs|RemoveContainer|nothing to do/);
    await eventually(async () => {
      expect((await run('plan', '--all')).out).to.equal('nothing to do: everything is as declared\n');
    }, 10_000);
  });
});

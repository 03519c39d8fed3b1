import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ApiClient } from '../../src/cli/api-client.ts';
import { runControlPlane } from '../../src/loop/control-plane.ts';
import { InstanceLocked } from '../../src/loop/instance-lock.ts';
import { LABEL } from '../../src/model/annotations.ts';
import { down } from '../../src/lifecycle/down.ts';
import { eventually } from '../eventually.ts';
import type { FakeContainer } from '../runtime/fake-container.ts';
import { FakeRuntime } from '../runtime/fake-runtime.ts';
import { silent } from '../state/fixtures.ts';

const WEB = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: v1
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
  template:
    metadata:
      labels: {app: web}
      annotations: {coxswain.dev/host-ports: 8000-8009}
    spec:
      terminationGracePeriodSeconds: 1
      volumes:
        - {name: data, persistentVolumeClaim: {claimName: data}}
        - {name: files, secret: {secretName: web}}
      containers:
        - name: web
          image: web:1
          imagePullPolicy: IfNotPresent
          ports: [{containerPort: 8080}]
          env:
            - {name: PASSWORD, valueFrom: {secretKeyRef: {name: web, key: password}}}
          volumeMounts:
            - {name: data, mountPath: /data}
            - {name: files, mountPath: /files}
`;

const TOOL = `apiVersion: v1
kind: Pod
metadata: {name: tool}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - {name: tool, image: "tool:1", imagePullPolicy: IfNotPresent}
`;

describe('runControlPlane', () => {
  let root: string;
  let runtime: FakeRuntime;
  /** Locks are shared by all processes of this host. */
  let instance: string;
  const running: { stop(): Promise<void> }[] = [];
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'coxswain-plane-'));
    mkdirSync(join(root, 'manifests'));
    writeFileSync(join(root, 'manifests', 'web.yaml'), WEB);
    runtime = new FakeRuntime({ images: ['web:1', 'web:2', 'tool:1', 'tool:2'] });
    instance = `t${process.pid}-${Math.floor(Math.random() * 1e6)}`;
  });
  afterEach(async () => {
    for (const plane of running.splice(0)) await plane.stop();
    rmSync(root, { recursive: true, force: true });
  });

  const home = (name = 'home'): string => join(root, name);
  const options = (signal: AbortSignal, name?: string) => ({
    runtime,
    instance,
    home: home(name),
    manifestDirectory: join(root, 'manifests'),
    ingressAddress: 'http://127.0.0.1/',
    version: '0.0.0',
    build: 'test',
    isHostPathAllowed: false,
    isPrivilegedAllowed: false,
    logger: silent,
    signal,
  });

  function start(name?: string): { stop(): Promise<void>; readonly ended: Promise<void> } {
    const stopping = new AbortController();
    const ended = runControlPlane({ ...options(stopping.signal, name), teardown: 'none' });
    const plane = {
      ended,
      stop: async () => {
        stopping.abort();
        await ended.catch(() => undefined);
      },
    };
    running.push(plane);
    return plane;
  }

  async function takeDown(isPurge: boolean): Promise<readonly string[]> {
    const printed: string[] = [];
    await down({
      place: { home: home(), script: 'no-such-script' },
      controlPlane: options(new AbortController().signal),
      isPurge,
      print: (line) => printed.push(line),
    });
    return printed;
  }

  const containers = (prefix: string): readonly FakeContainer[] =>
    [...runtime.containers.values()].filter(({ spec }) => spec.labels[LABEL.pod]?.startsWith(prefix));
  const states = (prefix: string): readonly string[] => containers(prefix).map(({ spec, phase }) => `${spec.image} ${phase}`);
  const webRuns = (): Promise<void> =>
    eventually(() => expect(states('web')).to.deep.equal(['web:1 running', 'web:1 running']), 5_000).then(() => undefined);
  const passwords = (): ReadonlySet<string> =>
    new Set(containers('web').flatMap(({ spec }) => spec.env.filter((entry) => entry.startsWith('PASSWORD='))));

  it('a scale beyond the pinned ports is refused, and changes nothing', async () => {
    start();
    await webRuns();
    const client = new ApiClient({ socketPath: join(home(), 'api.sock'), stderr: process.stderr });
    const scale = '/apis/apps/v1/namespaces/default/deployments/web/scale';
    const refused = await client.send('PATCH', scale, { spec: { replicas: 11 } }).catch((error: unknown) => error);
    expect((refused as Error).message).to.include('spec.replicas: 11 replicas need 11 host ports, and 8000-8009 has 10');
    expect(await client.get(scale)).to.have.nested.property('spec.replicas', 2);
  });

  it('what the manifests declare runs, with one generated password', async () => {
    start();
    await webRuns();
    expect([...passwords()].join()).to.match(/^PASSWORD=[\w-]{32}$/);
    expect([...runtime.volumes.values()].map((labels) => labels[LABEL.claim])).to.deep.equal(['data']);
  });

  it('a second one of the same instance is refused and changes nothing', async () => {
    start();
    await webRuns();
    const before = [...runtime.containers.keys()];
    const refused = start('another-home');
    const error: unknown = await refused.ended.catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(InstanceLocked);
    expect((error as Error).message).to.include(`process ${process.pid} (home ${home()}, since `);
    expect([...runtime.containers.keys()]).to.deep.equal(before);
    expect(existsSync(join(home('another-home'), 'state'))).to.equal(false);
  });

  it('a restart leaves every container as it is', async () => {
    const first = start();
    await webRuns();
    await first.stop();
    const before = [...runtime.containers].map(([id, { run }]) => `${id} ${run}`);
    start();
    await eventually(() => expect(existsSync(join(home(), 'api.sock'))).to.equal(true), 5_000);
    writeFileSync(join(root, 'manifests', 'tool.yaml'), TOOL);
    // By the time a later declaration runs, it has looked at everything.
    await eventually(() => expect(states('tool')).to.deep.equal(['tool:1 running']), 5_000);
    expect([...runtime.containers].map(([id, { run }]) => `${id} ${run}`)).to.include.members(before);
    expect(containers('web')).to.have.length(2);
  });

  it('with its whole home lost, it takes over what runs, and the password with it', async () => {
    const first = start();
    await webRuns();
    const [password] = passwords();
    const before = containers('web').map(({ id }) => id);
    await first.stop();
    rmSync(home(), { recursive: true });
    start();
    await eventually(() => expect(existsSync(join(home(), 'secrets', 'default.web.yaml'))).to.equal(true), 5_000);
    runtime.crash(before[0]!, 1);
    await eventually(() => expect(containers('web').map(({ id }) => id)).to.not.include(before[0]), 5_000);
    await webRuns();
    expect(containers('web').map(({ id }) => id)).to.include(before[1]);
    expect([...passwords()]).to.deep.equal([password]);
  });

  it('an edited manifest takes effect, a broken one changes nothing', async () => {
    start();
    await webRuns();
    const path = join(root, 'manifests', 'web.yaml');
    writeFileSync(path, WEB.replace('replicas: 2', 'replicas: 3'));
    await eventually(() => expect(states('web')).to.have.length(3), 5_000);
    const before = [...runtime.containers.keys()];
    writeFileSync(path, 'kind: [');
    writeFileSync(join(root, 'manifests', 'tool.yaml'), TOOL);
    await eventually(() => expect(states('tool')).to.deep.equal(['tool:1 running']), 5_000);
    expect([...runtime.containers.keys()]).to.include.members(before);
  });

  it('a pod declared by itself is replaced when its spec changes, without any other event', async () => {
    writeFileSync(join(root, 'manifests', 'tool.yaml'), TOOL);
    start();
    await eventually(() => expect(states('tool')).to.deep.equal(['tool:1 running']), 5_000);
    writeFileSync(join(root, 'manifests', 'tool.yaml'), TOOL.replace('tool:1', 'tool:2'));
    await eventually(() => expect(states('tool')).to.deep.equal(['tool:2 running']), 8_000);
  }).timeout(20_000);

  it('a Deployment that is no longer declared leaves no files of its Secrets behind', async () => {
    writeFileSync(join(root, 'manifests', 'tool.yaml'), TOOL);
    start();
    await webRuns();
    expect(readdirSync(join(home(), 'volumes'))).to.have.length(2);
    // The Secret and the claim stay declared, the Deployment goes.
    writeFileSync(join(root, 'manifests', 'web.yaml'), WEB.split('---').slice(0, 2).join('---'));
    await eventually(() => expect(states('web')).to.deep.equal([]), 8_000);
    await eventually(() => expect(readdirSync(join(home(), 'volumes'))).to.deep.equal([]), 2_000);
  }).timeout(20_000);

  describe('teardown', () => {
    it('down removes containers and networks, keeps volumes and data, and up goes on with them', async () => {
      const first = start();
      await webRuns();
      const [password] = passwords();
      await first.stop();
      expect(await takeDown(false)).to.deep.equal([
        'ingress and control plane: not running',
        'containers and networks: removing',
        'data is kept: "make up" goes on with it, "make purge" removes it',
      ]);
      expect([runtime.containers.size, runtime.networks.size, runtime.volumes.size]).to.deep.equal([0, 0, 1]);
      start();
      await webRuns();
      expect([...passwords()]).to.deep.equal([password]);
    });

    it('purge removes everything, on the engine and at home', async () => {
      const first = start();
      await webRuns();
      await first.stop();
      expect(await takeDown(true)).to.deep.equal([
        'ingress and control plane: not running',
        'containers, networks and volumes: removing',
        'data, state and secrets: removed',
      ]);
      expect([runtime.containers.size, runtime.networks.size, runtime.volumes.size]).to.deep.equal([0, 0, 0]);
      for (const name of ['state', 'secrets', 'volumes', 'logs']) expect(existsSync(join(home(), name)), name).to.equal(false);
    });

    it('purge removes all of it when the state was lost before', async () => {
      const first = start();
      await webRuns();
      await first.stop();
      rmSync(home(), { recursive: true });
      await takeDown(true);
      expect([runtime.containers.size, runtime.networks.size, runtime.volumes.size]).to.deep.equal([0, 0, 0]);
    });

    it('a second down finds nothing to do', async () => {
      const first = start();
      await webRuns();
      await first.stop();
      await takeDown(true);
      await takeDown(true);
      expect(runtime.containers.size).to.equal(0);
    });

    it('leaves what is not its own', async () => {
      const spec = {
        name: 'stranger',
        image: 'tool:1',
        labels: { [LABEL.instance]: 'other' },
        env: [],
        network: 'n',
        networkAliases: [],
        ports: [],
        mounts: [],
      };
      const { signal } = new AbortController();
      await runtime.createContainer(spec as unknown as Parameters<typeof runtime.createContainer>[0], signal);
      await runtime.createNetwork('theirs', { [LABEL.instance]: 'other' }, signal);
      await runtime.createVolume('theirs', {}, signal);
      const first = start();
      await webRuns();
      await first.stop();
      await takeDown(true);
      expect([...runtime.containers.values()].map(({ spec: { name } }) => name)).to.deep.equal(['stranger']);
      expect([[...runtime.networks.keys()], [...runtime.volumes.keys()]]).to.deep.equal([['theirs'], ['theirs']]);
    });
  });
});

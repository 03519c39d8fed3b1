import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Deployment, Pod } from '../../src/model/objects.ts';
import { eventually } from '../eventually.ts';
import { ensureTestImage, TEST_IMAGE } from '../runtime/test-image.ts';
import { Load } from './load.ts';
import { System } from './system.ts';
import { WEB_ROUTE } from './web-route.ts';

const BASE_PORT = 18_700;
const PER_SECOND = 200;
/** The same image by another name: enough for a rollout. */
const SAME_IMAGE = TEST_IMAGE.replace(/:latest$/, '');

interface WebOptions {
  readonly replicas?: number;
  readonly isPinned?: boolean;
  readonly progressDeadlineSeconds?: number;
  /** Runs before the server does. */
  readonly prelude?: string;
}

/** A web server that is there in a moment. BusyBox as process 1 would ignore SIGTERM, hence the trap. */
function web({ replicas = 10, isPinned = false, progressDeadlineSeconds = 60, prelude = 'true' }: WebOptions = {}): string {
  const probe = '{httpGet: {path: /, port: 8080}, periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 3}';
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
  progressDeadlineSeconds: ${progressDeadlineSeconds}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 2, maxUnavailable: 0}}
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: ${isPinned ? `{coxswain.dev/host-ports: "${BASE_PORT}-${BASE_PORT + 15}"}` : '{}'}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: web
          image: ${TEST_IMAGE}
          imagePullPolicy: IfNotPresent
          command:
            - sh
            - -c
            - |
              trap 'exit 0' TERM
              ${prelude}
              mkdir -p /tmp/www
              echo hello > /tmp/www/index.html
              httpd -f -p 8080 -h /tmp/www &
              wait
          ports: [{containerPort: 8080}]
          startupProbe: ${probe.replace('failureThreshold: 3', 'failureThreshold: 60')}
          readinessProbe: ${probe}
          livenessProbe: ${probe}
---
${WEB_ROUTE}`;
}

/** Two Deployments that read one ConfigMap; the second does not want to be replaced for it. */
function configured(mode: string, unused: string): string {
  const deployment = (name: string, wish: string): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, annotations: {coxswain.dev/roll-on-config-change: "${wish}"}}
spec:
  replicas: 2
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: main
          image: ${TEST_IMAGE}
          imagePullPolicy: IfNotPresent
          command: [sh, -c, 'echo "mode is $MODE"; sleep 3600']
          env: [{name: MODE, valueFrom: {configMapKeyRef: {name: settings, key: mode}}}]
---
`;
  return `${deployment('rolling', 'true')}${deployment('resting', 'false')}apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {mode: "${mode}", unused: "${unused}"}
`;
}

describe('rollouts', function () {
  this.timeout(240_000);
  let system: System;
  let hasFailed = false;

  before(async () => {
    await ensureTestImage('/var/run/docker.sock');
    system = new System({
      name: 'rollouts',
      basePort: BASE_PORT,
      manifests: { 'web.yaml': web({ isPinned: true }), 'configured.yaml': configured('first', 'a') },
    });
    await system.up();
  });
  afterEach(function () {
    hasFailed ||= this.currentTest?.state === 'failed';
  });
  after(async () => {
    await system.remove(hasFailed);
  });

  const ids = async (deployment = 'web'): Promise<readonly string[]> => (await system.replicas(deployment)).map(({ id }) => id);
  const kept = (before: readonly string[], now: readonly string[]): readonly string[] => now.filter((id) => before.includes(id));
  const deployment = (): Promise<Deployment> => system.get<Deployment>('deployment', 'web');

  /** Writes the manifest and waits until its spec is what the store has. */
  async function declare(options: WebOptions): Promise<void> {
    const { generation = 0 } = (await deployment()).metadata;
    system.manifest('web.yaml', () => web(options));
    await eventually(async () => expect((await deployment()).metadata.generation).to.be.greaterThan(generation), 15_000);
  }

  async function rolledOut(...command: readonly string[]): Promise<void> {
    if (command.length > 0) await system.command(...command);
    const told = await system.command('rollout', 'status', 'web', '--timeout', '150s');
    expect(told).to.match(/deployment "web" successfully rolled out\n$/);
  }

  /** Old pods may still be ending when every new one serves. */
  async function untilRunning(count: number): Promise<void> {
    await eventually(async () => expect(await ids()).to.have.length(count), 60_000);
  }

  async function underLoad(work: () => Promise<void>): Promise<void> {
    const load = new Load(system, { path: '/', perSecond: PER_SECOND });
    let result;
    try {
      await work();
    } finally {
      result = await load.stop();
    }
    expect(result.failures).to.deep.equal([]);
    expect(result.sent).to.be.greaterThan(PER_SECOND);
  }

  it('ten pinned replicas replaced under load must fail no request, and stand on the same ports', async () => {
    const before = await system.replicas('web');
    expect(before).to.have.length(10);
    await underLoad(() => rolledOut('rollout', 'restart', 'web'));
    await untilRunning(10);
    const after = await system.replicas('web');
    expect(after.map(({ port }) => port)).to.deep.equal(before.map(({ port }) => port));
    expect(after.filter(({ id }) => before.some((old) => old.id === id))).to.deep.equal([]);
  });

  it('ten replicas that are not pinned must fail none either', async () => {
    await underLoad(async () => {
      // Letting go of the ports is a rollout itself.
      await declare({});
      await rolledOut();
      await untilRunning(10);
      const before = await ids();
      await rolledOut('rollout', 'restart', 'web');
      await untilRunning(10);
      expect(kept(before, await ids())).to.deep.equal([]);
    });
  });

  it('an undone rollout must bring the template before it back, and an edit of something else must not undo the undo', async () => {
    await declare({ replicas: 3 });
    await untilRunning(3);
    await rolledOut('set', 'image', 'web', `web=${SAME_IMAGE}`);
    expect((await deployment()).spec.template.spec.containers[0]?.image).to.equal(SAME_IMAGE);
    await rolledOut('rollout', 'undo', 'web');
    const undone = (await deployment()).spec.template;
    expect(undone.spec.containers[0]?.image).to.equal(TEST_IMAGE);
    await untilRunning(3);
    const before = await ids();
    await declare({ replicas: 3, progressDeadlineSeconds: 15 });
    expect((await deployment()).spec.template).to.deep.equal(undone);
    await rolledOut();
    expect(await ids()).to.deep.equal(before);
    expect(await system.command('rollout', 'history', 'web')).to.match(/^\d+ +coxswain set image deployment\/web web=\S+ +\S+busybox$/m);
  });

  it('a paused deployment must roll out nothing, scale all the same, and go on when it is resumed', async () => {
    const before = await ids();
    await system.command('rollout', 'pause', 'web');
    await system.command('set', 'image', 'web', `web=${SAME_IMAGE}`);
    await system.command('scale', 'web', '--replicas', '4');
    await untilRunning(4);
    await eventually(async () => expect((await deployment()).status?.availableReplicas).to.equal(4), 60_000);
    const paused = await ids();
    expect(kept(before, paused), 'the old ones stay').to.deep.equal(before.filter((id) => paused.includes(id)));
    expect(kept(before, paused)).to.have.length(3);
    await system.command('rollout', 'resume', 'web');
    await rolledOut();
    await untilRunning(4);
    expect(kept(paused, await ids())).to.deep.equal([]);
    await rolledOut('rollout', 'undo', 'web');
    await untilRunning(4);
  });

  it('a rollout that cannot get on must leave the old version serving, and say why', async () => {
    const before = await ids();
    await underLoad(async () => {
      await declare({
        replicas: 4,
        progressDeadlineSeconds: 15,
        prelude: 'echo looking for web.conf; echo web.conf is missing >&2; exit 3',
      });
      await eventually(async () => {
        const { items } = JSON.parse(await system.command('get', 'pods', '-l', 'app=web', '-o', 'json')) as { items: readonly Pod[] };
        const waiting = items.map(({ status }) => status?.containerStatuses?.[0]?.state.waiting?.message ?? '');
        expect(waiting.join('\n')).to.match(/back-off \d+s restarting failed container=web .*exited with code 3/);
      }, 60_000);
      const failure = await system.command('rollout', 'status', 'web', '--timeout', '120s').then(
        () => 'it ended well',
        (error: unknown) => String(error),
      );
      expect(failure).to.match(/deployment "web" exceeded its progress deadline: 2 of 4 pods are updated, and nothing has moved for 15 s/);
      expect(failure, 'the exit code').to.match(/container exited with code 3/);
      expect(failure, 'its last lines').to.match(/Its last lines:\n[^]*web.conf is missing/);
    });
    expect(kept(before, await ids()).length, 'none may be unavailable').to.equal(4);
    expect(await system.command('status')).to.match(
      /deployment\/web: Progressing=False, ProgressDeadlineExceeded: [^]*web.conf is missing/,
    );
    const events = await system.events();
    const ofDeployment = events.filter(({ involvedObject }) => involvedObject.kind === 'Deployment').map(({ reason }) => reason);
    expect(ofDeployment).to.include.members(['RolloutTrouble', 'ProgressDeadlineExceeded']);
    const [backOff] = events.filter(({ reason }) => reason === 'BackOff');
    expect(backOff?.count, 'one event that counts').to.be.greaterThan(1);
    await rolledOut('rollout', 'undo', 'web');
    await eventually(async () => expect(await ids(), 'the old version served all the time').to.deep.equal(before), 30_000);
  });

  it('a ConfigMap that changes must replace the pods that use it, unless they do not want it or do not see it', async () => {
    const file = join(system.manifestDir, 'configured.yaml');
    const [rolling, resting] = [await ids('rolling'), await ids('resting')];
    writeFileSync(file, configured('first', 'b'));
    await eventually(async () => {
      expect(await system.command('get', 'configmap', 'settings', '-o', 'yaml')).to.match(/unused: b/);
    }, 15_000);
    writeFileSync(file, configured('second', 'b'));
    await eventually(async () => {
      const now = await ids('rolling');
      expect(kept(rolling, now)).to.deep.equal([]);
      expect(now).to.have.length(2);
    }, 60_000);
    expect(await system.command('logs', 'rolling')).to.match(/mode is second/);
    expect(await ids('resting')).to.deep.equal(resting);
    const history = await system.command('rollout', 'history', 'rolling');
    expect(history.trim().split('\n'), 'one for the change that is seen, none for the other').to.have.length(3);
    expect(history).to.match(/^2 +a ConfigMap or Secret changed /m);
  });
});

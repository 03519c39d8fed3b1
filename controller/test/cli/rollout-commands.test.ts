/** `coxswain rollout` and `set image` over the real API and the real reconcilers; nothing runs, so pods are only wanted. */
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { Command } from 'commander';
import { addClientCommands } from '../../src/cli/client-commands.ts';
import { runProgram } from '../../src/cli/run-program.ts';
import { mergePatch } from '../../src/cli/merge-patch.ts';
import { KINDS } from '../../src/model/objects.ts';
import type { ConfigMap, Deployment, DeploymentStatus } from '../../src/model/objects.ts';
import { reconcile } from '../../src/reconcile/reconcile.ts';
import type { Memory, ObjectMaps } from '../../src/reconcile/world.ts';
import { startFixture } from '../api/api-fixture.ts';
import type { ApiFixture } from '../api/api-fixture.ts';
import { eventually } from '../eventually.ts';
import { deployment } from '../state/fixtures.ts';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe('rollout commands', () => {
  let api: ApiFixture;
  let memory: Memory;

  beforeEach(async () => {
    api = await startFixture();
    memory = { pods: new Map(), deployments: new Map() };
    api.store.create({
      ...deployment('acts', 2),
      metadata: { ...deployment('acts').metadata, annotations: { 'kubernetes.io/change-cause': 'first' } },
    });
    pass();
  });

  afterEach(() => api.close());

  /** One pass of the reconcilers on what is in the store. */
  function pass(): void {
    const objects = Object.fromEntries(KINDS.map(({ kind }) => [kind, api.store.list(kind)])) as unknown as ObjectMaps;
    const plan = reconcile({
      nowMs: 0,
      wallMs: 0,
      instance: 'default',
      objects,
      memory,
      isRemovalAllowed: true,
      isReadinessKnown: true,
      teardown: 'none',
      volumeDir: '/volumes',
      observed: {
        containers: new Map(),
        networks: new Map(),
        volumes: new Map(),
        images: new Map(),
        pulledImages: new Map(),
        writtenDirectories: new Set(),
        probes: new Map(),
        ingress: { isConnected: true, routedEndpointIds: new Set(), inFlight: new Map() },
        logTails: new Map(),
        busySubjects: new Set(),
        failures: new Map(),
        doneOnce: new Set(),
      },
    });
    ({ memory } = plan);
    for (const change of plan.changes) {
      if (change.type === 'create') api.store.create(change.object);
      else if (change.type === 'update') api.store.update(change.object);
      else if (change.type === 'status') api.store.updateStatus(change.object);
      else api.store.delete(change.kind, change.key);
    }
  }

  async function run(...args: readonly string[]): Promise<Outcome> {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const program = new Command('coxswain');
    const now = (): Date => new Date('2026-01-31T10:16:00Z');
    addClientCommands(program, { socketPath: api.socketPath, stdout, stderr, isTty: false, now });
    const code = await runProgram(program, args, { stderr });
    return { code, out: textOf(stdout), err: textOf(stderr) };
  }

  function textOf(stream: PassThrough): string {
    const data = stream.read() as Buffer | null;
    return data === null ? '' : data.toString('utf8');
  }

  function current(): Deployment {
    const found = api.store.get('Deployment', 'default/acts');
    if (found === undefined) throw new Error('the deployment is gone');
    return found;
  }

  const fine = (out: string): Outcome => ({ code: 0, out, err: '' });
  const failed = (code: number, err: string): Outcome => ({ code, out: '', err: `coxswain: ${err}\n` });

  it('set image, history, undo and restart make revisions, each with its cause', async () => {
    expect(await run('set', 'image', 'deployment/acts', 'main=acts:2')).to.deep.equal(fine('deployment/acts image updated\n'));
    pass();
    expect(await run('rollout', 'history', 'deployment/acts')).to.deep.equal(
      fine(
        'REVISION  CHANGE-CAUSE                                    IMAGE\n' +
          '1         first                                           acts:latest\n' +
          '2         coxswain set image deployment/acts main=acts:2  acts:2\n',
      ),
    );
    expect(await run('rollout', 'undo', 'acts')).to.deep.equal(fine('deployment/acts goes back to revision 1 (acts:latest)\n'));
    pass();
    expect(await run('rollout', 'restart', 'acts')).to.deep.equal(fine('deployment/acts restarted\n'));
    expect(current().spec.template.metadata?.annotations).to.deep.equal({
      'kubectl.kubernetes.io/restartedAt': '2026-01-31T10:16:00.000Z',
    });
    pass();
    const { out } = await run('rollout', 'history', 'acts');
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).to.deep.equal([
      ['REVISION', 'CHANGE-CAUSE', 'IMAGE'],
      ['2', 'coxswain set image deployment/acts main=acts:2', 'acts:2'],
      ['3', 'first', 'acts:latest'],
      ['4', 'coxswain rollout restart deployment/acts', 'acts:latest'],
      [''],
    ]);
    expect(await run('rollout', 'undo', 'acts', '--to-revision', '2')).to.deep.equal(
      fine('deployment/acts goes back to revision 2 (acts:2)\n'),
    );
    expect(current().spec.template, 'nothing is left of the restart').to.deep.equal({
      ...deployment('acts').spec.template,
      spec: { containers: [{ name: 'main', image: 'acts:2' }] },
    });
    pass();
    expect(current().metadata.annotations).to.deep.equal({
      'deployment.kubernetes.io/revision': '5',
      'kubernetes.io/change-cause': 'coxswain set image deployment/acts main=acts:2',
    });
  });

  it('history prints one revision as it was', async () => {
    expect(await run('rollout', 'history', 'acts', '--revision', '1')).to.deep.equal(
      fine(
        'deployment/acts revision 1\nmetadata:\n  labels:\n    app: acts\nspec:\n  containers:\n    - name: main\n      image: acts:latest\n',
      ),
    );
  });

  it('a revision that a ConfigMap made is no target of undo', async () => {
    const configMap: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web', namespace: 'default' }, data: { a: '1' } };
    api.store.create(configMap);
    const using = current();
    const containers = [{ name: 'main', image: 'acts:3', envFrom: [{ configMapRef: { name: 'web' } }] }];
    api.store.update({ ...using, spec: { ...using.spec, template: { ...using.spec.template, spec: { containers } } } });
    pass();
    api.store.update({ ...configMap, data: { a: '2' } });
    pass();
    expect((await run('rollout', 'history', 'acts')).out).to.match(/^3 +a ConfigMap or Secret changed +acts:3$/m);
    expect(await run('rollout', 'undo', 'acts', '--to-revision', '2')).to.deep.equal(
      failed(
        1,
        'revision 2 has the pod template that deployment/acts has now; what else differed is in its ConfigMaps and Secrets, which undo leaves alone',
      ),
    );
    expect((await run('rollout', 'undo', 'acts')).out).to.equal('deployment/acts goes back to revision 1 (acts:latest)\n');
  });

  it('names a command that works, in another namespace too', async () => {
    const { spec, ...rest } = deployment('web');
    api.store.create({ ...rest, metadata: { name: 'web', namespace: 'shop' }, spec: { ...spec, paused: true } });
    const hint = '"coxswain rollout resume deployment/web -n shop" first';
    expect(await run('rollout', 'undo', 'web', '-n', 'shop')).to.deep.equal(
      failed(1, `deployment/web.shop is paused and cannot be undone: ${hint}`),
    );
    expect(await run('rollout', 'resume', 'deployment/web', '-n', 'shop')).to.deep.equal(fine('deployment/web.shop resumed\n'));
  });

  it('pause and resume set spec.paused, and a paused deployment is neither undone nor restarted', async () => {
    expect(await run('rollout', 'pause', 'acts')).to.deep.equal(fine('deployment/acts paused\n'));
    expect(current().spec.paused).to.equal(true);
    expect(await run('rollout', 'pause', 'acts')).to.deep.equal(failed(1, 'deployment/acts is paused already'));
    for (const [command, what] of [
      ['undo', 'undone'],
      ['restart', 'restarted'],
    ] as const)
      expect(await run('rollout', command, 'acts')).to.deep.equal(
        failed(1, `deployment/acts is paused and cannot be ${what}: "coxswain rollout resume deployment/acts" first`),
      );
    expect(await run('rollout', 'resume', 'acts')).to.deep.equal(fine('deployment/acts resumed\n'));
    expect(current().spec).not.to.have.property('paused');
    expect(await run('rollout', 'resume', 'acts')).to.deep.equal(failed(1, 'deployment/acts is not paused'));
  });

  for (const { args, code, err } of [
    { args: ['rollout', 'undo', 'acts'], code: 1, err: 'deployment/acts has no earlier revision to go back to' },
    { args: ['rollout', 'undo', 'acts', '--to-revision', '1'], code: 1, err: 'deployment/acts is at revision 1 already' },
    { args: ['rollout', 'undo', 'acts', '--to-revision', '7'], code: 4, err: 'deployment/acts has no revision 7; it has 1' },
    { args: ['rollout', 'history', 'acts', '--revision', '7'], code: 4, err: 'deployment/acts has no revision 7; it has 1' },
    { args: ['rollout', 'undo', 'nobody'], code: 4, err: 'deployments.apps "nobody" not found' },
    { args: ['rollout', 'status', 'pod/acts'], code: 2, err: 'pod/acts is not a deployment' },
    {
      args: ['rollout', 'status', 'acts', '--timeout', 'soon'],
      code: 2,
      err: '--timeout: expected a duration such as 90s or 5m, or 0, found "soon"',
    },
    { args: ['set', 'image', 'acts', 'acts'], code: 2, err: 'expected container=image, found "acts"' },
    { args: ['set', 'image', 'acts', 'web=acts:2'], code: 1, err: 'deployment/acts has no container "web"; it has main' },
    { args: ['rollout', 'restart', 'acts', '-n', 'other'], code: 4, err: 'deployments.apps "acts" not found' },
  ]) {
    it(`${args.join(' ')}: ${err}`, async () => {
      const before = current();
      expect(await run(...args)).to.deep.equal(failed(code, err));
      expect(current()).to.deep.equal(before);
    });
  }

  it('set image to what it is changes nothing', async () => {
    expect(await run('set', 'image', 'acts', '*=acts:latest')).to.deep.equal(fine('deployment/acts has that image already\n'));
  });

  for (const command of ['status', 'history', 'undo', 'restart', 'pause', 'resume']) {
    it(`rollout ${command} --help has an example and exit codes`, async () => {
      const { code, out } = await run('rollout', command, '--help');
      expect(code).to.equal(0);
      expect(out).to.match(new RegExp(`Example: coxswain rollout ${command} deployment/acts.*\nExit codes: 0 ok`));
    });
  }

  describe('status', () => {
    const report = (status: DeploymentStatus): void => {
      api.store.updateStatus({ ...current(), status: { observedGeneration: current().metadata.generation ?? 1, ...status } });
    };

    it('tells each step until the rollout is done', async () => {
      const stdout = new PassThrough();
      let out = '';
      stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      report({ replicas: 2, updatedReplicas: 1, availableReplicas: 2 });
      const program = new Command('coxswain');
      addClientCommands(program, { socketPath: api.socketPath, stdout, stderr: stdout, isTty: false });
      const running = runProgram(program, ['rollout', 'status', 'acts'], { stderr: stdout });
      const steps: readonly (readonly [DeploymentStatus, line: string])[] = [
        [{ replicas: 3, updatedReplicas: 2, availableReplicas: 2 }, 'rollout to finish: 1 out of 2 new replicas have been updated...'],
        [{ replicas: 2, updatedReplicas: 2, availableReplicas: 1 }, 'rollout to finish: 1 old replicas are pending termination...'],
        [{ replicas: 2, updatedReplicas: 2, availableReplicas: 2 }, 'rollout to finish: 1 of 2 updated replicas are available...'],
      ];
      for (const [next, line] of steps) {
        await eventually(() => expect(out.trimEnd().split('\n').at(-1)).to.equal(`Waiting for deployment "acts" ${line}`));
        report(next);
      }
      expect(await running).to.equal(0);
      expect(out.split('\n').slice(3)).to.deep.equal(['deployment "acts" successfully rolled out', '']);
    });

    it('waits for a change that was not looked at yet', async () => {
      report({ replicas: 2, updatedReplicas: 2, availableReplicas: 2, observedGeneration: 0 });
      expect(await run('rollout', 'status', 'acts', '--no-wait')).to.deep.equal(
        fine('Waiting for deployment spec update to be observed...\n'),
      );
    });

    it('ends with 1 and the reason when the deadline is exceeded', async () => {
      const message = '1 of 2 pods are updated, and nothing has moved for 600 s. pod/acts-0: container exited with code 1.';
      report({ conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message }] });
      expect(await run('rollout', 'status', 'acts')).to.deep.equal(
        failed(1, `deployment "acts" exceeded its progress deadline: ${message}`),
      );
    });

    it('gives up after --timeout, and says what is known', async () => {
      const message = '1 of 2 pods are updated. pod/acts-0: its startup probe fails: HTTP 500.';
      report({
        replicas: 3,
        updatedReplicas: 1,
        conditions: [{ type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated', message }],
      });
      const line = 'Waiting for deployment "acts" rollout to finish: 1 out of 2 new replicas have been updated...';
      expect(await run('rollout', 'status', 'acts', '--timeout', '300ms')).to.deep.equal({
        code: 1,
        out: `${line}\n`,
        err: `coxswain: timed out waiting for deployment/acts: ${line}\n${message}\n`,
      });
    });
  });
});

describe('mergePatch', () => {
  for (const [from, to, patch] of [
    [
      { a: 1, b: 2 },
      { a: 1, c: 3 },
      { b: null, c: 3 },
    ],
    [{ a: { b: 1, c: 2 } }, { a: { b: 1 } }, { a: { c: null } }],
    [{ a: [1, 2] }, { a: [1] }, { a: [1] }],
    [{ a: 1 }, { a: { b: 1 } }, { a: { b: 1 } }],
    [{ a: { b: 1 } }, {}, { a: null }],
  ] as const) {
    it(`${JSON.stringify(from)} -> ${JSON.stringify(to)}`, () => {
      expect(mergePatch(from, to)).to.deep.equal(patch);
    });
  }
});

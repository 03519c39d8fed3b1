import { PassThrough } from 'node:stream';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { Command } from 'commander';
import { parse } from 'yaml';
import { ControlPlaneError } from '../../src/api/control-plane-port.ts';
import { addClientCommands } from '../../src/cli/client-commands.ts';
import type { CliContext } from '../../src/cli/cli-context.ts';
import { runProgram } from '../../src/cli/run-program.ts';
import type { KubernetesObject, Pod } from '../../src/model/objects.ts';
import { startFixture } from '../api/api-fixture.ts';
import type { ApiFixture } from '../api/api-fixture.ts';
import { STATUS } from '../api/stub-control-plane.ts';
import { deployment, event, pod } from '../state/fixtures.ts';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function runningPod(name: string, port: number): Pod {
  const base = pod(name, { app: 'acts' });
  return {
    ...base,
    metadata: { ...base.metadata, annotations: { 'coxswain.dev/host-port': String(port) } },
    spec: { ...base.spec, nodeName: 'host' },
    status: {
      phase: 'Running',
      containerStatuses: [
        {
          name: 'main',
          image: 'acts:latest',
          imageID: 'sha256:1',
          containerID: 'docker://0123456789abcdef',
          ready: true,
          restartCount: 2,
          state: { running: { startedAt: '2026-01-31T10:15:00Z' } },
        },
      ],
    },
  };
}

describe('client commands', () => {
  let api: ApiFixture;

  beforeEach(async () => {
    api = await startFixture();
    // The store's clock in tests stands at 10:15:00.
    api.store.create({ ...deployment('acts', 2), status: { readyReplicas: 2, updatedReplicas: 2, availableReplicas: 2 } });
  });

  afterEach(() => api.close());

  async function run(args: readonly string[], overrides: Partial<CliContext> = {}): Promise<Outcome> {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const program = new Command('coxswain');
    const now = (): Date => new Date('2026-01-31T10:16:00Z');
    addClientCommands(program, { socketPath: api.socketPath, stdout, stderr, isTty: false, now, ...overrides });
    const code = await runProgram(program, args, { stderr });
    return { code, out: textOf(stdout), err: textOf(stderr) };
  }

  function textOf(stream: PassThrough): string {
    const data = stream.read() as Buffer | null;
    return data === null ? '' : data.toString('utf8');
  }

  it('status shows what runs, where, and what is not fine', async () => {
    api.store.create(runningPod('acts-0', 8000));
    api.store.updateStatus({
      ...deployment('acts'),
      status: {
        readyReplicas: 1,
        conditions: [
          { type: 'Available', status: 'True' },
          { type: 'Progressing', status: 'False', reason: 'NoFreePort', message: 'no port of 8000-8009 is free' },
        ],
      },
    });
    api.controlPlane.report = {
      ...STATUS,
      manifests: {
        directory: 'manifests',
        errors: [{ file: 'acts.yaml', line: 12, message: 'spec.replicas: must be >= 0' }],
        warnings: [{ file: 'users.yaml', message: 'it is ignored' }],
      },
      conditions: [
        { type: 'StateDurable', status: 'False', reason: 'DiskFull' },
        { type: 'EngineReachable', status: 'True' },
      ],
      autoscalers: [
        {
          name: 'acts',
          namespace: 'default',
          target: 'deployment/acts',
          isArmed: true,
          armedAt: '2026-01-31T10:15:10Z',
          nextTickAt: '2026-01-31T10:17:10Z',
          countSoFar: 17,
          currentReplicas: 2,
          desiredReplicas: 1,
        },
      ],
    };
    const { code, out } = await run(['status']);
    expect(code).to.equal(0);
    expect(out).to.equal(
      [
        'Coxswain 0.1.0, instance default, up 60s; Docker 20.10.24; ingress up, 1 in flight, 0 held, 12 requests so far',
        '',
        'acts: http://127.0.0.1/',
        '',
        'DEPLOYMENT  READY  UP-TO-DATE  AVAILABLE  AGE',
        'acts        1/2    0           0          60s',
        '',
        'POD     READY  STATUS   PORT  NODE  CONTAINER     RESTARTS  AGE',
        'acts-0  1/1    Running  8000  host  0123456789ab  2         60s',
        '',
        'AUTOSCALER  TARGET           ARMED    COUNT  NEXT TICK  REPLICAS  DECIDED',
        'acts        deployment/acts  50s ago  17     in 70s     2         1',
        '',
        'error: acts.yaml:12: spec.replicas: must be >= 0',
        'control plane: StateDurable=False, DiskFull',
        'deployment/acts: Progressing=False, NoFreePort: no port of 8000-8009 is free',
        'warning: users.yaml: it is ignored',
        '',
      ].join('\n'),
    );
  });

  it('status -o json prints the objects themselves', async () => {
    const { out } = await run(['status', '-o', 'json']);
    const view = JSON.parse(out) as Record<string, unknown>;
    expect(view).to.have.keys('status', 'deployments', 'pods');
    expect(view['status']).to.deep.equal(STATUS);
  });

  it('plan shows changes, operations and waits, and says when there is nothing to do', async () => {
    expect((await run(['plan'])).out).to.equal(
      [
        'change  create replicaset/acts-5d8f7c9b4d',
        'do      KillContainer pod/acts-0 0123456789ab: liveness probe failed',
        'wait    pod/acts-1: until it is ready',
        '',
      ].join('\n'),
    );
    expect(JSON.parse((await run(['plan', '-o', 'json'])).out)).to.have.keys('operations', 'changes', 'waits');
    api.controlPlane.plan = () => Promise.resolve({ operations: [], changes: [], waits: [] });
    expect((await run(['plan'])).out).to.equal('nothing to do: everything is as declared\n');
  });

  it('plan --all tells what follows, and where it was cut', async () => {
    const step = { changes: [{ text: 'delete pod/acts-0: gone' }], operations: [] };
    api.controlPlane.plan = ({ all }) =>
      Promise.resolve({
        operations: [],
        changes: [],
        waits: [{ resource: 'pod/acts-0', text: 'draining' }],
        ...(all && { following: { steps: [step], waits: [], isComplete: false } }),
      });
    expect((await run(['plan'])).out).to.equal('wait    pod/acts-0: draining\n');
    expect((await run(['plan', '--all'])).out).to.equal(
      ['wait    pod/acts-0: draining', '', 'then, if all goes well:', 'change  delete pod/acts-0: gone', 'and so on', ''].join('\n'),
    );
  });

  it('diff exits with 0 without differences, with 1 with some, with 2 for errors, which are told like those of apply', async () => {
    expect(await run(['diff'])).to.deep.equal({ code: 0, out: 'no differences\n', err: '' });
    expect(api.controlPlane.asked).to.deep.equal([{ diff: { files: undefined, prune: false } }]);
    const clean = api.controlPlane.differences;
    const fields = [
      { path: 'spec.replicas', before: '1', after: '2' },
      { path: 'spec.paused', after: 'true' },
      { path: 'spec.minReadySeconds', before: '3' },
    ];
    api.controlPlane.differences = {
      ...clean,
      objects: [{ resource: 'deployment/acts', change: 'update', source: 'acts.yaml:3', fields }],
      conditions: [{ code: 'WouldDeleteVolume', message: 'not before it is confirmed' }],
      plan: { steps: [{ changes: [{ text: 'create pod/acts-1: more' }], operations: [] }], waits: [], isComplete: true },
    };
    expect(await run(['diff'])).to.deep.equal({
      code: 1,
      err: '',
      out: [
        'deployment/acts  changed by acts.yaml:3',
        '  ~ spec.replicas: 1 -> 2',
        '  + spec.paused: true',
        '  - spec.minReadySeconds: 3',
        'note: WouldDeleteVolume: not before it is confirmed',
        '',
        'what would be done, if all goes well:',
        'change  create pod/acts-1: more',
        '',
      ].join('\n'),
    });
    api.controlPlane.differences = { ...clean, errors: [{ file: 'acts.yaml', line: 3, message: 'spec.replicas: must be >= 0' }] };
    expect(await run(['diff'])).to.deep.equal({
      code: 2,
      out: '',
      err: 'error: acts.yaml:3: spec.replicas: must be >= 0\ncoxswain: the manifests have errors: they would change nothing\n',
    });
    api.controlPlane.diff = () => Promise.reject(new ControlPlaneError('Conflict', 'not now'));
    expect(await run(['diff'])).to.deep.equal({ code: 2, out: '', err: 'coxswain: not now\n' });
  });

  it('scale sets the replicas, and passes on the warning about an autoscaler', async () => {
    expect(await run(['scale', 'acts', '--replicas', '3'])).to.deep.equal({ code: 0, out: 'deployment/acts scaled to 3\n', err: '' });
    expect(api.store.get('Deployment', 'default/acts')?.spec.replicas).to.equal(3);
    api.store.create({
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'acts', namespace: 'default' },
      spec: { scaleTargetRef: { kind: 'Deployment', name: 'acts' }, maxReplicas: 10 },
    });
    const { err } = await run(['scale', 'deployment/acts', '-r', '0']);
    expect(err).to.equal('Warning: horizontalpodautoscaler/acts rules the replicas of deployment/acts: its next tick may overrule this\n');
    expect(api.store.get('Deployment', 'default/acts')?.spec.replicas).to.equal(0);
  });

  it('wrong usage is exit code 2, an unknown object 4, a refused change 1', async () => {
    expect((await run(['scale', 'acts'])).code).to.equal(2);
    expect((await run(['scale', 'acts', '--replicas', 'many'])).code).to.equal(2);
    expect((await run(['scale', 'pod/acts', '--replicas', '1'])).code).to.equal(2);
    expect((await run(['get', 'unicorns'])).code).to.equal(2);
    expect((await run(['unknown-command'])).code).to.equal(2);
    expect(await run(['scale', 'users', '--replicas', '1'])).to.deep.equal({
      code: 4,
      out: '',
      err: 'coxswain: deployments.apps "users" not found\n',
    });
    api.controlPlane.problems = ['spec.replicas: must be <= 10'];
    expect(await run(['scale', 'acts', '--replicas', '11'])).to.deep.equal({
      code: 1,
      out: '',
      err: 'coxswain: Deployment "acts" is invalid: spec.replicas: must be <= 10\n',
    });
  });

  it('says that the control plane is not running, with exit code 3', async () => {
    expect(await run(['status'], { socketPath: `${api.socketPath}.none` })).to.deep.equal({
      code: 3,
      out: '',
      err: 'coxswain: control plane is not running: start it with `make up`\n',
    });
  });

  it('logs of a pod are as they are, of a deployment with the name of the pod', async () => {
    api.store.create(pod('acts-0', { app: 'acts' }));
    expect((await run(['logs', 'acts'])).out).to.equal('default/acts-0 says hello\n');
    api.store.create(pod('acts-1', { app: 'acts' }));
    api.store.create(pod('users-0', { app: 'users' }));
    expect((await run(['logs', 'acts'])).out).to.equal('[acts-0] default/acts-0 says hello\n[acts-1] default/acts-1 says hello\n');
    expect((await run(['logs', 'pod/acts-1', '--tail', '5', '--previous'])).out).to.equal('default/acts-1 says hello\n');
    expect(api.controlPlane.asked.at(-1)).to.deep.equal({
      logs: 'default/acts-1',
      options: { isFollowing: false, isPrevious: true, hasTimestamps: false, tailLines: 5 },
    });
    expect((await run(['logs', 'nobody'])).code).to.equal(4);
    expect((await run(['logs', 'service/acts'])).code).to.equal(2);
  });

  it('logs of one pod that has none do not hide those of the others', async () => {
    for (const name of ['acts-0', 'acts-1']) api.store.create(pod(name, { app: 'acts' }));
    api.controlPlane.openLog = (key) =>
      key.endsWith('0')
        ? Promise.reject(new ControlPlaneError('BadRequest', 'it waits to start'))
        : Promise.resolve(Readable.from(['fine\n']));
    expect(await run(['logs', 'acts'])).to.deep.equal({ code: 0, out: '[acts-1] fine\n', err: 'acts-0: it waits to start\n' });
    api.controlPlane.openLog = () => Promise.reject(new ControlPlaneError('BadRequest', 'it waits to start'));
    expect((await run(['logs', 'acts'])).code).to.equal(1);
  });

  it('logs are followed until the caller stops', async () => {
    api.store.create(pod('acts-0', { app: 'acts' }));
    const log = new PassThrough();
    const stop = new AbortController();
    api.controlPlane.openLog = () => Promise.resolve(log);
    const stdout = new PassThrough();
    const followed = run(['logs', 'acts', '--follow'], { stdout, signal: stop.signal });
    log.write('one\n');
    for await (const chunk of stdout) {
      expect(String(chunk)).to.equal('one\n');
      break;
    }
    stop.abort();
    expect((await followed).code).to.equal(0);
  });

  it('events come oldest first', async () => {
    api.store.create({ ...event('b', 'second'), lastTimestamp: '2026-01-31T10:15:50Z', type: 'Warning' });
    api.store.create({ ...event('a', 'first'), lastTimestamp: '2026-01-31T10:15:30Z' });
    expect((await run(['events'])).out).to.equal(
      [
        'LAST SEEN  TYPE     REASON   OBJECT      COUNT  MESSAGE',
        '30s        Normal   Started  pod/acts-0  1      first',
        '10s        Warning  Started  pod/acts-0  1      second',
        '',
      ].join('\n'),
    );
    const { items } = JSON.parse((await run(['events', '-o', 'json'])).out) as { items: { message: string }[] };
    expect(items.map(({ message }) => message)).to.deep.equal(['first', 'second']);
  });

  it('status and events tell of every namespace, or of one', async () => {
    const shop = <T extends KubernetesObject>(object: T): T => ({ ...object, metadata: { ...object.metadata, namespace: 'shop' } });
    api.store.create(shop(deployment('cart')));
    api.store.create(event('a', 'in default'));
    api.store.create(shop({ ...event('b', 'in shop'), involvedObject: { kind: 'Pod', namespace: 'shop', name: 'cart-0' } }));
    expect((await run(['status'])).out)
      .to.match(/shop +cart/)
      .and.match(/default +acts/);
    expect((await run(['status', '-n', 'shop'])).out)
      .to.match(/shop +cart/)
      .and.not.include('acts  ');
    expect((await run(['status', '-n', 'default'])).out).not.to.include('cart');
    expect((await run(['events', '-A'])).out)
      .to.include('pod/acts-0 ')
      .and.include('pod/cart-0.shop ');
    expect((await run(['events', '-n', 'shop'])).out)
      .to.include('in shop')
      .and.not.include('in default');
    expect((await run(['events', '-n', 'default'])).out).not.to.include('in shop');
  });

  it('get prints objects as a table, JSON or YAML; a table never shows a secret', async () => {
    api.store.create(runningPod('acts-0', 8000));
    api.store.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'default' }, data: { password: 'c2VjcmV0' } });
    expect((await run(['get', 'deploy'])).out).to.equal(
      'NAME  READY  UP-TO-DATE  AVAILABLE  AGE\nacts  2/2    2           2          60s\n',
    );
    expect((await run(['get', 'po', '-A'])).out)
      .to.contain('NAMESPACE  NAME')
      .and.contain('default    acts-0');
    expect((await run(['get', 'secrets'])).out).to.equal('NAME  TYPE    DATA  AGE\ns     Opaque  1     60s\n');
    expect((await run(['get', 'pods', '-l', 'app=users'])).out).to.equal('no pods\n');
    const expected = api.store.get('Deployment', 'default/acts');
    expect(JSON.parse((await run(['get', 'deployment', 'acts', '-o', 'json'])).out)).to.deep.equal(expected);
    expect(parse((await run(['get', 'deployment/acts', '-o', 'yaml'])).out)).to.deep.equal(expected);
    expect((await run(['get', 'pods', 'nobody'])).code).to.equal(4);
  });

  it('get can print every kind', async () => {
    for (const kind of ['rs', 'svc', 'ing', 'hpa', 'cm', 'pvc', 'ev', 'ns', 'no', 'endpointslices']) {
      expect((await run(['get', kind])).code, kind).to.equal(0);
    }
  });

  it('crash, reset-autoscaler and apply ask the control plane', async () => {
    expect((await run(['crash'])).out).to.equal('pod/acts-0 at 127.0.0.1:8000 was told to crash (container 0123456789ab)\n');
    api.store.create({
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'acts', namespace: 'default' },
      spec: { scaleTargetRef: { kind: 'Deployment', name: 'acts' }, maxReplicas: 10 },
    });
    expect((await run(['reset-autoscaler'])).out).to.equal('horizontalpodautoscaler/acts is disarmed\n');
    expect((await run(['apply', '--prune'])).out).to.equal('deployment/acts created\n');
    expect(api.controlPlane.asked).to.deep.equal([{ crash: 'default/acts' }, { reset: 'default/acts' }, { apply: { prune: true } }]);
    api.controlPlane.report = {
      ...STATUS,
      manifests: { ...STATUS.manifests, errors: [{ file: 'a.yaml', line: 3, message: 'it is not YAML' }] },
    };
    expect(await run(['apply'])).to.deep.equal({
      code: 1,
      out: 'deployment/acts created\n',
      err: 'error: a.yaml:3: it is not YAML\ncoxswain: the manifests have errors; the last good state stays\n',
    });
  });

  it('every command explains itself with an example and the exit codes', async () => {
    for (const name of ['status', 'plan', 'diff', 'scale', 'logs', 'events', 'get', 'crash', 'reset-autoscaler', 'apply']) {
      const { code, out } = await run([name, '--help']);
      expect(code, name).to.equal(0);
      expect(out, name).to.contain(`Example: coxswain ${name}`).and.contain('Exit codes: 0 ');
    }
  });

  it('colours appear on a terminal only', async () => {
    expect((await run(['status'])).out).to.not.contain('\u001b[');
    expect((await run(['status'], { isTty: true })).out).to.contain('\u001b[');
    expect((await run(['status'], { isTty: true, hasColor: false })).out).to.not.contain('\u001b[');
  });
});

import { expect } from 'chai';
import type { Container, Deployment } from '../../src/model/objects.ts';
import { makeDeployment } from './objects.ts';
import { SimulatedHost } from './simulated-host.ts';

function withContainer(change: Partial<Container>, replicas = 1): Deployment {
  const deployment = makeDeployment({ replicas });
  const { template } = deployment.spec;
  const containers = template.spec.containers.map((container) => ({ ...container, ...change }));
  return { ...deployment, spec: { ...deployment.spec, template: { ...template, spec: { ...template.spec, containers } } } };
}

function waiting(host: SimulatedHost): string {
  const { reason = '', message = '' } = host.pods()[0]?.status?.containerStatuses?.[0]?.state.waiting ?? {};
  return `${reason}: ${message}`;
}

function pulls(host: SimulatedHost): number {
  return host.trace.filter((line) => line.startsWith('PullImage')).length;
}

describe('images', () => {
  it('are pulled once when they are not on this host', () => {
    const host = new SimulatedHost().declare(withContainer({ image: 'app:1' }, 3)).converge();
    expect(pulls(host)).to.equal(1);
  });

  it('with the policy Always are pulled for each container, also one that replaces a crashed one', () => {
    const host = new SimulatedHost()
      .declare(withContainer({ imagePullPolicy: 'Always' }, 2))
      .converge()
      .run(2_000);
    expect(pulls(host)).to.equal(2);
    host.change('c0001', { phase: 'exited', exitCode: 1 });
    host.converge();
    expect(pulls(host)).to.equal(3);
  });

  it('with the policy Always hold the container back while the registry fails, except what set-up built', () => {
    const host = new SimulatedHost().declare(withContainer({ imagePullPolicy: 'Always' }));
    host.failures.set('image:web:1', { verb: 'PullImage', code: 'EngineFailure', message: 'no', count: 9, lastAtMs: host.nowMs + 1e6 });
    host.busy.add('image:web:1');
    host.run(3_000);
    expect(host.containers.size).to.equal(0);
    host.images.set('web:1', { id: 'sha256:web:1', user: '', isBuiltHere: true });
    host.run(1_000);
    expect(host.containers.size).to.equal(1);
  });

  it('with the policy Never are not pulled, and the pod says so', () => {
    const host = new SimulatedHost().declare(withContainer({ image: 'app:1', imagePullPolicy: 'Never' })).run(1_000);
    expect(pulls(host)).to.equal(0);
    expect(waiting(host)).to.equal('ErrImageNeverPull: Image "app:1" is not on this host and imagePullPolicy is Never');
  });

  it('that cannot be pulled are asked for less and less often, up to 5 minutes, and at once by a new template', () => {
    const host = new SimulatedHost().declare(withContainer({ image: 'app:1' }));
    const attempts: number[] = [];
    let count = 0;
    for (let elapsed = 0; elapsed < 1_500_000; elapsed += 500) {
      if (host.plan().operations.some(({ verb }) => verb === 'PullImage')) {
        attempts.push(Math.round(host.nowMs / 1000));
        count += 1;
        host.failures.set('image:app:1', { verb: 'PullImage', code: 'EngineFailure', message: 'refused', count, lastAtMs: host.nowMs });
      }
      host.step();
      host.images.delete('app:1');
      host.nowMs += 500;
    }
    const gaps = attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0));
    expect(gaps.slice(1, 10)).to.deep.equal([2, 4, 8, 16, 32, 64, 128, 256, 300]);
    expect(waiting(host)).to.equal('ImagePullBackOff: Back-off pulling image "app:1": refused');
    host.declare(withContainer({ image: 'app:1', workingDir: '/' }));
    host.step();
    const pull = host.plan().operations.find(({ verb }) => verb === 'PullImage');
    expect(host.trace.at(-1) ?? '', 'asked for by the new pod').to.match(/^PullImage /);
    expect(pull, 'and then with patience').to.equal(undefined);
  });

  const users: readonly { readonly user: string; readonly runAsUser?: number; readonly obstacle: string }[] = [
    { user: '', obstacle: 'runAsNonRoot is true, and image "web:1" runs as root: set runAsUser' },
    { user: 'root', obstacle: 'runAsNonRoot is true, and image "web:1" runs as root: set runAsUser' },
    { user: '0:100', obstacle: 'runAsNonRoot is true, and image "web:1" runs as root: set runAsUser' },
    { user: 'app', obstacle: 'runAsNonRoot is true, and whether user "app" of image "web:1" is root is unknown: set runAsUser' },
    { user: '1000:1000', obstacle: '' },
    { user: '', runAsUser: 1000, obstacle: '' },
  ];
  for (const { user, runAsUser, obstacle } of users) {
    it(`runAsNonRoot ${obstacle === '' ? 'runs' : 'does not run'} an image of user "${user}" with runAsUser ${String(runAsUser)}`, () => {
      const securityContext = { runAsNonRoot: true, ...(runAsUser !== undefined && { runAsUser }) };
      const host = new SimulatedHost();
      host.images.set('web:1', { id: 'sha256:web:1', user, isBuiltHere: false });
      host.declare(withContainer({ securityContext })).run(1_000);
      expect(host.containers.size).to.equal(obstacle === '' ? 1 : 0);
      if (obstacle !== '') expect(waiting(host)).to.equal(`CreateContainerConfigError: ${obstacle}`);
    });
  }

  it('a missing reference is told as what it is', () => {
    const env = [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'absent', key: 'a' } } }];
    const host = new SimulatedHost().declare(withContainer({ env })).run(1_000);
    expect(waiting(host)).to.equal('CreateContainerConfigError: configmap/absent is missing');
    const [pod] = host.pods();
    expect(pod?.status?.phase).to.equal('Pending');
  });
});

describe('images that were pulled', () => {
  const MINUTES = 60_000;

  function removed(host: SimulatedHost): readonly string[] {
    return host.trace.filter((line) => line.startsWith('RemoveImage')).map((line) => line.split(' ')[2]?.replace(/:$/, '') ?? '');
  }

  /** app:1 pulled and running, then app:2; without a history nothing keeps app:1. */
  function replaced(revisionHistoryLimit: number): SimulatedHost {
    const declared = (image: string): Deployment => {
      const deployment = withContainer({ image });
      return { ...deployment, spec: { ...deployment.spec, revisionHistoryLimit } };
    };
    const host = new SimulatedHost().declare(declared('app:1')).converge().run(2_000);
    host.declare(declared('app:2')).run(30_000);
    expect([...host.pulledImages.keys()]).to.deep.equal(['app:1', 'app:2']);
    return host;
  }

  it('are removed when nothing has named them for 10 minutes, and not before', () => {
    const host = replaced(0).run(9 * MINUTES, 1_000);
    expect(removed(host)).to.deep.equal([]);
    host.run(2 * MINUTES, 1_000);
    expect(removed(host)).to.deep.equal(['app:1']);
  });

  it('stay while a revision that is kept for a rollback names them', () => {
    expect(removed(replaced(3).run(30 * MINUTES, 10_000))).to.deep.equal([]);
  });

  it('stay when their name means another image by now, or they are used again', () => {
    const host = replaced(0);
    host.images.set('app:1', { id: 'sha256:somebody-built-it', user: '', isBuiltHere: false });
    expect(removed(host.run(30 * MINUTES, 10_000))).to.deep.equal([]);
    const again = replaced(0).run(8 * MINUTES, 1_000);
    again.declare(withContainer({ image: 'app:1' })).run(5 * MINUTES, 1_000);
    expect(removed(again)).to.deep.equal([]);
  });

  it('stay while the manifests have errors, and when the instance is taken down', () => {
    const erroneous = replaced(0);
    erroneous.isRemovalAllowed = false;
    expect(removed(erroneous.run(30 * MINUTES, 10_000))).to.deep.equal([]);
    const down = replaced(0);
    down.teardown = 'down';
    expect(removed(down.run(30 * MINUTES, 10_000))).to.deep.equal([]);
  });

  it('go one at a time, and what was never pulled stays', () => {
    const host = new SimulatedHost();
    for (const image of ['old:1', 'old:2', 'own:1']) host.images.set(image, { id: image, user: '', isBuiltHere: false });
    for (const image of ['old:1', 'old:2']) host.pulledImages.set(image, image);
    host.step();
    host.nowMs += 11 * MINUTES;
    const plan = host.step();
    expect(plan.operations.map(({ verb }) => verb)).to.deep.equal(['RemoveImage']);
    host.run(1_000);
    expect(removed(host)).to.deep.equal(['old:1', 'old:2']);
    expect([...host.images.keys()]).to.include('own:1');
  });
});

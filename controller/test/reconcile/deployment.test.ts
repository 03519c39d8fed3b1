/** Rollouts over time on the simulated host: pause, history, configuration, deadline, and what is told of a rollout that does not get on. */
import { expect } from 'chai';
import type { ConfigMap, Deployment, Pod, ReplicaSet } from '../../src/model/objects.ts';
import type { ObservedContainer } from '../../src/model/observed.ts';
import { makeDeployment } from './objects.ts';
import type { DeploymentOptions } from './objects.ts';
import { SimulatedHost } from './simulated-host.ts';

type Spec = Partial<Deployment['spec']>;

function declared(options: DeploymentOptions, spec: Spec = {}, annotations?: Record<string, string>): Deployment {
  const deployment = makeDeployment(options);
  return {
    ...deployment,
    metadata: { ...deployment.metadata, ...(annotations !== undefined && { annotations }) },
    spec: { ...deployment.spec, ...spec },
  };
}

function images(host: SimulatedHost): string {
  const counts = new Map<string, number>();
  for (const { image, phase } of host.containers.values()) if (phase === 'running') counts.set(image, (counts.get(image) ?? 0) + 1);
  return [...counts]
    .sort()
    .map(([image, count]) => `${count} ${image}`)
    .join(', ');
}

function replicaSets(host: SimulatedHost): readonly string[] {
  return ([...(host.objects.get('ReplicaSet')?.values() ?? [])] as ReplicaSet[])
    .map(({ metadata, spec }) => ({
      revision: metadata.annotations?.['deployment.kubernetes.io/revision'] ?? '',
      text: `${spec.template?.spec.containers[0]?.image ?? '?'} ${metadata.annotations?.['kubernetes.io/change-cause'] ?? '-'}`,
    }))
    .sort((a, b) => Number(a.revision) - Number(b.revision))
    .map(({ revision, text }) => `${revision}: ${text}`);
}

function progressing(host: SimulatedHost): string {
  const found = host.get<Deployment>('Deployment', 'web').status?.conditions?.find(({ type }) => type === 'Progressing');
  return `${found?.status ?? ''} ${found?.reason ?? ''}: ${(found?.message ?? '').replace(/web-[a-z0-9]{10}/g, 'web')}`;
}

const isNew = ({ image }: ObservedContainer): boolean => image === 'web:2';

/** Only the first new container ever serves: the rollout comes to its middle and stays there. */
function getStuckAfterOne(host: SimulatedHost): void {
  const [lastOld = ''] = [...host.containers.keys()].sort().reverse();
  const first = `c${String(Number(lastOld.slice(1)) + 1).padStart(4, '0')}`;
  host.isHealthy = (container) => !isNew(container) || container.id === first;
}

describe('a paused deployment', () => {
  it('makes no new ReplicaSet for a new template, scales all the same, and rolls out when it is resumed', () => {
    const host = new SimulatedHost().declare(declared({ replicas: 2 })).converge();
    host.declare(declared({ replicas: 2, image: 'web:2' }, { paused: true })).run(3_000);
    expect(images(host)).to.equal('2 web:1');
    expect(replicaSets(host)).to.deep.equal(['1: web:1 -']);
    expect(host.get<Deployment>('Deployment', 'web').status?.updatedReplicas, 'none is of the new template').to.equal(undefined);
    host.declare(declared({ replicas: 4, image: 'web:2' }, { paused: true })).run(3_000);
    expect(images(host)).to.equal('4 web:1');
    expect(progressing(host)).to.equal('Unknown DeploymentPaused: Deployment is paused: 0 of 4 pods are updated.');
    host.declare(declared({ replicas: 4, image: 'web:2' })).converge();
    expect(images(host)).to.equal('4 web:2');
  });

  for (const strategy of ['RollingUpdate', 'Recreate'] as const) {
    it(`with its first template makes its pods (${strategy})`, () => {
      const host = new SimulatedHost().declare(declared({ replicas: 2, strategy }, { paused: true })).run(3_000);
      expect(images(host)).to.equal('2 web:1');
    });
  }

  for (const hostPorts of [undefined, '8000-8009']) {
    it(`in the middle of a rollout stays there, heals and scales in proportion (${hostPorts ?? 'unpinned'})`, () => {
      const options = { replicas: 4, maxSurge: 2, maxUnavailable: 0, ...(hostPorts !== undefined && { hostPorts }) };
      const host = new SimulatedHost().declare(declared(options)).converge();
      const next = { ...options, image: 'web:2' };
      getStuckAfterOne(host);
      host.declare(declared(next)).run(5_000);
      const held = '3 web:1, 3 web:2';
      expect(images(host)).to.equal(held);
      host.declare(declared(next, { paused: true, progressDeadlineSeconds: 5 }));
      host.isHealthy = () => true;
      host.run(20_000);
      expect(images(host), 'no step is made').to.equal(held);
      // A control plane that starts anew knows it as well.
      host.objects.get('Pod')?.clear();
      host.memory = { pods: new Map(), deployments: new Map() };
      host.run(5_000);
      expect(images(host), 'also after a restart of the control plane').to.equal(held);
      const crashed = [...host.containers.values()].find(isNew);
      host.change(crashed?.id ?? '', { phase: 'exited', exitCode: 1 });
      host.run(5_000);
      expect(images(host), 'a crashed pod is replaced by one of its own template').to.equal(held);
      expect(progressing(host)).to.match(/^Unknown DeploymentPaused/);
      host.declare(declared({ ...next, replicas: 2 }, { paused: true })).run(5_000);
      expect(images(host)).to.equal('2 web:1, 2 web:2');
      host.declare(declared(next, { progressDeadlineSeconds: 5 })).run(200);
      expect(progressing(host), 'the time it was paused does not count').to.match(/^True ReplicaSetUpdated/);
      host.converge();
      expect(images(host)).to.equal('4 web:2');
    });
  }
});

describe('a rollout on pinned ports', () => {
  it('is complete only when its pods stand on the ports they began with', () => {
    const options = { replicas: 4, maxSurge: 2, maxUnavailable: 0, hostPorts: '8000-8009' };
    const host = new SimulatedHost().declare(declared(options)).converge();
    host.declare(declared({ ...options, image: 'web:2' }));
    let rounds = 0;
    do host.run(100);
    while (!progressing(host).startsWith('True NewReplicaSetAvailable') && rounds++ < 300);
    const staying = host.pods().filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const ports = staying.map(({ metadata }) => metadata.annotations?.['coxswain.dev/host-port']);
    expect(ports.sort()).to.deep.equal(['8000', '8001', '8002', '8003']);
  });
});

describe('revisions', () => {
  it('only grow, also on the way back, and keep why they were made', () => {
    const host = new SimulatedHost().declare(declared({}, {}, { 'kubernetes.io/change-cause': 'first' })).converge();
    host.declare(declared({ image: 'web:2' }, {}, { 'kubernetes.io/change-cause': 'second' })).converge();
    expect(replicaSets(host)).to.deep.equal(['1: web:1 first', '2: web:2 second']);
    host.declare(declared({}, {}, { 'kubernetes.io/change-cause': 'back' })).converge();
    expect(replicaSets(host)).to.deep.equal(['2: web:2 second', '3: web:1 back']);
    expect(host.get<Deployment>('Deployment', 'web').metadata.annotations?.['deployment.kubernetes.io/revision']).to.equal('3');
  });

  it('beyond the history limit are forgotten, the oldest first', () => {
    const host = new SimulatedHost();
    for (const value of ['a', 'b', 'c', 'd']) host.declare(declared({ env: { value } }, { revisionHistoryLimit: 2 })).converge();
    expect(replicaSets(host).map((text) => text.slice(0, 1))).to.deep.equal(['2', '3', '4']);
  });

  it('a third template in the middle of a rollout retires both earlier ones within the bounds', () => {
    const options = { replicas: 4, maxSurge: 1, maxUnavailable: 1 };
    const host = new SimulatedHost().declare(declared(options)).converge();
    getStuckAfterOne(host);
    host.declare(declared({ ...options, image: 'web:2' })).run(5_000);
    expect(images(host)).to.equal('2 web:1, 3 web:2');
    host.isHealthy = () => true;
    host.declare(declared({ ...options, image: 'web:2', env: { third: 'yes' } }));
    for (let round = 0; round < 100; round++) {
      host.run(100);
      const alive = host.pods().filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      expect(alive.length).to.be.at.most(5);
    }
    host.converge();
    expect(new Set(host.pods().map(({ spec }) => spec.containers[0]?.env?.[0]?.name))).to.deep.equal(new Set(['third']));
  });
});

describe('a change of configuration', () => {
  const configMap = (data: Record<string, string>): ConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings' },
    data,
  });
  const using = (annotations: Record<string, string> = {}, image = 'web:1'): Deployment => {
    const deployment = makeDeployment({ replicas: 2, image });
    const [container] = deployment.spec.template.spec.containers;
    if (container === undefined) throw new Error('no container');
    const env = [
      { name: 'MODE', valueFrom: { configMapKeyRef: { name: 'settings', key: 'mode' } } },
      { name: 'EXTRA', valueFrom: { configMapKeyRef: { name: 'extras', key: 'extra', optional: true } } },
    ];
    const template = { ...deployment.spec.template, spec: { containers: [{ ...container, env }] } };
    return { ...deployment, metadata: { ...deployment.metadata, annotations }, spec: { ...deployment.spec, template } };
  };
  const ids = (host: SimulatedHost): readonly string[] => [...host.containers.keys()].sort();
  const forgetState = (host: SimulatedHost): void => {
    host.objects.get('Pod')?.clear();
    host.objects.get('ReplicaSet')?.clear();
    host.memory = { pods: new Map(), deployments: new Map() };
  };

  it('that pods use replaces them, and back again', () => {
    const host = new SimulatedHost().declare(configMap({ mode: 'a' }), using()).converge();
    const before = ids(host);
    host.declare(configMap({ mode: 'b' })).converge();
    expect(ids(host).filter((id) => before.includes(id))).to.deep.equal([]);
    expect(host.containers.size).to.equal(2);
    host.declare(configMap({ mode: 'a' })).converge();
    expect(replicaSets(host), 'the first ReplicaSet stands for the first content again').to.have.length(2);
    expect(host.plan().operations).to.deep.equal([]);
  });

  it('replaces pods of an earlier version of Coxswain too, though the state was lost in the middle of a rollout', () => {
    const host = new SimulatedHost().declare(configMap({ mode: 'a' }), using()).converge();
    const before = ids(host);
    for (const id of before) {
      const { 'coxswain.dev/config-digest': _unknown, ...labels } = host.containers.get(id)?.labels ?? {};
      host.change(id, { labels });
    }
    host.isHealthy = ({ id }) => before.includes(id);
    host.declare(configMap({ mode: 'b' })).run(2_000);
    expect(ids(host), 'the rollout is stuck').to.include.members([...before]);
    expect(ids(host)).to.have.length(3);
    forgetState(host);
    host.run(500);
    host.isHealthy = () => true;
    host
      .declare(configMap({ mode: 'c' }))
      .run(5_000)
      .converge(300);
    expect(ids(host).filter((id) => before.includes(id))).to.deep.equal([]);
  });

  const quiet: readonly { name: string; change: (host: SimulatedHost) => void }[] = [
    { name: 'a key that nobody uses', change: (host) => host.declare(configMap({ mode: 'a', other: 'x' })) },
    { name: 'the ConfigMap gone', change: (host) => host.undeclare('ConfigMap', 'settings') },
    { name: 'the key gone', change: (host) => host.declare(configMap({})) },
    {
      name: 'a ConfigMap gone and back',
      change: (host) =>
        host
          .undeclare('ConfigMap', 'settings')
          .run(500)
          .declare(configMap({ mode: 'a' })),
    },
    { name: 'nothing, and the state lost', change: forgetState },
    {
      name: 'nothing, and the state lost after a change that was rolled out',
      change: (host) => {
        host.declare(configMap({ mode: 'b' })).converge();
        forgetState(host);
      },
    },
  ];
  for (const { name, change } of quiet) {
    it(`replaces nothing for ${name}`, () => {
      const host = new SimulatedHost().declare(configMap({ mode: 'a' }), using()).converge();
      change(host);
      const before = ids(host);
      host.run(5_000);
      expect(ids(host)).to.deep.equal(before);
    });
  }

  it('is noticed although the state was lost meanwhile', () => {
    const host = new SimulatedHost().declare(configMap({ mode: 'a' }), using()).converge();
    const before = ids(host);
    forgetState(host);
    host.declare(configMap({ mode: 'b' })).converge();
    expect(ids(host).filter((id) => before.includes(id))).to.deep.equal([]);
  });

  it('that appears where it was optional replaces them', () => {
    const host = new SimulatedHost().declare(configMap({ mode: 'a' }), using()).converge();
    const before = ids(host);
    host.declare({ ...configMap({ extra: 'now' }), metadata: { name: 'extras' } }).converge();
    expect(ids(host).filter((id) => before.includes(id))).to.deep.equal([]);
  });

  it('replaces nothing when the annotation says so, or while the deployment is paused', () => {
    for (const quietly of [
      using({ 'coxswain.dev/roll-on-config-change': 'false' }),
      { ...using(), spec: { ...using().spec, paused: true } },
    ]) {
      const host = new SimulatedHost().declare(configMap({ mode: 'a' }), quietly).run(3_000);
      const before = ids(host);
      host.declare(configMap({ mode: 'b' })).run(5_000);
      expect(ids(host)).to.deep.equal(before);
    }
  });

  it('replaces nothing that an earlier version made, which noted no digest', () => {
    const host = new SimulatedHost().declare(configMap({ mode: 'a' }), using({ 'coxswain.dev/roll-on-config-change': 'false' })).converge();
    const before = ids(host);
    expect([...host.containers.values()].every(({ labels }) => !('coxswain.dev/config-digest' in labels))).to.equal(true);
    host.declare(using()).run(3_000);
    expect(ids(host)).to.deep.equal(before);
    host.declare(configMap({ mode: 'b' })).converge();
    expect(ids(host).filter((id) => before.includes(id))).to.deep.equal([]);
  });

  it('a rollback brings the template back, not the configuration', () => {
    const host = new SimulatedHost().declare(configMap({ mode: 'a' }), using()).converge();
    host.declare(using({}, 'web:2')).converge();
    host.declare(configMap({ mode: 'b' })).converge();
    host.declare(using()).converge();
    expect(images(host)).to.equal('2 web:1');
    const digests = new Set([...host.containers.values()].map(({ labels }) => labels['coxswain.dev/config-digest']));
    expect(digests.size).to.equal(1);
    expect(host.plan().operations).to.deep.equal([]);
  });
});

describe('a rollout that does not get on', () => {
  const options = { replicas: 3, maxSurge: 1, maxUnavailable: 0 };

  it('keeps the old version, says why, and recovers when it gets on', () => {
    const host = new SimulatedHost().declare(declared(options, { progressDeadlineSeconds: 30 })).converge();
    host.isHealthy = (container) => !isNew(container);
    host.declare(declared({ ...options, image: 'web:2' }, { progressDeadlineSeconds: 30 })).run(5_000);
    for (const container of host.containers.values())
      if (isNew(container)) host.change(container.id, { phase: 'exited', exitCode: 3, finishedAtMs: host.nowMs });
    const asked = host.run(100).plan();
    expect(asked.logsWanted).to.have.length(1);
    host.logTails.set(asked.logsWanted[0] ?? '', 'cannot open /etc/web.conf\ngiving up');
    const [event] = host.plan().events.filter(({ reason }) => reason === 'RolloutTrouble');
    expect(event?.message).to.match(
      /^pod\/web-.*-0: container exited with code 3, 1 restart\. Its last lines:\ncannot open .*\ngiving up$/s,
    );
    host.run(60_000);
    expect(images(host)).to.match(/^3 web:1/);
    expect(progressing(host)).to.equal(
      'False ProgressDeadlineExceeded: 1 of 3 pods are updated, and nothing has moved for 30 s. pod/web-0: container exited with code 3, 1 restart. Its last lines:\ncannot open /etc/web.conf\ngiving up',
    );
    host.isHealthy = () => true;
    host.run(400);
    expect(progressing(host)).to.match(/^True ReplicaSetUpdated/);
    host.converge();
    expect(progressing(host)).to.match(/^True NewReplicaSetAvailable/);
    expect(images(host)).to.equal('3 web:2');
  });

  it('that was complete before the control plane was restarted is none: a pod that is ill has no deadline', () => {
    const host = new SimulatedHost().declare(declared(options, { progressDeadlineSeconds: 30 })).converge();
    host.memory = { pods: new Map(), deployments: new Map() };
    host.probes.clear();
    host.isHealthy = ({ name }) => !/-0(\.|$)/.test(name);
    host.run(60_000);
    expect(progressing(host)).to.match(/^True NewReplicaSetAvailable/);
    host.declare(declared({ ...options, image: 'web:2' }, { progressDeadlineSeconds: 30 })).run(100);
    host.memory = { pods: new Map(), deployments: new Map() };
    host.isHealthy = (container) => !isNew(container);
    host.run(60_000);
    expect(progressing(host), 'one that is under way has its deadline').to.match(/^False ProgressDeadlineExceeded/);
  });

  it('does not take a pod that comes and goes for progress', () => {
    const host = new SimulatedHost().declare(declared(options, { progressDeadlineSeconds: 20, minReadySeconds: 10 })).converge(300);
    host.declare(declared({ ...options, image: 'web:2' }, { progressDeadlineSeconds: 20, minReadySeconds: 10 }));
    host.isHealthy = (container) => !isNew(container) || Math.floor(host.nowMs / 2_000) % 2 === 0;
    host.run(60_000);
    expect(progressing(host)).to.match(/^False ProgressDeadlineExceeded/);
  });

  for (const { name, prepare, is } of [
    {
      name: 'an image that cannot be pulled',
      prepare: (host: SimulatedHost) => {
        host.failures.set('image:web:3', { verb: 'PullImage', code: 'NotFound', message: 'no such image', count: 1, lastAtMs: 0 });
        host.busy.add('image:web:3');
      },
      is: 'pod/web-0: PullImage failed: no such image.',
    },
    { name: 'a probe that fails', prepare: undefined, is: 'pod/web-0: its startup probe fails: HTTP 500.' },
  ]) {
    it(`names ${name}`, () => {
      const host = new SimulatedHost().declare(declared(options)).converge();
      prepare?.(host);
      host.isHealthy = ({ image }) => image === 'web:1';
      host.declare(declared({ ...options, image: prepare === undefined ? 'web:2' : 'web:3' })).run(2_000);
      if (prepare === undefined)
        for (const { id, image } of host.containers.values())
          if (image === 'web:2')
            host.probes.set(id, {
              startup: {
                isPassing: undefined,
                lastResultAtMs: host.nowMs,
                lastStartedAtMs: host.nowMs,
                sinceMs: 0,
                consecutiveFailures: 3,
                lastFailure: 'HTTP 500',
              },
            });
      host.step();
      expect(progressing(host)).to.equal(`True ReplicaSetUpdated: 1 of 3 pods are updated. ${is}`);
    });
  }
});

describe('back-off', () => {
  it('is told in the pod, once as an event that counts, and is over after 10 s of being ready', () => {
    const host = new SimulatedHost()
      .declare(declared({ replicas: 2 }))
      .converge()
      .run(12_000);
    const victim = (): ObservedContainer | undefined =>
      host.containersOf('web').find(({ name, phase }) => name.includes('-0') && phase === 'running');
    const delays: string[] = [];
    const events: string[] = [];
    const crash = (): void => {
      host.change(victim()?.id ?? '', { phase: 'exited', exitCode: 137, isOomKilled: true, finishedAtMs: host.nowMs });
      const plan = host.step();
      events.push(...plan.events.filter(({ reason }) => reason === 'BackOff').map(({ message }) => message));
      host.step();
      const pod = host.pods().find(({ metadata }) => metadata.name.endsWith('-0')) as Pod;
      const [status] = pod.status?.containerStatuses ?? [];
      delays.push(status?.state.waiting?.message?.match(/^back-off \d+s/)?.[0] ?? 'at once');
      expect(status?.lastState?.terminated).to.include({ exitCode: 137, reason: 'OOMKilled' });
    };
    const untilUp = (): void => {
      for (let round = 0; round < 4_000 && victim() === undefined; round++) host.run(100);
    };
    for (let round = 0; round < 11; round++) {
      crash();
      untilUp();
    }
    expect(delays).to.deep.equal(['at once', ...[1, 2, 4, 8, 16, 32, 64, 128, 256, 300].map((seconds) => `back-off ${seconds}s`)]);
    expect(new Set(events).size, 'one event, counted').to.equal(1);
    expect(events[0]).to.match(/^Back-off restarting failed container web in pod web-.*-0: container exited with code 137 \(OOMKilled/);
    host.run(11_000);
    crash();
    untilUp();
    crash();
    expect(delays.slice(-2), 'being ready for long resets it').to.deep.equal(['at once', 'back-off 1s']);
  });

  it('of the only pod is at most 10 s, also when its container is removed by hand', () => {
    const host = new SimulatedHost().declare(declared({ replicas: 1 })).converge();
    for (let round = 0; round < 8; round++) {
      host.containers.clear();
      host.run(11_000);
      expect(
        host.containersOf('web').filter(({ phase }) => phase === 'running'),
        `removal ${round}`,
      ).to.have.length(1);
      host.probes.clear();
      for (const { id } of host.containers.values()) host.change(id, { phase: 'exited' });
      host.step();
    }
  });
});

describe('Recreate', () => {
  it('makes no pod beside one that still ends, though it is of the same template: undone in its middle', () => {
    const make = (image: string): Deployment => declared({ strategy: 'Recreate', image });
    const host = new SimulatedHost().declare(make('web:1')).converge();
    const [first = ''] = host.containers.keys();
    host.inFlight.set(first, 1);
    host.declare(make('web:2')).run(300);
    host.declare(make('web:1')).run(300);
    expect([...host.containers.keys()]).to.deep.equal([first]);
    host.inFlight.clear();
    host.converge();
    expect(images(host)).to.equal('1 web:1');
    expect(host.containers.has(first)).to.equal(false);
  });
});

describe('a container that cannot be started', () => {
  it('is removed once its successor is there, which cannot be started either', () => {
    const host = new SimulatedHost().declare(declared({}));
    const made = new Set<string>();
    for (let round = 0; round < 200; round++) {
      for (const { id } of host.containers.values()) {
        made.add(id);
        host.failures.set(`container:${id}`, {
          verb: 'StartContainer',
          code: 'EngineFailure',
          message: 'no such file',
          count: 3,
          lastAtMs: host.nowMs,
        });
      }
      host.step();
      host.nowMs += 1_000;
    }
    expect(made.size).to.be.greaterThan(5);
    expect(host.containers.size).to.be.at.most(2);
  });
});

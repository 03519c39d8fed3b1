import { expect } from 'chai';
import { checkPlan } from '../../src/loop/plan-check.ts';
import { LABEL } from '../../src/model/annotations.ts';
import type { ObservedContainer } from '../../src/model/observed.ts';
import type { ContainerSpec, Operation } from '../../src/model/operation.ts';
import type { Plan, World } from '../../src/reconcile/world.ts';
import { makeDeployment } from '../reconcile/objects.ts';
import { SimulatedHost } from '../reconcile/simulated-host.ts';

function container(
  id: string,
  change: { readonly instance?: string; readonly port?: number; readonly phase?: 'running' | 'paused' | 'exited' },
) {
  const { instance = 'default', port, phase = 'running' } = change;
  const labels = {
    [LABEL.instance]: instance,
    [LABEL.podUid]: `pod-of-${id}`,
    ...(port !== undefined && { [LABEL.hostPort]: String(port) }),
  };
  return { id, name: id, phase, labels } as unknown as ObservedContainer;
}

function kill(containerId: string, subject = `container:${containerId}`): Operation {
  return { verb: 'KillContainer', subject, resource: 'pod/web-0', cause: 'test', containerId };
}

function create(podUid: string, change: { readonly port?: number; readonly instance?: string } = {}): Operation {
  const { port, instance = 'default' } = change;
  const spec = {
    name: podUid,
    labels: { [LABEL.instance]: instance, [LABEL.podUid]: podUid },
    ports: [
      { containerPort: 8080, protocol: 'tcp' },
      ...(port === undefined ? [] : [{ containerPort: 8080, protocol: 'tcp', hostPort: port }]),
    ],
  } as unknown as ContainerSpec;
  return { verb: 'CreateContainer', subject: `pod:${podUid}`, resource: `pod/${podUid}`, cause: 'test', spec };
}

function check(
  operations: readonly Operation[],
  containers: readonly ObservedContainer[] = [],
  busy: readonly string[] = [],
): { readonly kept: readonly string[]; readonly violations: readonly string[] } {
  const world = {
    instance: 'default',
    observed: { containers: new Map(containers.map((one) => [one.id, one])), busySubjects: new Set(busy) },
  } as unknown as World;
  const checked = checkPlan(world, { operations } as unknown as Plan);
  return { kept: checked.operations.map(({ verb, subject }) => `${verb} ${subject}`), violations: checked.violations };
}

describe('checkPlan', () => {
  const tables: readonly {
    readonly name: string;
    readonly operations: readonly Operation[];
    readonly containers?: readonly ObservedContainer[];
    readonly busy?: readonly string[];
    readonly kept: readonly string[];
    readonly violations: readonly string[];
  }[] = [
    {
      name: 'keeps a plan that breaks nothing',
      operations: [kill('a'), create('p', { port: 8000 }), create('q', { port: 8001 })],
      containers: [container('a', {})],
      kept: ['KillContainer container:a', 'CreateContainer pod:p', 'CreateContainer pod:q'],
      violations: [],
    },
    {
      name: 'drops the second operation on one subject',
      operations: [kill('a'), kill('a')],
      containers: [container('a', {})],
      kept: ['KillContainer container:a'],
      violations: ['KillContainer pod/web-0: a second operation on container:a'],
    },
    {
      name: 'drops an operation on a busy subject',
      operations: [kill('a')],
      containers: [container('a', {})],
      busy: ['container:a'],
      kept: [],
      violations: ['KillContainer pod/web-0: container:a is busy'],
    },
    {
      name: 'drops an operation on a container that was never seen',
      operations: [kill('a')],
      kept: [],
      violations: ['KillContainer pod/web-0: a container that was not observed'],
    },
    {
      name: 'drops an operation on a container of another instance, even under a subject that looks right',
      operations: [kill('b', 'container:a')],
      containers: [container('b', { instance: 'other' })],
      kept: [],
      violations: ['KillContainer pod/web-0: a container of instance other'],
    },
    {
      name: 'drops the creation of a container without our label',
      operations: [create('p', { instance: 'other' })],
      kept: [],
      violations: ['CreateContainer pod/p: a container without our instance label'],
    },
    {
      name: 'drops the creation on a port that a running container of another pod holds',
      operations: [create('p', { port: 8000 })],
      containers: [container('a', { port: 8000 })],
      kept: [],
      violations: ['CreateContainer pod/p: host port 8000 belongs to another pod'],
    },
    {
      name: 'drops the creation on a port that a paused container of another pod holds',
      operations: [create('p', { port: 8000 })],
      containers: [container('a', { port: 8000, phase: 'paused' })],
      kept: [],
      violations: ['CreateContainer pod/p: host port 8000 belongs to another pod'],
    },
    {
      name: 'allows the port of a container that has ended',
      operations: [create('p', { port: 8000 })],
      containers: [container('a', { port: 8000, phase: 'exited' })],
      kept: ['CreateContainer pod:p'],
      violations: [],
    },
    {
      name: 'allows the successor of the container that holds the port',
      operations: [create('pod-of-a', { port: 8000 })],
      containers: [container('a', { port: 8000 })],
      kept: ['CreateContainer pod:pod-of-a'],
      violations: [],
    },
    {
      name: 'drops the second creation on one port within a plan',
      operations: [create('p', { port: 8000 }), create('q', { port: 8000 })],
      kept: ['CreateContainer pod:p'],
      violations: ['CreateContainer pod/q: host port 8000 belongs to another pod'],
    },
  ];
  for (const { name, operations, containers, busy, kept, violations } of tables) {
    it(name, () => expect(check(operations, containers, busy)).to.deep.equal({ kept, violations }));
  }

  it('finds nothing in what the reconcilers plan', () => {
    const host = new SimulatedHost().declare(makeDeployment({ replicas: 3, hostPorts: '8000-8009' }));
    for (let round = 0; round < 10; round++) {
      const world = host.world();
      expect(checkPlan(world, host.plan()).violations).to.deep.equal([]);
      host.probe();
      host.step();
    }
  });
});

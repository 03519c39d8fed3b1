/**
 * The last look at a plan before it is executed: invariants that must hold whatever the reconcilers think. An operation that breaks one
 * is a defect of ours; it is dropped and told, never carried out.
 */
import { LABEL } from '../model/annotations.ts';
import type { Operation } from '../model/operation.ts';
import type { Plan, World } from '../reconcile/world.ts';

export interface CheckedPlan {
  readonly operations: readonly Operation[];
  readonly violations: readonly string[];
}

export function checkPlan(world: World, plan: Plan): CheckedPlan {
  const violations: string[] = [];
  const subjects = new Set<string>();
  const hostPorts = heldPorts(world);
  const operations = plan.operations.filter((operation) => {
    const violation = violationOf(world, operation, subjects, hostPorts);
    subjects.add(operation.subject);
    if (violation !== undefined) violations.push(`${operation.verb} ${operation.resource}: ${violation}`);
    return violation === undefined;
  });
  return { operations, violations };
}

/** Port -> the pod uid whose container publishes it. */
function heldPorts(world: World): Map<string, string> {
  const held = new Map<string, string>();
  for (const { labels, phase } of world.observed.containers.values()) {
    const port = labels[LABEL.hostPort];
    if (port !== undefined && (phase === 'running' || phase === 'paused')) held.set(port, labels[LABEL.podUid] ?? '');
  }
  return held;
}

function violationOf(
  world: World,
  operation: Operation,
  subjects: ReadonlySet<string>,
  hostPorts: Map<string, string>,
): string | undefined {
  if (subjects.has(operation.subject)) return `a second operation on ${operation.subject}`;
  if (world.observed.busySubjects.has(operation.subject)) return `${operation.subject} is busy`;
  if ('containerId' in operation) {
    const container = world.observed.containers.get(operation.containerId);
    if (container === undefined) return 'a container that was not observed';
    if (container.labels[LABEL.instance] !== world.instance)
      return `a container of instance ${container.labels[LABEL.instance] ?? '(none)'}`;
  }
  if (operation.verb === 'CreateContainer') {
    if (operation.spec.labels[LABEL.instance] !== world.instance) return 'a container without our instance label';
    const podUid = operation.spec.labels[LABEL.podUid] ?? '';
    for (const { hostPort } of operation.spec.ports) {
      if (hostPort === undefined) continue;
      const owner = hostPorts.get(String(hostPort));
      if (owner !== undefined && owner !== podUid) return `host port ${hostPort} belongs to another pod`;
      hostPorts.set(String(hostPort), podUid);
    }
  }
  return undefined;
}

/** `coxswain status` as text: what runs, where, and all that is not fine. */
import type { Colors } from 'picocolors/types.js';
import type { ManifestProblem, StatusReport } from '../api/control-plane-port.ts';
import { formatReference } from '../model/objects.ts';
import type { Condition, Deployment, KubernetesObject, Pod } from '../model/objects.ts';
import { headOf, rowOf } from './object-columns.ts';
import { formatAge, formatTable, formatUntil } from './text-table.ts';

export interface StatusView {
  readonly status: StatusReport;
  readonly deployments: readonly Deployment[];
  readonly pods: readonly Pod[];
}

/** Conditions that are bad news when they are True. */
const BAD_WHEN_TRUE = new Set([
  'ReplicaFailure',
  'RestartsSuspended',
  'WouldDeleteEverything',
  'WouldDeleteVolume',
  'NothingDeclared',
  'StateRepaired',
]);

export function formatStatus({ status, deployments, pods }: StatusView, colors: Colors, now: Date): string {
  const { engine, ingress } = status;
  const sinceText = engine.unreachableSince === undefined ? '' : ` for ${formatAge(engine.unreachableSince, now)}`;
  const engineText = engine.isReachable
    ? `Docker ${engine.version ?? ''}`.trim()
    : colors.red(`Docker does not answer${sinceText}: ${engine.message ?? 'no answer'}`);
  const ingressText = ingress.isConnected
    ? `ingress up, ${ingress.inFlight} in flight, ${ingress.held} held, ${ingress.requestsTotal} requests so far`
    : colors.red('ingress not connected');
  const sections = [
    `${colors.bold(`Coxswain ${status.version}`)}, instance ${status.instance}, up ${formatAge(status.startedAt, now)}; ${engineText}; ${ingressText}\n`,
    status.addresses.map(({ name, url }) => `${name}: ${url}\n`).join(''),
    formatObjects(deployments, now),
    formatObjects(pods, now),
    formatAutoscalers(status, now),
    formatProblems(status, deployments, colors),
  ];
  return sections.filter((section) => section !== '').join('\n');
}

function formatObjects(objects: readonly KubernetesObject[], now: Date): string {
  const [first] = objects;
  if (first === undefined) return '';
  const hasNamespace = objects.some(({ metadata }) => metadata.namespace !== 'default');
  const [, ...head] = headOf(first.kind, false);
  return formatTable(
    [...(hasNamespace ? ['NAMESPACE'] : []), first.kind.toUpperCase(), ...head],
    objects.map((object) => rowOf(object, hasNamespace, now)),
  );
}

function formatAutoscalers({ autoscalers }: StatusReport, now: Date): string {
  if (autoscalers.length === 0) return '';
  const rows = autoscalers.map((autoscaler) => [
    autoscaler.name,
    autoscaler.target,
    autoscaler.isArmed ? `${formatAge(autoscaler.armedAt, now)} ago` : 'no',
    autoscaler.isArmed ? String(autoscaler.countSoFar) : '-',
    autoscaler.isArmed ? formatUntil(autoscaler.nextTickAt, now) : '-',
    String(autoscaler.currentReplicas),
    autoscaler.desiredReplicas === undefined ? '-' : String(autoscaler.desiredReplicas),
  ]);
  return formatTable(['AUTOSCALER', 'TARGET', 'ARMED', 'COUNT', 'NEXT TICK', 'REPLICAS', 'DECIDED'], rows);
}

function formatProblems(status: StatusReport, deployments: readonly Deployment[], colors: Colors): string {
  const { errors, warnings } = status.manifests;
  const conditions = [
    ...status.conditions.filter(isBad).map((condition) => formatCondition('control plane', condition)),
    ...deployments.flatMap(({ kind, metadata, status: own }) =>
      (own?.conditions ?? [])
        .filter((condition) => isBad(condition) || isUnderWay(condition))
        .map((condition) => formatCondition(formatReference(kind, metadata), condition)),
    ),
  ];
  return [
    ...errors.map((problem) => colors.red(`error: ${formatProblem(problem)}`)),
    ...conditions.map((text) => colors.yellow(text)),
    ...warnings.map((problem) => colors.yellow(`warning: ${formatProblem(problem)}`)),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/** "acts.yaml:12: spec.replicas: ..." */
export function formatProblem({ file, line, message }: ManifestProblem): string {
  return `${file}${line === undefined ? '' : `:${line}`}: ${message}`;
}

function isBad({ type, status }: Condition): boolean {
  return BAD_WHEN_TRUE.has(type) ? status !== 'False' : status !== 'True';
}

/** A rollout that is not done: how far it is, and what holds it up. */
function isUnderWay({ type, reason }: Condition): boolean {
  return type === 'Progressing' && reason === 'ReplicaSetUpdated';
}

function formatCondition(resource: string, { type, status, reason, message }: Condition): string {
  return `${resource}: ${type}=${status}${reason === undefined ? '' : `, ${reason}`}${message === undefined ? '' : `: ${message.replaceAll('\n', '\n    ')}`}`;
}

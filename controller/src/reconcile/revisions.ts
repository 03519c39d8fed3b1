/**
 * Which ReplicaSet stands for a Deployment's pod template now, and which revision it is. A ReplicaSet is told by its template and, where
 * that names ConfigMaps or Secrets, by a digest of what they hold. It writes ReplicaSets and the Deployment's revision; never pods.
 */
import { ANNOTATION } from '../model/annotations.ts';
import { keyOf } from '../model/objects.ts';
import type { Deployment, ReplicaSet } from '../model/objects.ts';
import { configDigest } from './config-digest.ts';
import type { Draft } from './draft.ts';
import type { PodHealth } from './health.ts';
import { LIMITS } from './limits.ts';
import { hashOf, makeReplicaSet } from './owner.ts';
import { configDigestOf, revisionsOfTemplate } from './resources.ts';
import { namesOf } from './template-hash.ts';

export interface CurrentRevision {
  readonly replicaSet: ReplicaSet;
  /** Of the Deployment's template as it is now; not so while a paused one has a template that is not rolled out. */
  readonly isOfTemplate: boolean;
}

/** A paused Deployment stays with its newest ReplicaSet, whatever its template is; only its very first one is made. */
export function currentRevision(draft: Draft, deployment: Deployment, replicaSets: readonly ReplicaSet[]): CurrentRevision {
  const digest = configDigest(draft.world, deployment);
  const found = findReplicaSet(deployment, replicaSets, digest);
  const [newest] = newestFirst(replicaSets);
  if (found === undefined && deployment.spec.paused === true && newest !== undefined) return { replicaSet: newest, isOfTemplate: false };
  const replicaSet =
    found === undefined ? make(draft, deployment, replicaSets, digest) : renew(draft, deployment, replicaSets, found, digest);
  return { replicaSet, isOfTemplate: true };
}

function findReplicaSet(deployment: Deployment, replicaSets: readonly ReplicaSet[], digest: string | undefined): ReplicaSet | undefined {
  const candidates = revisionsOfTemplate(deployment.spec.template, replicaSets);
  if (digest === undefined) return candidates[0];
  const [newest] = candidates;
  return (
    candidates.find((candidate) => configDigestOf(candidate) === digest) ??
    // Made before its configuration was first looked at: what it is now is what its pods have, as far as anyone can know. Of one that has
    // a successor it is known that its pods have something else.
    (newest !== undefined && configDigestOf(newest) === undefined ? newest : undefined)
  );
}

/** The first ReplicaSet of a template is called by the template alone, so that it is the one that earlier versions made. */
function make(draft: Draft, deployment: Deployment, replicaSets: readonly ReplicaSet[], digest: string | undefined): ReplicaSet {
  const isFirst = revisionsOfTemplate(deployment.spec.template, replicaSets).length === 0;
  const names = namesOf(deployment.spec.template, digest);
  const [first = ''] = names;
  const isFree = (name: string): boolean => !replicaSets.some((other) => hashOf(other) === name);
  const hash = isFirst ? first : ([...names].slice(2).find(isFree) ?? names.find(isFree) ?? first);
  const made = makeReplicaSet(deployment, { hash, configDigest: digest }, nextRevision(replicaSets), 0);
  const cause = isFirst
    ? `deployment ${deployment.metadata.name} has a new pod template`
    : `a ConfigMap or Secret that deployment ${deployment.metadata.name} uses has changed`;
  // One of an earlier Deployment of this name may be there still.
  if (draft.replicaSets.has(keyOf(made))) draft.update(made, cause);
  else draft.create(made, cause);
  if (!isFirst)
    draft.emit(deployment, 'Normal', 'ConfigurationChanged', 'A ConfigMap or Secret that its pods use has changed: they are replaced');
  return made;
}

/** Notes what has become known of it since. Back to an earlier template or configuration makes it the newest revision. */
function renew(
  draft: Draft,
  deployment: Deployment,
  replicaSets: readonly ReplicaSet[],
  found: ReplicaSet,
  digest: string | undefined,
): ReplicaSet {
  const annotations: Record<string, string> = {};
  const next = nextRevision(replicaSets);
  const isOlder = deployment.spec.paused !== true && replicaSets.some((other) => other !== found && revisionOf(other) >= revisionOf(found));
  if (isOlder) annotations[ANNOTATION.revision] = String(next);
  if (digest !== undefined && configDigestOf(found) === undefined) annotations[ANNOTATION.configDigest] = digest;
  const changeCause = deployment.metadata.annotations?.[ANNOTATION.changeCause];
  if (changeCause !== undefined && changeCause !== found.metadata.annotations?.[ANNOTATION.changeCause])
    annotations[ANNOTATION.changeCause] = changeCause;
  if (Object.keys(annotations).length === 0) return found;
  const { metadata } = found;
  const renewed = { ...found, metadata: { ...metadata, annotations: { ...metadata.annotations, ...annotations } } };
  draft.update(renewed, isOlder ? `revision ${next}: back to an earlier template` : 'it follows its deployment');
  return renewed;
}

/** As `kubectl rollout history` and undo read it. Returns the Deployment as it is then. */
export function writeRevision(draft: Draft, deployment: Deployment, { replicaSet, isOfTemplate }: CurrentRevision): Deployment {
  const { metadata } = deployment;
  const revision = String(revisionOf(replicaSet));
  if (!isOfTemplate || metadata.annotations?.[ANNOTATION.revision] === revision) return deployment;
  const written = { ...deployment, metadata: { ...metadata, annotations: { ...metadata.annotations, [ANNOTATION.revision]: revision } } };
  draft.update(written, `revision ${revision}`);
  return written;
}

export function revisionOf(replicaSet: ReplicaSet): number {
  return Number(replicaSet.metadata.annotations?.[ANNOTATION.revision] ?? 0);
}

function nextRevision(replicaSets: readonly ReplicaSet[]): number {
  return replicaSets.reduce((most, replicaSet) => Math.max(most, revisionOf(replicaSet)), 0) + 1;
}

function newestFirst(replicaSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  return [...replicaSets].sort((a, b) => revisionOf(b) - revisionOf(a));
}

/** Earlier revisions without pods beyond revisionHistoryLimit go, the oldest first. */
export function dropHistory(draft: Draft, deployment: Deployment, old: readonly ReplicaSet[], pods: readonly PodHealth[]): void {
  const limit = deployment.spec.revisionHistoryLimit ?? LIMITS.defaultRevisionHistory;
  const empty = old.filter((replicaSet) => !pods.some(({ pod }) => hashOf(pod) === hashOf(replicaSet)));
  const surplus = empty.sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, Math.max(empty.length - limit, 0));
  for (const replicaSet of surplus) draft.delete('ReplicaSet', replicaSet, `revisionHistoryLimit is ${limit}`);
}

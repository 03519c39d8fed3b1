/**
 * Manifests -> the object store: what is declared becomes objects, what is no longer declared goes, and what people and autoscalers changed
 * since stays while its manifest stays the same. What was applied last is remembered durably, so a restart re-applies nothing.
 */
import type { Logger } from 'pino';
import { ANNOTATION } from '../model/annotations.ts';
import { keyOf, KINDS } from '../model/objects.ts';
import type { DeclarableObject, Deployment, KubernetesObject, Secret } from '../model/objects.ts';
import { declaredPart, missingGeneratedKeys, storedObject, withPodIdentity } from '../manifest/declared-object.ts';
import { decideApplication, objectsToPut } from '../manifest/decide-application.ts';
import type { AppliedObject, ApplicationCondition } from '../manifest/decide-application.ts';
import { isDeclarableKind } from '../manifest/manifest-schemas.ts';
import { identityOf } from '../manifest/manifest-snapshot.ts';
import type { ManifestSnapshot } from '../manifest/manifest-snapshot.ts';
import { deepEqual } from '../model/deep-equal.ts';
import type { ObjectStore } from '../state/object-store.ts';
import type { GeneratedSecrets } from './generated-secrets.ts';
import type { EventRecorder } from './event-recorder.ts';

export interface ApplierOptions {
  readonly store: ObjectStore;
  readonly secrets: GeneratedSecrets;
  readonly events: EventRecorder;
  /** Pods of a Deployment that run now, by "namespace/name": what a lost state takes over. */
  readonly runningReplicas: (deployment: Deployment) => number;
  /** When the Deployment was restarted by command, as its containers remember it. */
  readonly runningRestart: (deployment: Deployment) => string | undefined;
  readonly logger: Logger;
}

export interface ApplyResult {
  /** "deployment/acts created", ... */
  readonly changes: readonly string[];
}

const APPLIED_RECORD = 'applied manifests';
/** With nothing declared everything that runs would be an orphan: more likely the directory is not the right one, or not there yet. */
const NOTHING_DECLARED: ApplicationCondition = {
  code: 'NothingDeclared',
  message: 'no manifest declares anything: what runs is left alone ("coxswain apply --prune" confirms that it shall go)',
};

export class ManifestApplier {
  readonly #options: ApplierOptions;
  #applied: readonly AppliedObject[];
  #snapshot: ManifestSnapshot | undefined;
  #conditions: readonly ApplicationCondition[] = [];
  #isEmptinessConfirmed = false;
  /** Until the first snapshot is applied: an object that is not there then was lost, later it is new. */
  #isStateNew: boolean;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ApplierOptions) {
    this.#options = options;
    const record = options.store.getRecord(APPLIED_RECORD) as readonly AppliedObject[] | undefined;
    this.#isStateNew = record === undefined;
    this.#applied = [...(record ?? []), ...forgottenObjects(options.store, record ?? [])];
  }

  get snapshot(): ManifestSnapshot | undefined {
    return this.#snapshot;
  }
  /** What counts as applied: the last good declaration of each object. */
  get applied(): readonly AppliedObject[] {
    return this.#applied;
  }
  get conditions(): readonly ApplicationCondition[] {
    return this.#applied.length === 0 && !this.#isEmptinessConfirmed ? [...this.#conditions, NOTHING_DECLARED] : this.#conditions;
  }

  /** Whether what nothing declares may be removed: the directory was read, whole and without errors. */
  get isRemovalAllowed(): boolean {
    return this.#snapshot !== undefined && this.#snapshot.errors.length === 0 && this.conditions.length === 0;
  }

  isDeclared(object: KubernetesObject): boolean {
    return this.#applied.some(({ object: applied }) => applied.kind === object.kind && keyOf(applied) === keyOf(object));
  }

  /** One at a time, in order: two at once would generate a Secret twice. */
  apply(snapshot: ManifestSnapshot, isPruneConfirmed = false): Promise<ApplyResult> {
    return this.#enqueue(() => this.#apply(snapshot, isPruneConfirmed));
  }

  /** Something that is declared is missing: the snapshot that is the newest by then is applied once more. */
  async reapply(): Promise<void> {
    const { logger } = this.#options;
    await this.#enqueue(async () => {
      if (this.#snapshot !== undefined) await this.#apply(this.#snapshot, this.#isEmptinessConfirmed);
    }).catch((error: unknown) => logger.error({ err: error }, 'the manifests could not be applied again'));
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #apply(snapshot: ManifestSnapshot, isPruneConfirmed: boolean): Promise<ApplyResult> {
    const { store, logger } = this.#options;
    this.#announceProblems(snapshot);
    const decision = decideApplication(this.#applied, snapshot, { isPruneConfirmed });
    const changes: string[] = [];
    const deployments = decision.applied.map(({ object }) => object).filter((object) => object.kind === 'Deployment');
    for (const { applied } of objectsToPut(decision, ({ kind, ...object }) => store.get(kind, keyOf(object)))) {
      const change = await this.#put(applied, deployments);
      if (change !== undefined) changes.push(change);
    }
    for (const { object } of decision.deletions) {
      if (this.#delete(object)) changes.push(`${name(object)} deleted`);
    }
    this.#applied = decision.applied;
    // Only now: while objects are still being put, what they own must not look undeclared.
    this.#snapshot = snapshot;
    this.#conditions = decision.conditions;
    this.#isEmptinessConfirmed = isPruneConfirmed;
    this.#isStateNew = false;
    store.putRecord(APPLIED_RECORD, this.#applied);
    if (changes.length > 0) logger.info({ changes }, 'manifests applied');
    return { changes };
  }

  async #put(applied: AppliedObject, deployments: readonly Deployment[]): Promise<string | undefined> {
    const { store, events } = this.#options;
    const { object, file } = applied;
    const existing = store.get(object.kind, keyOf(object));
    const previous = this.#applied.find((known) => identityOf(known.object) === identityOf(object))?.object;
    const wanted = await this.#complete(storedObject(applied, existing, previous), existing, deployments);
    if (existing === undefined) {
      events.about(store.create(wanted), 'Normal', 'Declared', `Created from ${file}`);
      return `${name(object)} created`;
    }
    if (wanted.kind === 'Pod' && wanted.metadata.uid !== existing.metadata.uid) {
      // A pod's spec never changes: another spec is another pod, made once this one is gone.
      store.markDeleted('Pod', keyOf(existing));
      return `${name(object)} replaced`;
    }
    const updated = store.update(wanted);
    if (updated.metadata.resourceVersion === existing.metadata.resourceVersion) return undefined;
    events.about(updated, 'Normal', 'Changed', `Changed by ${file}`);
    return `${name(object)} configured`;
  }

  #delete(object: DeclarableObject): boolean {
    const { store, events } = this.#options;
    const existing = store.get(object.kind, keyOf(object));
    if (existing === undefined) return false;
    events.about(existing, 'Normal', 'Undeclared', 'Deleted: no manifest declares it any more');
    // What has others in or under it ends first; the loop deletes it then.
    if (object.kind === 'Pod' || object.kind === 'Namespace') store.markDeleted(object.kind, keyOf(object));
    else store.delete(object.kind, keyOf(object));
    return true;
  }

  async #complete(
    object: DeclarableObject,
    existing: DeclarableObject | undefined,
    deployments: readonly Deployment[],
  ): Promise<DeclarableObject> {
    switch (object.kind) {
      case 'Deployment':
        return existing === undefined && this.#isStateNew ? this.#takeOverScale(object) : object;
      case 'Secret':
        return this.#withGeneratedKeys(object, deployments);
      case 'Pod':
        return withPodIdentity(object);
      default:
        return object;
    }
  }

  /** The state is new but pods run: it was lost, and with it the scale that people or an autoscaler had set. */
  #takeOverScale(object: Deployment): Deployment {
    const restarted = withRestart(object, this.#options.runningRestart(object));
    const replicas = this.#options.runningReplicas(object);
    if (replicas === 0 || replicas === (object.spec.replicas ?? 1)) return restarted;
    this.#options.logger.warn({ deployment: object.metadata.name, replicas }, 'the state is new: the scale is taken over from what runs');
    return { ...restarted, spec: { ...restarted.spec, replicas } };
  }

  async #withGeneratedKeys(object: Secret, deployments: readonly Deployment[]): Promise<Secret> {
    const keys = missingGeneratedKeys(object);
    if (keys.length === 0) return object;
    return { ...object, data: { ...object.data, ...(await this.#options.secrets.valuesOf(object, keys, deployments)) } };
  }

  #announceProblems(snapshot: ManifestSnapshot): void {
    const before = this.#snapshot?.errors ?? [];
    for (const error of snapshot.errors) {
      if (!before.some((known) => deepEqual(known, error)))
        this.#options.logger.error({ file: error.source.file, line: error.source.line, code: error.code }, error.message);
    }
  }
}

/**
 * Objects of manifests that the record does not know: a crash came between the two, or a damaged journal lost only the record. Without this
 * nothing would ever find that they are no longer declared.
 */
function forgottenObjects(store: ObjectStore, record: readonly AppliedObject[]): readonly AppliedObject[] {
  const known = new Set(record.map(({ object }) => identityOf(object)));
  return KINDS.flatMap(({ kind }) => (isDeclarableKind(kind) ? [...store.list(kind).values()] : []))
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map((object) => declaredPart(object))
    .filter((applied) => applied !== undefined)
    .filter(({ object }) => !known.has(identityOf(object)));
}

function name(object: DeclarableObject): string {
  return `${object.kind.toLowerCase()}/${object.metadata.name}`;
}

/** The time of a restart is part of the template: without it the running containers would look outdated. */
function withRestart(object: Deployment, restartedAt: string | undefined): Deployment {
  if (restartedAt === undefined) return object;
  const { template } = object.spec;
  const annotations = { ...template.metadata?.annotations, [ANNOTATION.restartedAt]: restartedAt };
  return { ...object, spec: { ...object.spec, template: { ...template, metadata: { ...template.metadata, annotations } } } };
}

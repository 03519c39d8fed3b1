/**
 * An object as its manifest declares it <-> the same object in the store, where Coxswain and people with kubectl have written to it too.
 * Pure. `declaredPart(storedObject(x)) = x`, so that a restart applies nothing again.
 */
import { ANNOTATION } from '../model/annotations.ts';
import type { DeclarableObject, Deployment, ObjectMeta, Pod, PodTemplateSpec, Secret, StringMap } from '../model/objects.ts';
import { canonicalJson, digestUid } from '../reconcile/digest.ts';
import { deepEqual } from '../model/deep-equal.ts';
import { parseGeneratedKeys } from '../model/annotation-values.ts';
import type { AppliedObject } from './decide-application.ts';

/** Annotations on stored objects that no manifest declares, and that applying one leaves alone. */
function isKept(annotation: string): boolean {
  return (
    annotation.startsWith('deployment.kubernetes.io/') ||
    annotation.startsWith('kubectl.kubernetes.io/') ||
    annotation === ANNOTATION.hostPort
  );
}

/**
 * The object to store for a declaration; `stored` is the one there now, if any, `previous` what was declared before: where a declaration
 * says what it said, what people did since over the API stands.
 */
export function storedObject(
  { object, file }: AppliedObject,
  stored: DeclarableObject | undefined,
  previous?: DeclarableObject,
): DeclarableObject {
  const before = stored?.kind === object.kind ? stored : undefined;
  const metadata: ObjectMeta = {
    ...before?.metadata,
    ...object.metadata,
    annotations: { ...keptAnnotations(before?.metadata.annotations), ...object.metadata.annotations, [ANNOTATION.source]: file },
  };
  if (object.metadata.labels === undefined) delete (metadata as { labels?: StringMap }).labels;
  const status = before !== undefined && 'status' in before ? { status: before.status } : {};
  const merged = { ...object, metadata, ...status } as DeclarableObject;
  if (merged.kind === 'Deployment')
    return storedDeployment(merged, before as Deployment | undefined, previous?.kind === 'Deployment' ? previous : undefined);
  if (merged.kind === 'Secret') return storedSecret(merged, before as Secret | undefined);
  return merged;
}

/** What a stored object declares; undefined when it came from no manifest. */
export function declaredPart(stored: DeclarableObject): AppliedObject | undefined {
  const { name, namespace, labels, annotations } = stored.metadata;
  const file = annotations?.[ANNOTATION.source];
  if (file === undefined) return undefined;
  const metadata: ObjectMeta = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...declaredAnnotations(annotations),
  };
  const { status: _status, ...rest } = stored as DeclarableObject & { readonly status?: unknown };
  const object = { ...rest, metadata } as DeclarableObject;
  if (object.kind === 'Deployment') return { file, object: declaredDeployment(object, annotations?.[ANNOTATION.declaredReplicas]) };
  if (object.kind === 'Secret') return { file, object: declaredSecret(object) };
  return { file, object };
}

function keptAnnotations(annotations: StringMap | undefined): StringMap {
  return Object.fromEntries(Object.entries(annotations ?? {}).filter(([name]) => isKept(name)));
}

function declaredAnnotations(annotations: StringMap | undefined): { readonly annotations?: StringMap } {
  const written: readonly string[] = [ANNOTATION.source, ANNOTATION.declaredReplicas];
  const declared = Object.entries(annotations ?? {}).filter(([name]) => !isKept(name) && !written.includes(name));
  return declared.length === 0 ? {} : { annotations: Object.fromEntries(declared) };
}

/**
 * A scale stands until the manifest says another number than it last did; so does a template that was set, undone or restarted, until the
 * manifest has another one, and a pause. A restart asked for with kubectl stays asked for.
 */
function storedDeployment(deployment: Deployment, before: Deployment | undefined, previous: Deployment | undefined): Deployment {
  const { replicas } = deployment.spec;
  const lastDeclared = before?.metadata.annotations?.[ANNOTATION.declaredReplicas];
  const isUnchanged = before !== undefined && (replicas === undefined || lastDeclared === String(replicas));
  const kept = isUnchanged ? before.spec.replicas : replicas;
  const isTemplateKept = previous !== undefined && deepEqual(previous.spec.template, deployment.spec.template);
  const isPauseKept = previous !== undefined && previous.spec.paused === deployment.spec.paused;
  const { paused: declaredPause, ...spec } = deployment.spec;
  const paused = before !== undefined && isPauseKept ? before.spec.paused : declaredPause;
  const changeCause = isTemplateKept ? before?.metadata.annotations?.[ANNOTATION.changeCause] : undefined;
  return {
    ...deployment,
    metadata: {
      ...deployment.metadata,
      annotations: {
        ...deployment.metadata.annotations,
        ...(changeCause !== undefined && { [ANNOTATION.changeCause]: changeCause }),
        ...(replicas === undefined ? {} : { [ANNOTATION.declaredReplicas]: String(replicas) }),
      },
    },
    spec: {
      ...spec,
      ...(kept === undefined ? {} : { replicas: kept }),
      ...(paused === undefined ? {} : { paused }),
      template: before !== undefined && isTemplateKept ? before.spec.template : withRestartOf(before, deployment.spec.template),
    },
  };
}

function withRestartOf(before: Deployment | undefined, template: PodTemplateSpec): PodTemplateSpec {
  const restartedAt = before?.spec.template.metadata?.annotations?.[ANNOTATION.restartedAt];
  if (restartedAt === undefined) return template;
  const annotations = { ...template.metadata?.annotations, [ANNOTATION.restartedAt]: restartedAt };
  return { ...template, metadata: { ...template.metadata, annotations } };
}

function declaredDeployment(deployment: Deployment, declaredReplicas: string | undefined): Deployment {
  const { replicas: _replicas, template, ...spec } = deployment.spec;
  const { annotations, ...metadata } = template.metadata ?? {};
  const own = Object.entries(annotations ?? {}).filter(([name]) => name !== ANNOTATION.restartedAt);
  const isOnlyRestart = annotations !== undefined && own.length === 0 && ANNOTATION.restartedAt in annotations;
  const kept = annotations === undefined || isOnlyRestart ? {} : { annotations: Object.fromEntries(own) };
  return {
    ...deployment,
    spec: {
      ...spec,
      ...(declaredReplicas === undefined ? {} : { replicas: Number(declaredReplicas) }),
      template: template.metadata === undefined ? template : { ...template, metadata: { ...metadata, ...kept } },
    },
  };
}

/** Generated values stay; a value that the manifest gives counts more. */
function storedSecret(secret: Secret, before: Secret | undefined): Secret {
  const generated = generatedKeys(secret).flatMap((key) => {
    const value = before?.data?.[key];
    return value === undefined ? [] : [[key, value] as const];
  });
  return generated.length === 0 ? secret : { ...secret, data: { ...Object.fromEntries(generated), ...secret.data } };
}

function declaredSecret(secret: Secret): Secret {
  const generated = generatedKeys(secret);
  if (secret.data === undefined || generated.length === 0) return secret;
  const { data, ...rest } = secret;
  const declared = Object.entries(data).filter(([key]) => !generated.includes(key));
  return declared.length === 0 ? rest : { ...rest, data: Object.fromEntries(declared) };
}

/** Keys of a Secret that still want a generated value. */
export function missingGeneratedKeys(secret: Secret): readonly string[] {
  return generatedKeys(secret).filter((key) => secret.data?.[key] === undefined);
}

/** The same declaration is the same pod, over restarts too: its containers carry the uid. Annotations and its file may change. */
export function withPodIdentity(object: Pod): Pod {
  const { name, namespace, labels } = object.metadata;
  return { ...object, metadata: { ...object.metadata, uid: digestUid(canonicalJson({ name, namespace, labels, spec: object.spec })) } };
}

function generatedKeys({ metadata }: Secret): readonly string[] {
  return parseGeneratedKeys(metadata.annotations?.[ANNOTATION.generate] ?? '') ?? [];
}

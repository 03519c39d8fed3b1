/** Which other objects an object names, where it says so, and what it needs of them. */
import { ANNOTATION } from '../model/annotations.ts';
import type { DeclarableObject, IngressBackend, PodSpec } from '../model/objects.ts';
import { parseDependsOn } from '../model/annotation-values.ts';
import type { PathStep } from './yaml-documents.ts';

export interface Reference {
  readonly path: readonly PathStep[];
  readonly kind: 'ConfigMap' | 'Secret' | 'PersistentVolumeClaim' | 'Deployment' | 'Service' | 'Ingress';
  readonly name: string;
  /** A key that must be in the ConfigMap or Secret. */
  readonly key?: string;
  /** A port that the Service must have. */
  readonly port?: { readonly number?: number; readonly name?: string };
}

export function* referencesOf(object: DeclarableObject): Iterable<Reference> {
  switch (object.kind) {
    case 'Deployment': {
      const annotations = ['spec', 'template', 'metadata', 'annotations', ANNOTATION.dependsOn];
      yield* dependencies(object.spec.template.metadata?.annotations?.[ANNOTATION.dependsOn], annotations);
      yield* dependencies(object.metadata.annotations?.[ANNOTATION.dependsOn], ['metadata', 'annotations', ANNOTATION.dependsOn]);
      yield* referencesOfPod(object.spec.template.spec, ['spec', 'template', 'spec']);
      break;
    }
    case 'Pod':
      yield* dependencies(object.metadata.annotations?.[ANNOTATION.dependsOn], ['metadata', 'annotations', ANNOTATION.dependsOn]);
      yield* referencesOfPod(object.spec, ['spec']);
      break;
    case 'Ingress':
      if (object.spec.defaultBackend !== undefined) yield backendReference(object.spec.defaultBackend, ['spec', 'defaultBackend']);
      for (const [rule, { http }] of (object.spec.rules ?? []).entries()) {
        for (const [index, { backend }] of (http?.paths ?? []).entries()) {
          yield backendReference(backend, ['spec', 'rules', rule, 'http', 'paths', index, 'backend']);
        }
      }
      break;
    case 'HorizontalPodAutoscaler':
      yield { path: ['spec', 'scaleTargetRef', 'name'], kind: 'Deployment', name: object.spec.scaleTargetRef.name };
      for (const [index, metric] of (object.spec.metrics ?? []).entries()) {
        const path = ['spec', 'metrics', index, 'object', 'describedObject', 'name'];
        yield { path, kind: 'Ingress', name: metric.object.describedObject.name };
      }
      break;
    default:
      break;
  }
}

function* dependencies(text: string | undefined, path: readonly PathStep[]): Iterable<Reference> {
  for (const name of parseDependsOn(text ?? '') ?? []) yield { path, kind: 'Deployment', name };
}

function backendReference({ service }: IngressBackend, path: readonly PathStep[]): Reference {
  return { path: [...path, 'service'], kind: 'Service', name: service.name, port: service.port };
}

function* referencesOfPod(spec: PodSpec, path: readonly PathStep[]): Iterable<Reference> {
  for (const [index, { env = [], envFrom = [] }] of spec.containers.entries()) {
    const container = [...path, 'containers', index];
    for (const [position, { valueFrom }] of env.entries()) {
      const at = [...container, 'env', position, 'valueFrom'];
      const { configMapKeyRef: configMap, secretKeyRef: secret } = valueFrom ?? {};
      if (configMap !== undefined && configMap.optional !== true) {
        yield { path: [...at, 'configMapKeyRef'], kind: 'ConfigMap', name: configMap.name, key: configMap.key };
      }
      if (secret !== undefined && secret.optional !== true) {
        yield { path: [...at, 'secretKeyRef'], kind: 'Secret', name: secret.name, key: secret.key };
      }
    }
    for (const [position, { configMapRef, secretRef }] of envFrom.entries()) {
      const at = [...container, 'envFrom', position];
      if (configMapRef !== undefined && configMapRef.optional !== true) {
        yield { path: [...at, 'configMapRef', 'name'], kind: 'ConfigMap', name: configMapRef.name };
      }
      if (secretRef !== undefined && secretRef.optional !== true) {
        yield { path: [...at, 'secretRef', 'name'], kind: 'Secret', name: secretRef.name };
      }
    }
  }
  for (const [index, { configMap, secret, persistentVolumeClaim: claim }] of (spec.volumes ?? []).entries()) {
    const at = [...path, 'volumes', index];
    if (configMap !== undefined && configMap.optional !== true) {
      const here = [...at, 'configMap', 'name'];
      yield { path: here, kind: 'ConfigMap', name: configMap.name };
      for (const [item, { key }] of (configMap.items ?? []).entries()) {
        yield { path: [...at, 'configMap', 'items', item, 'key'], kind: 'ConfigMap', name: configMap.name, key };
      }
    }
    if (secret !== undefined && secret.optional !== true) {
      yield { path: [...at, 'secret', 'secretName'], kind: 'Secret', name: secret.secretName };
      for (const [item, { key }] of (secret.items ?? []).entries()) {
        yield { path: [...at, 'secret', 'items', item, 'key'], kind: 'Secret', name: secret.secretName, key };
      }
    }
    if (claim !== undefined)
      yield { path: [...at, 'persistentVolumeClaim', 'claimName'], kind: 'PersistentVolumeClaim', name: claim.claimName };
  }
}

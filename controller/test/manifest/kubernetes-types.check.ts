/**
 * Compiled, never run: an object of ours is an object of the real Kubernetes API, so the same files apply to a cluster.
 * Assignability does not see fields that the other side lacks, so those are listed too: there must be none but the known ones.
 */
import type { Deployment } from 'kubernetes-types/apps/v1.d.ts';
import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.d.ts';
import type { ConfigMap, Namespace, PersistentVolumeClaim, Pod, Secret, Service } from 'kubernetes-types/core/v1.d.ts';
import type { Ingress } from 'kubernetes-types/networking/v1.d.ts';
import type * as model from '../../src/model/objects.ts';

// schema-drift.ts looks these up by name.
export type KubernetesDeployment = Deployment;
export type KubernetesHorizontalPodAutoscaler = HorizontalPodAutoscaler;
export type KubernetesConfigMap = ConfigMap;
export type KubernetesNamespace = Namespace;
export type KubernetesPersistentVolumeClaim = PersistentVolumeClaim;
export type KubernetesPod = Pod;
export type KubernetesSecret = Secret;
export type KubernetesService = Service;
export type KubernetesIngress = Ingress;

/**
 * Without `readonly`. Kubernetes takes quantities as numbers too, which kubernetes-types does not say; where a type of ours is string | number
 * (ports and the like as well) the string is compared.
 */
type Mutable<T> =
  Same<Exclude<T, undefined>, string | number> extends true
    ? string
    : T extends string | number | boolean | undefined
      ? T
      : T extends readonly (infer E)[]
        ? Mutable<E>[]
        : { -readonly [K in keyof T]: Mutable<T[K]> };

type IsMap<T> = string extends keyof T ? true : false;
type Join<A extends string, B> = B extends string ? `${A}.${B}` : never;

/** Paths of the fields of `Ours` that `Theirs` does not have. */
type Unknown<Ours, Theirs> = Ours extends string | number | boolean | undefined
  ? never
  : Ours extends readonly (infer OurItem)[]
    ? NonNullable<Theirs> extends readonly (infer TheirItem)[]
      ? Unknown<OurItem, TheirItem>
      : never
    : true extends IsMap<NonNullable<Theirs>> | IsMap<Ours>
      ? never
      : {
          [K in keyof Ours & string]: K extends keyof NonNullable<Theirs> ? Join<K, Unknown<Ours[K], NonNullable<Theirs>[K]>> : K;
        }[keyof Ours & string];

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
type Fits<Ours, Theirs, KnownUnknown extends string = never> = [
  Mutable<Ours> extends Theirs ? true : false,
  Same<Unknown<Ours, Theirs>, KnownUnknown>,
];

/** In the Kubernetes API since 1.33; kubernetes-types describes 1.30. */
type Tolerance = 'spec.behavior.scaleUp.tolerance' | 'spec.behavior.scaleDown.tolerance';

export const fits: readonly (readonly [true, true])[] = [
  [true, true] satisfies Fits<model.Deployment, Deployment>,
  [true, true] satisfies Fits<model.Pod, Pod>,
  [true, true] satisfies Fits<model.Service, Service>,
  [true, true] satisfies Fits<model.Ingress, Ingress>,
  [true, true] satisfies Fits<model.ConfigMap, ConfigMap>,
  [true, true] satisfies Fits<model.Secret, Secret>,
  [true, true] satisfies Fits<model.PersistentVolumeClaim, PersistentVolumeClaim>,
  [true, true] satisfies Fits<model.Namespace, Namespace>,
  [true, true] satisfies Fits<model.HorizontalPodAutoscaler, HorizontalPodAutoscaler, Tolerance>,
];

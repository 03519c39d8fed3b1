/**
 * The names Coxswain adds to Kubernetes objects (annotations) and to Docker objects (labels).
 * Labels on Docker objects are a format: containers outlive Coxswain, so a name here is never reused with another meaning.
 */

const PREFIX = 'coxswain.dev';

/** Annotations people write in manifests. */
export const ANNOTATION = {
  /** Pod template: "8000-8009", the pinned host ports of the replicas. */
  hostPorts: `${PREFIX}/host-ports`,
  /** Pod template: the address those ports are published on; default 127.0.0.1. */
  hostIp: `${PREFIX}/host-ip`,
  /** Pod template: "deployment/postgres", comma separated. */
  dependsOn: `${PREFIX}/depends-on`,
  /** Secret: comma separated keys that get a random value, e.g. "password". */
  generate: `${PREFIX}/generate`,
  /** Deployment or its pod template: "false" leaves running pods alone when a ConfigMap or Secret they use changes; default "true". */
  rollOnConfigChange: `${PREFIX}/roll-on-config-change`,
  /** HorizontalPodAutoscaler: e.g. "120s". */
  syncPeriod: `${PREFIX}/sync-period`,
  window: `${PREFIX}/window`,
  /** Ingress: comma separated path prefixes whose requests are counted, and patterns that are not. */
  countPaths: `${PREFIX}/count-paths`,
  uncountedPaths: `${PREFIX}/uncounted-paths`,
  // Written by Coxswain:
  /** On a pod: the pinned host port it holds. */
  hostPort: `${PREFIX}/host-port`,
  /** On every object from the manifests directory: the file it came from, relative to that directory. */
  source: `${PREFIX}/source`,
  /** "true" on a Namespace that nobody declared: it is there because something is in it. */
  implicit: `${PREFIX}/implicit`,
  /** On a Deployment: `spec.replicas` as its manifest last said it, so that a scale is not undone by an unchanged manifest. */
  declaredReplicas: `${PREFIX}/declared-replicas`,
  /** On a ReplicaSet and its pods: the digest of the ConfigMap and Secret content they were made for. */
  configDigest: `${PREFIX}/config-digest`,
  /** On a ReplicaSet: the last revision it was that was rolled out to the end. Whatever becomes of its pods later is no rollout. */
  completedRevision: `${PREFIX}/completed-revision`,
  revision: 'deployment.kubernetes.io/revision',
  /** On a Deployment, by people, and on the ReplicaSet that came of it: why. */
  changeCause: 'kubernetes.io/change-cause',
  restartedAt: 'kubectl.kubernetes.io/restartedAt',
} as const;

/** Labels on Docker containers, networks and volumes. */
export const LABEL = {
  instance: `${PREFIX}/instance`,
  namespace: `${PREFIX}/namespace`,
  pod: `${PREFIX}/pod`,
  podUid: `${PREFIX}/pod-uid`,
  /** "Deployment/acts" or "" for a pod declared by itself. */
  owner: `${PREFIX}/owner`,
  templateHash: `${PREFIX}/template-hash`,
  hashVersion: `${PREFIX}/hash-version`,
  hostPort: `${PREFIX}/host-port`,
  /** How many containers this pod had before this one. */
  restartCount: `${PREFIX}/restart-count`,
  /** The pod's labels as compact JSON, so that a pod can be rebuilt from its container alone. */
  podLabels: `${PREFIX}/pod-labels`,
  /** The template's `restartedAt`, when there is one: it is in the template hash, and in no manifest. */
  restartedAt: `${PREFIX}/restarted-at`,
  /** The digest of the configuration its ReplicaSet was made for, when it names any: tells a ReplicaSet after a loss of the state. */
  configDigest: `${PREFIX}/config-digest`,
  /** On a volume: the PersistentVolumeClaim it belongs to. */
  claim: `${PREFIX}/claim`,
  /** On an image: set-up made it. */
  built: `${PREFIX}/built`,
} as const;

/**
 * Written on every container, so that a later version which hashes differently can tell its own hashes from these.
 * 1: of the whole template. 2: of the template without resources; that of the whole one is still recognised (decision 0015).
 */
export const HASH_VERSION = '2';

export const POD_TEMPLATE_HASH_LABEL = 'pod-template-hash';

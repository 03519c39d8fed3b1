/**
 * The Kubernetes objects Coxswain honours, as TypeScript shapes: a strict subset of the real API.
 * A field that is absent here is not honoured; schemas/ holds the same shapes as JSON Schema and `make check` keeps both equal.
 * Shapes only: behaviour lives in reconcile/, validation in manifest/.
 */

export type StringMap = Readonly<Record<string, string>>;
/** "500m", "1.5Gi" or a plain number, as Kubernetes writes quantities. */
export type Quantity = string | number;
/** An absolute number or "25%". */
export type IntOrPercent = number | string;
/** RFC 3339, UTC. */
export type Timestamp = string;

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: StringMap;
  readonly annotations?: StringMap;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: Timestamp;
  readonly deletionTimestamp?: Timestamp;
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: Timestamp;
}

export interface LabelSelectorRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

export interface LabelSelector {
  readonly matchLabels?: StringMap;
  readonly matchExpressions?: readonly LabelSelectorRequirement[];
}

// ---- pods

export interface KeySelector {
  readonly name: string;
  readonly key: string;
  readonly optional?: boolean;
}

export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly configMapKeyRef?: KeySelector;
    readonly secretKeyRef?: KeySelector;
    readonly fieldRef?: { readonly fieldPath: string; readonly apiVersion?: string };
  };
}

export interface EnvFromSource {
  readonly prefix?: string;
  readonly configMapRef?: { readonly name: string; readonly optional?: boolean };
  readonly secretRef?: { readonly name: string; readonly optional?: boolean };
}

export interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
}

export interface HttpHeader {
  readonly name: string;
  readonly value: string;
}

export interface HttpGetAction {
  readonly path?: string;
  readonly port: number | string;
  readonly scheme?: 'HTTP' | 'HTTPS';
  readonly httpHeaders?: readonly HttpHeader[];
}

export interface ExecAction {
  readonly command: readonly string[];
}

export interface Probe {
  readonly httpGet?: HttpGetAction;
  readonly tcpSocket?: { readonly port: number | string };
  readonly exec?: ExecAction;
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly successThreshold?: number;
  readonly failureThreshold?: number;
}

export interface ResourceList {
  readonly cpu?: Quantity;
  readonly memory?: Quantity;
}

export interface ContainerSecurityContext {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly runAsNonRoot?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly privileged?: boolean;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly subPath?: string;
  readonly readOnly?: boolean;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never';
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  readonly env?: readonly EnvVar[];
  readonly envFrom?: readonly EnvFromSource[];
  readonly ports?: readonly ContainerPort[];
  readonly resources?: { readonly limits?: ResourceList; readonly requests?: ResourceList };
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly lifecycle?: { readonly preStop?: { readonly exec?: ExecAction; readonly httpGet?: HttpGetAction } };
  readonly securityContext?: ContainerSecurityContext;
  readonly volumeMounts?: readonly VolumeMount[];
}

export interface KeyToPath {
  readonly key: string;
  readonly path: string;
  readonly mode?: number;
}

export interface Volume {
  readonly name: string;
  readonly emptyDir?: { readonly medium?: '' | 'Memory'; readonly sizeLimit?: Quantity };
  readonly configMap?: {
    readonly name: string;
    readonly items?: readonly KeyToPath[];
    readonly defaultMode?: number;
    readonly optional?: boolean;
  };
  readonly secret?: {
    readonly secretName: string;
    readonly items?: readonly KeyToPath[];
    readonly defaultMode?: number;
    readonly optional?: boolean;
  };
  readonly persistentVolumeClaim?: { readonly claimName: string; readonly readOnly?: boolean };
  readonly hostPath?: { readonly path: string; readonly type?: string };
}

export interface PodSpec {
  /** Exactly one, for now; the manifest check says so. */
  readonly containers: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly restartPolicy?: 'Always' | 'OnFailure' | 'Never';
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext?: {
    readonly runAsUser?: number;
    readonly runAsGroup?: number;
    readonly runAsNonRoot?: boolean;
  };
  readonly nodeName?: string;
}

export interface PodTemplateSpec {
  readonly metadata?: { readonly labels?: StringMap; readonly annotations?: StringMap };
  readonly spec: PodSpec;
}

export interface ContainerState {
  readonly waiting?: { readonly reason: string; readonly message?: string };
  readonly running?: { readonly startedAt: Timestamp };
  readonly terminated?: {
    readonly exitCode: number;
    readonly reason?: string;
    readonly message?: string;
    readonly startedAt?: Timestamp;
    readonly finishedAt?: Timestamp;
    readonly containerID?: string;
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly image: string;
  readonly imageID: string;
  readonly containerID?: string;
  readonly ready: boolean;
  readonly started?: boolean;
  readonly restartCount: number;
  readonly state: ContainerState;
  readonly lastState?: ContainerState;
}

export interface PodStatus {
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  readonly conditions?: readonly Condition[];
  readonly containerStatuses?: readonly ContainerStatus[];
  readonly podIP?: string;
  readonly hostIP?: string;
  readonly startTime?: Timestamp;
  readonly reason?: string;
  readonly message?: string;
}

export interface Pod {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly metadata: ObjectMeta;
  readonly spec: PodSpec;
  readonly status?: PodStatus;
}

// ---- apps/v1

export interface DeploymentSpec {
  readonly replicas?: number;
  readonly selector: LabelSelector;
  readonly template: PodTemplateSpec;
  readonly strategy?: {
    readonly type?: 'RollingUpdate' | 'Recreate';
    readonly rollingUpdate?: { readonly maxSurge?: IntOrPercent; readonly maxUnavailable?: IntOrPercent };
  };
  readonly minReadySeconds?: number;
  readonly progressDeadlineSeconds?: number;
  readonly revisionHistoryLimit?: number;
  readonly paused?: boolean;
}

export interface DeploymentStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly updatedReplicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly unavailableReplicas?: number;
  readonly conditions?: readonly Condition[];
}

export interface Deployment {
  readonly apiVersion: 'apps/v1';
  readonly kind: 'Deployment';
  readonly metadata: ObjectMeta;
  readonly spec: DeploymentSpec;
  readonly status?: DeploymentStatus;
}

export interface ReplicaSet {
  readonly apiVersion: 'apps/v1';
  readonly kind: 'ReplicaSet';
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly replicas?: number;
    readonly selector: LabelSelector;
    readonly template?: PodTemplateSpec;
    readonly minReadySeconds?: number;
  };
  readonly status?: {
    readonly replicas: number;
    readonly readyReplicas?: number;
    readonly availableReplicas?: number;
    readonly fullyLabeledReplicas?: number;
    readonly observedGeneration?: number;
  };
}

// ---- networking

export interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly targetPort?: number | string;
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
}

export interface Service {
  readonly apiVersion: 'v1';
  readonly kind: 'Service';
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly selector?: StringMap;
    readonly ports: readonly ServicePort[];
    readonly type?: 'ClusterIP';
    readonly clusterIP?: string;
  };
  readonly status?: Readonly<Record<string, unknown>>;
}

export interface IngressBackend {
  readonly service: { readonly name: string; readonly port: { readonly number?: number; readonly name?: string } };
}

export interface IngressPath {
  readonly path?: string;
  readonly pathType: 'Prefix' | 'Exact' | 'ImplementationSpecific';
  readonly backend: IngressBackend;
}

export interface IngressRule {
  readonly host?: string;
  readonly http?: { readonly paths: readonly IngressPath[] };
}

export interface Ingress {
  readonly apiVersion: 'networking.k8s.io/v1';
  readonly kind: 'Ingress';
  readonly metadata: ObjectMeta;
  readonly spec: { readonly ingressClassName?: string; readonly defaultBackend?: IngressBackend; readonly rules?: readonly IngressRule[] };
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] } };
}

export interface EndpointSlice {
  readonly apiVersion: 'discovery.k8s.io/v1';
  readonly kind: 'EndpointSlice';
  readonly metadata: ObjectMeta;
  readonly addressType: 'IPv4';
  readonly endpoints: readonly {
    readonly addresses: readonly string[];
    readonly conditions: { readonly ready: boolean; readonly serving?: boolean; readonly terminating?: boolean };
    readonly targetRef?: { readonly kind: string; readonly name: string; readonly namespace?: string; readonly uid?: string };
  }[];
  readonly ports: readonly { readonly name?: string; readonly port: number; readonly protocol?: string }[];
}

// ---- autoscaling/v2

export interface ScalingRules {
  readonly stabilizationWindowSeconds?: number;
  readonly selectPolicy?: 'Max' | 'Min' | 'Disabled';
  readonly policies?: readonly { readonly type: 'Pods' | 'Percent'; readonly value: number; readonly periodSeconds: number }[];
  readonly tolerance?: Quantity;
}

export interface ObjectMetric {
  readonly type: 'Object';
  readonly object: {
    readonly describedObject: { readonly apiVersion?: string; readonly kind: string; readonly name: string };
    readonly metric: { readonly name: string };
    readonly target: { readonly type: 'AverageValue' | 'Value'; readonly averageValue?: Quantity; readonly value?: Quantity };
  };
}

export interface HorizontalPodAutoscaler {
  readonly apiVersion: 'autoscaling/v2';
  readonly kind: 'HorizontalPodAutoscaler';
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly scaleTargetRef: { readonly apiVersion?: string; readonly kind: string; readonly name: string };
    readonly minReplicas?: number;
    readonly maxReplicas: number;
    readonly metrics?: readonly ObjectMetric[];
    readonly behavior?: { readonly scaleUp?: ScalingRules; readonly scaleDown?: ScalingRules };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly lastScaleTime?: Timestamp;
    readonly currentReplicas?: number;
    readonly desiredReplicas: number;
    readonly currentMetrics?: readonly {
      readonly type: 'Object';
      readonly object: {
        readonly describedObject: { readonly apiVersion?: string; readonly kind: string; readonly name: string };
        readonly metric: { readonly name: string };
        readonly current: { readonly value?: Quantity; readonly averageValue?: Quantity };
      };
    }[];
    readonly conditions?: readonly Condition[];
  };
}

// ---- configuration and storage

export interface ConfigMap {
  readonly apiVersion: 'v1';
  readonly kind: 'ConfigMap';
  readonly metadata: ObjectMeta;
  readonly data?: StringMap;
  readonly binaryData?: StringMap;
  readonly immutable?: boolean;
}

export interface Secret {
  readonly apiVersion: 'v1';
  readonly kind: 'Secret';
  readonly metadata: ObjectMeta;
  /** Values are base64. */
  readonly data?: StringMap;
  /** Plain text; merged into `data` on admission. */
  readonly stringData?: StringMap;
  readonly type?: string;
  readonly immutable?: boolean;
}

export interface PersistentVolumeClaim {
  readonly apiVersion: 'v1';
  readonly kind: 'PersistentVolumeClaim';
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly accessModes: readonly ('ReadWriteOnce' | 'ReadWriteMany' | 'ReadOnlyMany' | 'ReadWriteOncePod')[];
    readonly resources?: { readonly requests?: { readonly storage?: Quantity }; readonly limits?: { readonly storage?: Quantity } };
    readonly storageClassName?: string;
    readonly volumeName?: string;
  };
  readonly status?: { readonly phase?: 'Pending' | 'Bound' | 'Lost' };
}

export interface Namespace {
  readonly apiVersion: 'v1';
  readonly kind: 'Namespace';
  readonly metadata: ObjectMeta;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: { readonly phase?: 'Active' | 'Terminating' };
}

export interface Node {
  readonly apiVersion: 'v1';
  readonly kind: 'Node';
  readonly metadata: ObjectMeta;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

export interface ObjectReference {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
}

export interface Event {
  readonly apiVersion: 'v1';
  readonly kind: 'Event';
  readonly metadata: ObjectMeta;
  readonly involvedObject: ObjectReference;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly firstTimestamp: Timestamp;
  readonly lastTimestamp: Timestamp;
  readonly source?: { readonly component: string };
}

/** Kinds that a manifest may declare. */
export type DeclarableObject =
  Deployment | Pod | Service | Ingress | HorizontalPodAutoscaler | ConfigMap | Secret | PersistentVolumeClaim | Namespace;

export type KubernetesObject = DeclarableObject | ReplicaSet | EndpointSlice | Event | Node;
export type Kind = KubernetesObject['kind'];
export type ObjectOf<K extends Kind> = Extract<KubernetesObject, { readonly kind: K }>;

/** Whether objects of a kind live in a namespace, and how the API spells the kind. Source: Kubernetes API reference. */
export interface KindDescription {
  readonly kind: Kind;
  readonly apiVersion: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly isNamespaced: boolean;
}

export const KINDS: readonly KindDescription[] = [
  { kind: 'Deployment', apiVersion: 'apps/v1', plural: 'deployments', shortNames: ['deploy'], isNamespaced: true },
  { kind: 'ReplicaSet', apiVersion: 'apps/v1', plural: 'replicasets', shortNames: ['rs'], isNamespaced: true },
  { kind: 'Pod', apiVersion: 'v1', plural: 'pods', shortNames: ['po'], isNamespaced: true },
  { kind: 'Service', apiVersion: 'v1', plural: 'services', shortNames: ['svc'], isNamespaced: true },
  { kind: 'Ingress', apiVersion: 'networking.k8s.io/v1', plural: 'ingresses', shortNames: ['ing'], isNamespaced: true },
  { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1', plural: 'endpointslices', shortNames: [], isNamespaced: true },
  {
    kind: 'HorizontalPodAutoscaler',
    apiVersion: 'autoscaling/v2',
    plural: 'horizontalpodautoscalers',
    shortNames: ['hpa'],
    isNamespaced: true,
  },
  { kind: 'ConfigMap', apiVersion: 'v1', plural: 'configmaps', shortNames: ['cm'], isNamespaced: true },
  { kind: 'Secret', apiVersion: 'v1', plural: 'secrets', shortNames: [], isNamespaced: true },
  { kind: 'PersistentVolumeClaim', apiVersion: 'v1', plural: 'persistentvolumeclaims', shortNames: ['pvc'], isNamespaced: true },
  { kind: 'Event', apiVersion: 'v1', plural: 'events', shortNames: ['ev'], isNamespaced: true },
  { kind: 'Namespace', apiVersion: 'v1', plural: 'namespaces', shortNames: ['ns'], isNamespaced: false },
  { kind: 'Node', apiVersion: 'v1', plural: 'nodes', shortNames: ['no'], isNamespaced: false },
];

/** `namespace/name`, or `/name` for a kind without namespaces. Unique within a kind. */
export type ObjectKey = string;

export function keyOf(object: { readonly metadata: ObjectMeta }): ObjectKey {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

interface Named {
  readonly name: string;
  readonly namespace?: string | undefined;
}

/** "deployment/acts", or "deployment/acts.staging" outside the default namespace: how operations, events and errors name an object. */
export function formatReference(kind: string, { name, namespace = 'default' }: Named): string {
  return `${kind.toLowerCase()}/${name}${namespace === 'default' ? '' : `.${namespace}`}`;
}

/** "deployment/acts", or "deployment/acts -n staging": how a command takes it. */
export function formatArgument(kind: string, { name, namespace = 'default' }: Named): string {
  return `${kind.toLowerCase()}/${name}${namespace === 'default' ? '' : ` -n ${namespace}`}`;
}

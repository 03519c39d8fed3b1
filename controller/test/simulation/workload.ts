/** What a run declares: a few applications with random settings, as objects of manifests. Every change of them begins here. */
import { ANNOTATION } from '../../src/model/annotations.ts';
import type {
  Container,
  DeclarableObject,
  Deployment,
  HorizontalPodAutoscaler,
  Ingress,
  ObjectMeta,
  Pod,
  Probe,
  Service,
  Volume,
} from '../../src/model/objects.ts';
import type { Random } from './random.ts';

export const IMAGES = ['app:1', 'app:2', 'app:3', 'slow:1', 'crash:1', 'deaf:1', 'job:1'];
/** Only a pull brings them. */
export const REMOTE_IMAGES = ['app:4'];
const GOOD_IMAGES = ['app:1', 'app:2', 'app:3', 'app:4', 'slow:1', 'deaf:1'];
const BAD_IMAGES = ['crash:1', 'missing:1'];

export interface App {
  readonly name: string;
  readonly namespace: string;
  readonly host: string;
  /** Replicas never exceed it: a pinned range has room for so many. */
  readonly replicasMost: number;
  /** All objects of the app but its Deployment. */
  readonly others: readonly DeclarableObject[];
  /** Never taken back: nothing at all is removed while a claim would be. */
  readonly claims: readonly DeclarableObject[];
  deployment: Deployment;
  isDeclared: boolean;
  hasAutoscaler: boolean;
}

export class Workload {
  readonly apps: App[] = [];
  readonly barePods: { pod: Pod; isDeclared: boolean }[] = [];
  readonly #random: Random;
  #version = 1;

  constructor(random: Random) {
    this.#random = random;
    const namespaces = random.chance(0.4) ? ['default', 'staging'] : ['default'];
    const count = random.int(1, 3);
    for (let index = 0; index < count; index++) this.apps.push(this.#makeApp(index, random.pick(namespaces)));
    if (random.chance(0.3)) this.barePods.push({ pod: this.#makePod('lone', random.pick(namespaces)), isDeclared: true });
  }

  /** Everything declared now, as the manifests directory would say it. */
  declared(): readonly DeclarableObject[] {
    return [
      ...this.apps.flatMap(({ isDeclared, deployment, others }) => (isDeclared ? [deployment, ...others] : [])),
      ...this.apps.flatMap(({ claims }) => claims),
      ...this.barePods.flatMap(({ isDeclared, pod }) => (isDeclared ? [pod] : [])),
      // Always something: an empty directory deletes nothing.
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'anchor', namespace: 'default' }, data: { a: '1' } },
    ];
  }

  /** Another template: another image, another environment. */
  changeTemplate(app: App, isBad: boolean): void {
    const { template } = app.deployment.spec;
    const container = template.spec.containers[0]!;
    const changed: Container = {
      ...container,
      image: isBad ? this.#random.pick(BAD_IMAGES) : this.#random.pick(GOOD_IMAGES),
      env: [...(container.env ?? []).filter(({ name }) => name !== 'VERSION'), { name: 'VERSION', value: String(++this.#version) }],
    };
    app.deployment = withSpec(app.deployment, { template: { ...template, spec: { ...template.spec, containers: [changed] } } });
  }

  /** Nothing in it stays broken for ever. */
  mend(): void {
    const [first] = this.apps;
    // Others may depend on it.
    if (first !== undefined) first.isDeclared = true;
    for (const app of this.apps) {
      const image = app.deployment.spec.template.spec.containers[0]!.image;
      if (BAD_IMAGES.includes(image)) this.changeTemplate(app, false);
    }
  }

  #makeApp(index: number, namespace: string): App {
    const random = this.#random;
    const name = ['web', 'api', 'db'][index]!;
    const isPinned = random.chance(0.45);
    const replicasMost = random.int(2, 5);
    const first = 8000 + 20 * index;
    const surgePorts = random.int(0, 2);
    const dependsOn = index > 0 && random.chance(0.4) ? this.apps[0] : undefined;
    const isDependent = dependsOn?.namespace === namespace;
    const labels = { app: name };
    const metadata: ObjectMeta = { name, namespace };
    const host = `${name}.${namespace}.test`;
    const service: Service = { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ port: 8080 }] } };
    const ingress: Ingress = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata,
      spec: {
        rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name, port: { number: 8080 } } } }] } }],
      },
    };
    const { volumes, mounts, objects, claims } = this.#makeVolumes(name, namespace);
    const hasAutoscaler = random.chance(0.25);
    const deployment: Deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas: random.int(1, replicasMost),
        selector: { matchLabels: labels },
        ...this.#makeStrategy(isPinned, surgePorts),
        ...(random.chance(0.3) && { minReadySeconds: random.int(1, 3) }),
        ...(random.chance(0.4) && { revisionHistoryLimit: random.int(0, 2) }),
        template: {
          metadata: {
            labels,
            annotations: {
              ...(isPinned && { [ANNOTATION.hostPorts]: `${first}-${first + replicasMost + surgePorts - 1}` }),
              ...(isDependent && { [ANNOTATION.dependsOn]: `deployment/${dependsOn.name}` }),
            },
          },
          spec: {
            terminationGracePeriodSeconds: random.int(1, 8),
            containers: [
              {
                name,
                image: random.pick(GOOD_IMAGES),
                ports: [{ containerPort: 8080 }],
                env: [{ name: 'VERSION', value: '1' }, ...(isDependent ? [{ name: 'DEPENDS_ON', value: dependsOn.name }] : [])],
                ...this.#makeProbes(),
                ...(random.chance(0.25) && { lifecycle: { preStop: { exec: { command: ['prepare'] } } } }),
                ...(mounts.length > 0 && { volumeMounts: mounts }),
              },
            ],
            ...(volumes.length > 0 && { volumes }),
          },
        },
      },
    };
    const autoscaler = hasAutoscaler ? [this.#makeAutoscaler(metadata, replicasMost)] : [];
    return {
      name,
      namespace,
      host,
      replicasMost,
      deployment,
      others: [service, ingress, ...objects, ...autoscaler],
      claims,
      isDeclared: true,
      hasAutoscaler,
    };
  }

  /** On a full range something must be allowed to be unavailable: otherwise no rollout could ever move. */
  #makeStrategy(isPinned: boolean, surgePorts: number): Pick<Deployment['spec'], 'strategy'> {
    const random = this.#random;
    if (random.chance(0.15)) return { strategy: { type: 'Recreate' } };
    if (random.chance(0.2) && !isPinned) return {};
    const maxSurge = random.pick<number | string>([0, 1, 1, 2, '25%', '50%', '100%']);
    const mayBeZero = (!isPinned || surgePorts > 0) && maxSurge !== 0;
    const maxUnavailable = random.pick<number | string>(mayBeZero ? [0, 0, 1, '25%', '50%'] : [1, 1, 2]);
    return { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } };
  }

  #makeProbes(): Pick<Container, 'startupProbe' | 'readinessProbe' | 'livenessProbe'> {
    const random = this.#random;
    const probe = (): Probe => ({
      httpGet: { path: '/health', port: 8080 },
      periodSeconds: random.int(1, 4),
      failureThreshold: random.int(1, 3),
    });
    const hasStartup = random.chance(0.6);
    return {
      ...(hasStartup && { startupProbe: { ...probe(), failureThreshold: 60 } }),
      ...(random.chance(0.9) && { readinessProbe: probe() }),
      // Without a startup probe a slow start must not look like a hang.
      ...(random.chance(0.6) && { livenessProbe: { ...probe(), ...(!hasStartup && { initialDelaySeconds: 5 }) } }),
    };
  }

  #makeVolumes(
    name: string,
    namespace: string,
  ): { volumes: Volume[]; mounts: { name: string; mountPath: string }[]; objects: DeclarableObject[]; claims: DeclarableObject[] } {
    const random = this.#random;
    const volumes: Volume[] = [];
    const objects: DeclarableObject[] = [];
    const claims: DeclarableObject[] = [];
    if (random.chance(0.25)) {
      objects.push({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `${name}-config`, namespace }, data: { key: 'value' } });
      volumes.push({ name: 'config', configMap: { name: `${name}-config` } });
    }
    if (random.chance(0.2)) {
      const metadata = { name: `${name}-secret`, namespace, annotations: { [ANNOTATION.generate]: 'password' } };
      objects.push({ apiVersion: 'v1', kind: 'Secret', metadata });
      volumes.push({ name: 'secret', secret: { secretName: `${name}-secret` } });
    }
    if (random.chance(0.25)) volumes.push({ name: 'scratch', emptyDir: {} });
    if (random.chance(0.25)) {
      const metadata = { name: `${name}-data`, namespace };
      claims.push({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: { accessModes: ['ReadWriteOnce'] } });
      volumes.push({ name: 'data', persistentVolumeClaim: { claimName: `${name}-data` } });
    }
    return { volumes, objects, claims, mounts: volumes.map((volume) => ({ name: volume.name, mountPath: `/${volume.name}` })) };
  }

  #makeAutoscaler({ name, namespace = 'default' }: ObjectMeta, maxReplicas: number): HorizontalPodAutoscaler {
    return {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name, namespace, annotations: { [ANNOTATION.syncPeriod]: '10s', [ANNOTATION.window]: '10s' } },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
        minReplicas: 1,
        maxReplicas,
        metrics: [
          {
            type: 'Object',
            object: {
              describedObject: { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', name },
              metric: { name: 'requests-per-window' },
              target: { type: 'AverageValue', averageValue: '12' },
            },
          },
        ],
        behavior: { scaleDown: { stabilizationWindowSeconds: 0 } },
      },
    };
  }

  #makePod(name: string, namespace: string): Pod {
    const random = this.#random;
    const restartPolicy = random.pick(['Always', 'OnFailure', 'Never'] as const);
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels: { app: name } },
      spec: {
        restartPolicy,
        terminationGracePeriodSeconds: 3,
        containers: [{ name, image: restartPolicy === 'Always' ? 'app:1' : random.pick(['app:1', 'job:1']) }],
      },
    };
  }
}

export function withSpec(deployment: Deployment, change: Partial<Deployment['spec']>): Deployment {
  return { ...deployment, spec: { ...deployment.spec, ...change } };
}

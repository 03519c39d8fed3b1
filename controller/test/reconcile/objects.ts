/** Objects for the reconcilers' tests, as small as they can be. */
import type { Deployment, Ingress, PodTemplateSpec, Service } from '../../src/model/objects.ts';

export interface DeploymentOptions {
  readonly name?: string;
  readonly replicas?: number;
  readonly image?: string;
  readonly hostPorts?: string;
  readonly dependsOn?: string;
  readonly maxSurge?: number | string;
  readonly maxUnavailable?: number | string;
  readonly strategy?: 'RollingUpdate' | 'Recreate';
  readonly env?: Readonly<Record<string, string>>;
}

const probe = { httpGet: { path: '/health', port: 8080 }, periodSeconds: 1, failureThreshold: 1 };

export function makeDeployment(options: DeploymentOptions = {}): Deployment {
  const {
    name = 'web',
    replicas = 1,
    image = 'web:1',
    hostPorts,
    dependsOn,
    maxSurge,
    maxUnavailable,
    strategy = 'RollingUpdate',
    env = {},
  } = options;
  const annotations = {
    ...(hostPorts !== undefined && { 'coxswain.dev/host-ports': hostPorts }),
    ...(dependsOn !== undefined && { 'coxswain.dev/depends-on': dependsOn }),
  };
  const template: PodTemplateSpec = {
    metadata: { labels: { app: name }, annotations },
    spec: {
      containers: [
        {
          name,
          image,
          imagePullPolicy: 'IfNotPresent',
          ports: [{ containerPort: 8080 }],
          env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
          startupProbe: { ...probe, failureThreshold: 120 },
          readinessProbe: probe,
          livenessProbe: probe,
        },
      ],
    },
  };
  const rollingUpdate = { ...(maxSurge !== undefined && { maxSurge }), ...(maxUnavailable !== undefined && { maxUnavailable }) };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template,
      strategy: { type: strategy, ...(strategy === 'RollingUpdate' && { rollingUpdate }) },
    },
  };
}

export function makeService(name = 'web'): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: name }, ports: [{ port: 8080 }] } };
}

export function makeIngress(name = 'web'): Ingress {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name },
    spec: { rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name, port: { number: 8080 } } } }] } }] },
  };
}

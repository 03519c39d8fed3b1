/** A small system to break: replicas of a web server that starts in a moment, behind the ingress; nothing else. */
import { TEST_IMAGE, ensureTestImage } from '../runtime/test-image.ts';
import { System } from '../e2e/system.ts';
import { WEB_ROUTE } from '../e2e/web-route.ts';

export interface SmallSystemOptions {
  readonly name: string;
  readonly basePort: number;
  readonly replicas?: number;
  /** Pinned to host ports; otherwise reached by bridge address, and replaced start-first. */
  readonly isPinned?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

export async function makeSmallSystem(options: SmallSystemOptions): Promise<System> {
  await ensureTestImage('/var/run/docker.sock');
  const { name, basePort, environment } = options;
  return new System({
    name,
    basePort,
    manifests: { 'web.yaml': webManifest(options) },
    ...(environment !== undefined && { environment }),
  });
}

/** Answers after half a second. */
export const SLOW_PATH = '/cgi-bin/slow';

/** Its presence is readiness; liveness asks for something else. */
export const READY_FILE = '/tmp/www/ready';

/** SIGUSR1 makes it take all memory it may have. BusyBox as process 1 would ignore SIGTERM, hence the trap. */
function webManifest({ basePort, replicas = 3, isPinned = true }: SmallSystemOptions): string {
  const ports = isPinned ? `{coxswain.dev/host-ports: "${basePort}-${basePort + 19}"}` : '{}';
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 1}}
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: ${ports}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
        - name: web
          image: ${TEST_IMAGE}
          imagePullPolicy: IfNotPresent
          command:
            - sh
            - -c
            - |
              trap 'exit 0' TERM
              trap 'exec tail /dev/zero' USR1
              mkdir -p /tmp/www/cgi-bin
              echo "$VERSION" > /tmp/www/index.html
              printf '#!/bin/sh\\nsleep 0.5\\nprintf "Content-Type: text/plain\\\\r\\\\n\\\\r\\\\nslow"\\n' > /tmp/www/cgi-bin/slow
              chmod +x /tmp/www/cgi-bin/slow
              touch ${READY_FILE}
              httpd -f -p 8080 -h /tmp/www &
              wait
          env: [{name: VERSION, value: "1"}]
          ports: [{containerPort: 8080}]
          resources: {limits: {memory: 32Mi}}
          readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1, failureThreshold: 1}
          livenessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 1}
---
${WEB_ROUTE}`;
}

/** A second application, in a namespace of its own. */
export const SIDE_MANIFEST = `apiVersion: v1
kind: Namespace
metadata: {name: side}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: side, namespace: side}
data: {greeting: hello}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: side, namespace: side}
spec:
  replicas: 1
  selector: {matchLabels: {app: side}}
  template:
    metadata: {labels: {app: side}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: side
          image: ${TEST_IMAGE}
          imagePullPolicy: IfNotPresent
          command: [sh, -c, "trap 'exit 0' TERM; sleep 1000000 & wait"]
          volumeMounts: [{name: config, mountPath: /config}]
      volumes: [{name: config, configMap: {name: side}}]
---
apiVersion: v1
kind: Service
metadata: {name: side, namespace: side}
spec:
  selector: {app: side}
  ports: [{port: 8080}]
`;

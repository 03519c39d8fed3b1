/** Small valid manifests that the tests edit, and the way to read manifests in tests. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { formatManifestProblem } from '../../src/manifest/manifest-error.ts';
import { readManifestSchemas } from '../../src/manifest/manifest-schemas.ts';
import type { ManifestSnapshot } from '../../src/manifest/manifest-snapshot.ts';
import { parseManifests } from '../../src/manifest/parse-manifests.ts';
import type { ManifestFile, ManifestOptions } from '../../src/manifest/parse-manifests.ts';

export const schemas = readManifestSchemas();

export const SHIPPED: readonly ManifestFile[] = ['acts.yaml', 'postgres.yaml', 'users.yaml'].map((path) => ({
  path,
  content: readFileSync(new URL(`../../../manifests/${path}`, import.meta.url), 'utf8'),
}));

export const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: web:1
          ports:
            - name: http
              containerPort: 8080
`;

export const SERVICE = `apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports:
    - port: 8080
`;

export const INGRESS = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
spec:
  rules:
    - http:
        paths:
          - path: /
            pathType: Prefix
            backend: {service: {name: web, port: {number: 8080}}}
`;

export const AUTOSCALER = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: web
spec:
  scaleTargetRef: {kind: Deployment, name: web}
  maxReplicas: 4
  metrics:
    - type: Object
      object:
        describedObject: {kind: Ingress, name: web}
        metric: {name: requests-per-window}
        target: {type: AverageValue, averageValue: 20}
`;

export const CONFIG_MAP = `apiVersion: v1
kind: ConfigMap
metadata:
  name: web
data:
  greeting: hello
`;

export const SECRET = `apiVersion: v1
kind: Secret
metadata:
  name: web
data:
  password: aHVudGVyMg==
`;

export const CLAIM = `apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
`;

export const POD = `apiVersion: v1
kind: Pod
metadata:
  name: job
spec:
  restartPolicy: Never
  containers:
    - name: job
      image: job:1
`;

/** Documents in one text. */
export function join(...documents: readonly string[]): string {
  return documents.join('---\n');
}

/** The text with one piece replaced; the piece must be there exactly once, so that a test cannot pass for want of an edit. */
export function edit(text: string, piece: string, replacement: string): string {
  if (text.split(piece).length !== 2) throw new Error(`${JSON.stringify(piece)} is not in the text exactly once`);
  return text.replace(piece, () => replacement);
}

/** The text with lines added below a line that begins with `anchor` after its indentation; `lines` are indented as that one is. */
export function below(text: string, anchor: string, ...lines: readonly string[]): string {
  const all = text.split('\n');
  const at = all.findIndex((line) => line.trimStart().startsWith(anchor));
  if (at < 0) throw new Error(`no line begins with ${JSON.stringify(anchor)}`);
  const indentation = /^ */.exec(all[at]!)![0];
  all.splice(at + 1, 0, ...lines.map((line) => `${indentation}${line}`));
  return all.join('\n');
}

export function read(
  files: string | Readonly<Record<string, string>>,
  permissions: Omit<ManifestOptions, 'schemas'> = {},
): ManifestSnapshot {
  const texts = typeof files === 'string' ? { 'web.yaml': files } : files;
  const list = Object.entries(texts).map(([path, content]) => ({ path, content }));
  return parseManifests(list, { schemas, ...permissions });
}

export function problemsOf(snapshot: ManifestSnapshot): string {
  return [
    ...snapshot.errors.map((error) => `${error.code} ${formatManifestProblem(error)}`),
    ...snapshot.warnings.map((warning) => `(${warning.code}) ${formatManifestProblem(warning)}`),
  ].join('\n');
}

export interface ProblemRow {
  readonly name: string;
  readonly files: string | Readonly<Record<string, string>>;
  readonly problems: readonly string[];
}

/** One test a row: the files, and everything that is said about them. Warnings are in brackets. */
export function describeProblems(title: string, rows: readonly ProblemRow[]): void {
  describe(title, () => {
    for (const { name, files, problems } of rows) {
      it(name, () => {
        expect(problemsOf(read(files)).split('\n')).to.deep.equal(problems);
      });
    }
  });
}

/** The Deployment with pinned host ports. */
export function pinned(deployment: string, ports: string): string {
  return deployment.replace(/( +)labels: \{app: (\w+)\}\n/, `$1labels: {app: $2}\n$1annotations: {coxswain.dev/host-ports: ${ports}}\n`);
}

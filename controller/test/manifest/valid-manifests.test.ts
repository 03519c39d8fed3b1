/** What must be accepted, and how it is read; and that a real Kubernetes accepts it too (kubernetes-models is the oracle). */
import { expect } from 'chai';
import fc from 'fast-check';
import * as apps from 'kubernetes-models/apps/v1';
import * as autoscaling from 'kubernetes-models/autoscaling/v2';
import * as networking from 'kubernetes-models/networking.k8s.io/v1';
import * as core from 'kubernetes-models/v1';
import type { DeclarableObject } from '../../src/model/objects.ts';
import { parseManifests } from '../../src/manifest/parse-manifests.ts';
import {
  AUTOSCALER,
  below,
  CLAIM,
  CONFIG_MAP,
  DEPLOYMENT,
  edit,
  INGRESS,
  join,
  POD,
  problemsOf,
  read,
  schemas,
  SECRET,
  SERVICE,
  SHIPPED,
} from './fixtures.ts';

const MODELS: Readonly<Record<DeclarableObject['kind'], new (object: never) => { validate: () => void }>> = {
  Deployment: apps.Deployment,
  Pod: core.Pod,
  Service: core.Service,
  Ingress: networking.Ingress,
  HorizontalPodAutoscaler: autoscaling.HorizontalPodAutoscaler,
  ConfigMap: core.ConfigMap,
  Secret: core.Secret,
  PersistentVolumeClaim: core.PersistentVolumeClaim,
  Namespace: core.Namespace,
};

function expectKubernetesAccepts(object: DeclarableObject): void {
  new MODELS[object.kind](object as never).validate();
}

const WEB = join(DEPLOYMENT, SERVICE);

interface Row {
  readonly name: string;
  readonly files: string | Readonly<Record<string, string>>;
}

const VALID: readonly Row[] = [
  { name: 'everything together', files: join(DEPLOYMENT, SERVICE, INGRESS, AUTOSCALER, CONFIG_MAP, SECRET, CLAIM, POD) },
  {
    name: 'objects in several files that name one another',
    files: { 'a.yaml': AUTOSCALER, 'b.yml': INGRESS, 'c.yaml': SERVICE, 'd.yaml': DEPLOYMENT },
  },
  { name: 'a byte order mark', files: `\uFEFF${WEB}` },
  { name: 'lines that end as on Windows', files: WEB.replaceAll('\n', '\r\n') },
  { name: 'empty documents and comments between', files: `---\n---\n# a\n${DEPLOYMENT}---\n---\n${SERVICE}---\n# end\n` },
  { name: 'no line break at the end', files: WEB.trimEnd() },
  {
    name: 'JSON',
    files: { 'web.json': '{\n\t"apiVersion": "v1",\n\t"kind": "ConfigMap",\n\t"metadata": {"name": "web"},\n\t"data": {"a": "b"}\n}\n' },
  },
  {
    name: 'a List',
    files:
      'apiVersion: v1\nkind: List\nmetadata: {}\nitems:\n  - {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n  - {apiVersion: v1, kind: Namespace, metadata: {name: b}}\n',
  },
  {
    name: 'a namespace of its own',
    files: join(
      'apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n',
      ...[DEPLOYMENT, SERVICE].map((text) => edit(text, 'name: web\nspec', 'name: web\n  namespace: other\nspec')),
    ),
  },
  { name: 'one name in two namespaces', files: join(CONFIG_MAP, edit(CONFIG_MAP, 'name: web', 'name: web\n  namespace: other')) },
  {
    name: 'a generated key',
    files: join(
      'apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  annotations: {coxswain.dev/generate: "password, token"}\n',
      below(DEPLOYMENT, 'image:', 'env: [{name: A, valueFrom: {secretKeyRef: {name: db, key: token}}}]'),
    ),
  },
  {
    name: 'an optional reference to nothing',
    files: below(DEPLOYMENT, 'image:', 'envFrom: [{secretRef: {name: nowhere, optional: true}}]'),
  },
  {
    name: 'refused fields that ask for nothing',
    files: edit(POD, '  containers', '  hostNetwork: false\n  initContainers: []\n  containers'),
  },
  {
    name: 'a Secret volume with items',
    files: join(
      SECRET,
      edit(
        POD,
        '  containers',
        '  volumes: [{name: s, secret: {secretName: web, items: [{key: password, path: p, mode: 256}]}}]\n  containers',
      ),
    ),
  },
  {
    name: 'a claim, an emptyDir and a ConfigMap as volumes',
    files: join(
      CLAIM,
      CONFIG_MAP,
      edit(
        POD,
        '  containers',
        '  volumes: [{name: a, emptyDir: {medium: Memory, sizeLimit: 1Mi}}, {name: b, configMap: {name: web}}, {name: c, persistentVolumeClaim: {claimName: data}}]\n  containers',
      ),
    ),
  },
  { name: 'named target ports', files: join(DEPLOYMENT, edit(SERVICE, 'port: 8080', 'port: 8080\n      targetPort: http')) },
  {
    name: 'one host port range on two addresses',
    files: join(
      ...['127.0.0.1', '127.0.0.2'].map((ip, index) =>
        edit(
          DEPLOYMENT.replaceAll('web', `web${index}`),
          `      labels: {app: web${index}}\n`,
          `      labels: {app: web${index}}\n      annotations: {coxswain.dev/host-ports: 8000-8009, coxswain.dev/host-ip: ${ip}}\n`,
        ),
      ),
    ),
  },
  {
    name: 'a scale to zero',
    files: join(DEPLOYMENT, SERVICE, INGRESS, edit(AUTOSCALER, 'maxReplicas: 4', 'maxReplicas: 4\n  minReplicas: 0')),
  },
  {
    name: 'every kind of probe',
    files: below(
      DEPLOYMENT,
      'image:',
      'startupProbe: {exec: {command: [test, -e, /ready]}, failureThreshold: 30}',
      'readinessProbe: {tcpSocket: {port: http}, successThreshold: 2}',
      'livenessProbe: {httpGet: {path: /, port: 8080, httpHeaders: [{name: X-A, value: b}]}, initialDelaySeconds: 1}',
    ),
  },
];

describe('valid manifests', () => {
  for (const { name, files } of VALID) {
    it(`${name}: accepted without a warning, by Kubernetes too`, () => {
      const snapshot = read(files);
      expect(problemsOf(snapshot)).to.equal('');
      expect(snapshot.objects).not.to.be.empty;
      for (const { object } of snapshot.objects) expectKubernetesAccepts(object);
    });
  }

  it('accepts hostPath and privileged where the configuration allows them', () => {
    const pod = below(
      edit(POD, '  containers', '  volumes: [{name: etc, hostPath: {path: /etc, type: Directory}}]\n  containers'),
      'image:',
      'securityContext: {privileged: true}',
    );
    expect(problemsOf(read(pod, { isHostPathAllowed: true, isPrivilegedAllowed: true }))).to.equal('');
    expect(read(pod, { isHostPathAllowed: true }).errors.map(({ path }) => path)).to.deep.equal([
      'spec.containers[0].securityContext.privileged',
    ]);
  });

  it('the shipped manifests: ten objects, no error, no warning, accepted by Kubernetes', () => {
    const snapshot = parseManifests(SHIPPED, { schemas });
    expect(problemsOf(snapshot)).to.equal('');
    expect(snapshot.objects.map(({ object, source }) => `${source.file} ${object.kind} ${object.metadata.name}`)).to.deep.equal([
      'acts.yaml HorizontalPodAutoscaler acts',
      'acts.yaml Deployment acts',
      'acts.yaml Service acts',
      'acts.yaml Ingress acts',
      'postgres.yaml Service postgres',
      'postgres.yaml Deployment postgres',
      'postgres.yaml PersistentVolumeClaim postgres',
      'postgres.yaml Secret postgres',
      'users.yaml Deployment users',
      'users.yaml Service users',
    ]);
    for (const { object } of snapshot.objects) expectKubernetesAccepts(object);
  });

  it('only the acts containers have "acts" in their name, image or command', () => {
    for (const { object } of parseManifests(SHIPPED, { schemas }).objects) {
      if (object.kind !== 'Deployment' || object.metadata.name === 'acts') continue;
      const { name, image, command, args } = object.spec.template.spec.containers[0]!;
      expect(JSON.stringify([object.metadata.name, name, image, command, args])).not.to.contain('acts');
    }
  });
});

describe('reading manifests', () => {
  it('keeps an object as written: the namespace is set, nothing else', () => {
    const [deployment] = read(DEPLOYMENT).objects;
    expect(deployment).to.deep.equal({
      source: { file: 'web.yaml', line: 1 },
      object: {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web', namespace: 'default' },
        spec: {
          replicas: 2,
          selector: { matchLabels: { app: 'web' } },
          template: {
            metadata: { labels: { app: 'web' } },
            spec: { containers: [{ name: 'web', image: 'web:1', ports: [{ name: 'http', containerPort: 8080 }] }] },
          },
        },
      },
    });
  });

  it('keeps ignored fields, and drops what only Coxswain writes', () => {
    const text = `${edit(DEPLOYMENT, 'name: web\nspec', 'name: web\n  uid: x\n  annotations: {a: b, coxswain.dev/source: c}\nspec').replace('      containers', '      priority: 1\n      nodeName: n\n      containers')}status: {}\n`;
    const { object } = read(text).objects[0]!;
    expect(object.metadata).to.deep.equal({ name: 'web', namespace: 'default', annotations: { a: 'b' } });
    expect(object).not.to.have.property('status');
    expect(object.kind === 'Deployment' && object.spec.template.spec).to.have.all.keys('priority', 'containers');
  });

  it('merges stringData into data as base64', () => {
    const { object } = read(`${SECRET}stringData: {token: schlüssel, password: new}\n`).objects[0]!;
    expect(object).to.deep.include({ data: { password: 'bmV3', token: Buffer.from('schlüssel').toString('base64') } });
    expect(object).not.to.have.property('stringData');
  });

  it('takes words for text where YAML 1.1 took booleans', () => {
    const { object } = read(edit(CONFIG_MAP, 'greeting: hello', 'a: on\n  b: yes\n  c: 2024-01-01\n  d: "0x10"')).objects[0]!;
    expect(object).to.deep.include({ data: { a: 'on', b: 'yes', c: '2024-01-01', d: '0x10' } });
  });

  it('resolves anchors and merge keys into values of their own, and finds places in them', () => {
    const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: &meta\n  name: web\ndata: &base {a: x, b: y}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  <<: &more {a: x}\n  c: z\n`;
    const [, secret] = read(text).objects;
    expect(secret!.object).to.deep.include({ data: { a: 'eA==', c: 'eg==' } });
    const bad = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n  <<: &more\n    a: 1\n`;
    expect(problemsOf(read(bad))).to.equal('WrongType web.yaml:6:5 configmap/web data.a: expected text, found 1');
  });

  it('reports at most 20 errors of a file, and how many more there are', () => {
    const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n${Array.from({ length: 30 }, (_, n) => `  k${n}: ${n}\n`).join('')}`;
    const { errors } = read(text);
    expect(errors).to.have.length(20);
    expect(errors.at(-1)!.message).to.equal('expected text, found 19 (and 10 more in this file)');
  });

  it('says the same whatever the order of the files', () => {
    const files = Object.entries({
      'a.yaml': AUTOSCALER,
      'b.yaml': INGRESS,
      'c.yaml': SERVICE,
      'd.yaml': DEPLOYMENT,
      'e.yaml': CONFIG_MAP,
      'f.yaml': CONFIG_MAP,
      'g.yaml': 'a: b: c',
      'h.yaml': edit(DEPLOYMENT, 'name: web\nspec', 'name: web3\nspec'),
    }).map(([path, content]) => ({ path, content }));
    const expected = parseManifests(files, { schemas });
    fc.assert(
      fc.property(fc.shuffledSubarray(files, { minLength: files.length }), (shuffled) => {
        expect(parseManifests(shuffled, { schemas })).to.deep.equal(expected);
      }),
      { numRuns: 20 },
    );
  });
});

/** Tables: a manifest that is wrong -> everything that is said about it, compared whole. */
import { expect } from 'chai';
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
  SECRET,
  SERVICE,
} from './fixtures.ts';

interface Row {
  readonly name: string;
  readonly files: string | Readonly<Record<string, string>>;
  readonly problems: readonly string[];
}

function pinned(deployment: string, ports: string): string {
  return deployment.replace(/( +)labels: \{app: (\w+)\}\n/, `$1labels: {app: $2}\n$1annotations: {coxswain.dev/host-ports: ${ports}}\n`);
}

/** Nine levels of ten: a billion values from nine lines. */
function bomb(): string {
  const levels = Array.from({ length: 9 }, (_, level) => `l${level + 1}: &l${level + 1} [${Array(10).fill(`*l${level}`).join(', ')}]\n`);
  return `l0: &l0 [${Array(10).fill('x').join(', ')}]\n${levels.join('')}`;
}

const TABLES: Readonly<Record<string, readonly Row[]>> = {
  text: [
    {
      name: 'nesting by indentation without an end',
      files: Array.from({ length: 100 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''),
      problems: ['TooDeep web.yaml:65:65: nested deeper than 64 levels'],
    },
    { name: 'an alias bomb', files: bomb(), problems: ['AliasBomb web.yaml:1:1: more than 100 values come out of aliases'] },
    {
      name: 'a tab as indentation',
      files: 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: web\n',
      problems: ['BadYaml web.yaml:4:1: Tabs are not allowed as indentation'],
    },
    { name: 'a key twice', files: below(CONFIG_MAP, 'kind:', 'kind: Secret'), problems: ['BadYaml web.yaml:3:1: Map keys must be unique'] },
    {
      name: 'bad indentation',
      files: edit(DEPLOYMENT, '      labels: {app: web}', '     labels: {app: web}\n       x: y'),
      problems: ['BadYaml web.yaml:12:1: All mapping items must start at the same column'],
    },
    { name: 'an unclosed quote', files: edit(CONFIG_MAP, 'hello', '"hello'), problems: ['BadYaml web.yaml:7:1: Missing closing "quote'] },
    {
      name: 'a tag of a program',
      files: edit(CONFIG_MAP, 'hello', '!!js/function "x"'),
      problems: ['BadYaml web.yaml:6:13: Unresolved tag: tag:yaml.org,2002:js/function'],
    },
    {
      name: 'a key that is a list',
      files: `${CONFIG_MAP}  ? [a, b]\n  : c\n`,
      problems: ['BadYaml web.yaml:7:5: With stringKeys, all keys must be strings'],
    },
    {
      name: 'an alias of nothing',
      files: edit(CONFIG_MAP, 'hello', '*nowhere'),
      problems: ['BadYaml web.yaml:1:1: Unresolved alias (the anchor must be set before the alias): nowhere'],
    },
    {
      name: 'an alias within itself',
      files: edit(CONFIG_MAP, '\ndata:', '\ndata: &data\n  me: *data'),
      problems: ['BadYaml web.yaml:1:1: an alias contains itself'],
    },
    { name: 'nesting without an end', files: '['.repeat(90_000), problems: ['TooDeep web.yaml:1:65: nested deeper than 64 levels'] },
    {
      name: 'a map of too many keys',
      files: `${CONFIG_MAP}${Array.from({ length: 2001 }, (_, n) => `  key${n}: x\n`).join('')}`,
      problems: ['TooLarge web.yaml:6:3: more than 2000 entries in one map or flow list'],
    },
    {
      name: 'too many documents',
      files: '---\na: 1\n'.repeat(501),
      problems: ['TooLarge web.yaml:1001:1: more than 500 documents in one file'],
    },
    {
      name: 'too many words',
      files: `a: [${'a,'.repeat(60_000)}]`,
      problems: ['TooLarge web.yaml:1:66667: more than 100000 words and signs in one file'],
    },
    {
      name: 'JSON that is cut short',
      files: { 'web.json': '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "we' },
      problems: ['BadYaml web.json:1:67: Missing closing "quote'],
    },
    {
      name: 'an empty file',
      files: '',
      problems: ['EmptyFile web.yaml: declares nothing; its objects are kept until it declares something or is removed'],
    },
    {
      name: 'nothing but comments and separators',
      files: '---\n# nothing yet\n---\n',
      problems: ['EmptyFile web.yaml: declares nothing; its objects are kept until it declares something or is removed'],
    },
    {
      name: 'an empty List',
      files: 'apiVersion: v1\nkind: List\nitems: []\n',
      problems: ['EmptyFile web.yaml: declares nothing; its objects are kept until it declares something or is removed'],
    },
    {
      name: 'one bad document among good ones',
      files: join(CONFIG_MAP, 'a: b: c\n', SECRET),
      problems: ['BadYaml web.yaml:8:4: Nested mappings are not allowed in compact mappings'],
    },
  ],
  kind: [
    {
      name: 'a plain word',
      files: 'hello\n',
      problems: ['WrongType web.yaml:1:1: expected an object with apiVersion and kind, found "hello"'],
    },
    {
      name: 'a list',
      files: '- a\n- b\n',
      problems: ['WrongType web.yaml:1:1: expected an object with apiVersion and kind, found a list'],
    },
    {
      name: 'no kind',
      files: edit(CONFIG_MAP, 'kind: ConfigMap\n', ''),
      problems: ['MissingField web.yaml:1:1 kind: this field is required'],
    },
    {
      name: 'a kind that is a number',
      files: edit(CONFIG_MAP, 'kind: ConfigMap', 'kind: 7'),
      problems: ['WrongType web.yaml:2:1 kind: expected text, found 7'],
    },
    {
      name: 'a misspelt kind',
      files: edit(DEPLOYMENT, 'kind: Deployment', 'kind: Deploymnet'),
      problems: ['UnknownKind web.yaml:2:1 kind: unknown kind "Deploymnet"; did you mean "Deployment"?'],
    },
    {
      name: 'a kind of Kubernetes that Coxswain does not have',
      files: edit(DEPLOYMENT, 'kind: Deployment', 'kind: StatefulSet'),
      problems: [
        'UnknownKind web.yaml:2:1 kind: unknown kind "StatefulSet"; expected one of Deployment, Pod, Service, Ingress, HorizontalPodAutoscaler, ConfigMap, Secret, PersistentVolumeClaim, Namespace',
      ],
    },
    {
      name: 'a kind that only Coxswain makes',
      files: edit(DEPLOYMENT, 'kind: Deployment', 'kind: ReplicaSet'),
      problems: ['UnknownKind web.yaml:2:1 kind: a ReplicaSet is made by Coxswain, it cannot be declared'],
    },
    {
      name: 'no apiVersion',
      files: edit(DEPLOYMENT, 'apiVersion: apps/v1\n', ''),
      problems: ['MissingField web.yaml:1:1 apiVersion: this field is required; a Deployment is apps/v1'],
    },
    {
      name: 'an old apiVersion',
      files: edit(DEPLOYMENT, 'apps/v1', 'extensions/v1beta1'),
      problems: ['UnknownKind web.yaml:1:1 apiVersion: expected apps/v1, which is where a Deployment is, found "extensions/v1beta1"'],
    },
    {
      name: 'an item of a List',
      files: `apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: web}\n    dta: {a: b}\n`,
      problems: ['UnknownField web.yaml:7:5 configmap/web dta: unknown field "dta"; did you mean "data"?'],
    },
  ],
  fields: [
    {
      name: 'a misspelt field',
      files: edit(DEPLOYMENT, 'image: web:1', 'imag: web:1'),
      problems: [
        'UnknownField web.yaml:15:11 deployment/web spec.template.spec.containers[0].imag: unknown field "imag"; did you mean "image"?',
      ],
    },
    {
      name: 'an unknown field',
      files: below(DEPLOYMENT, 'replicas:', 'flavour: vanilla'),
      problems: [
        'UnknownField web.yaml:7:3 deployment/web spec.flavour: unknown field "flavour"; expected one of replicas, selector, template, strategy, minReadySeconds, progressDeadlineSeconds, revisionHistoryLimit, paused',
      ],
    },
    {
      name: 'a misspelt label field',
      files: edit(DEPLOYMENT, 'matchLabels', 'matchLables'),
      problems: [
        'UnknownField web.yaml:8:5 deployment/web spec.selector.matchLables: unknown field "matchLables"; did you mean "matchLabels"?',
      ],
    },
    {
      name: 'a required field that is missing',
      files: edit(DEPLOYMENT, '          image: web:1\n', ''),
      problems: ['MissingField web.yaml:14:11 deployment/web spec.template.spec.containers[0].image: this field is required'],
    },
    {
      name: 'no metadata',
      files: edit(CONFIG_MAP, 'metadata:\n  name: web\n', ''),
      problems: ['MissingField web.yaml:1:1 configmap metadata: this field is required'],
    },
    {
      name: 'no name',
      files: edit(CONFIG_MAP, 'name: web', 'labels: {}'),
      problems: ['MissingField web.yaml:3:1 configmap metadata.name: this field is required'],
    },
    {
      name: 'no spec',
      files: 'apiVersion: v1\nkind: Service\nmetadata: {name: web}\n',
      problems: ['MissingField web.yaml:1:1 service/web spec: this field is required'],
    },
    {
      name: 'text for a number',
      files: edit(DEPLOYMENT, 'replicas: 2', 'replicas: three'),
      problems: ['WrongType web.yaml:6:3 deployment/web spec.replicas: expected a whole number from 0 to 1000, found "three"'],
    },
    {
      name: 'a number in quotes',
      files: edit(DEPLOYMENT, 'replicas: 2', 'replicas: "2"'),
      problems: ['WrongType web.yaml:6:3 deployment/web spec.replicas: expected a whole number from 0 to 1000, found "2"'],
    },
    {
      name: 'a fraction for a whole number',
      files: edit(DEPLOYMENT, 'replicas: 2', 'replicas: 2.5'),
      problems: ['WrongType web.yaml:6:3 deployment/web spec.replicas: expected a whole number from 0 to 1000, found 2.5'],
    },
    {
      name: 'nothing for a number',
      files: edit(DEPLOYMENT, 'replicas: 2', 'replicas:'),
      problems: ['WrongType web.yaml:6:3 deployment/web spec.replicas: expected a whole number from 0 to 1000, found nothing'],
    },
    {
      name: 'a negative number of replicas',
      files: edit(DEPLOYMENT, 'replicas: 2', 'replicas: -1'),
      problems: ['BadValue web.yaml:6:3 deployment/web spec.replicas: expected a whole number from 0 to 1000, found -1'],
    },
    {
      name: 'more replicas than one host can bear',
      files: edit(DEPLOYMENT, 'replicas: 2', 'replicas: 100000'),
      problems: ['BadValue web.yaml:6:3 deployment/web spec.replicas: expected a whole number from 0 to 1000, found 100000'],
    },
    {
      name: 'infinity',
      files: edit(DEPLOYMENT, 'replicas: 2', 'replicas: .inf'),
      problems: ['WrongType web.yaml:6:3 deployment/web spec.replicas: expected a whole number from 0 to 1000, found nothing'],
    },
    {
      name: 'a port out of range',
      files: edit(DEPLOYMENT, '8080', '70000'),
      problems: [
        'BadValue web.yaml:18:15 deployment/web spec.template.spec.containers[0].ports[0].containerPort: expected a port from 1 to 65535, found 70000',
      ],
    },
    {
      name: 'a map for a list',
      files: edit(DEPLOYMENT, 'containers:\n        - name', 'containers:\n          name'),
      problems: ['WrongType web.yaml:13:7 deployment/web spec.template.spec.containers: expected a list, found a map'],
    },
    {
      name: 'an empty list of containers',
      files: edit(POD, 'containers:\n    - name: job\n      image: job:1', 'containers: []'),
      problems: ['BadValue web.yaml:7:3 pod/job spec.containers: expected a list of at least one, found an empty list'],
    },
    {
      name: 'a label that is a number',
      files: edit(DEPLOYMENT, 'labels: {app: web}', 'labels: {app: web, tier: 1}'),
      problems: [
        'WrongType web.yaml:11:26 deployment/web spec.template.metadata.labels.tier: expected a label value (text of letters, digits, "-", "_" and ".", at most 63 characters; quote numbers and booleans), found 1',
      ],
    },
    {
      name: 'a label that is a boolean',
      files: edit(DEPLOYMENT, 'labels: {app: web}', 'labels: {app: web, canary: true}'),
      problems: [
        'WrongType web.yaml:11:26 deployment/web spec.template.metadata.labels.canary: expected a label value (text of letters, digits, "-", "_" and ".", at most 63 characters; quote numbers and booleans), found true',
      ],
    },
    {
      name: 'a label name with a space',
      files: edit(DEPLOYMENT, 'labels: {app: web}', 'labels: {app: web, "my label": x}'),
      problems: [
        'BadValue web.yaml:11:26 deployment/web spec.template.metadata.labels["my label"]: expected a label name such as app or example.com/app, found "my label"',
      ],
    },
    {
      name: 'a label value with a slash',
      files: edit(DEPLOYMENT, 'labels: {app: web}', 'labels: {app: web, path: a/b}'),
      problems: [
        'BadValue web.yaml:11:26 deployment/web spec.template.metadata.labels.path: expected a label value (text of letters, digits, "-", "_" and ".", at most 63 characters; quote numbers and booleans), found "a/b"',
      ],
    },
    {
      name: 'a variable that is a number',
      files: below(DEPLOYMENT, 'image:', 'env: [{name: PORT, value: 8080}]'),
      problems: [
        'WrongType web.yaml:16:30 deployment/web spec.template.spec.containers[0].env[0].value: expected text (quote numbers and booleans), found 8080',
      ],
    },
    {
      name: 'a name in capitals',
      files: edit(CONFIG_MAP, 'name: web', 'name: Web'),
      problems: [
        'BadValue web.yaml:4:3 configmap/Web metadata.name: expected a DNS name (lower case letters, digits, "-" and ".", at most 253 characters), found "Web"',
      ],
    },
    {
      name: 'a name too long',
      files: edit(CONFIG_MAP, 'name: web', `name: ${'a'.repeat(254)}`),
      problems: [
        'BadValue web.yaml:4:3 configmap/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa metadata.name: expected a DNS name (lower case letters, digits, "-" and ".", at most 253 characters), found "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..."',
      ],
    },
    {
      name: 'a namespace with a dot',
      files: edit(CONFIG_MAP, 'name: web', 'name: web\n  namespace: a.b'),
      problems: [
        'BadValue web.yaml:5:3 configmap/web.a.b metadata.namespace: expected a DNS label (lower case letters, digits and "-", at most 63 characters), found "a.b"',
      ],
    },
    {
      name: 'an image with a space',
      files: edit(DEPLOYMENT, 'web:1', '"web 1"'),
      problems: [
        'BadValue web.yaml:15:11 deployment/web spec.template.spec.containers[0].image: expected an image reference such as acts:latest, found "web 1"',
      ],
    },
    {
      name: 'a value of a choice, misspelt',
      files: below(DEPLOYMENT, 'image:', 'imagePullPolicy: IfNotPresnt'),
      problems: [
        'BadValue web.yaml:16:11 deployment/web spec.template.spec.containers[0].imagePullPolicy: expected Always or IfNotPresent or Never, found "IfNotPresnt"; did you mean "IfNotPresent"?',
      ],
    },
    {
      name: 'a value of a choice',
      files: below(DEPLOYMENT, 'replicas:', 'strategy: {type: BlueGreen}'),
      problems: ['BadValue web.yaml:7:14 deployment/web spec.strategy.type: expected RollingUpdate or Recreate, found "BlueGreen"'],
    },
    {
      name: 'a bad percentage',
      files: below(DEPLOYMENT, 'replicas:', 'strategy: {rollingUpdate: {maxSurge: 150%}}'),
      problems: [
        'BadValue web.yaml:7:30 deployment/web spec.strategy.rollingUpdate.maxSurge: expected a whole number from 0 to 1000 or a percentage from "0%" to "100%", found "150%"',
      ],
    },
    {
      name: 'a bad quantity',
      files: below(DEPLOYMENT, 'image:', 'resources: {limits: {memory: 1.5GiB}}'),
      problems: [
        'BadValue web.yaml:16:32 deployment/web spec.template.spec.containers[0].resources.limits.memory: expected a quantity such as 500m, 2 or 256Mi, found "1.5GiB"',
      ],
    },
    {
      name: 'a negative quantity',
      files: below(DEPLOYMENT, 'image:', 'resources: {limits: {cpu: -1}}'),
      problems: [
        'BadValue web.yaml:16:32 deployment/web spec.template.spec.containers[0].resources.limits.cpu: expected a quantity such as 500m, 2 or 256Mi, found -1',
      ],
    },
    {
      name: 'a variable name that begins with a digit',
      files: below(DEPLOYMENT, 'image:', 'env: [{name: 1ST, value: x}]'),
      problems: [
        'BadValue web.yaml:16:18 deployment/web spec.template.spec.containers[0].env[0].name: expected a variable name such as PGHOST, found "1ST"',
      ],
    },
    {
      name: 'an unknown resource',
      files: below(DEPLOYMENT, 'image:', 'resources: {limits: {memry: 1Gi}}'),
      problems: [
        'UnknownField web.yaml:16:32 deployment/web spec.template.spec.containers[0].resources.limits.memry: unknown field "memry"; did you mean "memory"?',
      ],
    },
    {
      name: 'a mount outside',
      files: below(DEPLOYMENT, 'image:', 'volumeMounts: [{name: data, mountPath: /data, subPath: ../../etc}]'),
      problems: [
        'BadValue web.yaml:16:57 deployment/web spec.template.spec.containers[0].volumeMounts[0].subPath: expected a relative path without "..", found "../../etc"',
      ],
    },
    {
      name: 'data that is not base64',
      files: edit(SECRET, 'aHVudGVyMg==', 'hunter2!'),
      problems: ['BadValue web.yaml:6:3 secret/web data.password: expected base64, found other text'],
    },
    {
      name: 'a number in a Secret',
      files: edit(SECRET, 'aHVudGVyMg==', '12345'),
      problems: ['WrongType web.yaml:6:3 secret/web data.password: expected base64, found a number'],
    },
    {
      name: 'a key that poisons',
      files: edit(CONFIG_MAP, 'greeting', '__proto__'),
      problems: [
        'BadValue web.yaml:6:3 configmap/web data.__proto__: expected a key of letters, digits, "-", "_" and ".", found "__proto__"',
      ],
    },
  ],
  'fields that exclude each other': [
    {
      name: 'a probe of no kind',
      files: below(DEPLOYMENT, 'image:', 'livenessProbe: {periodSeconds: 1}'),
      problems: [
        'MissingField web.yaml:16:11 deployment/web spec.template.spec.containers[0].livenessProbe: expected one of httpGet, tcpSocket, exec',
      ],
    },
    {
      name: 'a probe of two kinds',
      files: below(DEPLOYMENT, 'image:', 'livenessProbe: {httpGet: {port: 8080}, tcpSocket: {port: 8080}}'),
      problems: [
        'BadValue web.yaml:16:11 deployment/web spec.template.spec.containers[0].livenessProbe: expected only one of httpGet, tcpSocket, exec, found httpGet and tcpSocket',
      ],
    },
    {
      name: 'a probe of a misspelt kind',
      files: below(DEPLOYMENT, 'image:', 'livenessProbe: {httpget: {port: 8080}}'),
      problems: [
        'UnknownField web.yaml:16:27 deployment/web spec.template.spec.containers[0].livenessProbe.httpget: unknown field "httpget"; did you mean "httpGet"?',
      ],
    },
    {
      name: 'a variable with two sources',
      files: below(DEPLOYMENT, 'image:', 'env: [{name: A, value: x, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]'),
      problems: [
        'BadValue web.yaml:16:17 deployment/web spec.template.spec.containers[0].env[0]: expected only one of value, valueFrom, found value and valueFrom',
      ],
    },
    {
      name: 'a variable from nowhere',
      files: below(DEPLOYMENT, 'image:', 'env: [{name: A, valueFrom: {}}]'),
      problems: [
        'MissingField web.yaml:16:27 deployment/web spec.template.spec.containers[0].env[0].valueFrom: expected one of configMapKeyRef, secretKeyRef, fieldRef',
      ],
    },
    {
      name: 'a field of the pod that is not known in time',
      files: below(DEPLOYMENT, 'image:', 'env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]'),
      problems: [
        "BadValue web.yaml:16:50 deployment/web spec.template.spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: expected metadata.name, metadata.namespace, metadata.uid, metadata.labels['KEY'], metadata.annotations['KEY'] or spec.nodeName, found \"status.podIP\"",
      ],
    },
    {
      name: 'a volume of no kind',
      files: edit(POD, '  containers', '  volumes: [{name: data}]\n  containers'),
      problems: [
        'MissingField web.yaml:7:13 pod/job spec.volumes[0]: expected one of emptyDir, configMap, secret, persistentVolumeClaim, hostPath',
      ],
    },
    {
      name: 'a liveness probe that needs two successes',
      files: below(DEPLOYMENT, 'image:', 'livenessProbe: {tcpSocket: {port: 8080}, successThreshold: 2}'),
      problems: [
        'BadValue web.yaml:16:52 deployment/web spec.template.spec.containers[0].livenessProbe.successThreshold: expected 1, found 2',
      ],
    },
  ],
  refused: [
    {
      name: 'an init container',
      files: edit(POD, '  containers', '  initContainers: [{name: a, image: b}]\n  containers'),
      problems: [
        'Refused web.yaml:7:3 pod/job spec.initContainers: not supported: Coxswain runs one container a pod and no init containers, so the pod would start without what they prepare',
      ],
    },
    {
      name: 'a second container',
      files: `${POD}    - name: other\n      image: other:1\n`,
      problems: [
        'Refused web.yaml:10:7 pod/job spec.containers[1]: not supported: Coxswain runs one container a pod; run the other one as a Deployment of its own',
      ],
    },
    {
      name: 'the network of the host',
      files: edit(POD, '  containers', '  hostNetwork: true\n  containers'),
      problems: ['Refused web.yaml:7:3 pod/job spec.hostNetwork: not supported: a pod has namespaces of its own'],
    },
    {
      name: 'a port of the host',
      files: edit(DEPLOYMENT, 'containerPort: 8080', 'containerPort: 8080\n              hostPort: 80'),
      problems: [
        'Refused web.yaml:19:15 deployment/web spec.template.spec.containers[0].ports[0].hostPort: not supported: annotate the pod template with coxswain.dev/host-ports: "8000-8009" instead, one port for each replica',
      ],
    },
    {
      name: 'a directory of the host',
      files: edit(POD, '  containers', '  volumes: [{name: etc, hostPath: {path: /etc}}]\n  containers'),
      problems: [
        'Refused web.yaml:7:25 pod/job spec.volumes[0].hostPath: not allowed by the configuration of this Coxswain (isHostPathAllowed)',
      ],
    },
    {
      name: 'a privileged container',
      files: below(DEPLOYMENT, 'image:', 'securityContext: {privileged: true}'),
      problems: [
        'Refused web.yaml:16:29 deployment/web spec.template.spec.containers[0].securityContext.privileged: not allowed by the configuration of this Coxswain (isPrivilegedAllowed)',
      ],
    },
    {
      name: 'a volume that is not on this host',
      files: edit(POD, '  containers', '  volumes: [{name: data, nfs: {server: a, path: /}}]\n  containers'),
      problems: [
        'Refused web.yaml:7:26 pod/job spec.volumes[0].nfs: not supported: volumes are emptyDir, configMap, secret or persistentVolumeClaim',
      ],
    },
    {
      name: 'a hook after the start',
      files: below(DEPLOYMENT, 'image:', 'lifecycle: {postStart: {exec: {command: [a]}}}'),
      problems: [
        'Refused web.yaml:16:23 deployment/web spec.template.spec.containers[0].lifecycle.postStart: not supported: let the image do it, or the startup probe wait for it',
      ],
    },
    {
      name: 'a Service of type LoadBalancer',
      files: edit(SERVICE, 'spec:', 'spec:\n  type: LoadBalancer'),
      problems: [
        'Refused web.yaml:6:3 service/web spec.type: "LoadBalancer" is not supported: there is no load balancer; route to the Service with an Ingress',
      ],
    },
    {
      name: 'a Service of type NodePort',
      files: edit(SERVICE, 'spec:', 'spec:\n  type: NodePort'),
      problems: [
        'Refused web.yaml:6:3 service/web spec.type: "NodePort" is not supported: annotate the pod template with coxswain.dev/host-ports instead',
      ],
    },
    {
      name: 'a Service of type ExternalName',
      files: edit(SERVICE, 'spec:', 'spec:\n  type: ExternalName\n  externalName: example.com'),
      problems: [
        'Refused web.yaml:6:3 service/web spec.type: "ExternalName" is not supported: use that name itself',
        'Refused web.yaml:7:3 service/web spec.externalName: not supported: use that name itself',
      ],
    },
    {
      name: 'a Service without a selector',
      files: edit(SERVICE, '  selector: {app: web}\n', ''),
      problems: ['Refused web.yaml:5:1 service/web spec.selector: not supported: a Service without a selector leads nowhere here'],
    },
    {
      name: 'a Service with an address',
      files: edit(SERVICE, 'spec:', 'spec:\n  clusterIP: 10.0.0.1'),
      problems: [
        'BadValue web.yaml:6:3 service/web spec.clusterIP: expected "None" or nothing (a Service has no address of its own; its name leads to the pods), found "10.0.0.1"',
      ],
    },
    {
      name: 'TLS',
      files: edit(INGRESS, 'spec:', 'spec:\n  tls: [{hosts: [example.com]}]'),
      problems: ['Refused web.yaml:6:3 ingress/web spec.tls: not supported: the ingress serves plain HTTP; end TLS in front of it'],
    },
    {
      name: 'a CPU metric',
      files: edit(
        AUTOSCALER,
        'metrics:',
        'metrics:\n    - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}',
      ),
      problems: [
        'Refused web.yaml:9:8 horizontalpodautoscaler/web spec.metrics[0].type: "Resource" is not supported: the only metric is the Object metric requests-per-window of an Ingress',
        'Refused web.yaml:9:24 horizontalpodautoscaler/web spec.metrics[0].resource: not supported: the only metric is the Object metric requests-per-window of an Ingress',
      ],
    },
    {
      name: 'an autoscaler of something else',
      files: edit(AUTOSCALER, 'kind: Deployment', 'kind: StatefulSet'),
      problems: [
        'Refused web.yaml:6:20 horizontalpodautoscaler/web spec.scaleTargetRef.kind: "StatefulSet" is not supported: scaleTargetRef is a Deployment here',
      ],
    },
    {
      name: 'a generated name',
      files: edit(CONFIG_MAP, 'name: web', 'name: web\n  generateName: web-'),
      problems: [
        'Refused web.yaml:5:3 configmap/web metadata.generateName: not supported: a declared object needs a name of its own, or every reading of its file would make another one',
      ],
    },
    {
      name: 'a Block volume',
      files: edit(CLAIM, 'spec:', 'spec:\n  volumeMode: Block'),
      problems: ['Refused web.yaml:6:3 persistentvolumeclaim/data spec.volumeMode: "Block" is not supported: there are no block devices'],
    },
  ],
  ignored: [
    {
      name: 'fields for a cluster',
      files: below(DEPLOYMENT, 'replicas:').replace(
        '      containers',
        '      serviceAccountName: web\n      nodeSelector: {disk: ssd}\n      containers',
      ),
      problems: [
        '(IgnoredField) web.yaml:13:7 deployment/web spec.template.spec.serviceAccountName: Kubernetes knows this field, Coxswain ignores it: pods get no access to the API',
        '(IgnoredField) web.yaml:14:7 deployment/web spec.template.spec.nodeSelector: Kubernetes knows this field, Coxswain ignores it: there is one host to run on',
      ],
    },
    {
      name: 'a field that Coxswain writes',
      files: edit(CONFIG_MAP, 'name: web', 'name: web\n  uid: abc\n  resourceVersion: "7"'),
      problems: [
        '(IgnoredField) web.yaml:5:3 configmap/web metadata.uid: this field is not declared: Coxswain sets it',
        '(IgnoredField) web.yaml:6:3 configmap/web metadata.resourceVersion: this field is not declared: Coxswain sets it',
      ],
    },
    {
      name: 'a status',
      files: `${DEPLOYMENT}status: {replicas: 2}\n`,
      problems: [
        '(IgnoredField) web.yaml:19:1 deployment/web status: Kubernetes knows this field, Coxswain ignores it: status is written by Coxswain, never declared',
      ],
    },
    {
      name: 'session affinity',
      files: join(DEPLOYMENT, edit(SERVICE, 'spec:', 'spec:\n  sessionAffinity: ClientIP')),
      problems: [
        '(IgnoredField) web.yaml:25:3 service/web spec.sessionAffinity: Kubernetes knows this field, Coxswain ignores it: requests go to the endpoints in turn',
      ],
    },
  ],
  annotations: [
    {
      name: 'an unknown annotation of ours',
      files: edit(
        DEPLOYMENT,
        '      labels: {app: web}',
        '      labels: {app: web}\n      annotations: {coxswain.dev/host-prots: 8000-8009}',
      ),
      problems: [
        'UnknownField web.yaml:12:21 deployment/web spec.template.metadata.annotations["coxswain.dev/host-prots"]: unknown annotation "coxswain.dev/host-prots"; did you mean "coxswain.dev/host-ports"?',
      ],
    },
    {
      name: 'ports of the host on the Deployment',
      files: edit(DEPLOYMENT, 'name: web\nspec', 'name: web\n  annotations: {coxswain.dev/host-ports: 8000-8009}\nspec'),
      problems: [
        'BadValue web.yaml:5:17 deployment/web metadata.annotations["coxswain.dev/host-ports"]: this annotation belongs on the pod template (spec.template.metadata.annotations)',
      ],
    },
    {
      name: 'a bad port range',
      files: edit(
        DEPLOYMENT,
        '      labels: {app: web}',
        '      labels: {app: web}\n      annotations: {coxswain.dev/host-ports: 8009-8000}',
      ),
      problems: [
        'BadValue web.yaml:12:21 deployment/web spec.template.metadata.annotations["coxswain.dev/host-ports"]: expected ports from 1 to 65535 such as "8000-8009", found "8009-8000"',
      ],
    },
    {
      name: 'a bad address',
      files: edit(DEPLOYMENT, '      labels: {app: web}', '      labels: {app: web}\n      annotations: {coxswain.dev/host-ip: localhost}'),
      problems: [
        'BadValue web.yaml:12:21 deployment/web spec.template.metadata.annotations["coxswain.dev/host-ip"]: expected an IPv4 address such as "127.0.0.1", found "localhost"',
      ],
    },
    {
      name: 'a bad dependency',
      files: edit(
        DEPLOYMENT,
        '      labels: {app: web}',
        '      labels: {app: web}\n      annotations: {coxswain.dev/depends-on: postgres}',
      ),
      problems: [
        'BadValue web.yaml:12:21 deployment/web spec.template.metadata.annotations["coxswain.dev/depends-on"]: expected Deployments such as "deployment/postgres", comma separated, found "postgres"',
      ],
    },
    {
      name: 'a bad duration',
      files: edit(AUTOSCALER, 'name: web\nspec', 'name: web\n  annotations: {coxswain.dev/window: two minutes}\nspec'),
      problems: [
        'BadValue web.yaml:5:17 horizontalpodautoscaler/web metadata.annotations["coxswain.dev/window"]: expected a duration such as "120s" or "2m", at most a day, found "two minutes"',
      ],
    },
    {
      name: 'a bad list of paths',
      files: edit(INGRESS, 'name: web\nspec', 'name: web\n  annotations: {coxswain.dev/count-paths: api}\nspec'),
      problems: [
        'BadValue web.yaml:5:17 ingress/web metadata.annotations["coxswain.dev/count-paths"]: expected paths that begin with "/", comma separated, found "api"',
      ],
    },
    {
      name: 'an annotation copied from the output',
      files: edit(DEPLOYMENT, 'name: web\nspec', 'name: web\n  annotations: {coxswain.dev/source: web.yaml}\nspec'),
      problems: [
        '(IgnoredField) web.yaml:5:17 deployment/web metadata.annotations["coxswain.dev/source"]: this annotation is not declared: Coxswain sets it',
      ],
    },
  ],
  'within one object': [
    {
      name: 'a selector that misses the template',
      files: edit(DEPLOYMENT, 'labels: {app: web}', 'labels: {app: wbe}'),
      problems: [
        "SelectorMismatch web.yaml:7:3 deployment/web spec.selector: the selector does not match the template's labels {app: wbe}",
      ],
    },
    {
      name: 'an empty selector',
      files: edit(DEPLOYMENT, 'matchLabels: {app: web}', 'matchLabels: {}'),
      problems: ['BadValue web.yaml:7:3 deployment/web spec.selector: expected labels to match; an empty selector would pick every pod'],
    },
    {
      name: 'an operator without values',
      files: edit(DEPLOYMENT, 'matchLabels: {app: web}', 'matchExpressions: [{key: app, operator: In}]'),
      problems: ['BadValue web.yaml:8:24 deployment/web spec.selector.matchExpressions[0].values: operator In needs at least one value'],
    },
    {
      name: 'pods of a Deployment that may end',
      files: edit(DEPLOYMENT, '      containers', '      restartPolicy: Never\n      containers'),
      problems: [
        'BadValue web.yaml:13:7 deployment/web spec.template.spec.restartPolicy: expected Always, which is all that a Deployment\'s pods may have, found "Never"',
      ],
    },
    {
      name: 'Recreate with a surge',
      files: below(DEPLOYMENT, 'replicas:', 'strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}'),
      problems: ['BadValue web.yaml:7:30 deployment/web spec.strategy.rollingUpdate: this field has no place beside type Recreate'],
    },
    {
      name: 'a rollout that could not move',
      files: below(DEPLOYMENT, 'replicas:', 'strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0%}}'),
      problems: [
        'BadValue web.yaml:7:14 deployment/web spec.strategy.rollingUpdate: maxSurge and maxUnavailable are both 0, so no pod could ever be replaced',
      ],
    },
    {
      name: 'a deadline too short',
      files: below(DEPLOYMENT, 'replicas:', 'minReadySeconds: 600'),
      problems: ['BadValue web.yaml:7:3 deployment/web spec.minReadySeconds: expected less than progressDeadlineSeconds (600), found 600'],
    },
    {
      name: 'a mount of no volume',
      files: below(DEPLOYMENT, 'image:', 'volumeMounts: [{name: data, mountPath: /data}]'),
      problems: [
        'MissingReference web.yaml:16:27 deployment/web spec.template.spec.containers[0].volumeMounts[0].name: the pod has no volume "data"',
      ],
    },
    {
      name: 'a volume twice',
      files: edit(POD, '  containers', '  volumes: [{name: a, emptyDir: {}}, {name: a, emptyDir: {}}]\n  containers'),
      problems: ['BadValue web.yaml:7:39 pod/job spec.volumes[1].name: "a" is there already, as item 0'],
    },
    {
      name: 'a probe of a port without such a name',
      files: below(DEPLOYMENT, 'image:', 'livenessProbe: {tcpSocket: {port: htpp}}'),
      problems: [
        'MissingReference web.yaml:16:39 deployment/web spec.template.spec.containers[0].livenessProbe.tcpSocket.port: the container has no port named "htpp"; did you mean "http"?',
      ],
    },
    {
      name: 'a port twice',
      files: `${DEPLOYMENT}            - containerPort: 8080\n`,
      problems: [
        'BadValue web.yaml:19:15 deployment/web spec.template.spec.containers[0].ports[1].containerPort: "8080/TCP" is there already, as item 0',
      ],
    },
    {
      name: 'a request above the limit',
      files: below(DEPLOYMENT, 'image:', 'resources: {limits: {memory: 64Mi}, requests: {memory: 1Gi}}'),
      problems: [
        'BadValue web.yaml:16:58 deployment/web spec.template.spec.containers[0].resources.requests.memory: expected at most the limit "64Mi", found "1Gi"',
      ],
    },
    {
      name: 'less memory than Docker takes',
      files: below(DEPLOYMENT, 'image:', 'resources: {limits: {memory: 1000}}'),
      problems: [
        'BadValue web.yaml:16:32 deployment/web spec.template.spec.containers[0].resources.limits.memory: expected at least 6Mi, the least that Docker takes, found 1000',
      ],
    },
    {
      name: 'root where root is forbidden',
      files: below(DEPLOYMENT, 'image:', 'securityContext: {runAsNonRoot: true, runAsUser: 0}'),
      problems: [
        'BadValue web.yaml:16:49 deployment/web spec.template.spec.containers[0].securityContext.runAsUser: expected a user other than 0, because runAsNonRoot is true',
      ],
    },
    {
      name: 'host ports and nothing to publish',
      files: pinned(edit(DEPLOYMENT, '          ports:\n            - name: http\n              containerPort: 8080\n', ''), '8000-8009'),
      problems: [
        'BadValue web.yaml:12:21 deployment/web spec.template.metadata.annotations["coxswain.dev/host-ports"]: the first port of the container would be published here, and it has none',
      ],
    },
    {
      name: 'two ports without names',
      files: edit(SERVICE, '- port: 8080', '- port: 8080\n    - port: 8081'),
      problems: [
        'MissingField web.yaml:8:7 service/web spec.ports[0].name: this field is required where a Service has several ports',
        'MissingField web.yaml:9:7 service/web spec.ports[1].name: this field is required where a Service has several ports',
      ],
    },
    {
      name: 'a Service name with a dot',
      files: edit(SERVICE, 'name: web', 'name: web.site'),
      problems: [
        'BadValue web.yaml:4:3 service/web.site metadata.name: expected a host name without "." (a letter first, at most 63 characters), found "web.site"',
      ],
    },
    {
      name: 'an Ingress of nothing',
      files: 'apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\nspec: {}\n',
      problems: ['MissingField web.yaml:4:1 ingress/web spec.rules: expected rules or a defaultBackend'],
    },
    {
      name: 'a path without a path',
      files: edit(INGRESS, 'path: /\n            pathType', 'pathType'),
      problems: [
        'MissingField web.yaml:9:13 ingress/web spec.rules[0].http.paths[0].path: this field is required where pathType is Prefix',
      ],
    },
    {
      name: 'fewer than the least replicas',
      files: edit(AUTOSCALER, 'maxReplicas: 4', 'maxReplicas: 4\n  minReplicas: 5'),
      problems: ['BadValue web.yaml:8:3 horizontalpodautoscaler/web spec.minReplicas: expected at most maxReplicas (4), found 5'],
    },
    {
      name: 'an autoscaler without a metric',
      files: AUTOSCALER.slice(0, AUTOSCALER.indexOf('  metrics')),
      problems: [
        'MissingField web.yaml:5:1 horizontalpodautoscaler/web spec.metrics: this field is required: there is no CPU metric to scale by instead',
      ],
    },
    {
      name: 'a target of nothing',
      files: edit(AUTOSCALER, 'averageValue: 20', 'averageValue: 0'),
      problems: [
        'BadValue web.yaml:13:38 horizontalpodautoscaler/web spec.metrics[0].object.target.averageValue: expected more than 0, found 0',
      ],
    },
    {
      name: 'a target of the other type',
      files: edit(AUTOSCALER, 'averageValue: 20', 'value: 20'),
      problems: [
        'MissingField web.yaml:13:9 horizontalpodautoscaler/web spec.metrics[0].object.target.averageValue: this field is required where type is AverageValue',
        'BadValue web.yaml:13:38 horizontalpodautoscaler/web spec.metrics[0].object.target.value: this field has no place where type is AverageValue',
      ],
    },
    {
      name: 'a claim of no size',
      files: edit(CLAIM, '  resources: {requests: {storage: 1Gi}}\n', ''),
      problems: ['MissingField web.yaml:5:1 persistentvolumeclaim/data spec.resources.requests.storage: this field is required'],
    },
  ],
  together: [
    {
      name: 'one object in two files',
      files: { 'a.yaml': CONFIG_MAP, 'b.yaml': `\n\n${CONFIG_MAP}` },
      problems: ['DuplicateObject b.yaml:6:3 configmap/web metadata.name: declared twice, here and at a.yaml:1'],
    },
    {
      name: 'a Service of no pods',
      files: SERVICE,
      problems: ['(NoSuchPods) web.yaml:6:3 service/web spec.selector: no declared Deployment or Pod has the labels {app: web}'],
    },
    {
      name: 'a port that differs',
      files: join(DEPLOYMENT, edit(SERVICE, 'port: 8080', 'port: 80\n      targetPort: 8080')),
      problems: [
        'PortMismatch web.yaml:28:7 service/web spec.ports[0].targetPort: port 80 differs from targetPort 8080; Coxswain does not translate ports yet, so both must be 8080',
      ],
    },
    {
      name: 'a named port that differs',
      files: join(DEPLOYMENT, edit(SERVICE, 'port: 8080', 'port: 80\n      targetPort: http')),
      problems: [
        'PortMismatch web.yaml:28:7 service/web spec.ports[0].targetPort: port 80 differs from targetPort 8080; Coxswain does not translate ports yet, so both must be 8080',
      ],
    },
    {
      name: 'a named port that is not there',
      files: join(DEPLOYMENT, edit(SERVICE, 'port: 8080', 'port: 8080\n      targetPort: https')),
      problems: [
        'MissingReference web.yaml:28:7 service/web spec.ports[0].targetPort: deployment/web has no port named "https"; did you mean "http"?',
      ],
    },
    {
      name: 'an Ingress to no Service',
      files: INGRESS,
      problems: ['MissingReference web.yaml:11:23 ingress/web spec.rules[0].http.paths[0].backend.service: service/web is not declared'],
    },
    {
      name: 'an Ingress to a port that is not there',
      files: join(DEPLOYMENT, SERVICE, edit(INGRESS, 'number: 8080', 'number: 80')),
      problems: [
        'MissingReference web.yaml:39:44 ingress/web spec.rules[0].http.paths[0].backend.service.port: service/web has no port 80, only 8080',
      ],
    },
    {
      name: 'an autoscaler of nothing',
      files: AUTOSCALER,
      problems: [
        'MissingReference web.yaml:6:38 horizontalpodautoscaler/web spec.scaleTargetRef.name: deployment/web is not declared',
        'MissingReference web.yaml:11:42 horizontalpodautoscaler/web spec.metrics[0].object.describedObject.name: ingress/web is not declared',
      ],
    },
    {
      name: 'an autoscaler by an Ingress that leads elsewhere',
      files: join(
        DEPLOYMENT,
        DEPLOYMENT.replaceAll('web', 'api'),
        SERVICE.replaceAll('web', 'api'),
        INGRESS.replace('name: web, port', 'name: api, port'),
        AUTOSCALER,
      ),
      problems: [
        'MissingReference web.yaml:70:9 horizontalpodautoscaler/web spec.metrics[0].object.describedObject: ingress/web routes nothing to the pods of deployment/web, so its requests would never be counted',
      ],
    },
    {
      name: 'a misspelt Secret',
      files: join(SECRET, below(DEPLOYMENT, 'image:', 'env: [{name: A, valueFrom: {secretKeyRef: {name: wbe, key: password}}}]')),
      problems: [
        'MissingReference web.yaml:23:39 deployment/web spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef: secret/wbe is not declared',
      ],
    },
    {
      name: 'a misspelt key',
      files: join(SECRET, below(DEPLOYMENT, 'image:', 'env: [{name: A, valueFrom: {secretKeyRef: {name: web, key: pasword}}}]')),
      problems: [
        'MissingReference web.yaml:23:39 deployment/web spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef: secret/web has no key "pasword"; did you mean "password"?',
      ],
    },
    {
      name: 'a ConfigMap that is not there',
      files: below(DEPLOYMENT, 'image:', 'envFrom: [{configMapRef: {name: web}}]'),
      problems: [
        'MissingReference web.yaml:16:37 deployment/web spec.template.spec.containers[0].envFrom[0].configMapRef.name: configmap/web is not declared',
      ],
    },
    {
      name: 'a claim that is not there',
      files: edit(POD, '  containers', '  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]\n  containers'),
      problems: [
        'MissingReference web.yaml:7:50 pod/job spec.volumes[0].persistentVolumeClaim.claimName: persistentvolumeclaim/data is not declared',
      ],
    },
    {
      name: 'an object of another namespace',
      files: join(
        edit(SECRET, 'name: web', 'name: web\n  namespace: other'),
        below(DEPLOYMENT, 'image:', 'envFrom: [{secretRef: {name: web}}]'),
      ),
      problems: [
        'MissingReference web.yaml:24:34 deployment/web spec.template.spec.containers[0].envFrom[0].secretRef.name: secret/web is not declared',
      ],
    },
    {
      name: 'a dependency that is not there',
      files: edit(
        DEPLOYMENT,
        '      labels: {app: web}',
        '      labels: {app: web}\n      annotations: {coxswain.dev/depends-on: deployment/postgres}',
      ),
      problems: [
        'MissingReference web.yaml:12:21 deployment/web spec.template.metadata.annotations["coxswain.dev/depends-on"]: deployment/postgres is not declared',
      ],
    },
    {
      name: 'selectors that overlap',
      files: join(DEPLOYMENT, edit(DEPLOYMENT, 'name: web\nspec', 'name: web2\nspec')),
      problems: [
        'SelectorOverlap web.yaml:26:3 deployment/web2 spec.selector: the selector and that of deployment/web (web.yaml:1) pick the same pods',
      ],
    },
    {
      name: 'host ports that overlap',
      files: join(pinned(DEPLOYMENT, '8000-8009'), pinned(DEPLOYMENT.replaceAll('web', 'api'), '8009-8010')),
      problems: [
        'PortOverlap web.yaml:32:21 deployment/api spec.template.metadata.annotations["coxswain.dev/host-ports"]: host ports 8009-8010 overlap with 8000-8009 of deployment/web (web.yaml:1)',
        '(NoFreePort) web.yaml:32:21 deployment/api spec.template.metadata.annotations["coxswain.dev/host-ports"]: all 2 host ports of 8009-8010 can be in use, and maxUnavailable is 0: no rollout could begin then',
      ],
    },
    {
      name: 'fewer host ports than replicas',
      files: pinned(DEPLOYMENT, '"8000"'),
      problems: ['TooFewPorts web.yaml:6:3 deployment/web spec.replicas: 2 replicas need 2 host ports, and 8000 has 1'],
    },
    {
      name: 'fewer host ports than the autoscaler may want',
      files: join(pinned(DEPLOYMENT, '8000-8002'), SERVICE, INGRESS, AUTOSCALER),
      problems: [
        'TooFewPorts web.yaml:48:3 horizontalpodautoscaler/web spec.maxReplicas: 4 replicas need 4 host ports, and 8000-8002 of deployment/web (web.yaml:1) has 3',
      ],
    },
    {
      name: 'all host ports in use and none may be given up',
      files: below(pinned(DEPLOYMENT, '8000-8001'), 'replicas:', 'strategy: {rollingUpdate: {maxUnavailable: 0}}'),
      problems: [
        '(NoFreePort) web.yaml:13:21 deployment/web spec.template.metadata.annotations["coxswain.dev/host-ports"]: all 2 host ports of 8000-8001 can be in use, and maxUnavailable is 0: no rollout could begin then',
      ],
    },
    {
      name: 'what may be in the file that cannot be read is not called missing',
      files: { 'a.yaml': INGRESS, 'b.yaml': 'a: b: c' },
      problems: ['BadYaml b.yaml:1:4: Nested mappings are not allowed in compact mappings'],
    },
    {
      name: 'what is there but wrong is not called missing',
      files: join(edit(SERVICE, 'port: 8080', 'port: 0'), INGRESS),
      problems: ['BadValue web.yaml:8:7 service/web spec.ports[0].port: expected a port from 1 to 65535, found 0'],
    },
  ],
};

describe('invalid manifests', () => {
  for (const [table, rows] of Object.entries(TABLES)) {
    describe(table, () => {
      for (const { name, files, problems } of rows) {
        it(name, () => {
          expect(problemsOf(read(files)).split('\n')).to.deep.equal(problems);
        });
      }
    });
  }
});

/** Fields that are unknown, missing or wrong by themselves -> everything that is said about it, compared whole. */
import { below, CONFIG_MAP, DEPLOYMENT, describeProblems, edit, POD, SECRET } from './fixtures.ts';

describeProblems('fields that are wrong: fields', [
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
    files: below(DEPLOYMENT, 'replicas:', 'strategy: {rollingUpdate: {maxUnavailable: 150%}}'),
    problems: [
      'BadValue web.yaml:7:30 deployment/web spec.strategy.rollingUpdate.maxUnavailable: expected a whole number from 0 to 1000 or a percentage from "0%" to "100%", found "150%"',
    ],
  },
  {
    name: 'a bad surge',
    files: below(DEPLOYMENT, 'replicas:', 'strategy: {rollingUpdate: {maxSurge: half}}'),
    problems: [
      'BadValue web.yaml:7:30 deployment/web spec.strategy.rollingUpdate.maxSurge: expected a whole number from 0 to 1000 or a percentage such as "25%", found "half"',
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
]);

describeProblems('fields that are wrong: fields that exclude each other', [
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
]);

/** Objects whose parts do not agree -> everything that is said about it, compared whole. */
import { AUTOSCALER, below, CLAIM, DEPLOYMENT, describeProblems, edit, INGRESS, pinned, POD, SERVICE } from './fixtures.ts';

describeProblems('objects that are wrong: annotations', [
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
    files: edit(DEPLOYMENT, '      labels: {app: web}', '      labels: {app: web}\n      annotations: {coxswain.dev/depends-on: postgres}'),
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
]);

describeProblems('objects that are wrong: within one object', [
  {
    name: 'a selector that misses the template',
    files: edit(DEPLOYMENT, 'labels: {app: web}', 'labels: {app: wbe}'),
    problems: ["SelectorMismatch web.yaml:7:3 deployment/web spec.selector: the selector does not match the template's labels {app: wbe}"],
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
    problems: ['MissingField web.yaml:9:13 ingress/web spec.rules[0].http.paths[0].path: this field is required where pathType is Prefix'],
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
]);

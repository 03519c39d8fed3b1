/** Objects that do not agree with each other -> everything that is said about it, compared whole. */
import {
  AUTOSCALER,
  below,
  CONFIG_MAP,
  DEPLOYMENT,
  describeProblems,
  edit,
  INGRESS,
  join,
  pinned,
  POD,
  SECRET,
  SERVICE,
} from './fixtures.ts';

/** A Deployment that depends on another one. */
function waiting(name: string, dependency: string): string {
  return DEPLOYMENT.replaceAll('web', name).replace(
    `  name: ${name}\nspec`,
    `  name: ${name}\n  annotations: {coxswain.dev/depends-on: deployment/${dependency}}\nspec`,
  );
}

describeProblems('objects that are wrong together: together', [
  {
    name: 'one object in two files',
    files: { 'a.yaml': CONFIG_MAP, 'b.yaml': `\n\n${CONFIG_MAP}` },
    problems: ['DuplicateObject b.yaml:6:3 configmap/web metadata.name: declared twice, here and at a.yaml:1'],
  },
  {
    name: 'Deployments that wait for each other in a circle, and one for itself',
    files: join(...['a b', 'b c', 'c a', 'd d', 'e a'].map((pair) => waiting(pair.slice(0, 1), pair.slice(2)))),
    problems: [
      'DependencyCycle web.yaml:5:17 deployment/a metadata.annotations["coxswain.dev/depends-on"]: deployments wait for each other in a circle: deployment/a -> deployment/b -> deployment/c -> deployment/a',
      'DependencyCycle web.yaml:25:17 deployment/b metadata.annotations["coxswain.dev/depends-on"]: deployments wait for each other in a circle: deployment/b -> deployment/c -> deployment/a -> deployment/b',
      'DependencyCycle web.yaml:45:17 deployment/c metadata.annotations["coxswain.dev/depends-on"]: deployments wait for each other in a circle: deployment/c -> deployment/a -> deployment/b -> deployment/c',
      'DependencyCycle web.yaml:65:17 deployment/d metadata.annotations["coxswain.dev/depends-on"]: deployments wait for each other in a circle: deployment/d -> deployment/d',
    ],
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
    name: 'host ports that overlap with those of an application in another namespace',
    files: join(
      pinned(DEPLOYMENT, '8000-8009'),
      pinned(edit(DEPLOYMENT, 'name: web\nspec', 'name: web\n  namespace: shop\nspec'), '8005-8014'),
    ),
    problems: [
      'PortOverlap web.yaml:33:21 deployment/web.shop spec.template.metadata.annotations["coxswain.dev/host-ports"]: host ports 8005-8014 overlap with 8000-8009 of deployment/web (web.yaml:1)',
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
]);

/** What Kubernetes knows and Coxswain refuses or ignores -> everything that is said about it, compared whole. */
import { AUTOSCALER, below, CLAIM, CONFIG_MAP, DEPLOYMENT, describeProblems, edit, INGRESS, join, POD, SERVICE } from './fixtures.ts';

describeProblems('fields of Kubernetes that Coxswain does not have: refused', [
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
]);

describeProblems('fields of Kubernetes that Coxswain does not have: ignored', [
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
]);

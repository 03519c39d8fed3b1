/**
 * docs/FIELDS.md is true: it is what the schemas say, every honoured field has a test that is there, and every other one is told.
 * UPDATE_FIELDS=1 writes the file.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Field } from './fields-doc.ts';
import { specFields } from './fields-doc.ts';
import { read } from './fixtures.ts';

const at = (path: string): URL => new URL(`../../../${path}`, import.meta.url);
const FIELDS = 'controller/test/e2e/fields.e2e.ts';
const LIFE = 'controller/test/e2e/fields-life.e2e.ts';
const PROBES = 'controller/test/observe/prober.test.ts';
const OBJECTS = 'controller/test/manifest/invalid-objects.test.ts';

/** Beginning of a path -> the test of what begins so: its file, and the beginning of its name. The longest one counts. */
const TESTS: Readonly<Record<string, readonly [file: string, title: string]>> = {
  'containers[].name': [OBJECTS, ''],
  'containers[].image': [FIELDS, 'image:'],
  'containers[].imagePullPolicy': [LIFE, 'imagePullPolicy Always:'],
  'containers[].command': [FIELDS, 'command, args, $(VAR):'],
  'containers[].args': [FIELDS, 'command, args, $(VAR):'],
  'containers[].workingDir': [FIELDS, 'workingDir:'],
  'containers[].env[]': [FIELDS, 'env, valueFrom:'],
  'containers[].envFrom[]': [FIELDS, 'envFrom:'],
  'containers[].ports[]': [LIFE, 'httpGet probes: path, named port'],
  'containers[].resources': [FIELDS, 'resources:'],
  'containers[].startupProbe': [LIFE, 'startupProbe, livenessProbe:'],
  'containers[].livenessProbe': [LIFE, 'startupProbe, livenessProbe:'],
  'containers[].readinessProbe': [LIFE, 'httpGet probes: path, named port'],
  'containers[].readinessProbe.tcpSocket': [LIFE, 'tcpSocket probes:'],
  'containers[].readinessProbe.exec': [LIFE, 'exec probes, readiness:'],
  'containers[].readinessProbe.httpGet.scheme': [LIFE, 'httpGet probes: scheme HTTPS'],
  'containers[].readinessProbe.initialDelaySeconds': [PROBES, ''],
  'containers[].readinessProbe.timeoutSeconds': [PROBES, ''],
  'containers[].readinessProbe.successThreshold': [PROBES, ''],
  'containers[].readinessProbe.failureThreshold': [PROBES, ''],
  'containers[].lifecycle.preStop.exec': [LIFE, 'lifecycle.preStop.exec:'],
  'containers[].lifecycle.preStop.httpGet': [LIFE, 'lifecycle.preStop.httpGet:'],
  'containers[].securityContext.runAsUser': [FIELDS, 'runAsUser, runAsGroup:'],
  'containers[].securityContext.runAsGroup': [FIELDS, 'runAsUser, runAsGroup:'],
  'containers[].securityContext.runAsNonRoot': [FIELDS, 'runAsNonRoot:'],
  'containers[].securityContext.readOnlyRootFilesystem': [FIELDS, 'readOnlyRootFilesystem:'],
  'containers[].securityContext.allowPrivilegeEscalation': [FIELDS, 'capabilities, allowPrivilegeEscalation:'],
  'containers[].securityContext.capabilities': [FIELDS, 'capabilities, allowPrivilegeEscalation:'],
  'containers[].securityContext.privileged': [FIELDS, 'privileged:'],
  'containers[].volumeMounts[]': [FIELDS, 'configMap volumes:'],
  'volumes[].name': [FIELDS, 'emptyDir: must be writable'],
  'volumes[].emptyDir': [FIELDS, 'emptyDir: must be writable'],
  'volumes[].configMap': [FIELDS, 'configMap volumes:'],
  'volumes[].secret': [FIELDS, 'secret volumes:'],
  'volumes[].persistentVolumeClaim': [FIELDS, 'persistentVolumeClaim: must be shared'],
  'volumes[].hostPath': [FIELDS, 'hostPath:'],
  restartPolicy: [LIFE, 'restartPolicy OnFailure:'],
  terminationGracePeriodSeconds: [LIFE, 'terminationGracePeriodSeconds:'],
  'securityContext.runAs': [FIELDS, 'runAsUser, runAsGroup:'],
  'Service selector': [LIFE, 'a Service must be reached as'],
  'Service ports[]': [LIFE, 'a Service must be reached as'],
  'Service type': [LIFE, 'a Service must be reached as'],
  'Service clusterIP': [LIFE, 'a Service must be reached as'],
  'Ingress rules[]': [LIFE, 'Ingress: host, Prefix'],
  'Ingress defaultBackend': [LIFE, 'Ingress: host, Prefix'],
  'Ingress ingressClassName': [LIFE, 'Ingress: host, Prefix'],
};

const KINDS = [
  { kind: 'pod-spec', title: 'Pod spec, and `spec.template.spec` of a Deployment', prefix: '' },
  { kind: 'service', title: 'Service spec', prefix: 'Service ' },
  { kind: 'ingress', title: 'Ingress spec', prefix: 'Ingress ' },
] as const;

function testOf(path: string): readonly [file: string, title: string] | undefined {
  const [prefix] = Object.keys(TESTS)
    .filter((candidate) => path.startsWith(candidate))
    .sort((a, b) => b.length - a.length);
  return prefix === undefined ? undefined : TESTS[prefix];
}

function row(prefix: string, { path, fate, reason }: Field): string {
  if (fate !== 'honoured') return `| \`${path}\` | ${fate} | ${reason} |`;
  const [file = '', title = ''] = testOf(prefix + path) ?? [];
  const name = file.replace(/^.*\//, '');
  return `| \`${path}\` | honoured | ${title === '' ? name : `${name}: ${title.replace(/:$/, '')}`} |`;
}

function document(): string {
  const lines = [
    '# Fields',
    '',
    'What Kubernetes knows and what Coxswain makes of it. _Honoured_: the test that shows it. _Ignored_: a warning with file, line and path.',
    '_Refused_: an error, because leaving it out silently would change what runs. A field that is not here is unknown: an error.',
    'Made from `schemas/` by `controller/test/manifest/fields.test.ts` (`UPDATE_FIELDS=1` writes it), which keeps it true.',
  ];
  for (const { kind, title, prefix } of KINDS) {
    lines.push('', `## ${title}`, '', '| field | | test or reason |', '| --- | --- | --- |');
    lines.push(...specFields(kind).map((field) => row(prefix, field)));
  }
  return `${lines.join('\n')}\n`;
}

/** Pods as JSON with one field more, everything on its way to it made as the schemas want it. */
function podWith(path: string): Record<string, unknown> {
  const volume = path.startsWith('volumes[]');
  const spec: Record<string, unknown> = { containers: [{ name: 'a', image: 'a:1' }], ...(volume && { volumes: [{ name: 'v' }] }) };
  let node: Record<string, unknown> = spec;
  const steps = path.split('.');
  for (const [index, step] of steps.entries()) {
    const name = step.replace('[]', '');
    if (index === steps.length - 1) node[name] = 'something';
    else if (step.endsWith('[]')) {
      const list = (node[name] ??= [{}]) as Record<string, unknown>[];
      node = list[0]!;
    } else node = (node[name] ??= {}) as Record<string, unknown>;
  }
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec };
}

describe('docs/FIELDS.md', () => {
  it('is what the schemas say', () => {
    const wanted = document();
    if (process.env['UPDATE_FIELDS'] === '1') writeFileSync(at('docs/FIELDS.md'), wanted);
    const plain = (text: string): string => text.replaceAll(/ +/g, ' ').replaceAll(/-+/g, '-');
    expect(plain(readFileSync(at('docs/FIELDS.md'), 'utf8'))).to.equal(plain(wanted));
  });

  for (const { kind, prefix } of KINDS) {
    it(`each honoured field of ${kind} has a test`, () => {
      const untested = specFields(kind).filter(({ path, fate }) => fate === 'honoured' && testOf(prefix + path) === undefined);
      expect(untested.map(({ path }) => path)).to.deep.equal([]);
    });
  }

  it('the tests it names are there', () => {
    for (const [file, title] of Object.values(TESTS))
      expect(readFileSync(at(file), 'utf8'), `${file}: ${title}`).to.include(title === '' ? 'describe' : `it('${title}`);
  });
});

describe('a field of a pod that is not honoured', () => {
  for (const { path, fate, reason } of specFields('pod-spec')) {
    if (fate === 'honoured') continue;
    it(`${path} is told with its line and path`, () => {
      const text = JSON.stringify(podWith(path), null, 1);
      const { errors, warnings } = read(text);
      const exact = `spec.${path.replaceAll('[]', '[0]')}`;
      const told = (fate === 'ignored' ? warnings : errors).find((problem) => problem.path === exact);
      expect(told, JSON.stringify([...errors, ...warnings])).to.not.equal(undefined);
      const isPermission = reason.startsWith('unless ');
      if (!isPermission) expect(told?.message).to.include(reason);
      expect(told?.code).to.equal(fate === 'ignored' ? 'IgnoredField' : 'Refused');
      const name = path.split('.').at(-1)?.replace('[]', '');
      expect(text.split('\n')[(told?.source.line ?? 0) - 1]).to.include(`"${name ?? ''}"`);
    });
  }
});

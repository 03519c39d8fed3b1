/** coxswain.dev/* annotations: known, on the right object, and with a value that can be read. */
import { ANNOTATION } from '../model/annotations.ts';
import type { DeclarableObject, StringMap } from '../model/objects.ts';
import { parseDurationMs } from '../reconcile/duration.ts';
import { parseDependsOn, parseGeneratedKeys, parseIpv4, parsePathList, parsePortRange } from '../model/annotation-values.ts';
import { describeFound, suggest } from './finding.ts';
import type { Finding } from './finding.ts';
import type { PathStep } from './yaml-documents.ts';

type Place = 'pod template' | 'Secret' | 'HorizontalPodAutoscaler' | 'Ingress';

interface Rule {
  readonly place: Place;
  readonly parse: (text: string) => unknown;
  readonly expected: string;
}

const DURATION = 'a duration such as "120s" or "2m", at most a day';

function parseDuration(text: string): number | undefined {
  const ms = parseDurationMs(text);
  return ms !== undefined && ms > 0 && ms <= 24 * 3_600_000 ? ms : undefined;
}

const RULES: Readonly<Record<string, Rule>> = {
  [ANNOTATION.hostPorts]: { place: 'pod template', parse: parsePortRange, expected: 'ports from 1 to 65535 such as "8000-8009"' },
  [ANNOTATION.hostIp]: { place: 'pod template', parse: parseIpv4, expected: 'an IPv4 address such as "127.0.0.1"' },
  [ANNOTATION.dependsOn]: {
    place: 'pod template',
    parse: parseDependsOn,
    expected: 'Deployments such as "deployment/postgres", comma separated',
  },
  [ANNOTATION.rollOnConfigChange]: { place: 'pod template', parse: parseBoolean, expected: '"true" or "false"' },
  [ANNOTATION.generate]: { place: 'Secret', parse: parseGeneratedKeys, expected: 'keys such as "password", comma separated' },
  [ANNOTATION.syncPeriod]: { place: 'HorizontalPodAutoscaler', parse: parseDuration, expected: DURATION },
  [ANNOTATION.window]: { place: 'HorizontalPodAutoscaler', parse: parseDuration, expected: DURATION },
  [ANNOTATION.countPaths]: { place: 'Ingress', parse: parsePathList, expected: 'paths that begin with "/", comma separated' },
  [ANNOTATION.uncountedPaths]: { place: 'Ingress', parse: parsePathList, expected: 'paths that begin with "/", comma separated' },
};

/** Of the pod template, and understood on the Deployment itself as well. */
const ON_DEPLOYMENTS_TOO: ReadonlySet<string> = new Set([ANNOTATION.dependsOn, ANNOTATION.rollOnConfigChange]);

function parseBoolean(text: string): string | undefined {
  return text === 'true' || text === 'false' ? text : undefined;
}

/** Written by Coxswain; found in manifests that were copied from its output. */
export const WRITTEN_ANNOTATIONS: readonly string[] = [
  ANNOTATION.source,
  ANNOTATION.declaredReplicas,
  ANNOTATION.hostPort,
  ANNOTATION.configDigest,
  ANNOTATION.implicit,
];

export function* checkAnnotations(object: DeclarableObject): Iterable<Finding> {
  yield* check(object.metadata.annotations, ['metadata', 'annotations'], object.kind === 'Pod' ? 'pod template' : object.kind);
  if (object.kind !== 'Deployment') return;
  yield* check(object.spec.template.metadata?.annotations, ['spec', 'template', 'metadata', 'annotations'], 'pod template');
}

function* check(annotations: StringMap | undefined, path: readonly PathStep[], place: string): Iterable<Finding> {
  for (const [name, value] of Object.entries(annotations ?? {})) {
    if (!name.startsWith('coxswain.dev/')) continue;
    const here = [...path, name];
    const rule = RULES[name];
    if (WRITTEN_ANNOTATIONS.includes(name)) {
      yield { code: 'IgnoredField', path: here, message: 'this annotation is not declared: Coxswain sets it' };
    } else if (rule === undefined) {
      yield { code: 'UnknownField', path: here, message: `unknown annotation ${describeFound(name)}${suggest(name, Object.keys(RULES))}` };
    } else if (rule.place !== place && !(ON_DEPLOYMENTS_TOO.has(name) && place === 'Deployment')) {
      const where = rule.place === 'pod template' ? 'the pod template (spec.template.metadata.annotations)' : `a ${rule.place}`;
      yield { code: 'BadValue', path: here, message: `this annotation belongs on ${where}` };
    } else if (rule.parse(value) === undefined) {
      yield { code: 'BadValue', path: here, message: `expected ${rule.expected}, found ${describeFound(value)}` };
    }
  }
}

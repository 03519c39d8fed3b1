/** Tables: two versions of an object -> the fields that differ, as text. */
import { expect } from 'chai';
import { fieldDifferences } from '../../src/manifest/field-differences.ts';
import { GENERATED_LATER } from '../../src/manifest/preview-application.ts';
import type { ConfigMap, DeclarableObject, Deployment, Secret } from '../../src/model/objects.ts';
import { makeDeployment } from '../reconcile/objects.ts';

function lines(before: DeclarableObject | undefined, after: DeclarableObject | undefined): readonly string[] {
  return fieldDifferences(before, after).map(({ path, before: a = '(none)', after: b = '(none)' }) => `${path}: ${a} -> ${b}`);
}

function withContainers(...names: readonly string[]): Deployment {
  const deployment = makeDeployment();
  const containers = names.map((name) => ({ name, image: `${name}:1` }));
  return { ...deployment, spec: { ...deployment.spec, template: { ...deployment.spec.template, spec: { containers } } } };
}

const secret = (data: Secret['data']): Secret => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, ...(data && { data }) });
const map = (data: ConfigMap['data'], annotations?: Readonly<Record<string, string>>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'm', ...(annotations && { annotations }) },
  ...(data && { data }),
});

const ROWS: readonly {
  readonly name: string;
  readonly pair: readonly [DeclarableObject | undefined, DeclarableObject];
  readonly lines: readonly string[];
}[] = [
  { name: 'nothing', pair: [makeDeployment(), makeDeployment()], lines: [] },
  { name: 'a number', pair: [makeDeployment({ replicas: 3 }), makeDeployment({ replicas: 5 })], lines: ['spec.replicas: 3 -> 5'] },
  {
    name: 'a text deep inside',
    pair: [makeDeployment(), makeDeployment({ image: 'web:2' })],
    lines: ['spec.template.spec.containers[web].image: "web:1" -> "web:2"'],
  },
  {
    name: 'a named entry before the others shifts none of them',
    pair: [makeDeployment({ env: { B: '2' } }), makeDeployment({ env: { A: '1', B: '2' } })],
    lines: [
      'spec.template.spec.containers[web].env[A].name: (none) -> "A"',
      'spec.template.spec.containers[web].env[A].value: (none) -> "1"',
    ],
  },
  {
    name: 'the order of named entries',
    pair: [withContainers('a', 'b'), withContainers('b', 'a')],
    lines: ['spec.template.spec.containers: (order: [a] [b]) -> (order: [b] [a])'],
  },
  { name: 'a field that goes', pair: [map({ a: '1', b: '2' }), map({ a: '1' })], lines: ['data.b: "2" -> (none)'] },
  { name: 'an odd key', pair: [map({}), map({ 'a.b': '1' })], lines: ['data["a.b"]: (none) -> "1"'] },
  {
    name: 'a long value is cut',
    pair: [map({ a: 'x' }), map({ a: 'y'.repeat(500) })],
    lines: [`data.a: "x" -> "${'y'.repeat(159)}...`],
  },
  {
    name: 'bookkeeping is no difference',
    pair: [map({}, { 'coxswain.dev/source': 'a.yaml' }), map({}, { 'coxswain.dev/source': 'b.yaml', note: 'x' })],
    lines: ['metadata.annotations.note: (none) -> "x"'],
  },
  {
    name: 'values of Secrets are never shown',
    pair: [secret({ a: 'b2xk', gone: 'eA==', same: 'eQ==' }), secret({ a: 'bmV3', same: 'eQ==', later: GENERATED_LATER })],
    lines: ['data.a: (secret) -> (another secret)', 'data.gone: (secret) -> (none)', 'data.later: (none) -> (generated)'],
  },
  { name: 'a new Secret', pair: [undefined, secret({ a: 'b2xk' })], lines: ['data.a: (none) -> (secret)'] },
];

describe('fieldDifferences', () => {
  for (const { name, pair, lines: expected } of ROWS) {
    it(name, () => {
      expect(lines(pair[0], pair[1])).to.deep.equal(expected);
    });
  }
});

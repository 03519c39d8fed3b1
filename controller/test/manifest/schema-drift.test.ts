/** schemas/ and the types are the same shapes; and the check that says so can fail. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { AnySchema } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import { findDrift } from './schema-drift.ts';

describe('schema drift', function () {
  this.timeout(120_000);

  it('the schemas are schemas', () => {
    const directory = new URL('../../../schemas/', import.meta.url);
    const ajv = new Ajv2020();
    for (const file of readdirSync(directory)) {
      const schema = JSON.parse(readFileSync(new URL(file, directory), 'utf8')) as AnySchema;
      expect(ajv.validateSchema(schema), `${file}: ${ajv.errorsText()}`).to.equal(true);
    }
  });

  it('there is none', () => {
    expect(findDrift()).to.deep.equal([]);
  });

  const CHANGES: readonly { readonly file: string; readonly at: string; readonly value: unknown; readonly drift: string }[] = [
    {
      file: 'deployment',
      at: 'properties.spec.properties.paused.type',
      value: 'string',
      drift: 'Deployment.spec.paused: string in deployment.json, boolean in model/objects.ts',
    },
    {
      file: 'deployment',
      at: 'properties.spec.required',
      value: ['template'],
      drift: 'Deployment.spec.selector: optional in deployment.json, and not so in model/objects.ts',
    },
    {
      file: 'probe',
      at: 'properties.grpc',
      value: undefined,
      drift: 'Pod.spec.containers[].livenessProbe.grpc: known to Kubernetes, not in probe.json',
    },
    {
      file: 'service',
      at: 'properties.spec.properties.type.enum',
      value: ['ClusterIP', 'NodePort'],
      drift: 'Service.spec.type: "ClusterIP" | "NodePort" in service.json, "ClusterIP" in model/objects.ts',
    },
    { file: 'secret', at: 'properties.type', value: undefined, drift: 'Secret.type: in model/objects.ts, not in secret.json' },
    {
      file: 'config-map',
      at: 'properties.frozen',
      value: { type: 'boolean' },
      drift: 'ConfigMap.frozen: in config-map.json, not in model/objects.ts',
    },
    {
      file: 'config-map',
      at: 'properties.frozen',
      value: { type: 'boolean' },
      drift: 'ConfigMap.frozen: in config-map.json, not known to Kubernetes',
    },
  ];

  it('each kind of it is found', () => {
    const directory = mkdtempSync(join(tmpdir(), 'coxswain-schemas-'));
    try {
      cpSync(new URL('../../../schemas/', import.meta.url), directory, { recursive: true });
      for (const { file, at, value } of CHANGES) {
        const path = join(directory, `${file}.json`);
        const schema = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
        const steps = at.split('.');
        const last = steps.pop()!;
        const parent = steps.reduce((node, step) => node[step] as Record<string, unknown>, schema);
        parent[last] = value;
        writeFileSync(path, JSON.stringify(schema));
      }
      const drift = findDrift(pathToFileURL(`${directory}/`));
      for (const change of CHANGES) expect(drift).to.include(change.drift);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

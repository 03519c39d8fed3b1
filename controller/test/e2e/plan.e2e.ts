/** Two applications that share names, in two namespaces: what `diff` foretells is done, each finds its own, and what is undeclared leaves nothing. */
import { expect } from 'chai';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { DiffReport } from '../../src/api/control-plane-port.ts';
import type { Namespace } from '../../src/model/objects.ts';
import { eventually } from '../eventually.ts';
import { ensureTestImage, TEST_IMAGE } from '../runtime/test-image.ts';
import { System } from './system.ts';

interface App {
  readonly namespace: string;
  readonly version: string;
  readonly replicas?: number;
}

/** A web server that says its version; /cgi-bin/slow takes three seconds. BusyBox as process 1 would ignore SIGTERM, hence the trap. */
function workload({ namespace, version, replicas = 1 }: App): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: ${namespace}}
spec:
  replicas: ${replicas}
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 5
      volumes: [{name: scratch, emptyDir: {}}]
      containers:
        - name: web
          image: ${TEST_IMAGE}
          imagePullPolicy: IfNotPresent
          command:
            - sh
            - -c
            - |
              trap 'exit 0' TERM
              mkdir -p /tmp/www/cgi-bin
              echo "$VERSION" > /tmp/www/index.html
              printf '#!/bin/sh\\nsleep 3\\nprintf "Content-Type: text/plain\\\\r\\\\n\\\\r\\\\nslow"\\n' > /tmp/www/cgi-bin/slow
              chmod +x /tmp/www/cgi-bin/slow
              httpd -f -p 8080 -h /tmp/www &
              wait
          env: [{name: VERSION, value: "${version}"}]
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
          volumeMounts: [{name: scratch, mountPath: /scratch}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: ${namespace}}
spec: {selector: {app: web}, ports: [{port: 8080}]}
`;
}

const route = (namespace: string): string => `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: ${namespace}}
spec:
  rules:
    - host: ${namespace}.test
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 8080}}}}]}
`;

describe('plan and namespaces', function () {
  this.timeout(240_000);
  let system: System;
  let hasFailed = false;

  before(async () => {
    await ensureTestImage('/var/run/docker.sock');
    system = new System({
      name: 'plan',
      basePort: 18_960,
      manifests: {
        'default.yaml': workload({ namespace: 'default', version: 'default-1' }),
        'shop.yaml': workload({ namespace: 'shop', version: 'shop-1' }),
        'default-route.yaml': route('default'),
        'shop-route.yaml': route('shop'),
      },
    });
    await system.up();
  });
  afterEach(function () {
    hasFailed ||= this.currentTest?.state === 'failed';
  });
  after(async () => {
    await system.remove(hasFailed);
  });

  function visit(host: string, path = '/'): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: system.ingressPort, path, headers: { Host: host }, agent: false, timeout: 30_000 };
      const call = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve(`${response.statusCode ?? 0} ${Buffer.concat(chunks).toString().trim()}`));
      });
      call.on('timeout', () => call.destroy(new Error('no answer')));
      call.on('error', reject);
      call.end();
    });
  }

  const running = async (namespace: string): Promise<readonly string[]> =>
    (await system.containers())
      .filter(({ labels, phase }) => phase === 'running' && labels['coxswain.dev/namespace'] === namespace)
      .map(({ id }) => id);

  const networks = async (): Promise<readonly string[]> =>
    (await system.runtime.listNetworks([`coxswain.dev/instance=${system.instance}`], AbortSignal.timeout(10_000)))
      .map(({ name }) => name)
      .sort();

  /** Verbs in order, by pod: from the log of the control plane, after a given length. */
  function doneSince(length: number): Readonly<Record<string, readonly string[]>> {
    const result: Record<string, string[]> = {};
    for (const line of readFileSync(join(system.home, 'log', 'control-plane.log'), 'utf8')
      .slice(length)
      .split('\n')) {
      if (!line.includes('"verb"')) continue;
      const { verb, resource } = JSON.parse(line) as { readonly verb: string; readonly resource: string };
      (result[resource] ??= []).push(verb);
    }
    return result;
  }

  it('the same names in two namespaces must lead each to its own', async () => {
    expect(await visit('default.test')).to.equal('200 default-1');
    expect(await visit('shop.test')).to.equal('200 shop-1');
    expect(await networks()).to.deep.equal([`coxswain-${system.instance}-default`, `coxswain-${system.instance}-shop`]);
    for (const namespace of ['default', 'shop']) {
      const [id = ''] = await running(namespace);
      for (const name of ['web', `web.${namespace}`]) {
        const { output } = await system.runtime.exec(id, ['wget', '-qO-', `http://${name}:8080/`], AbortSignal.timeout(20_000));
        expect(output.trim(), `${name} in ${namespace}`).to.equal(`${namespace}-1`);
      }
    }
    expect(await system.command('get', 'namespaces'))
      .to.match(/default/)
      .and.match(/shop/);
    expect(await system.command('get', 'pods', '-n', 'shop')).to.match(/web-/);
  });

  it('what diff foretells must be what is done, in order for each pod, and diff itself must do nothing', async () => {
    await eventually(async () => expect(await system.plan()).to.deep.equal({ operations: [], changes: [], waits: [] }), 20_000);
    const file = join(system.home, 'next.yaml');
    writeFileSync(file, workload({ namespace: 'shop', version: 'shop-2', replicas: 2 }));
    const log = join(system.home, 'log', 'control-plane.log');
    const length = readFileSync(log, 'utf8').length;
    const { code, stdout, stderr } = await system.outcome('diff', '-f', file, '-o', 'json');
    expect(code, stderr).to.equal(1);
    const { objects, plan } = JSON.parse(stdout) as DiffReport;
    expect(objects.map(({ resource, fields }) => [resource, fields.map(({ path }) => path)])).to.deep.equal([
      ['deployment/web.shop', ['spec.replicas', 'spec.template.spec.containers[web].env[VERSION].value']],
    ]);
    expect(doneSince(length)).to.deep.equal({});
    expect(await system.outcome('diff')).to.include({ code: 0, stdout: 'no differences\n' });
    const foretold: Record<string, string[]> = {};
    for (const { verb, resource } of plan.steps.flatMap(({ operations }) => operations)) (foretold[resource] ??= []).push(verb);
    writeFileSync(join(system.manifestDir, 'shop.yaml'), readFileSync(file));
    await eventually(async () => {
      expect(await visit('shop.test')).to.equal('200 shop-2');
      expect(await running('shop')).to.have.length(2);
      expect(await system.plan()).to.deep.equal({ operations: [], changes: [], waits: [] });
    }, 60_000);
    expect(doneSince(length)).to.deep.equal(foretold);
  });

  it('errors must be told with file and line, and exit with 2', async () => {
    const file = join(system.home, 'next.yaml');
    writeFileSync(file, workload({ namespace: 'shop', version: 'x' }).replace('replicas: 1', 'replicas: many'));
    const { code, stderr } = await system.outcome('diff', '-f', file);
    expect(code).to.equal(2);
    expect(stderr).to.include('next.yaml:5').and.include('spec.replicas');
  });

  it('a route that is deleted must let the request in flight finish', async () => {
    const slow = visit('shop.test', '/cgi-bin/slow');
    await eventually(async () => expect((await system.status()).status.ingress.inFlight).to.be.greaterThan(0), 2_500);
    rmSync(join(system.manifestDir, 'shop-route.yaml'));
    await eventually(async () => expect(await visit('shop.test')).to.match(/^404/), 20_000);
    expect(await slow).to.equal('200 slow');
    expect(await visit('default.test')).to.equal('200 default-1');
  });

  it('an undeclared namespace must leave nothing behind, though the control plane dies on the way', async () => {
    const untouched = await running('default');
    rmSync(join(system.manifestDir, 'shop.yaml'));
    const pid = system.pid('control-plane');
    await eventually(async () => expect(await running('shop')).to.have.length.at.most(1), 30_000);
    process.kill(pid, 'SIGKILL');
    await eventually(async () => {
      expect((await system.containers()).filter(({ labels }) => labels['coxswain.dev/namespace'] === 'shop')).to.deep.equal([]);
      expect(await networks()).to.deep.equal([`coxswain-${system.instance}-default`]);
      const volumes = await system.runtime.listVolumes([`coxswain.dev/instance=${system.instance}`], AbortSignal.timeout(10_000));
      expect(volumes.map(({ labels }) => labels['coxswain.dev/namespace'])).to.deep.equal(['default']);
      const { items } = JSON.parse(await system.command('get', 'ns', '-o', 'json')) as { readonly items: readonly Namespace[] };
      expect(items.map(({ metadata }) => metadata.name)).to.deep.equal(['default']);
      for (const kind of ['deploy', 'rs', 'pods', 'svc']) expect(await system.command('get', kind, '-n', 'shop')).to.match(/^no /);
    }, 60_000);
    expect(await running('default')).to.deep.equal(untouched);
  });
});

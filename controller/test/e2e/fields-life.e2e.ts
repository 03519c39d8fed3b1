/** What a pod's fields do over its life, on real Docker: probes, restarts, stops, images, names, routes. One system, one field a test. */
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Container } from '../../src/model/objects.ts';
import type { ContainerEnding } from '../../src/model/operation.ts';
import { DockerRuntime } from '../../src/runtime/docker-runtime.ts';
import { eventually } from '../eventually.ts';
import { ensureTestImage, TEST_IMAGE } from '../runtime/test-image.ts';
import { TestRegistry } from '../runtime/test-registry.ts';
import { asFile, podManifest, Pods } from './pods.ts';
import { System } from './system.ts';
import { makeCertificate } from './web/https-front.ts';

type Manifest = Record<string, unknown>;
const BASE_PORT = 18_922;
const registry = new TestRegistry(18_949);

/** Answers 200 to requests with the header "x-token: open", 404 to others, and writes what was asked for to the container's log. */
const HANDLER = `#!/bin/sh
read method path rest
status=404
while read header; do
  header=$(printf %s "$header" | tr -d '\\r' | tr A-Z a-z)
  [ -z "$header" ] && break
  [ "$header" = "x-token: open" ] && status=200
done
echo "$method $path $status" > /proc/1/fd/1
printf 'HTTP/1.1 %s Told\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n' $status
`;
const listening: Partial<Container> = {
  command: ['sh', '-c', 'printf %s "$HANDLER" > /tmp/handler; chmod +x /tmp/handler; exec nc -ll -p 8080 -e /tmp/handler'],
  // As it stands: nothing in it is a variable of Kubernetes.
  env: [{ name: 'HANDLER', value: HANDLER.replaceAll('$(', '$$(') }],
  ports: [{ name: 'web', containerPort: 8080 }],
};
const shell = (script: string): Partial<Container> => ({ command: ['sh', '-c', script] });
const probe = { periodSeconds: 1, failureThreshold: 1 };
const token = [{ name: 'X-Token', value: 'open' }];
const fileProbe = (path: string): { exec: { command: string[] } } => ({ exec: { command: ['test', '-f', path] } });

/** Says its name at every path. */
function site(name: string, namespace = 'default'): readonly Manifest[] {
  const labels = { app: name };
  const container = {
    ...shell(`mkdir -p /www/only; echo ${name}.${namespace} | tee /www/only/index.html > /www/index.html; exec httpd -f -p 8080 -h /www`),
    name: 'main',
    image: TEST_IMAGE,
  };
  const readinessProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 };
  return [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels },
      spec: { terminationGracePeriodSeconds: 1, containers: [{ ...container, readinessProbe, ports: [{ containerPort: 8080 }] }] },
    },
    { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { selector: labels, ports: [{ port: 8080 }] } },
  ];
}

/** What is there already would not be pulled. */
async function removePulled(): Promise<void> {
  const runtime = new DockerRuntime({ socketPath: '/var/run/docker.sock' });
  for (const tag of ['pulled:1', 'always:1']) await runtime.removeImage(registry.reference(tag), AbortSignal.timeout(20_000));
  runtime.close();
}

const backend = (name: string): Manifest => ({ service: { name, port: { number: 8080 } } });
const certificate = makeCertificate('pod.test');

const MANIFESTS = asFile(
  podManifest('asked', { ...listening, readinessProbe: { ...probe, httpGet: { path: '/ready', port: 'web', httpHeaders: token } } }),
  podManifest('unasked', { ...listening, readinessProbe: { ...probe, httpGet: { path: '/ready', port: 'web' } } }),
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'tls' },
    stringData: { 'tls.key': certificate.key.toString(), 'tls.crt': certificate.cert.toString() },
  },
  podManifest(
    'secured',
    {
      image: 'acts:latest',
      command: ['node', '-e'],
      args: [
        'const f = require("fs"); require("https").createServer({ key: f.readFileSync("/tls/tls.key"), cert: f.readFileSync("/tls/tls.crt") }, (q, r) => r.end()).listen(8443)',
      ],
      readinessProbe: { ...probe, httpGet: { path: '/', port: 8443, scheme: 'HTTPS' } },
      volumeMounts: [{ name: 'tls', mountPath: '/tls' }],
    },
    { volumes: [{ name: 'tls', secret: { secretName: 'tls' } }] },
  ),
  podManifest('open', { ...listening, readinessProbe: { ...probe, tcpSocket: { port: 8080 } } }),
  podManifest('shut', { ...listening, readinessProbe: { ...probe, tcpSocket: { port: 8081 } } }),
  podManifest('waits', { readinessProbe: { ...probe, ...fileProbe('/tmp/ready') } }),
  podManifest('slow', {
    startupProbe: { ...probe, failureThreshold: 1000, ...fileProbe('/tmp/up') },
    livenessProbe: { ...probe, ...fileProbe('/tmp/up') },
  }),
  podManifest('succeeds', shell('exit 0'), { restartPolicy: 'Never' }),
  podManifest('fails', shell('echo so much for that; exit 3'), { restartPolicy: 'Never' }),
  podManifest(
    'retries',
    { ...shell('test -f /keep/tried && exit 0; touch /keep/tried; exit 1'), volumeMounts: [{ name: 'keep', mountPath: '/keep' }] },
    { restartPolicy: 'OnFailure', volumes: [{ name: 'keep', emptyDir: {} }] },
  ),
  podManifest('returns', shell('sleep 4; exit 0')),
  podManifest('greedy', { ...shell('tail /dev/zero'), resources: { limits: { memory: '8Mi' } } }, { restartPolicy: 'Never' }),
  podManifest('greedy-again', { ...shell('sleep 4; tail /dev/zero'), resources: { limits: { memory: '8Mi' } } }),
  podManifest('unreachable', { image: '127.0.0.1:1/absent:1' }),
  podManifest('never', { image: 'coxswain-test/absent:1', imagePullPolicy: 'Never' }),
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } },
  ...site('web'),
  ...site('exact'),
  ...site('fallback'),
  ...site('web', 'other'),
  podManifest('client'),
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'routes' },
    spec: {
      defaultBackend: backend('fallback'),
      rules: [
        {
          host: 'one.test',
          http: {
            paths: [
              { path: '/', pathType: 'Prefix', backend: backend('web') },
              { path: '/only/', pathType: 'Exact', backend: backend('exact') },
            ],
          },
        },
      ],
    },
  },
);

describe('what becomes of a pod', function () {
  this.timeout(120_000);
  let system: System;
  let pods: Pods;
  let hasFailed = false;

  before(async () => {
    await ensureTestImage('/var/run/docker.sock');
    await registry.start();
    await removePulled();
    system = new System({ name: 'life', basePort: BASE_PORT, manifests: { 'life.yaml': MANIFESTS } });
    pods = new Pods(system);
    await system.up();
  });
  afterEach(function () {
    hasFailed ||= this.currentTest?.state === 'failed';
  });
  after(async () => {
    await system.remove(hasFailed);
    await removePulled();
    await registry.close();
  });

  const terminated = async (
    name: string,
  ): Promise<{ readonly phase: string | undefined; readonly reason: string | undefined; readonly exitCode: number }> =>
    await eventually(async () => {
      const { phase, containerStatuses } = (await pods.get(name)).status ?? {};
      const end = containerStatuses?.[0]?.state.terminated;
      if (end === undefined) throw new Error(`pod ${name} has not ended: ${JSON.stringify(containerStatuses?.[0]?.state)}`);
      return { phase, reason: end.reason, exitCode: end.exitCode };
    }, 60_000);
  const restarts = async (name: string): Promise<number> => (await pods.get(name)).status?.containerStatuses?.[0]?.restartCount ?? 0;
  const untilGone = (name: string): Promise<void> =>
    eventually(async () => {
      if ((await system.containers()).some(({ labels }) => labels['coxswain.dev/pod'] === name)) throw new Error(`${name} is there`);
    }, 60_000);
  const fetchAs = (host: string, path: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const call = request({ host: '127.0.0.1', port: system.ingressPort, path, headers: { host }, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve(response.statusCode === 200 ? text.trim() : `HTTP ${response.statusCode ?? 0}`));
      });
      call.on('error', reject);
      call.end();
    });

  it('httpGet probes: path, named port and headers must be those declared', async () => {
    await pods.untilReady('asked');
    await pods.running('unasked');
    expect(await pods.isReady('unasked')).to.equal(false);
    expect(await pods.logs('asked', '--tail', '1')).to.equal('GET /ready 200\n');
    expect(await pods.logs('unasked', '--tail', '1')).to.equal('GET /ready 404\n');
  });

  it('httpGet probes: scheme HTTPS must be spoken, whoever signed the certificate', async () => {
    await pods.untilReady('secured');
  });

  it('tcpSocket probes: must pass where something listens, and only there', async () => {
    await pods.untilReady('open');
    await pods.running('shut');
    expect(await pods.isReady('shut')).to.equal(false);
  });

  it('exec probes, readiness: a pod must be ready while the command succeeds', async () => {
    await pods.running('waits');
    expect(await pods.isReady('waits')).to.equal(false);
    await pods.run('waits', 'touch', '/tmp/ready');
    await pods.untilReady('waits');
    await pods.run('waits', 'rm', '/tmp/ready');
    await eventually(async () => expect(await pods.isReady('waits')).to.equal(false), 20_000);
    expect(await restarts('waits')).to.equal(0);
  });

  it('startupProbe, livenessProbe: liveness must count only after the start, and then restart the container', async () => {
    const first = await pods.running('slow');
    expect([await pods.isReady('slow'), await restarts('slow')]).to.deep.equal([false, 0]);
    await pods.run('slow', 'touch', '/tmp/up');
    await pods.untilReady('slow');
    await pods.runIn(first, 'rm', '/tmp/up');
    await eventually(async () => expect(await restarts('slow')).to.equal(1), 20_000);
    expect(await pods.running('slow')).to.not.equal(first);
  });

  it('lifecycle.preStop.exec: must run before SIGTERM', async () => {
    const script = 'trap "echo told to end; exit 0" TERM; echo up; while :; do sleep 0.1; done';
    const lifecycle = { preStop: { exec: { command: ['sh', '-c', 'echo hook > /proc/1/fd/1'] } } };
    pods.declare('hooked', podManifest('hooked', { ...shell(script), lifecycle }, { terminationGracePeriodSeconds: 20 }));
    await eventually(async () => expect(await pods.logs('hooked')).to.equal('up\n'), 30_000);
    pods.undeclare('hooked');
    await untilGone('hooked');
    expect(await pods.logs('hooked', '--previous')).to.equal('up\nhook\ntold to end\n');
  });

  it('lifecycle.preStop.httpGet: must be sent to the pod before SIGTERM', async () => {
    const lifecycle = { preStop: { httpGet: { path: '/bye', port: 'web', httpHeaders: token } } };
    pods.declare('called', podManifest('called', { ...listening, lifecycle }, { terminationGracePeriodSeconds: 20 }));
    await pods.running('called');
    pods.undeclare('called');
    await untilGone('called');
    expect(await pods.logs('called', '--previous')).to.equal('GET /bye 200\n');
  });

  it('lifecycle.preStop: one that fails must be told, and not hold up the stop', async () => {
    const lifecycle = { preStop: { exec: { command: ['sh', '-c', 'echo no way; exit 4'] } } };
    pods.declare('unhooked', podManifest('unhooked', { lifecycle }));
    await pods.running('unhooked');
    pods.undeclare('unhooked');
    await untilGone('unhooked');
    const told = (await system.events()).find(({ reason }) => reason === 'FailedPreStopHook');
    expect(told?.message).to.equal('preStop hook: exit code 4: no way');
  });

  it('terminationGracePeriodSeconds: must bound hook and SIGTERM together, then SIGKILL; exit code and log are kept', async () => {
    const lifecycle = { preStop: { exec: { command: ['sleep', '60'] } } };
    const deaf = shell('trap "" TERM; echo deaf; while :; do sleep 0.1; done');
    pods.declare('deaf', podManifest('deaf', { ...deaf, lifecycle }, { terminationGracePeriodSeconds: 3 }));
    await eventually(async () => expect(await pods.logs('deaf')).to.equal('deaf\n'), 30_000);
    const startedAt = performance.now();
    pods.undeclare('deaf');
    await untilGone('deaf');
    // 3 s for both, 2 s more for the signal after a hook that used them up, and what looking takes.
    expect(performance.now() - startedAt).to.be.within(3_000, 15_000);
    const directory = join(system.home, 'logs');
    const endings = readdirSync(directory)
      .filter((name) => name.endsWith('.json'))
      .map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as ContainerEnding);
    expect(endings.find(({ podName }) => podName === 'deaf')).to.include({ exitCode: 137, reason: 'Error', image: TEST_IMAGE });
  });

  it('restartPolicy Never: a pod must end as Succeeded or Failed, with its exit code', async () => {
    expect(await terminated('succeeds')).to.deep.equal({ phase: 'Succeeded', reason: 'Completed', exitCode: 0 });
    expect(await terminated('fails')).to.deep.equal({ phase: 'Failed', reason: 'Error', exitCode: 3 });
    expect(await pods.logs('fails')).to.equal('so much for that\n');
  });

  it('restartPolicy OnFailure: must run again until it succeeds', async () => {
    expect(await terminated('retries')).to.deep.equal({ phase: 'Succeeded', reason: 'Completed', exitCode: 0 });
    expect(await restarts('retries')).to.equal(1);
  });

  it('restartPolicy Always: must run again even after success', async () => {
    await eventually(async () => expect(await restarts('returns')).to.be.greaterThan(0), 30_000);
  });

  it('a container beyond its memory limit must be named OOMKilled, in the state, the last state and the events', async () => {
    expect(await terminated('greedy')).to.deep.equal({ phase: 'Failed', reason: 'OOMKilled', exitCode: 137 });
    await eventually(async () => {
      const last = (await pods.get('greedy-again')).status?.containerStatuses?.[0]?.lastState?.terminated;
      expect(last).to.include({ reason: 'OOMKilled', exitCode: 137 });
    }, 30_000);
    const told = (await system.events()).filter(({ involvedObject }) => involvedObject.name === 'greedy-again');
    expect(told.some(({ message }) => message.includes('OOMKilled'))).to.equal(true);
  });

  it('logs --previous: must be the end of what a crashed container wrote, at most 64 KiB', async () => {
    const script =
      'test -f /keep/done && exec sleep 3600; touch /keep/done; i=0; while [ $i -lt 9000 ]; do echo a line of the first $i; i=$((i+1)); done; exit 9';
    const container = { ...shell(script), volumeMounts: [{ name: 'keep', mountPath: '/keep' }] };
    pods.declare('crashes', podManifest('crashes', container, { volumes: [{ name: 'keep', emptyDir: {} }] }));
    await eventually(async () => {
      expect(await restarts('crashes')).to.equal(1);
      const mine = (await system.containers()).filter(({ labels }) => labels['coxswain.dev/pod'] === 'crashes');
      expect(mine, 'the first one is removed').to.have.length(1);
    }, 60_000);
    const text = await pods.logs('crashes', '--previous');
    expect(text).to.match(/a line of the first 8999\n$/);
    expect(text.length).to.be.within(20_000, 64 * 1024);
    expect(await pods.logs('crashes', '--previous', '--tail', '1')).to.equal('a line of the first 8999\n');
  });

  it('imagePullPolicy IfNotPresent: must pull once, and not for a replacement', async () => {
    const image = registry.reference('pulled:1');
    pods.declare('pulled', podManifest('pulled', { image }));
    const first = await eventually(() => pods.running('pulled'), 30_000);
    const asked = registry.asked.get('pulled:1') ?? 0;
    expect(asked).to.be.greaterThan(0);
    await system.runtime.killContainer(first, AbortSignal.timeout(10_000));
    await eventually(async () => expect(await pods.running('pulled')).to.not.equal(first), 30_000);
    expect(registry.asked.get('pulled:1')).to.equal(asked);
  });

  it('imagePullPolicy Always: must pull for each container, and have none while the registry refuses', async () => {
    const image = registry.reference('always:1');
    pods.declare('always', podManifest('always', { image, imagePullPolicy: 'Always' }));
    const first = await eventually(() => pods.running('always'), 30_000);
    const asked = registry.asked.get('always:1') ?? 0;
    registry.tags.delete('always:1');
    await system.runtime.killContainer(first, AbortSignal.timeout(10_000));
    await eventually(() => expect(registry.asked.get('always:1')).to.be.greaterThan(asked), 30_000);
    await eventually(async () => expect((await system.events()).some(({ reason }) => reason === 'ErrImagePull')).to.equal(true), 10_000);
    expect(
      (await system.containers()).some(({ labels, phase }) => labels['coxswain.dev/pod'] === 'always' && phase === 'running'),
    ).to.equal(false);
    registry.tags.add('always:1');
    await eventually(async () => expect(await pods.running('always')).to.not.equal(first), 60_000);
  });

  it('imagePullPolicy Always: an image that set-up built must not be looked for in a registry', async () => {
    const container: Partial<Container> = {
      image: 'acts:latest',
      imagePullPolicy: 'Always',
      command: ['node', '-e', 'setInterval(() => {}, 1000)'],
    };
    pods.declare('built', podManifest('built', container));
    await eventually(() => pods.running('built'), 30_000);
  });

  it('an image that cannot be pulled must be told in the words of the engine', async () => {
    await eventually(async () => {
      expect(await pods.waiting('unreachable')).to.match(
        /^ImagePullBackOff: Back-off pulling image "127.0.0.1:1\/absent:1": .*connection refused/,
      );
    }, 20_000);
    expect(await pods.waiting('never')).to.match(/^ErrImageNeverPull: /);
  });

  it('a Service must be reached as NAME and NAME.NAMESPACE', async () => {
    await pods.untilReady('web');
    for (const name of ['web', 'web.default', 'web.default.svc.cluster.local'])
      expect(await pods.run('client', 'wget', '-qO-', `http://${name}:8080/`)).to.equal('web.default');
  });

  it('namespaces: pods and Services of one name must stay apart', async () => {
    const other = await pods.running('web', 'other');
    expect(await pods.runIn(other, 'wget', '-qO-', 'http://web:8080/')).to.equal('web.other');
    expect(await pods.run('client', 'wget', '-qO-', 'http://web:8080/')).to.equal('web.default');
    const names = (await system.containers()).map(({ name }) => name);
    expect(names).to.include.members([`${system.instance}.web`, `${system.instance}.other.web`]);
  });

  it('Ingress: host, Prefix, Exact and defaultBackend must lead where they say', async () => {
    await eventually(async () => expect(await fetchAs('one.test', '/')).to.equal('web.default'), 30_000);
    expect(await fetchAs('one.test', '/only/')).to.equal('exact.default');
    expect(await fetchAs('ONE.test:80', '/index.html')).to.equal('web.default');
    await eventually(async () => expect(await fetchAs('two.test', '/')).to.equal('fallback.default'), 30_000);
  });

  it('resources of a Deployment: other limits must be given to the container as it runs', async () => {
    const deployment = (memory: string | undefined): Manifest => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'sized' },
      spec: {
        selector: { matchLabels: { app: 'sized' } },
        template: {
          metadata: { labels: { app: 'sized' } },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [
              {
                name: 'main',
                image: TEST_IMAGE,
                command: ['sleep', '3600'],
                ...(memory !== undefined && { resources: { limits: { memory } } }),
              },
            ],
          },
        },
      },
    });
    const sized = async (): Promise<{ readonly id: string; readonly memory: number }> => {
      const all = await system.replicas('sized');
      expect(all).to.have.length(1);
      const { id = '' } = all[0] ?? {};
      return { id, memory: (await system.runtime.inspectContainer(id, AbortSignal.timeout(10_000))).resources.memoryBytes / 2 ** 20 };
    };
    pods.declare('sized', deployment('32Mi'));
    const before = await eventually(sized, 30_000);
    pods.declare('sized', deployment('48Mi'));
    await eventually(async () => expect(await sized()).to.deep.equal({ id: before.id, memory: 48 }), 20_000);
    pods.declare('sized', deployment(undefined));
    await eventually(async () => {
      const now = await sized();
      expect([now.id === before.id, now.memory], 'no limit is taken away in place: it rolls over').to.deep.equal([false, 0]);
    }, 30_000);
  });
});

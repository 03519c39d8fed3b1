/** What a pod's fields do, on real Docker: one system, one field a test. docs/FIELDS.md names these tests. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually } from '../eventually.ts';
import { ensureTestImage } from '../runtime/test-image.ts';
import { asFile, podManifest, Pods } from './pods.ts';
import { System } from './system.ts';

const hostDirectory = mkdtempSync(join(tmpdir(), 'coxswain-host-path-'));
const configMap = (name: string, data: Readonly<Record<string, string>>): Record<string, unknown> => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});
const secret = (name: string, stringData: Readonly<Record<string, string>>): Record<string, unknown> => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  stringData,
});
const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' } };
const mount = (name: string, mountPath: string, more: object = {}): { name: string; mountPath: string } => ({ name, mountPath, ...more });

const MANIFESTS = asFile(
  configMap('settings', { GREETING: 'hello', 'app.conf': 'a=1\n', 'more.conf': 'b=2\n' }),
  secret('keys', { TOKEN: 't0ken' }),
  { ...claim, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } } },
  podManifest('plain'),
  podManifest('commanded', {
    command: ['sh', '-c', 'echo "$0|$1|$2"; exec sleep 3600', '$(WHO)', '$$(WHO)'],
    args: ['$(NOBODY)'],
    env: [{ name: 'WHO', value: 'me' }],
    workingDir: '/tmp',
  }),
  podManifest('environment', {
    env: [
      { name: 'FIRST', value: 'one' },
      { name: 'SECOND', value: '$(FIRST) two' },
      { name: 'FROM_MAP', valueFrom: { configMapKeyRef: { name: 'settings', key: 'GREETING' } } },
      { name: 'FROM_SECRET', valueFrom: { secretKeyRef: { name: 'keys', key: 'TOKEN' } } },
      { name: 'ABSENT_KEY', valueFrom: { configMapKeyRef: { name: 'settings', key: 'nope', optional: true } } },
      { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'SPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      { name: 'LABEL', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    ],
    envFrom: [
      { prefix: 'MAP_', configMapRef: { name: 'settings' } },
      { secretRef: { name: 'keys' } },
      { secretRef: { name: 'absent', optional: true } },
    ],
  }),
  podManifest('limited', { resources: { limits: { memory: '32Mi', cpu: '250m' }, requests: { memory: '16Mi', cpu: '125m' } } }),
  podManifest(
    'as-user',
    { securityContext: { runAsUser: 4242, runAsNonRoot: true } },
    { securityContext: { runAsUser: 1, runAsGroup: 77 } },
  ),
  podManifest('as-root', { securityContext: { runAsNonRoot: true } }),
  podManifest('locked', {
    securityContext: {
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
    },
  }),
  podManifest('privileged', { securityContext: { privileged: true } }),
  podManifest(
    'directories',
    { volumeMounts: [mount('scratch', '/scratch'), mount('ram', '/ram'), mount('host', '/host', { readOnly: true })] },
    {
      volumes: [
        { name: 'scratch', emptyDir: {} },
        { name: 'ram', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        { name: 'host', hostPath: { path: hostDirectory } },
      ],
    },
  ),
  podManifest(
    'files',
    {
      volumeMounts: [
        mount('all', '/all'),
        mount('some', '/some'),
        mount('some', '/etc/one.conf', { subPath: 'renamed/one.conf' }),
        mount('keys', '/keys'),
        mount('absent', '/absent'),
      ],
    },
    {
      volumes: [
        { name: 'all', configMap: { name: 'settings' } },
        {
          name: 'some',
          configMap: { name: 'settings', items: [{ key: 'app.conf', path: 'renamed/one.conf', mode: 0o400 }], defaultMode: 0o600 },
        },
        { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o440 } },
        { name: 'absent', configMap: { name: 'absent', optional: true } },
      ],
    },
  ),
  podManifest(
    'writer',
    { volumeMounts: [mount('data', '/data')] },
    { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] },
  ),
  podManifest(
    'reader',
    { volumeMounts: [mount('data', '/data')] },
    { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data', readOnly: true } }] },
  ),
);

describe('what a pod declares', function () {
  this.timeout(120_000);
  let system: System;
  let pods: Pods;
  let hasFailed = false;

  before(async () => {
    await ensureTestImage('/var/run/docker.sock');
    writeFileSync(join(hostDirectory, 'greeting'), 'from the host');
    const environment = { COXSWAIN_ALLOW_HOST_PATH: 'true', COXSWAIN_ALLOW_PRIVILEGED: 'true' };
    system = new System({ name: 'fields', basePort: 18_900, manifests: { 'fields.yaml': MANIFESTS }, environment });
    pods = new Pods(system);
    await system.up();
  });
  afterEach(function () {
    hasFailed ||= this.currentTest?.state === 'failed';
  });
  after(async () => {
    await system.remove(hasFailed);
    rmSync(hostDirectory, { recursive: true });
  });

  it('manifests of every field must be taken without a word', async () => {
    const { status } = await system.status();
    expect(status.manifests.errors).to.deep.equal([]);
    expect(status.manifests.warnings).to.deep.equal([]);
  });

  it('image: the container must run it, under the name of the pod', async () => {
    const { Config, Name, HostConfig } = await pods.inspect('plain');
    expect([Config.Image, Name, Config.Hostname]).to.deep.equal(['coxswain-test/busybox:latest', `/${system.instance}.plain`, 'plain']);
    expect(HostConfig.RestartPolicy?.Name, 'Docker itself restarts nothing').to.equal('no');
  });

  it('command, args, $(VAR): must replace what the image runs, variables expanded, $$ and unknown ones left', async () => {
    await pods.running('commanded');
    expect(await pods.logs('commanded')).to.equal('me|$(WHO)|$(NOBODY)\n');
  });

  it('workingDir: the process must start there', async () => {
    expect((await pods.inspect('commanded')).Config.WorkingDir).to.equal('/tmp');
    expect(await pods.sh('commanded', 'readlink /proc/1/cwd')).to.equal('/tmp');
  });

  it('env, valueFrom: values, other variables, keys of ConfigMaps and Secrets, fields of the pod', async () => {
    const values = (await pods.run('environment', 'env')).split('\n');
    expect(values).to.include.members([
      ...['FIRST=one', 'SECOND=one two', 'FROM_MAP=hello', 'FROM_SECRET=t0ken'],
      ...['POD=environment', 'SPACE=default', 'LABEL=environment', 'NODE=localhost'],
    ]);
    expect(values.some((line) => line.startsWith('ABSENT_KEY'))).to.equal(false);
  });

  it('envFrom: whole ConfigMaps and Secrets, with a prefix; an optional one may be absent', async () => {
    expect((await pods.run('environment', 'env')).split('\n')).to.include.members(['MAP_GREETING=hello', 'TOKEN=t0ken']);
  });

  it('secretKeyRef: without the Secret the manifest must be refused, with its place', async () => {
    pods.declare('bad', podManifest('bad', { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'absent', key: 'a' } } }] }));
    await eventually(async () => {
      const { errors } = (await system.status()).status.manifests;
      expect(errors.map(({ file, line, message }) => `${file}:${line ?? 0} ${message}`)).to.deep.equal([
        'bad.yaml:1 pod/bad spec.containers[0].env[0].valueFrom.secretKeyRef: secret/absent is not declared',
      ]);
    }, 10_000);
    pods.undeclare('bad');
  });

  it('resources: limits and requests must be those of the container', async () => {
    const { Memory, MemorySwap, NanoCpus, CpuShares } = (await pods.inspect('limited')).HostConfig;
    expect({ Memory, MemorySwap, NanoCpus, CpuShares }).to.deep.equal({
      Memory: 32 * 2 ** 20,
      MemorySwap: 32 * 2 ** 20,
      NanoCpus: 250_000_000,
      CpuShares: 128,
    });
  });

  it('runAsUser, runAsGroup: of the container before those of the pod', async () => {
    expect(await pods.sh('as-user', 'id -u; id -g')).to.equal('4242\n77');
  });

  it('runAsNonRoot: an image that runs as root must not run', async () => {
    await eventually(
      async () =>
        expect(await pods.waiting('as-root')).to.match(/^CreateContainerConfigError: runAsNonRoot is true, and image .* runs as root/),
      10_000,
    );
    expect((await system.containers()).some(({ name }) => name.endsWith('.as-root'))).to.equal(false);
  });

  it('readOnlyRootFilesystem: nothing may be written', async () => {
    expect(await pods.sh('locked', 'touch /file 2>&1 || true')).to.include('Read-only file system');
    expect(await pods.sh('plain', 'touch /file && echo written')).to.equal('written');
  });

  it('capabilities, allowPrivilegeEscalation: must be those declared', async () => {
    const status = await pods.sh('locked', 'grep -E "CapEff|NoNewPrivs" /proc/1/status');
    expect(status)
      .to.match(/CapEff:\s+0000000000000400/)
      .and.to.match(/NoNewPrivs:\s+1/);
    expect(await pods.sh('plain', 'grep NoNewPrivs /proc/1/status')).to.match(/NoNewPrivs:\s+0/);
  });

  it('privileged: is honoured where the configuration allows it', async () => {
    // Whether it starts is the engine's business: one that runs in a container itself may not be allowed to.
    expect((await pods.inspectAny('privileged')).HostConfig.Privileged).to.equal(true);
    expect((await pods.inspect('plain')).HostConfig.Privileged).to.equal(false);
  });

  it('emptyDir: must be writable, and in memory of the size that is said', async () => {
    expect(await pods.sh('directories', 'touch /scratch/a && echo written')).to.equal('written');
    expect(await pods.sh('directories', 'df -k /ram | tail -1')).to.match(/^tmpfs +1024 /);
  });

  it('emptyDir: must outlive a restart of the container, and go with the pod', async () => {
    pods.declare(
      'short',
      podManifest('short', { volumeMounts: [mount('scratch', '/scratch')] }, { volumes: [{ name: 'scratch', emptyDir: {} }] }),
    );
    const first = await eventually(() => pods.running('short'), 20_000);
    await pods.runIn(first, 'sh', '-c', 'echo kept > /scratch/a');
    await system.runtime.killContainer(first, AbortSignal.timeout(10_000));
    await eventually(async () => expect(await pods.running('short')).to.not.equal(first), 30_000);
    expect(await pods.sh('short', 'cat /scratch/a')).to.equal('kept');
    const volumes = async (): Promise<readonly string[]> =>
      (await system.runtime.listVolumes([`coxswain.dev/instance=${system.instance}`], AbortSignal.timeout(10_000)))
        .map(({ name }) => name)
        .filter((name) => name.includes('scratch'));
    expect(await volumes()).to.have.length(2);
    pods.undeclare('short');
    await eventually(async () => expect(await volumes()).to.have.length(1), 30_000);
  });

  it('hostPath: is honoured where the configuration allows it, readOnly too', async () => {
    expect(await pods.sh('directories', 'cat /host/greeting; touch /host/a 2>&1 || true')).to.match(/^from the host.*Read-only/s);
  });

  it('configMap volumes: every key a file, or the items under their paths with their modes; subPath one of them', async () => {
    expect(await pods.sh('files', 'cd /all && ls && cat app.conf')).to.equal('GREETING\napp.conf\nmore.conf\na=1');
    expect(await pods.sh('files', 'find /some -type f; stat -c %a /some/renamed/one.conf; cat /etc/one.conf')).to.equal(
      '/some/renamed/one.conf\n400\na=1',
    );
    expect(await pods.sh('files', 'touch /all/new 2>&1 || true')).to.include('Read-only');
  });

  it('secret volumes: with their mode; an optional volume that is absent is empty', async () => {
    expect(await pods.sh('files', 'stat -c %a /keys/TOKEN; cat /keys/TOKEN; ls /absent | wc -l')).to.equal('440\nt0ken0');
  });

  it('persistentVolumeClaim: must be shared by the pods that name it, and may be read-only', async () => {
    await pods.sh('writer', 'echo kept > /data/file');
    expect(await pods.sh('reader', 'cat /data/file; touch /data/other 2>&1 || true')).to.match(/^kept\n.*Read-only/s);
  });

  it('persistentVolumeClaim: must outlive its pods', async () => {
    const text = system.manifest('fields.yaml');
    system.manifest('fields.yaml', (all) =>
      all
        .split('\n---\n')
        .filter((one) => !one.includes('"name":"writer"') && !one.includes('"name":"reader"'))
        .join('\n---\n'),
    );
    await eventually(
      async () => expect((await system.containers()).some(({ name }) => /\.(writer|reader)$/.test(name))).to.equal(false),
      30_000,
    );
    system.manifest('fields.yaml', () => text);
    expect(await eventually(() => pods.sh('reader', 'cat /data/file'), 30_000)).to.equal('kept');
  });
});

import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { ControlPlaneError } from '../../src/api/control-plane-port.ts';
import { ApiServerError, startApiServer } from '../../src/api/api-server.ts';
import { ANNOTATION } from '../../src/model/annotations.ts';
import { configMap, deployment, event, pod, silent } from '../state/fixtures.ts';
import { diskFull } from '../state/memory-file-system.ts';
import { startFixture } from './api-fixture.ts';
import type { ApiFixture } from './api-fixture.ts';
import { STATUS } from './stub-control-plane.ts';

const MERGE = 'application/merge-patch+json';
const ACTS = '/apis/apps/v1/namespaces/default/deployments/acts';

describe('API', () => {
  let api: ApiFixture;

  beforeEach(async () => {
    api = await startFixture();
  });

  afterEach(() => api.close());

  describe('socket', () => {
    it('is for its owner only', async () => {
      expect((await stat(api.socketPath)).mode & 0o777).to.equal(0o600);
    });

    it('is not taken from a control plane that answers, but from a dead one', async () => {
      const { store, controlPlane: port } = api;
      const options = { store, port, logger: silent, version: '0.1.0' };
      const failure: unknown = await startApiServer({ ...options, socketPath: api.socketPath }).catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(ApiServerError).and.include({ code: 'SocketInUse' });
      const stale = `${api.socketPath}.stale`;
      await writeFile(stale, '');
      const second = await startApiServer({ ...options, socketPath: stale });
      await second.close();
      const long: unknown = await startApiServer({ ...options, socketPath: `/tmp/${'x'.repeat(120)}` }).catch((error: unknown) => error);
      expect(long).to.be.instanceOf(ApiServerError).and.include({ code: 'SocketPathTooLong' });
    });

    it('closes although a watch is open', async () => {
      const another = await startFixture();
      const watch = await another.open('/api/v1/pods?watch=true');
      watch.response.on('error', () => undefined);
      await another.close();
    });
  });

  describe('health, metrics and discovery', () => {
    it('tells health and readiness', async () => {
      expect(await api.call('GET', '/healthz')).to.include({ code: 200, text: 'ok' });
      expect(await api.call('GET', '/livez')).to.include({ code: 200, text: 'ok' });
      expect(await api.call('GET', '/readyz')).to.include({ code: 200, text: 'ok' });
      api.controlPlane.reasons = ['Docker does not answer'];
      expect(await api.call('GET', '/readyz')).to.include({ code: 503, text: 'not ready: Docker does not answer\n' });
    });

    it('counts replicas, and forgets a Deployment that is gone', async () => {
      api.store.create({ ...deployment('acts', 3), status: { readyReplicas: 2 } });
      const { text } = await api.call('GET', '/metrics');
      expect(text).to.contain('coxswain_deployment_replicas_desired{namespace="default",deployment="acts"} 3');
      expect(text).to.contain('coxswain_deployment_replicas_ready{namespace="default",deployment="acts"} 2');
      expect(text).to.contain('coxswain_objects{kind="Deployment"} 1');
      api.store.delete('Deployment', 'default/acts');
      const { text: later } = await api.call('GET', '/metrics');
      expect(later).to.not.contain('deployment="acts"');
      expect(later).to.contain('coxswain_api_requests_total{method="GET",code="200"} 1');
    });

    it('lists groups and resources, and lists every resource it advertises', async () => {
      expect((await api.call('GET', '/api')).body).to.have.deep.property('versions', ['v1']);
      const { groups } = (await api.call('GET', '/apis')).body as {
        groups: { name: string; preferredVersion: { groupVersion: string } }[];
      };
      expect(groups.map(({ name }) => name)).to.deep.equal([
        'apps',
        'networking.k8s.io',
        'discovery.k8s.io',
        'autoscaling',
        'coxswain.dev',
      ]);
      expect((await api.call('GET', '/apis/apps')).body).to.include({ kind: 'APIGroup', name: 'apps' });
      for (const groupVersion of ['v1', ...groups.map(({ preferredVersion }) => preferredVersion.groupVersion)]) {
        const root = groupVersion === 'v1' ? '/api/v1' : `/apis/${groupVersion}`;
        const { resources } = (await api.call('GET', root)).body as { resources: { name: string; kind: string }[] };
        for (const { name, kind } of resources.filter((resource) => !resource.name.includes('/'))) {
          expect((await api.call('GET', `${root}/${name}`)).body, name).to.include({ kind: `${kind}List` });
        }
      }
      expect((await api.call('GET', '/version')).body).to.include({ major: '1', minor: '32' });
    });

    it('answers anything else with a Status', async () => {
      expect((await api.call('GET', '/nonsense')).body).to.include({ kind: 'Status', status: 'Failure', reason: 'NotFound', code: 404 });
      expect((await api.call('GET', '/apis/nonsense/v1')).body).to.include({ reason: 'NotFound' });
      expect((await api.call('POST', '/healthz')).body).to.include({ reason: 'MethodNotAllowed', code: 405 });
      expect((await api.call('PATCH', '/api/v1/pods')).body).to.include({ reason: 'MethodNotAllowed', code: 405 });
    });
  });

  describe('reading', () => {
    beforeEach(() => {
      api.store.create(pod('acts-0', { app: 'acts' }));
      api.store.create(pod('users-0', { app: 'users' }));
      api.store.create({ ...pod('acts-0'), metadata: { name: 'acts-0', namespace: 'staging' } });
    });

    async function names(path: string): Promise<string[]> {
      const { body } = await api.call('GET', path);
      return (body as { items: { metadata: { namespace: string; name: string } }[] }).items.map(
        ({ metadata }) => `${metadata.namespace}/${metadata.name}`,
      );
    }

    it('lists a kind, in one namespace or all, narrowed by selectors', async () => {
      expect(await names('/api/v1/pods')).to.deep.equal(['default/acts-0', 'default/users-0', 'staging/acts-0']);
      expect(await names('/api/v1/namespaces/default/pods')).to.deep.equal(['default/acts-0', 'default/users-0']);
      expect(await names('/api/v1/pods?labelSelector=app%20in%20(users)')).to.deep.equal(['default/users-0']);
      expect(await names('/api/v1/pods?fieldSelector=metadata.name%3Dacts-0')).to.deep.equal(['default/acts-0', 'staging/acts-0']);
      expect((await api.call('GET', '/api/v1/pods')).body).to.nested.include({
        kind: 'PodList',
        apiVersion: 'v1',
        'metadata.resourceVersion': api.store.resourceVersion,
      });
      expect((await api.call('GET', '/api/v1/pods?labelSelector=a%3Db%3Dc')).body).to.include({ reason: 'BadRequest', code: 400 });
    });

    it('gets one object, or a Status with details', async () => {
      expect((await api.call('GET', '/api/v1/namespaces/default/pods/acts-0')).body).to.deep.equal(api.store.get('Pod', 'default/acts-0'));
      expect((await api.call('GET', ACTS)).body).to.deep.equal({
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'deployments.apps "acts" not found',
        reason: 'NotFound',
        details: { name: 'acts', group: 'apps', kind: 'deployments' },
        code: 404,
      });
    });

    it('selects events by the object they are about', async () => {
      api.store.create(event('e1'));
      expect(await names('/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=acts-0')).to.deep.equal(['default/e1']);
      expect(await names('/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=acts-1')).to.deep.equal([]);
    });
  });

  describe('watch', () => {
    async function next(watch: Awaited<ReturnType<ApiFixture['open']>>): Promise<string> {
      const line = await watch.nextLine();
      if (line === undefined) return 'end';
      const { type, object } = JSON.parse(line) as { type: string; object: { metadata?: { name?: string }; code?: number } };
      return `${type} ${object.metadata?.name ?? ''}${object.code ?? ''}`;
    }

    it('tells of changes after a list, of its own kind and selection only', async () => {
      api.store.create(configMap('old', 'x'));
      const watch = await api.open(`/api/v1/configmaps?watch=true&resourceVersion=${api.store.resourceVersion}&labelSelector=app`);
      const labelled = { ...configMap('new', 'x'), metadata: { name: 'new', namespace: 'default', labels: { app: 'acts' } } };
      api.store.create(pod('acts-0', { app: 'acts' }));
      api.store.update(configMap('old', 'y'));
      api.store.create(labelled);
      api.store.update({ ...labelled, data: { value: 'y' } });
      expect(await next(watch)).to.equal('ADDED new');
      expect(await next(watch)).to.equal('MODIFIED new');
      // It leaves the selection, and comes back.
      api.store.update(configMap('new', 'y'));
      expect(await next(watch)).to.equal('DELETED new');
      api.store.update(labelled);
      expect(await next(watch)).to.equal('ADDED new');
      api.store.delete('ConfigMap', 'default/new');
      expect(await next(watch)).to.equal('DELETED new');
      watch.close();
    });

    it('resumes where it was cut, and says Expired when it cannot', async () => {
      const { resourceVersion } = api.store;
      api.store.create(configMap('a', 'x'));
      const watch = await api.open(`/api/v1/configmaps?watch=true&resourceVersion=${resourceVersion}`);
      expect(await next(watch)).to.equal('ADDED a');
      watch.close();
      const expired = await api.open('/api/v1/configmaps?watch=true&resourceVersion=1');
      expect(expired.response.statusCode).to.equal(200);
      expect(await next(expired)).to.equal('ERROR 410');
      expect(await next(expired)).to.equal('end');
    });

    it('starts with what there is when no version is given, with a bookmark for WatchList', async () => {
      api.store.create(configMap('a', 'x'));
      const plain = await api.open('/api/v1/configmaps?watch=true');
      expect(await next(plain)).to.equal('ADDED a');
      plain.close();
      const list = await api.open(
        '/api/v1/configmaps?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
      );
      expect(await next(list)).to.equal('ADDED a');
      expect(await list.nextLine()).to.contain('"k8s.io/initial-events-end":"true"');
      list.close();
    });

    it('ends at its timeout, and stops listening when the client goes', async () => {
      const short = await api.open('/api/v1/configmaps?watch=true&timeoutSeconds=1');
      expect(api.store.changes.listenerCount('change')).to.equal(1);
      expect(await next(short)).to.equal('end');
      const watch = await api.open('/api/v1/configmaps?watch=true');
      expect(api.store.changes.listenerCount('change')).to.equal(1);
      watch.close();
      while (api.store.changes.listenerCount('change') > 0) await new Promise(setImmediate);
    });
  });

  describe('writing', () => {
    it('a copy of an object from a manifest comes from no manifest', async () => {
      const annotations = { [ANNOTATION.source]: 'acts.yaml', note: 'mine' };
      const copied = { ...configMap('copy', 'x'), metadata: { name: 'copy', namespace: 'default', annotations } };
      const { code, body } = await api.call('POST', '/api/v1/namespaces/default/configmaps', copied);
      expect(code).to.equal(201);
      expect(body).to.have.nested.property('metadata.annotations').that.deep.equals({ note: 'mine' });
    });

    it('creates, replaces, patches and deletes, each on disk before the answer', async () => {
      const collection = '/apis/apps/v1/namespaces/default/deployments';
      const created = await api.call('POST', collection, { ...deployment('acts'), status: { replicas: 9 } });
      expect(created.code).to.equal(201);
      expect(created.body).to.not.have.property('status');
      expect(journal()).to.contain('"name":"acts"');
      expect((await api.call('POST', collection, deployment('acts'))).body).to.include({ reason: 'AlreadyExists', code: 409 });
      expect((await api.call('PUT', ACTS, deployment('acts', 2))).body).to.nested.include({ 'spec.replicas': 2, 'metadata.generation': 2 });
      expect((await api.call('PATCH', ACTS, { metadata: { labels: { a: 'b' } } }, MERGE)).body).to.nested.include({
        'metadata.labels.a': 'b',
      });
      expect(journal()).to.contain('"a":"b"');
      const uid = api.store.get('Deployment', 'default/acts')?.metadata.uid;
      expect((await api.call('DELETE', ACTS)).body).to.deep.include({
        status: 'Success',
        details: { name: 'acts', group: 'apps', kind: 'deployments', uid },
      });
      expect(api.store.list('Deployment').size).to.equal(0);
      expect((await api.call('DELETE', ACTS)).code).to.equal(404);
    });

    it('minds the resourceVersion and uid a client names', async () => {
      const { metadata } = api.store.create(deployment('acts'));
      api.store.update(deployment('acts', 2));
      const stale = { ...deployment('acts', 3), metadata: { ...metadata } };
      expect((await api.call('PUT', ACTS, stale)).body).to.include({ reason: 'Conflict', code: 409 });
      const patch = { metadata: { resourceVersion: metadata.resourceVersion }, spec: { replicas: 3 } };
      expect((await api.call('PATCH', ACTS, patch, MERGE)).code).to.equal(409);
      expect((await api.call('PATCH', ACTS, { spec: { replicas: 3 } }, MERGE)).code).to.equal(200);
      expect((await api.call('DELETE', ACTS, { preconditions: { uid: 'another' } })).code).to.equal(409);
      expect((await api.call('DELETE', ACTS, { preconditions: { uid: metadata.uid } })).code).to.equal(200);
    });

    it('does not let a client change the status', async () => {
      api.store.create({ ...deployment('acts'), status: { readyReplicas: 1 } });
      await api.call('PATCH', ACTS, { status: { readyReplicas: 7 }, spec: { replicas: 2 } }, MERGE);
      expect(api.store.get('Deployment', 'default/acts')).to.nested.include({ 'status.readyReplicas': 1, 'spec.replicas': 2 });
    });

    it('refuses what is not valid, not that object, not JSON, too large, of another patch type or a dry run', async () => {
      api.store.create(deployment('acts'));
      const { resourceVersion } = api.store;
      expect((await api.call('PUT', ACTS, deployment('users'))).body).to.include({ reason: 'BadRequest' });
      expect((await api.call('PUT', ACTS, configMap('acts', 'x'))).body).to.include({ reason: 'BadRequest' });
      expect((await api.call('PUT', ACTS, 'text')).body).to.include({ reason: 'BadRequest' });
      expect((await api.call('PATCH', ACTS, { kind: 'Pod' }, MERGE)).body).to.include({ reason: 'BadRequest' });
      expect((await api.call('PUT', ACTS, { text: 'x'.repeat(4_000_000) })).body).to.include({ reason: 'RequestEntityTooLarge' });
      expect((await api.call('PUT', `${ACTS}?dryRun=All`, deployment('acts', 2))).body).to.include({ reason: 'BadRequest' });
      const strategic = await api.call('PATCH', ACTS, { spec: { replicas: 2 } }, 'application/strategic-merge-patch+json');
      expect(strategic.body).to.include({ reason: 'UnsupportedMediaType', code: 415 });
      api.controlPlane.problems = ['spec.replicas: must be >= 0'];
      expect((await api.call('PUT', ACTS, deployment('acts', -1))).body).to.deep.include({
        reason: 'Invalid',
        code: 422,
        message: 'Deployment "acts" is invalid: spec.replicas: must be >= 0',
        details: {
          name: 'acts',
          group: 'apps',
          kind: 'Deployment',
          causes: [{ reason: 'FieldValueInvalid', message: 'must be >= 0', field: 'spec.replicas' }],
        },
      });
      expect(api.store.resourceVersion).to.equal(resourceVersion);
    });

    it('marks a Pod as being deleted and leaves it to be stopped in order', async () => {
      api.store.create(pod('acts-0'));
      const { body } = await api.call('DELETE', '/api/v1/namespaces/default/pods/acts-0', { gracePeriodSeconds: 30 });
      expect(body).to.have.nested.property('metadata.deletionTimestamp');
      expect(api.store.get('Pod', 'default/acts-0')).to.exist;
    });

    it('encodes the plain text of a Secret', async () => {
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { password: 'secret' } };
      await api.call('POST', '/api/v1/namespaces/default/secrets', secret);
      expect(api.store.get('Secret', 'default/s'))
        .to.deep.include({ data: { password: 'c2VjcmV0' } })
        .and.not.have.property('stringData');
    });

    it('says so when a change is in force but could not be saved', async () => {
      api.store.create(deployment('acts'));
      await api.store.flushed();
      api.disk.beforeOperation = () => {
        throw diskFull();
      };
      const { code, body } = await api.call('PUT', ACTS, deployment('acts', 2));
      expect(code).to.equal(507);
      expect(body).to.have.property('message').that.contains('in force but not saved yet').and.contains('the disk is full');
      expect(api.store.get('Deployment', 'default/acts')?.spec.replicas).to.equal(2);
      api.disk.beforeOperation = () => undefined;
    });

    function journal(): string {
      return api.disk.files.get('/state/journal.log')?.toString('utf8') ?? '';
    }
  });

  describe('scale', () => {
    it('is read, patched and replaced', async () => {
      api.store.create({ ...deployment('acts', 2), status: { replicas: 1 } });
      expect((await api.call('GET', `${ACTS}/scale`)).body).to.deep.nested.include({
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        spec: { replicas: 2 },
        status: { replicas: 1, selector: 'app=acts' },
      });
      const patched = await api.call('PATCH', `${ACTS}/scale`, { spec: { replicas: 0 } }, MERGE);
      expect(patched.body).to.have.nested.property('spec.replicas', 0);
      expect(patched.headers).to.not.have.property('warning');
      const version = api.store.get('Deployment', 'default/acts')?.metadata.resourceVersion;
      const scale = {
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: { name: 'acts', resourceVersion: version },
        spec: { replicas: 4 },
      };
      expect((await api.call('PUT', `${ACTS}/scale`, scale)).code).to.equal(200);
      expect((await api.call('PUT', `${ACTS}/scale`, { ...scale, spec: { replicas: 5 } })).code).to.equal(409);
      expect(api.store.get('Deployment', 'default/acts')?.spec.replicas).to.equal(4);
    });

    it('refuses what is no number of replicas', async () => {
      api.store.create(deployment('acts', 2));
      for (const spec of [{}, { replicas: -1 }, { replicas: 1.5 }, { replicas: '3' }, { replicas: null }]) {
        expect((await api.call('PATCH', `${ACTS}/scale`, { spec }, MERGE)).body, JSON.stringify(spec)).to.include({
          reason: 'Invalid',
          code: 422,
        });
      }
      expect((await api.call('PATCH', ACTS.replace('acts', 'users') + '/scale', { spec: { replicas: 1 } }, MERGE)).code).to.equal(404);
    });

    it('warns when an autoscaler rules the replicas', async () => {
      api.store.create(deployment('acts', 2));
      api.store.create({
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'acts-load', namespace: 'default' },
        spec: { scaleTargetRef: { kind: 'Deployment', name: 'acts' }, maxReplicas: 10 },
      });
      const { headers } = await api.call('PATCH', `${ACTS}/scale`, { spec: { replicas: 3 } }, MERGE);
      expect(headers['warning']).to.equal(
        '299 - "horizontalpodautoscaler/acts-load rules the replicas of deployment/acts: its next tick may overrule this"',
      );
      expect((await api.call('POST', '/apis/coxswain.dev/v1/reset-autoscaler?name=acts')).body).to.deep.equal({
        autoscaler: 'default/acts-load',
      });
      expect((await api.call('POST', '/apis/coxswain.dev/v1/reset-autoscaler?name=users')).code).to.equal(404);
    });
  });

  describe('logs', () => {
    const LOG = '/api/v1/namespaces/default/pods/acts-0/log';

    beforeEach(() => {
      api.store.create(pod('acts-0'));
    });

    it('are plain text, with the options as asked', async () => {
      const { headers, text } = await api.call('GET', `${LOG}?tailLines=10&previous=true&sinceSeconds=5&timestamps=true`);
      expect(headers['content-type']).to.equal('text/plain; charset=utf-8');
      expect(text).to.equal('default/acts-0 says hello\n');
      const options = { isFollowing: false, isPrevious: true, hasTimestamps: true, tailLines: 10, sinceSeconds: 5 };
      expect(api.controlPlane.asked).to.deep.equal([{ logs: 'default/acts-0', options }]);
      expect((await api.call('GET', `${LOG}?tailLines=-1`)).code).to.equal(400);
      expect((await api.call('GET', LOG.replace('acts-0', 'acts-1'))).code).to.equal(404);
    });

    it('are followed until the client goes', async () => {
      const log = new PassThrough();
      let opened: AbortSignal | undefined;
      api.controlPlane.openLog = (_pod, _options, signal) => {
        opened = signal;
        return Promise.resolve(log);
      };
      const follow = await api.open(`${LOG}?follow=true`);
      log.write('one\n');
      expect(await follow.nextLine()).to.equal('one');
      follow.close();
      if (opened?.aborted === false) await once(opened, 'abort');
    });

    it('that cannot be had are an error by code', async () => {
      api.controlPlane.openLog = () =>
        Promise.reject(new ControlPlaneError('BadRequest', 'the container of pod/acts-0 is waiting to start'));
      expect((await api.call('GET', LOG)).body).to.include({
        reason: 'BadRequest',
        message: 'the container of pod/acts-0 is waiting to start',
      });
      api.controlPlane.openLog = () => Promise.reject(new Error('a defect'));
      expect((await api.call('GET', LOG)).body).to.include({
        reason: 'InternalError',
        message: 'an internal error occurred; the log of the control plane has it',
      });
    });
  });

  describe('requests of its own', () => {
    it('answers status and plan', async () => {
      expect((await api.call('GET', '/apis/coxswain.dev/v1/status')).body).to.deep.equal(STATUS);
      expect((await api.call('GET', '/apis/coxswain.dev/v1/plan')).body).to.have.keys('operations', 'changes', 'waits');
    });

    it('takes manifests to compare, and nothing else', async () => {
      const url = '/apis/coxswain.dev/v1/diff';
      const files = [{ path: 'a.yaml', content: 'kind: Pod' }];
      expect((await api.call('POST', `${url}?prune=true`, { files })).body).to.deep.equal(api.controlPlane.differences);
      expect(api.controlPlane.asked.at(-1)).to.deep.equal({ diff: { files, prune: true } });
      for (const body of [{}, [], { files: [1] }, { files: [{ path: 'a.yaml' }] }])
        expect((await api.call('POST', url, body)).code).to.equal(400);
    });

    it('applies and crashes', async () => {
      api.store.create(deployment('acts'));
      expect((await api.call('POST', '/apis/coxswain.dev/v1/apply?prune=true')).body).to.deep.include({
        changes: ['deployment/acts created'],
      });
      expect((await api.call('POST', '/apis/coxswain.dev/v1/crash?name=acts')).body).to.include({ pod: 'acts-0' });
      expect((await api.call('POST', '/apis/coxswain.dev/v1/crash?name=users')).code).to.equal(404);
      expect((await api.call('POST', '/apis/coxswain.dev/v1/crash')).code).to.equal(400);
      expect(api.controlPlane.asked).to.deep.equal([{ apply: { prune: true } }, { crash: 'default/acts' }]);
    });

    it('survives a client that sends nonsense', async () => {
      const socket = connect(api.socketPath);
      socket.on('error', () => undefined);
      socket.write('nonsense\r\n\r\n');
      socket.resume();
      await once(socket, 'close');
      expect((await api.call('GET', '/healthz')).code).to.equal(200);
    });
  });
});

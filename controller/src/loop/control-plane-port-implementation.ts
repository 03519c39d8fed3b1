/** What the API asks of the control plane, answered from its parts. It changes nothing but by the same ways as everyone: store, loop, pods. */
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { ControlPlaneError } from '../api/control-plane-port.ts';
import type {
  ApplyReport,
  AutoscalerReport,
  ControlPlanePort,
  CrashReport,
  DiffReport,
  DiffRequest,
  LogOptions,
  PlanReport,
  StatusReport,
} from '../api/control-plane-port.ts';
import { findSavedLog, logFileName } from '../execute/save-logs.ts';
import { formatPath } from '../manifest/finding.ts';
import { isWarningCode, readObject } from '../manifest/parse-manifests.ts';
import { isDeclarableKind } from '../manifest/manifest-schemas.ts';
import { ANNOTATION } from '../model/annotations.ts';
import type { Condition, KubernetesObject, ObjectKey, Pod } from '../model/objects.ts';
import type { FromIngress } from '../model/endpoint-table.ts';
import { deploymentKeyOf } from '../reconcile/owner.ts';
import type { ControlPlaneParts } from './control-plane.ts';
import { diffManifests, planNow } from './dry-run.ts';
import type { DryRunParts } from './dry-run.ts';
import { monotonicNow } from './monotonic.ts';
import { problem } from './report-texts.ts';

type IngressReport = Extract<FromIngress, { readonly type: 'report' }>;

export class ControlPlanePortImplementation implements ControlPlanePort {
  readonly #parts: ControlPlaneParts;
  #report: IngressReport | undefined;

  constructor(parts: ControlPlaneParts) {
    this.#parts = parts;
    parts.link.on('report', (report) => (this.#report = report));
  }

  status(): StatusReport {
    const { options, applier, engine, loop, link, startedAt } = this.#parts;
    const {
      inFlight = 0,
      held = 0,
      requestsTotal = 0,
      heldTotal = 0,
      retriedTotal = 0,
      failedTotal = 0,
      requestsByPod = {},
    } = this.#report ?? {};
    const { isEngineReachable, lastError, engineUnreachableSinceMs } = loop.statistics;
    return {
      version: options.version,
      build: options.build,
      instance: options.instance,
      startedAt: startedAt.toISOString(),
      addresses: this.#addresses(),
      manifests: {
        directory: options.manifestDirectory,
        errors: (applier.snapshot?.errors ?? []).map(problem),
        warnings: (applier.snapshot?.warnings ?? []).map(problem),
      },
      conditions: this.#conditions(),
      engine: {
        isReachable: isEngineReachable,
        ...(engineUnreachableSinceMs !== undefined && { unreachableSince: toWallTime(engineUnreachableSinceMs) }),
        version: engine.version,
        ...(lastError !== undefined && { message: lastError }),
      },
      ingress: {
        isConnected: link.observed.isConnected,
        inFlight,
        held,
        requestsTotal,
        heldTotal,
        retriedTotal,
        failedTotal,
        requestsByPod,
      },
      autoscalers: this.#autoscalers(),
    };
  }

  onPass(listener: (latencyMs: number) => void): void {
    this.#parts.loop.bus.on('pass', (_plan, latencyMs) => listener(latencyMs));
  }

  plan({ all }: { readonly all: boolean }, signal: AbortSignal): Promise<PlanReport> {
    return planNow(this.#dryRun, all, signal);
  }

  diff(request: DiffRequest, signal: AbortSignal): Promise<DiffReport> {
    return diffManifests(this.#dryRun, request, signal);
  }

  async readLogs(key: ObjectKey, options: LogOptions, signal: AbortSignal): Promise<Readable> {
    const { store, options: own } = this.#parts;
    const pod = store.get('Pod', key);
    if (options.isPrevious) return this.#previousLogs(key, pod, options, signal);
    if (pod === undefined) throw new ControlPlaneError('NotFound', `pod ${key} not found`);
    const containerId = containerIdOf(pod);
    if (containerId === undefined) throw new ControlPlaneError('BadRequest', `container of pod ${pod.metadata.name} is waiting to start`);
    const stream = new PassThrough();
    const { tailLines, sinceSeconds } = options;
    const runtimeOptions = {
      isFollowing: options.isFollowing,
      isTimestamped: options.hasTimestamps,
      ...(tailLines !== undefined && { tailLines }),
      ...(sinceSeconds !== undefined && { sinceSeconds: Math.floor(Date.now() / 1000) - sinceSeconds }),
    };
    const reading = own.runtime.readLogs(containerId, runtimeOptions, (chunk) => stream.write(chunk), signal);
    reading.then(
      () => stream.end(),
      (error: unknown) => stream.destroy(signal.aborted ? undefined : (error as Error)),
    );
    return stream;
  }

  async resetAutoscaler(key: ObjectKey): Promise<void> {
    const { store, autoscaling, loop } = this.#parts;
    const autoscaler = store.get('HorizontalPodAutoscaler', key);
    if (autoscaler === undefined) throw new ControlPlaneError('NotFound', `horizontalpodautoscaler ${key} not found`);
    autoscaling.reset(autoscaler);
    loop.wake();
    await store.flushed();
  }

  async applyNow({ prune }: { readonly prune: boolean }): Promise<ApplyReport> {
    const { manifests, applier, store, loop } = this.#parts;
    const snapshot = await manifests.readNow();
    const { changes } = await applier.apply(snapshot, prune);
    loop.wake();
    await store.flushed();
    return { changes, errors: snapshot.errors.map(problem), warnings: snapshot.warnings.map(problem) };
  }

  async crash(key: ObjectKey): Promise<CrashReport> {
    const { store, loop } = this.#parts;
    if (store.get('Deployment', key) === undefined) throw new ControlPlaneError('NotFound', `deployment ${key} not found`);
    const endpoints = (loop.lastPlan?.endpointTable.services ?? []).flatMap(({ endpoints: all }) => all);
    for (const pod of store.list('Pod').values()) {
      if (deploymentKeyOf(pod) !== key) continue;
      const endpoint = endpoints.find(({ podName, id }) => podName === pod.metadata.name && id === containerIdOf(pod));
      const address = endpoint?.addresses[0];
      if (endpoint === undefined || address === undefined) continue;
      await post(`http://${address.host}:${address.port}/api/v1/_crash`);
      return { pod: pod.metadata.name, address: `${address.host}:${address.port}`, containerId: endpoint.id };
    }
    throw new ControlPlaneError('Conflict', `deployment ${key} has no ready pod to crash`);
  }

  readiness(): { readonly isReady: boolean; readonly reasons: readonly string[] } {
    const { loop } = this.#parts;
    const reasons: string[] = [];
    if (loop.statistics.passes === 0) reasons.push('the first pass is not done yet');
    if (!loop.statistics.isEngineReachable)
      reasons.push(`the container engine does not answer: ${loop.statistics.lastError ?? 'not asked yet'}`);
    return { isReady: reasons.length === 0, reasons };
  }

  validate(object: KubernetesObject): readonly string[] {
    if (!isDeclarableKind(object.kind)) return [];
    const { isHostPathAllowed, isPrivilegedAllowed } = this.#parts.options;
    const { findings } = readObject(withoutWritten(object), { schemas: this.#parts.schemas, isHostPathAllowed, isPrivilegedAllowed });
    return findings
      .filter(({ code }) => !isWarningCode(code))
      .map(({ path, message }) => (path.length === 0 ? message : `${formatPath(path)}: ${message}`));
  }

  get #dryRun(): DryRunParts {
    const { loop, applier, manifests, options } = this.#parts;
    return { loop, applier, manifests, runtime: options.runtime };
  }

  #conditions(): readonly Condition[] {
    const { applier, store, stateReports, loop } = this.#parts;
    const errors = applier.snapshot?.errors.length ?? 0;
    const { durability } = store;
    const since = loop.statistics.engineUnreachableSinceMs;
    return [
      errors === 0
        ? { type: 'ManifestsValid', status: 'True' }
        : {
            type: 'ManifestsValid',
            status: 'False',
            reason: 'InvalidManifest',
            message: `${errors} error${errors === 1 ? '' : 's'}; what they concern stays as it was, and nothing is removed`,
          },
      ...applier.conditions
        .filter(({ code }) => code !== 'InvalidManifest')
        .map(({ code, message }): Condition => ({ type: code, status: 'True', reason: code, message })),
      durability.isDurable
        ? { type: 'StateDurable', status: 'True' }
        : { type: 'StateDurable', status: 'False', reason: durability.error.code, message: `${durability.error.message}; it is retried` },
      ...stateReports.map(({ kind, message }): Condition => ({ type: 'StateRepaired', status: 'True', reason: kind, message })),
      loop.statistics.isEngineReachable
        ? { type: 'EngineReachable', status: 'True' }
        : {
            type: 'EngineReachable',
            status: 'False',
            reason: 'NoAnswer',
            ...(since !== undefined && { lastTransitionTime: toWallTime(since) }),
            message: loop.statistics.lastError ?? 'not asked yet',
          },
    ];
  }

  #addresses(): StatusReport['addresses'] {
    const { options, store } = this.#parts;
    const addresses = [{ name: 'ingress', url: options.ingressAddress }];
    for (const pod of store.list('Pod').values()) {
      const port = pod.metadata.annotations?.[ANNOTATION.hostPort];
      if (port !== undefined)
        addresses.push({ name: pod.metadata.name, url: `http://${pod.metadata.annotations?.[ANNOTATION.hostIp] ?? '127.0.0.1'}:${port}/` });
    }
    return addresses;
  }

  #autoscalers(): readonly AutoscalerReport[] {
    const { autoscaling, store } = this.#parts;
    return autoscaling.views(monotonicNow()).flatMap(({ name, namespace, armedAtMs, nextTickMs, countSoFar }) => {
      const autoscaler = store.get('HorizontalPodAutoscaler', `${namespace}/${name}`);
      if (autoscaler === undefined) return [];
      const target = autoscaler.spec.scaleTargetRef;
      const deployment = store.get('Deployment', `${namespace}/${target.name}`);
      return [
        {
          name,
          namespace,
          target: `${target.kind.toLowerCase()}/${target.name}`,
          isArmed: armedAtMs !== undefined,
          ...(armedAtMs !== undefined && { armedAt: toWallTime(armedAtMs) }),
          ...(nextTickMs !== undefined && { nextTickAt: toWallTime(nextTickMs) }),
          countSoFar,
          currentReplicas: deployment?.spec.replicas ?? 1,
          ...(autoscaler.status !== undefined && { desiredReplicas: autoscaler.status.desiredReplicas }),
        },
      ];
    });
  }

  /** Of a pod that is there: its former container, if that is there still, else what was saved. Of one that is gone: what was saved last. */
  async #previousLogs(key: ObjectKey, pod: Pod | undefined, options: LogOptions, signal: AbortSignal): Promise<Readable> {
    const directory = join(this.#parts.options.home, 'logs');
    const [namespace = '', name = ''] = key.split('/');
    const former = pod?.status?.containerStatuses?.[0]?.lastState?.terminated?.containerID?.replace('docker://', '');
    if (former !== undefined && this.#parts.observer.containers.has(former)) {
      const chunks: Uint8Array[] = [];
      const lines = options.tailLines === undefined ? {} : { tailLines: options.tailLines };
      await this.#parts.options.runtime.readLogs(former, lines, (chunk) => chunks.push(chunk), signal);
      return Readable.from([Buffer.concat(chunks)]);
    }
    const file = pod === undefined ? await findSavedLog(directory, namespace, name) : join(directory, logFileName(pod.metadata.uid ?? ''));
    if (file === undefined) throw new ControlPlaneError('NotFound', `pod ${key} not found`);
    try {
      const lines = (await readFile(file, 'utf8')).split('\n');
      const kept = options.tailLines === undefined ? lines : lines.slice(-options.tailLines - 1);
      return Readable.from([kept.join('\n')]);
    } catch {
      throw new ControlPlaneError('BadRequest', `previous terminated container of pod ${name} not found`);
    }
  }
}

/** Of a time of the monotonic clock. */
function toWallTime(atMs: number): string {
  return new Date(Date.now() + (atMs - monotonicNow())).toISOString();
}

function containerIdOf(pod: Pod): string | undefined {
  return pod.status?.containerStatuses?.[0]?.containerID?.replace('docker://', '');
}

/** What Coxswain itself wrote into an object is no one's input. */
function withoutWritten(object: KubernetesObject): unknown {
  const { annotations, name, namespace, labels } = object.metadata;
  const own = Object.entries(annotations ?? {}).filter(
    ([key]) => key !== ANNOTATION.source && key !== ANNOTATION.declaredReplicas && key !== ANNOTATION.hostPort,
  );
  const metadata = {
    name,
    ...(namespace !== undefined && { namespace }),
    ...(labels !== undefined && { labels }),
    ...(own.length > 0 && { annotations: Object.fromEntries(own) }),
  };
  const { status: _status, ...rest } = object as KubernetesObject & { readonly status?: unknown };
  return { ...rest, metadata };
}

async function post(url: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const call = request(url, { method: 'POST', timeout: 3_000 }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new ControlPlaneError('Conflict', `${url} answered ${response.statusCode ?? 0}: is fault injection on?`));
    });
    call.on('timeout', () => call.destroy(new Error('no answer within 3 s')));
    call.on('error', (error) => reject(new ControlPlaneError('Unavailable', `${url}: ${error.message}`, { cause: error })));
    call.end();
  });
}

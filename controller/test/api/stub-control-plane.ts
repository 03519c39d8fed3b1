/** A control plane that answers what a test tells it to. */
import { Readable } from 'node:stream';
import type { ControlPlanePort, DiffReport, LogOptions, StatusReport } from '../../src/api/control-plane-port.ts';

export const STATUS: StatusReport = {
  version: '0.1.0',
  instance: 'default',
  startedAt: '2026-01-31T10:15:00Z',
  addresses: [{ name: 'acts', url: 'http://127.0.0.1/' }],
  manifests: { directory: 'manifests', errors: [], warnings: [] },
  conditions: [{ type: 'StateDurable', status: 'True' }],
  engine: { isReachable: true, version: '20.10.24' },
  ingress: { isConnected: true, inFlight: 1, held: 0, requestsTotal: 12, heldTotal: 0, retriedTotal: 0, failedTotal: 0, requestsByPod: {} },
  autoscalers: [],
};

export class StubControlPlane implements ControlPlanePort {
  report: StatusReport = STATUS;
  problems: readonly string[] = [];
  reasons: readonly string[] = [];
  readonly asked: unknown[] = [];
  openLog: (pod: string, options: LogOptions, signal: AbortSignal) => Promise<Readable> = (pod) =>
    Promise.resolve(Readable.from([`${pod} says hello\n`]));

  status(): StatusReport {
    return this.report;
  }

  passed: (latencyMs: number) => void = () => undefined;

  onPass(listener: (latencyMs: number) => void): void {
    this.passed = listener;
  }

  plan: ControlPlanePort['plan'] = () =>
    Promise.resolve({
      operations: [
        {
          verb: 'KillContainer',
          resource: 'pod/acts-0',
          cause: 'liveness probe failed',
          text: 'KillContainer pod/acts-0 0123456789ab: liveness probe failed',
        },
      ],
      changes: [{ text: 'create replicaset/acts-5d8f7c9b4d' }],
      waits: [{ resource: 'pod/acts-1', text: 'until it is ready' }],
    });

  differences: DiffReport = { errors: [], warnings: [], objects: [], conditions: [], plan: { steps: [], waits: [], isComplete: true } };

  diff: ControlPlanePort['diff'] = (request) => {
    this.asked.push({ diff: request });
    return Promise.resolve(this.differences);
  };

  readLogs: ControlPlanePort['readLogs'] = (pod, options, signal) => {
    this.asked.push({ logs: pod, options });
    return this.openLog(pod, options, signal);
  };

  resetAutoscaler: ControlPlanePort['resetAutoscaler'] = (autoscaler) => {
    this.asked.push({ reset: autoscaler });
    return Promise.resolve();
  };

  applyNow: ControlPlanePort['applyNow'] = (options) => {
    this.asked.push({ apply: options });
    const { errors, warnings } = this.report.manifests;
    return Promise.resolve({ changes: ['deployment/acts created'], errors, warnings });
  };

  crash: ControlPlanePort['crash'] = (deployment) => {
    this.asked.push({ crash: deployment });
    return Promise.resolve({ pod: 'acts-0', address: '127.0.0.1:8000', containerId: '0123456789abcdef' });
  };

  readiness(): { isReady: boolean; reasons: readonly string[] } {
    return { isReady: this.reasons.length === 0, reasons: this.reasons };
  }

  validate(): readonly string[] {
    return this.problems;
  }
}

/** Metrics for Prometheus, read from the store when they are asked for. Labels are names of Deployments and kinds only: bounded, and gone with them. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { KINDS } from '../model/objects.ts';
import type { ObjectStore } from '../state/object-store.ts';
import type { ControlPlanePort } from './control-plane-port.ts';

const LATENCY_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5];

export interface ApiMetrics {
  readonly registry: Registry;
  countRequest(method: string, code: number): void;
}

export function makeMetrics(store: ObjectStore, port: ControlPlanePort): ApiMetrics {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  const perDeployment = (name: string, help: string, read: (key: { readonly desired: number; readonly ready: number }) => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      labelNames: ['namespace', 'deployment'],
      collect() {
        this.reset();
        for (const { metadata, spec, status } of store.list('Deployment').values()) {
          const labels = { namespace: metadata.namespace ?? '', deployment: metadata.name };
          this.set(labels, read({ desired: spec.replicas ?? 1, ready: status?.readyReplicas ?? 0 }));
        }
      },
    });

  perDeployment('coxswain_deployment_replicas_desired', 'Replicas a Deployment asks for', ({ desired }) => desired);
  perDeployment('coxswain_deployment_replicas_ready', 'Replicas of a Deployment that are ready', ({ ready }) => ready);
  new Gauge({
    name: 'coxswain_objects',
    help: 'Objects in the store',
    registers,
    labelNames: ['kind'],
    collect() {
      for (const { kind } of KINDS) this.set({ kind }, store.list(kind).size);
    },
  });
  gauge('coxswain_state_durable', '1 when the state on disk is the state in memory', () => (store.durability.isDurable ? 1 : 0));
  gauge('coxswain_engine_reachable', '1 when the Docker engine answers', () => (port.status().engine.isReachable ? 1 : 0));
  gauge('coxswain_ingress_connected', '1 when the ingress is connected', () => (port.status().ingress.isConnected ? 1 : 0));
  gauge('coxswain_ingress_in_flight', 'Requests in flight at the ingress', () => port.status().ingress.inFlight);
  gauge('coxswain_ingress_held', 'Requests that wait for an endpoint', () => port.status().ingress.held);
  gauge('coxswain_ingress_requests_total', 'Requests the ingress took', () => port.status().ingress.requestsTotal);
  gauge('coxswain_ingress_failed_total', 'Requests the ingress had to fail', () => port.status().ingress.failedTotal);
  gauge('coxswain_process_resident_bytes', 'Memory of the control plane', () => process.memoryUsage.rss());
  gauge('coxswain_process_cpu_seconds_total', 'Processor time of the control plane, user and system', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  const loopLatency = new Histogram({
    name: 'coxswain_loop_latency_seconds',
    help: 'From when a pass of the control loop was called for until its operations were begun',
    registers,
    buckets: LATENCY_BUCKETS_SECONDS,
  });
  port.onPass((latencyMs) => loopLatency.observe(latencyMs / 1000));
  const requests = new Counter({
    name: 'coxswain_api_requests_total',
    help: 'Requests to this API',
    registers,
    labelNames: ['method', 'code'],
  });
  return { registry, countRequest: (method, code) => requests.inc({ method, code: String(code) }) };
}

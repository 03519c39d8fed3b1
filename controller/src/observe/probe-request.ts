/** A probe of a manifest, resolved against one container: what to send where. Pure. */
import type { ContainerPort, Probe } from '../model/objects.ts';

export const PROBE_USER_AGENT = 'coxswain-probe/1';

export type ProbeRequest =
  | {
      readonly type: 'http';
      readonly isTls: boolean;
      readonly address: string;
      readonly port: number;
      readonly path: string;
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly type: 'tcp'; readonly address: string; readonly port: number }
  | { readonly type: 'exec'; readonly containerId: string; readonly command: readonly string[] }
  /** It can never pass. */
  | { readonly type: 'unresolved'; readonly reason: string };

export function resolveProbe(probe: Probe, containerId: string, address: string, ports: readonly ContainerPort[]): ProbeRequest {
  if (probe.exec) return { type: 'exec', containerId, command: probe.exec.command };
  const wantedPort = probe.httpGet?.port ?? probe.tcpSocket?.port;
  const port = typeof wantedPort === 'string' ? findPort(wantedPort, ports) : wantedPort;
  if (port === undefined) return { type: 'unresolved', reason: `no port named ${wantedPort ?? ''}` };
  if (!probe.httpGet) return { type: 'tcp', address, port };
  const { httpGet } = probe;
  const headers: Record<string, string> = { 'user-agent': PROBE_USER_AGENT, accept: '*/*' };
  for (const { name, value } of httpGet.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const path = httpGet.path === undefined || httpGet.path === '' ? '/' : httpGet.path;
  return {
    type: 'http',
    isTls: httpGet.scheme === 'HTTPS',
    address,
    port,
    path: (path.startsWith('/') ? path : `/${path}`).replace(/[^\x21-\x7e]/gu, encodeURIComponent),
    headers,
  };
}

/** A named port, or digits in quotes as YAML likes to have them. */
function findPort(name: string, ports: readonly ContainerPort[]): number | undefined {
  return ports.find((port) => port.name === name)?.containerPort ?? (/^\d+$/.test(name) ? Number(name) : undefined);
}

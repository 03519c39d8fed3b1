/** The preStop hook of a container, with its port and address resolved. */
import type { HttpGetAction, Pod } from '../model/objects.ts';
import type { ObservedContainer } from '../model/observed.ts';
import type { PreStopHook } from '../model/operation.ts';
import { networkName } from './container-spec.ts';
import type { Draft } from './draft.ts';

/** Undefined without one, and where there is nobody to send it to. */
export function preStopHook(draft: Draft, pod: Pod, container: ObservedContainer): PreStopHook | undefined {
  const { exec, httpGet } = pod.spec.containers[0]?.lifecycle?.preStop ?? {};
  if (exec !== undefined) return { type: 'exec', command: exec.command };
  if (httpGet === undefined) return undefined;
  const host = container.networks[networkName(draft.world.instance, pod.metadata.namespace ?? 'default')] ?? '';
  const port = portOf(pod, httpGet);
  if (host === '' || port === undefined) return undefined;
  const headers = Object.fromEntries((httpGet.httpHeaders ?? []).map(({ name, value }) => [name, value]));
  return { type: 'http', isTls: httpGet.scheme === 'HTTPS', host, port, path: httpGet.path ?? '/', headers };
}

function portOf(pod: Pod, { port }: HttpGetAction): number | undefined {
  if (typeof port === 'number') return port;
  return pod.spec.containers[0]?.ports?.find(({ name }) => name === port)?.containerPort;
}

/**
 * One ContainerSpec as the body of POST /containers/create. Pure. Docker never restarts a container by itself here ("no", always):
 * two restarters would fight.
 */
import type Dockerode from 'dockerode';
import type { ContainerResources } from '../model/observed.ts';
import type { ContainerMount, ContainerSpec } from '../model/operation.ts';

/** Docker's own log files, a container: two of 10 MB. */
const LOG_CONFIG = { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } };
/** Where a published port listens when the spec does not say: never on every interface by omission, which is Docker's default. */
const DEFAULT_HOST_IP = '127.0.0.1';

export function toContainerBody(spec: ContainerSpec): Dockerode.ContainerCreateOptions {
  const exposed: Record<string, object> = {};
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of spec.ports) {
    const key = `${port.containerPort}/${port.protocol.toLowerCase()}`;
    exposed[key] = {};
    if (port.hostPort !== undefined) {
      (bindings[key] ??= []).push({ HostIp: port.hostIp ?? DEFAULT_HOST_IP, HostPort: String(port.hostPort) });
    }
  }
  return {
    Image: spec.image,
    ...(spec.entrypoint && { Entrypoint: [...spec.entrypoint] }),
    ...(spec.command && { Cmd: [...spec.command] }),
    ...(spec.workingDir !== undefined && { WorkingDir: spec.workingDir }),
    ...(spec.user !== undefined && { User: spec.user }),
    Env: [...spec.env],
    Labels: spec.labels,
    Hostname: spec.hostname,
    ExposedPorts: exposed,
    HostConfig: {
      RestartPolicy: { Name: 'no' },
      // tini as pid 1: a process that installs no SIGTERM handler still stops on it, and orphans are reaped.
      Init: true,
      NetworkMode: spec.network,
      PortBindings: bindings,
      Mounts: spec.mounts.map(toMount),
      ReadonlyRootfs: spec.isRootReadOnly,
      Privileged: spec.isPrivileged,
      CapAdd: [...spec.capabilitiesAdded],
      CapDrop: [...spec.capabilitiesDropped],
      SecurityOpt: spec.isPrivilegeEscalationAllowed ? [] : ['no-new-privileges'],
      ...toResourceBody(spec),
      LogConfig: LOG_CONFIG,
    },
    NetworkingConfig: { EndpointsConfig: { [spec.network]: { Aliases: [...spec.networkAliases] } } },
  };
}

export function toResourceBody({
  memoryBytes,
  nanoCpus,
  cpuShares,
}: ContainerResources): Pick<Dockerode.HostConfig, 'Memory' | 'MemorySwap' | 'NanoCpus' | 'CpuShares'> {
  // Memory and swap together: without it Docker grants as much swap again, and a limit would not limit.
  return { Memory: memoryBytes, MemorySwap: memoryBytes, NanoCpus: nanoCpus, CpuShares: cpuShares };
}

function toMount(mount: ContainerMount): Dockerode.MountSettings {
  if (mount.type !== 'tmpfs') return { Type: mount.type, Source: mount.source, Target: mount.target, ReadOnly: mount.isReadOnly };
  const options = mount.sizeBytes > 0 ? { SizeBytes: mount.sizeBytes, Mode: 0o1777 } : { Mode: 0o1777 };
  return { Type: 'tmpfs', Source: '', Target: mount.target, TmpfsOptions: options } as Dockerode.MountSettings;
}

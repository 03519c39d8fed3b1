/**
 * Volumes of pods: a PersistentVolumeClaim is a named Docker volume, an emptyDir one that goes with its pod (or a tmpfs),
 * ConfigMaps and Secrets are files that the control plane writes and mounts read-only.
 */
import { LABEL } from '../model/annotations.ts';
import type { KeyToPath, Pod, StringMap, Volume, VolumeMount } from '../model/objects.ts';
import type { ContainerMount, Operation } from '../model/operation.ts';
import { parseQuantity } from '../model/quantity.ts';
import { encodeBase64Utf8 } from './base64.ts';
import { Unresolved } from './unresolved.ts';
import { canonicalJson, shortDigest } from './digest.ts';
import type { World } from './world.ts';

export function volumeName(instance: string, namespace: string, claim: string): string {
  // No Kubernetes name has an underscore in it: no two claims share a volume.
  return instance === 'default' ? `coxswain-${namespace}_${claim}` : `coxswain-${instance}_${namespace}_${claim}`;
}

export function emptyDirName(instance: string, pod: Pod, volume: string): string {
  return `${volumeName(instance, pod.metadata.namespace ?? 'default', volume)}-${pod.metadata.uid ?? ''}`;
}

function volumeOf(pod: Pod, name: string): Volume {
  const volume = (pod.spec.volumes ?? []).find((candidate) => candidate.name === name);
  if (volume === undefined) throw new Unresolved(`volume "${name}" is not declared in the pod`);
  return volume;
}

export function mountOf(world: World, pod: Pod, mount: VolumeMount): ContainerMount {
  const volume = volumeOf(pod, mount.name);
  const target = mount.mountPath;
  const isReadOnly = mount.readOnly ?? false;
  const namespace = pod.metadata.namespace ?? 'default';
  if (volume.persistentVolumeClaim !== undefined) {
    const { claimName, readOnly } = volume.persistentVolumeClaim;
    if (!world.objects.PersistentVolumeClaim.has(`${pod.metadata.namespace ?? ''}/${claimName}`)) {
      throw new Unresolved(`persistentvolumeclaim/${claimName} is missing`);
    }
    return {
      type: 'volume',
      source: volumeName(world.instance, namespace, claimName),
      target,
      isReadOnly: isReadOnly || readOnly === true,
    };
  }
  if (volume.emptyDir !== undefined) {
    const { medium, sizeLimit } = volume.emptyDir;
    if (medium === 'Memory')
      return { type: 'tmpfs', target, sizeBytes: sizeLimit === undefined ? 0 : Math.ceil(parseQuantity(sizeLimit) ?? 0) };
    return { type: 'volume', source: emptyDirName(world.instance, pod, volume.name), target, isReadOnly };
  }
  if (volume.hostPath !== undefined) return { type: 'bind', source: volume.hostPath.path, target, isReadOnly };
  const { directory } = filesOf(world, pod, volume);
  return { type: 'bind', source: mount.subPath === undefined ? directory : `${directory}/${mount.subPath}`, target, isReadOnly: true };
}

interface VolumeFiles {
  readonly directory: string;
  readonly files: readonly { readonly path: string; readonly contentBase64: string; readonly mode: number }[];
}

/** The files of a configMap or secret volume; the directory's name carries a digest of them, so what is there is right. */
export function filesOf(world: World, pod: Pod, volume: Volume): VolumeFiles {
  const source = volume.configMap ?? volume.secret;
  const mode = source?.defaultMode ?? 0o644;
  const contents = contentsOf(world, pod, volume);
  const items: readonly KeyToPath[] = source?.items ?? Object.keys(contents).map((key) => ({ key, path: key }));
  const files = items.flatMap((item) => {
    const contentBase64 = contents[item.key];
    // What is optional is so with each of its keys.
    if (contentBase64 === undefined && source?.optional === true) return [];
    if (contentBase64 === undefined) throw new Unresolved(`volume "${volume.name}": there is no key "${item.key}"`);
    return { path: item.path, contentBase64, mode: item.mode ?? mode };
  });
  const digest = shortDigest(canonicalJson(files));
  return { directory: `${world.volumeDir}/${pod.metadata.namespace ?? 'default'}.${pod.metadata.name}/${volume.name}-${digest}`, files };
}

function contentsOf(world: World, pod: Pod, { name, configMap, secret }: Volume): StringMap {
  const namespace = pod.metadata.namespace ?? '';
  if (configMap !== undefined) {
    const object = world.objects.ConfigMap.get(`${namespace}/${configMap.name}`);
    if (object === undefined && configMap.optional !== true) throw new Unresolved(`configmap/${configMap.name} is missing`);
    const text = Object.entries(object?.data ?? {}).map(([key, value]) => [key, encodeBase64Utf8(value)] as const);
    return { ...Object.fromEntries(text), ...object?.binaryData };
  }
  if (secret !== undefined) {
    const object = world.objects.Secret.get(`${namespace}/${secret.secretName}`);
    if (object === undefined && secret.optional !== true) throw new Unresolved(`secret/${secret.secretName} is missing`);
    return object?.data ?? {};
  }
  throw new Unresolved(`volume "${name}" is of no kind that is known`);
}

/** What has to be there before the container can be created, as operations; none left = ready. */
export function volumeOperations(world: World, pod: Pod, resource: string, cause: string): readonly Operation[] {
  const operations: Operation[] = [];
  const namespace = pod.metadata.namespace ?? 'default';
  const createVolume = (volume: string, labels: StringMap): void => {
    if (world.observed.volumes.has(volume)) return;
    const all = { [LABEL.instance]: world.instance, [LABEL.namespace]: namespace, ...labels };
    operations.push({ verb: 'CreateVolume', subject: `volume:${volume}`, resource, cause, volume, labels: all });
  };
  for (const volume of pod.spec.volumes ?? []) {
    if (volume.persistentVolumeClaim !== undefined) {
      const { claimName } = volume.persistentVolumeClaim;
      createVolume(volumeName(world.instance, namespace, claimName), { [LABEL.claim]: claimName });
    } else if (volume.emptyDir !== undefined) {
      if (volume.emptyDir.medium !== 'Memory')
        createVolume(emptyDirName(world.instance, pod, volume.name), { [LABEL.podUid]: pod.metadata.uid ?? '' });
    } else if (volume.hostPath === undefined) {
      const { directory, files } = filesOf(world, pod, volume);
      if (world.observed.writtenDirectories.has(directory)) continue;
      operations.push({ verb: 'WriteFiles', subject: `files:${directory}`, resource, cause, directory, files });
    }
  }
  return operations;
}

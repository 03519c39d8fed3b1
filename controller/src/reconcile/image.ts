/**
 * Images of pods: which are pulled before a container is created, and whom their containers may run as (decision 0016).
 *   Never                       -> it is there, or the pod waits
 *   IfNotPresent (the default)  -> pulled when it is not there
 *   Always                      -> pulled for each container; when that fails there is none, as in Kubernetes
 * What set-up built on this host no registry has: it is never pulled.
 */
import type { ContainerState, Pod } from '../model/objects.ts';
import type { Draft } from './draft.ts';
import { referenceOf } from './draft.ts';
import type { PodHealth } from './health.ts';
import { Unresolved } from './unresolved.ts';

/** Whether the next container of the pod can be created from its image; what is missing is asked for. */
export function isImageReady(draft: Draft, { pod, uid }: PodHealth, restartCount: number): boolean {
  const container = pod.spec.containers[0];
  if (container === undefined) return false;
  const { image, imagePullPolicy } = container;
  const { images, doneOnce } = draft.world.observed;
  const present = images.get(image);
  const resource = referenceOf(pod);
  const forContainer = `${uid}/${restartCount}`;
  const isPulledAlways = imagePullPolicy === 'Always' && present?.isBuiltHere !== true;
  if (present !== undefined && (!isPulledAlways || doneOnce.has(`PullImage ${forContainer}`))) return true;
  if (imagePullPolicy === 'Never') {
    draft.wait(resource, `image "${image}" is not on this host and imagePullPolicy is Never`);
    return false;
  }
  const isStarted = draft.operate({
    verb: 'PullImage',
    subject: `image:${image}`,
    resource,
    cause: present === undefined ? 'the image is not on this host' : 'imagePullPolicy is Always',
    image,
    forContainer,
    wasPresent: present !== undefined,
    isFirst: !draft.world.memory.pods.has(uid),
  });
  if (!isStarted) draft.wait(resource, `image "${image}" is being pulled`);
  return false;
}

/** Throws Unresolved where runAsNonRoot is set and the container would run as root, or as nobody knows whom. */
export function checkUser(draft: Draft, pod: Pod): void {
  const container = pod.spec.containers[0];
  const isNonRoot = container?.securityContext?.runAsNonRoot ?? pod.spec.securityContext?.runAsNonRoot ?? false;
  if (container === undefined || !isNonRoot) return;
  const declared = container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser;
  const user = declared === undefined ? (draft.world.observed.images.get(container.image)?.user ?? '').split(':')[0] : String(declared);
  if (user === undefined || user === '' || /^0+$/.test(user) || user === 'root')
    throw new Unresolved(`runAsNonRoot is true, and image "${container.image}" runs as root: set runAsUser`);
  if (!/^\d+$/.test(user))
    throw new Unresolved(
      `runAsNonRoot is true, and whether user "${user}" of image "${container.image}" is root is unknown: set runAsUser`,
    );
}

/** Why a pod without a container waits for its image, if it does. */
export function imageWaiting(draft: Draft, pod: Pod): ContainerState['waiting'] {
  const { failures, busySubjects, images } = draft.world.observed;
  const { image = '', imagePullPolicy } = pod.spec.containers[0] ?? {};
  const pull = failures.get(`image:${image}`);
  if (pull?.verb === 'PullImage') {
    // While it is tried again the former failure still stands.
    if (busySubjects.has(`image:${image}`)) return { reason: 'ErrImagePull', message: pull.message };
    return { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}": ${pull.message}` };
  }
  if (imagePullPolicy !== 'Never' || images.has(image)) return undefined;
  return { reason: 'ErrImageNeverPull', message: `Image "${image}" is not on this host and imagePullPolicy is Never` };
}

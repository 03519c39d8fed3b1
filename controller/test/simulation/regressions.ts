/** Seeds that broke a promise once, and what was wrong then. Later changes of the simulation may give them another run; the tests beside the code remain. */
export const REGRESSIONS: readonly { readonly seed: number; readonly found: string }[] = [
  { seed: 5, found: 'emptyDir volumes stayed for ever when the control plane died between removing a container and its volumes' },
  { seed: 7, found: 'a rollout over two earlier revisions took an available pod of one while a pod of the other did not serve' },
  { seed: 9, found: 'a Deployment deleted and declared again left pods that no ReplicaSet counted, and more were made of an old template' },
  { seed: 1157, found: 'the remains of an earlier container of a pod that had completed stayed for ever' },
  { seed: 1214, found: 'scaled down in the middle of a pinned rollout, it retired pods that were needed to serve' },
  { seed: 56, found: 'a terminating pod of a dependency was probed again and again without a pause' },
  { seed: 190, found: 'objects of removed manifests stayed for ever when a damaged journal lost the record of what was applied' },
  { seed: 711, found: 'a surge pod was taken for a scale when the state was lost: no port was left for the next rollout' },
  { seed: 1838, found: 'a paused Deployment beside a version that cannot run lost the pods that served when it was scaled down' },
  { seed: 1925, found: 'a ReplicaSet adopted while its manifest was invalid never made pods again' },
  { seed: 2649, found: 'a late list of containers hid one that runs, and a second one of its pod was started' },
  { seed: 3745, found: 'an inspection answered late brought a removed container back, and its pod with it' },
  { seed: 4182, found: 'the last pod of a Recreate Deployment stayed on a higher port of its range when the state was lost' },
  { seed: 4225, found: 'pods of a paused Recreate Deployment were made on ports for a surge that it never has, and stayed there' },
  { seed: 5912, found: 'scaled down while the pod of the lowest port was ending, a Recreate Deployment stayed off that port' },
  { seed: 4726, found: 'a container that turned up late shared its host port with the pod made in its place, and neither was given up' },
  { seed: 230, found: 'scaled down on pinned ports, the pods that served went, and the one on the lowest port did not serve' },
  {
    seed: 33635,
    found: 'a pod adopted while the manifest was invalid kept the spec of another template, and its next container was of that one',
  },
  {
    seed: 2388,
    found: 'scaled down on pinned ports right after a start, the pods that served went: none had served for minReadySeconds since',
  },
  {
    seed: 157,
    found: 'a pod found paused after a start, and unpaused, was retired before anybody had asked it whether it serves',
  },
  {
    seed: 493,
    found:
      'a container looked an hour old when the wall clock jumped just after its start, and was taken to have outlived its startup probe',
  },
  {
    seed: 1554,
    found: 'a paused Deployment that was scaled down gave up a pod that was there for one that was not made yet',
  },
  {
    seed: 1632,
    found: 'a request to remove a container, late from a control plane that had died, killed the container that its successor had started',
  },
];

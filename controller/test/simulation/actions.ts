/** What people do in a run: they edit manifests, and scale, roll back, pause and delete by the API. */
import type { ManifestError } from '../../src/manifest/manifest-error.ts';
import { keyOf } from '../../src/model/objects.ts';
import type { Deployment } from '../../src/model/objects.ts';
import type { Random } from './random.ts';
import type { Simulation } from './simulation.ts';
import { withSpec } from './workload.ts';
import type { App } from './workload.ts';

type Action = (simulation: Simulation, random: Random) => string | undefined;

function onApp(act: (app: App, simulation: Simulation, random: Random) => string | undefined): Action {
  return (simulation, random) => {
    const text = act(random.pick(simulation.workload.apps), simulation, random);
    if (text !== undefined) simulation.manifestsChanged();
    return text;
  };
}

/** By the API: on the stored object, answered when it is durable. */
function onStored(act: (stored: Deployment, simulation: Simulation, random: Random, app: App) => string | undefined): Action {
  return (simulation, random) => {
    const app = random.pick(simulation.workload.apps);
    const stored = simulation.store?.get('Deployment', keyOf(app.deployment));
    return stored === undefined ? undefined : act(stored, simulation, random, app);
  };
}

const MANIFESTS: readonly Action[] = [
  onApp((app, _simulation, random) => {
    const replicas = random.int(0, app.replicasMost);
    app.deployment = withSpec(app.deployment, { replicas });
    return `manifest of ${app.name}: ${replicas} replicas`;
  }),
  onApp((app, { workload }, random) => {
    const isBad = random.chance(0.25);
    workload.changeTemplate(app, isBad);
    return `manifest of ${app.name}: image ${app.deployment.spec.template.spec.containers[0]?.image ?? ''}`;
  }),
  onApp((app) => {
    app.isDeclared = !app.isDeclared;
    return `manifest of ${app.name} ${app.isDeclared ? 'is back' : 'is removed'}`;
  }),
  (simulation) => {
    const pod = simulation.workload.barePods[0];
    if (pod === undefined) return undefined;
    pod.isDeclared = !pod.isDeclared;
    simulation.manifestsChanged();
    return `manifest of the bare pod ${pod.isDeclared ? 'is back' : 'is removed'}`;
  },
  (simulation, random) => {
    const { name } = random.pick(simulation.workload.apps);
    simulation.manifestErrors = [brokenFile(name)];
    simulation.manifestsChanged();
    setTimeout(
      () => {
        simulation.manifestErrors = [];
        simulation.manifestsChanged();
      },
      random.int(500, 8_000),
    );
    return `manifest of ${name} is invalid for a while`;
  },
];

const API: readonly Action[] = [
  onStored((stored, simulation, random, app) => {
    const replicas = random.int(0, app.replicasMost);
    simulation.write(withSpec(stored, { replicas }));
    return `scale ${app.name} to ${replicas}`;
  }),
  onStored((stored, simulation, random, app) => {
    const replicas = random.int(1, app.replicasMost);
    simulation.write(withSpec(stored, { replicas }));
    return `scale ${app.name} to ${replicas}`;
  }),
  onStored((stored, simulation, random, app) => {
    const earlier = [...(simulation.store?.list('ReplicaSet').values() ?? [])].filter(
      ({ metadata, spec }) =>
        spec.template !== undefined && metadata.ownerReferences?.some(({ uid }) => uid === stored.metadata.uid) === true,
    );
    const template = random.pickSome(earlier)?.spec.template;
    if (template === undefined) return undefined;
    const { 'pod-template-hash': _hash, ...labels } = template.metadata?.labels ?? {};
    simulation.write(withSpec(stored, { template: { ...template, metadata: { ...template.metadata, labels } } }));
    return `roll ${app.name} back`;
  }),
  onStored((stored, simulation, _random, app) => {
    const isPaused = stored.spec.paused !== true;
    simulation.write(withSpec(stored, { paused: isPaused }));
    return `${isPaused ? 'pause' : 'resume'} ${app.name}`;
  }),
  onStored((stored, simulation, _random, app) => {
    simulation.store?.delete('Deployment', keyOf(stored));
    return `kubectl delete deployment ${app.name}`;
  }),
];

export const ACTIONS: readonly (readonly Action[])[] = [MANIFESTS, API];

function brokenFile(name: string): ManifestError {
  const file = `${name}.yaml`;
  return { code: 'BadYaml', source: { file, line: 1, column: 1 }, object: '', path: '', message: 'it is no YAML' };
}

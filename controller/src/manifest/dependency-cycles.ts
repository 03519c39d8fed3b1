/**
 * Deployments that wait for each other in a circle: while all of them are down, each would call the others the reason and restart nothing.
 * One finding for each Deployment of a circle, with the whole way round. Takes valid objects, changes nothing.
 */
import { ANNOTATION } from '../model/annotations.ts';
import { formatReference } from '../model/objects.ts';
import type { Deployment, ObjectMeta } from '../model/objects.ts';
import { parseDependsOn } from '../model/annotation-values.ts';
import type { Finding } from './finding.ts';
import type { PathStep } from './yaml-documents.ts';

interface Dependencies {
  readonly path: readonly PathStep[];
  /** "namespace/name" */
  readonly keys: readonly string[];
}

export function* findDependencyCycles(
  deployments: readonly Deployment[],
): Iterable<{ readonly deployment: Deployment; readonly finding: Finding }> {
  const byKey = new Map(deployments.map((deployment) => [keyIn(deployment.metadata, deployment.metadata.name), deployment]));
  for (const [key, deployment] of byKey) {
    const circle = wayBack(byKey, key);
    if (circle === undefined) continue;
    const names = circle.map((member) => formatReference('Deployment', byKey.get(member)?.metadata ?? { name: member }));
    const message = `deployments wait for each other in a circle: ${[...names, names[0] ?? ''].join(' -> ')}`;
    yield { deployment, finding: { code: 'DependencyCycle', path: dependenciesOf(deployment).path, message } };
  }
}

/** The shortest way from a Deployment over its dependencies back to itself. */
function wayBack(byKey: ReadonlyMap<string, Deployment>, start: string): readonly string[] | undefined {
  const seen = new Set<string>();
  let ways: readonly (readonly string[])[] = [[start]];
  while (ways.length > 0) {
    const longer: (readonly string[])[] = [];
    for (const way of ways) {
      const deployment = byKey.get(way.at(-1) ?? '');
      for (const next of deployment === undefined ? [] : dependenciesOf(deployment).keys) {
        if (next === start) return way;
        if (seen.has(next)) continue;
        seen.add(next);
        longer.push([...way, next]);
      }
    }
    ways = longer;
  }
  return undefined;
}

function dependenciesOf({ metadata, spec }: Deployment): Dependencies {
  const ofTemplate = spec.template.metadata?.annotations?.[ANNOTATION.dependsOn];
  const path = ofTemplate === undefined ? ['metadata'] : ['spec', 'template', 'metadata'];
  const names = parseDependsOn(ofTemplate ?? metadata.annotations?.[ANNOTATION.dependsOn] ?? '') ?? [];
  return { path: [...path, 'annotations', ANNOTATION.dependsOn], keys: names.map((name) => keyIn(metadata, name)) };
}

function keyIn({ namespace }: ObjectMeta, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

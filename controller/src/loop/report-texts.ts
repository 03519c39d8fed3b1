/** Manifest problems and changes of objects as the API tells them. */
import type { ManifestProblem } from '../api/control-plane-port.ts';
import { formatManifestProblem } from '../manifest/manifest-error.ts';
import type { ManifestError, ManifestWarning } from '../manifest/manifest-error.ts';
import { formatReference } from '../model/objects.ts';
import type { ObjectChange } from '../reconcile/world.ts';

export function problem(found: ManifestError | ManifestWarning): ManifestProblem {
  const { file, line } = found.source;
  return { file, ...(line > 0 && { line }), message: formatManifestProblem({ ...found, source: { file: '', line: 0, column: 0 } }) };
}

export function describeChange(change: ObjectChange): readonly { readonly text: string }[] {
  if (change.type === 'status') return [];
  if (change.type === 'delete') {
    const [namespace, name = ''] = change.key.split('/', 2);
    return [
      { text: `delete ${formatReference(change.kind, { name, namespace: namespace === '' ? undefined : namespace })}: ${change.cause}` },
    ];
  }
  return [{ text: `${change.type} ${formatReference(change.object.kind, change.object.metadata)}: ${change.cause}` }];
}

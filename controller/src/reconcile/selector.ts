/** Label selectors. An empty selector selects nothing here: Coxswain never owns pods by accident. */
import type { LabelSelector, StringMap } from '../model/objects.ts';

export function matchesLabels(wanted: StringMap, labels: StringMap | undefined): boolean {
  if (labels === undefined) return false;
  for (const key in wanted) {
    if (labels[key] !== wanted[key]) return false;
  }
  return true;
}

export function matchesSelector(selector: LabelSelector, labels: StringMap | undefined): boolean {
  const { matchLabels, matchExpressions } = selector;
  if (matchLabels === undefined && matchExpressions === undefined) return false;
  if (matchLabels !== undefined && !matchesLabels(matchLabels, labels)) return false;
  return (matchExpressions ?? []).every(({ key, operator, values }) => {
    const value = labels?.[key];
    switch (operator) {
      case 'In':
        return value !== undefined && (values ?? []).includes(value);
      case 'NotIn':
        return value === undefined || !(values ?? []).includes(value);
      case 'Exists':
        return value !== undefined;
      case 'DoesNotExist':
        return value === undefined;
    }
  });
}

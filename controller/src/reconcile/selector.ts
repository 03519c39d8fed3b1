/** Label selectors. An empty selector selects nothing here: Coxswain never owns pods by accident. */
import type { LabelSelector, StringMap } from '../model/objects.ts';

export function matchesLabels(wanted: StringMap, labels: StringMap | undefined): boolean {
  if (labels === undefined) return false;
  for (const key in wanted) {
    if (labels[key] !== wanted[key]) return false;
  }
  return true;
}

/**
 * Things with labels, found by a `key: value` selector without looking at all of them: by the rarest pair of the selector.
 * Within one namespace; an empty selector finds nothing.
 */
export class LabelIndex<T> {
  readonly #byPair = new Map<string, T[]>();
  readonly #labelsOf: (item: T) => StringMap | undefined;

  constructor(items: Iterable<T>, namespaceOf: (item: T) => string, labelsOf: (item: T) => StringMap | undefined) {
    this.#labelsOf = labelsOf;
    for (const item of items) {
      const labels = labelsOf(item);
      for (const key in labels) {
        const pair = pairOf(namespaceOf(item), key, labels[key]);
        const known = this.#byPair.get(pair);
        if (known === undefined) this.#byPair.set(pair, [item]);
        else known.push(item);
      }
    }
  }

  select(namespace: string, selector: StringMap | undefined): readonly T[] {
    let fewest: readonly T[] | undefined;
    for (const key in selector) {
      const items = this.#byPair.get(pairOf(namespace, key, selector[key])) ?? [];
      if (fewest === undefined || items.length < fewest.length) fewest = items;
    }
    return selector === undefined || fewest === undefined ? [] : fewest.filter((item) => matchesLabels(selector, this.#labelsOf(item)));
  }
}

function pairOf(namespace: string, key: string, value: string | undefined): string {
  return `${namespace}/${key}=${value ?? ''}`;
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

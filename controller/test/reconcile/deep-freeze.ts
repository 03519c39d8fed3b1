/** Freezes a value to its depths, and makes its Maps and Sets throw when they are written to: who changes it is found at once. */
export function deepFreeze<T>(value: T): T {
  freeze(value, new Set());
  return value;
}

function freeze(value: unknown, seen: Set<unknown>): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Map) {
    for (const [key, item] of value as Map<unknown, unknown>) {
      freeze(key, seen);
      freeze(item, seen);
    }
  } else if (value instanceof Set) {
    for (const item of value as Set<unknown>) freeze(item, seen);
  }
  if (value instanceof Map || value instanceof Set) {
    for (const name of ['set', 'add', 'delete', 'clear']) {
      Object.defineProperty(value, name, {
        value: () => {
          throw new Error(`a frozen collection was written to: ${name}`);
        },
      });
    }
    return;
  }
  for (const item of Object.values(value)) freeze(item, seen);
  Object.freeze(value);
}

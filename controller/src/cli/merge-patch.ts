/** The JSON merge patch (RFC 7386) that makes one value into another: what is gone is null, lists are given whole. */
export function mergePatch(from: unknown, to: unknown): unknown {
  if (!isObject(from) || !isObject(to)) return to;
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(from)) if (to[key] === undefined) patch[key] = null;
  for (const [key, value] of Object.entries(to)) {
    if (value === undefined || JSON.stringify(from[key]) === JSON.stringify(value)) continue;
    // An object that is new is given whole: it has nothing to take away.
    patch[key] = isObject(from[key]) ? mergePatch(from[key], value) : value;
  }
  return patch;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

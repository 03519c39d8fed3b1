/**
 * Kubernetes quantities ("500m", "1.5Gi", "2e3", 7) as plain numbers, and back.
 * Exact for the values of one machine: up to 2^53 whole units, and down to billionths for small ones.
 */

const SUFFIXES: Readonly<Record<string, number>> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

const QUANTITY = /^([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([+-]?[0-9]{1,3})|(n|u|m|k|M|G|T|P|E|[KMGTPE]i))?$/;

/** The number of units (bytes, CPUs, requests), or undefined when the text is not a quantity. */
export function parseQuantity(quantity: string | number): number | undefined {
  if (typeof quantity === 'number') return Number.isFinite(quantity) ? quantity : undefined;
  const match = QUANTITY.exec(quantity);
  if (match === null) return undefined;
  const [, sign, digits = '', exponent, suffix = ''] = match;
  const scale = SUFFIXES[suffix] ?? 1;
  // Dividing by 1000 gives the double nearest to 0.1 for "100m"; multiplying by 0.001 does not.
  const size =
    exponent !== undefined ? Number(`${digits}e${exponent}`) : scale < 1 ? Number(digits) / Math.round(1 / scale) : Number(digits) * scale;
  if (!Number.isFinite(size)) return undefined;
  return sign === '-' && size !== 0 ? -size : size;
}

/** The shortest usual spelling of a number of units: whole binary multiples, else whole decimal ones, else milli, micro or nano. */
export function formatQuantity(units: number): string {
  if (Number.isInteger(units)) {
    if (units === 0) return '0';
    for (const suffix of ['Ei', 'Pi', 'Ti', 'Gi', 'Mi', 'Ki', 'E', 'P', 'T', 'G', 'M', 'k']) {
      const scale = SUFFIXES[suffix] ?? 1;
      if (units % scale === 0) return `${String(units / scale)}${suffix}`;
    }
    return String(units);
  }
  for (const [suffix, perUnit] of [
    ['m', 1e3],
    ['u', 1e6],
    ['n', 1e9],
  ] as const) {
    const scaled = Math.round(units * perUnit);
    if (scaled / perUnit === units) return `${String(scaled)}${suffix}`;
  }
  return String(units);
}

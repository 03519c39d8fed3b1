// Does a place deep in a large category cost more than its top? And the list of categories beside it.
import type { DurablePostgres } from './durable-postgres.ts';
import { fillCategory, settle } from './fill.ts';
import { measureLatencies, type Latencies } from './latencies.ts';
import type { MeasuredProcess } from './measured-process.ts';

const acts = 100_000;

export interface RangeFigures {
  /** By place: the first, the middle and the last 20 acts. */
  readonly ranges: readonly (Latencies & { readonly start: number })[];
  readonly categories: Latencies;
}

export async function benchRanges(postgres: DurablePostgres, replica: MeasuredProcess): Promise<RangeFigures> {
  await fillCategory(postgres, 'one of 100,000', { acts, imageBytes: 300 });
  await settle(postgres);
  const starts = [1, acts / 2, acts - 19];
  const path = (start: number): string => `/api/v1/categories/one%20of%20100,000/acts?start=${start}&end=${start + 19}&images=none`;
  const found = await measureLatencies(replica.url, starts.map(path), 2000);
  const ranges = starts.map((start) => ({ start, ...at(found, path(start)) }));

  // Then 100 categories with 100,000 acts in all.
  await postgres.query('DELETE FROM categories');
  for (let i = 0; i < 100; i++) await fillCategory(postgres, `category ${i}`, { acts: acts / 100, imageBytes: 300 });
  await settle(postgres);
  const list = await measureLatencies(replica.url, ['/api/v1/categories'], 2000);
  return { ranges, categories: at(list, '/api/v1/categories') };
}

function at(figures: ReadonlyMap<string, Latencies>, path: string): Latencies {
  const found = figures.get(path);
  if (found === undefined) throw new Error(`nothing was measured at ${path}`);
  return found;
}

// What an exact `_count` costs: the same listing with it and without it, 32 clients each, in turn.
import type { DurablePostgres } from './durable-postgres.ts';
import { fillCategory, settle } from './fill.ts';
import { median } from './latencies.ts';
import { wrk } from './load-generators.ts';
import type { MeasuredProcess } from './measured-process.ts';

const rounds = 5;
const seconds = 4;

export interface CountFigures {
  readonly countedPerSecond: number;
  readonly uncountedPerSecond: number;
  /** What the counted rounds were answered, and by how much `_count` grew. */
  readonly answered: number;
  readonly counted: number;
}

export async function benchCount(postgres: DurablePostgres, counted: MeasuredProcess, uncounted: MeasuredProcess): Promise<CountFigures> {
  await fillCategory(postgres, 'counted', { acts: 1000, imageBytes: 300 });
  await settle(postgres);
  const path = '/api/v1/categories/counted/acts?start=1&end=20&images=none';
  for (const { url } of [counted, uncounted]) await wrk(url + path, 2);
  const before = await total(postgres);
  const perSecond = { counted: [] as number[], uncounted: [] as number[] };
  let answered = 0;
  for (let round = 0; round < rounds; round++) {
    const load = await wrk(counted.url + path, seconds);
    answered += load.requests;
    perSecond.counted.push(load.requestsPerSecond);
    perSecond.uncounted.push((await wrk(uncounted.url + path, seconds)).requestsPerSecond);
  }
  return {
    countedPerSecond: median(perSecond.counted),
    uncountedPerSecond: median(perSecond.uncounted),
    answered,
    counted: (await total(postgres)) - before,
  };
}

async function total(postgres: DurablePostgres): Promise<number> {
  return Number((await postgres.query<{ total: string }>('SELECT sum(total) AS total FROM acts_request_count'))[0]?.total);
}

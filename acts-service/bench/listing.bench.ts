// 20 acts of a category through one replica against a bare node:http + pg handler with the same SQL, 32 clients each, in turn.
import type { DurablePostgres } from './durable-postgres.ts';
import { fillCategory, settle } from './fill.ts';
import { median } from './latencies.ts';
import { wrk } from './load-generators.ts';
import { cpuMs, type MeasuredProcess } from './measured-process.ts';

const rounds = 5;
const seconds = 4;

export interface ListingFigures {
  readonly title: string;
  readonly servicePerSecond: number;
  readonly barePerSecond: number;
  readonly serviceCpuUs: number;
  readonly bareCpuUs: number;
}

export async function benchListing(postgres: DurablePostgres, replica: MeasuredProcess, bare: MeasuredProcess): Promise<ListingFigures[]> {
  await fillCategory(postgres, 'listed', { acts: 1000, imageBytes: 2000 });
  await settle(postgres);
  const figures = [];
  for (const [title, query] of [
    ['without pictures', '&images=none'],
    ['with pictures of 2 kB', ''],
  ] as const) {
    figures.push(await compare(title, `/api/v1/categories/listed/acts?start=1&end=20${query}`, replica, bare));
  }
  return figures;
}

async function compare(title: string, path: string, replica: MeasuredProcess, bare: MeasuredProcess): Promise<ListingFigures> {
  const [ours, theirs] = await Promise.all([replica, bare].map(async ({ url }) => (await fetch(url + path)).text()));
  if (ours !== theirs || ours === undefined || !ours.startsWith('[{')) throw new Error(`the two answers to ${path} differ`);
  for (const { url } of [replica, bare]) await wrk(url + path, 2);
  const service = { perSecond: [] as number[], cpuMs: 0, requests: 0 };
  const peer = { perSecond: [] as number[], cpuMs: 0, requests: 0 };
  for (let round = 0; round < rounds; round++) {
    for (const [process, sum] of [
      [replica, service],
      [bare, peer],
    ] as const) {
      const before = cpuMs(process.pid);
      const load = await wrk(process.url + path, seconds);
      if (load.failures > 0) throw new Error(`${load.failures} requests failed`);
      sum.cpuMs += cpuMs(process.pid) - before;
      sum.requests += load.requests;
      sum.perSecond.push(load.requestsPerSecond);
    }
  }
  return {
    title,
    servicePerSecond: median(service.perSecond),
    barePerSecond: median(peer.perSecond),
    serviceCpuUs: (service.cpuMs / service.requests) * 1000,
    bareCpuUs: (peer.cpuMs / peer.requests) * 1000,
  };
}

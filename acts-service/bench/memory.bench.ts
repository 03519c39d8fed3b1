// 100 acts of 6 MB each, listed with their pictures by four clients at once: how much memory does the replica take?
import { Agent } from 'node:http';
import type { DurablePostgres } from './durable-postgres.ts';
import { fillCategory, settle } from './fill.ts';
import { read } from './latencies.ts';
import { residentMb, type MeasuredProcess } from './measured-process.ts';

const clients = 4;
const acts = 100;
const imageBytes = 6_000_000;

export interface MemoryFigures {
  readonly restMb: number;
  readonly peakMb: number;
  readonly seconds: number;
  readonly answeredMb: number;
}

export async function benchMemory(postgres: DurablePostgres, replica: MeasuredProcess): Promise<MemoryFigures> {
  await fillCategory(postgres, 'large', { acts, imageBytes });
  await settle(postgres);
  const restMb = residentMb(replica.pid);
  let peakMb = restMb;
  const sampler = setInterval(() => (peakMb = Math.max(peakMb, residentMb(replica.pid))), 20);
  const agent = new Agent({ keepAlive: false });
  const startedAt = performance.now();
  const sizes = await Promise.all(
    Array.from({ length: clients }, () => read(replica.url, `/api/v1/categories/large/acts?start=1&end=${acts}`, agent)),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  clearInterval(sampler);
  for (const bytes of sizes) {
    if (bytes < (acts * imageBytes * 4) / 3) throw new Error(`an answer has ${bytes} bytes: pictures are missing`);
  }
  return { restMb, peakMb, seconds, answeredMb: sizes.reduce((sum, bytes) => sum + bytes, 0) / 1e6 };
}

// How long single requests take: one connection that is kept, one request after the other, each read to its end.
import { Agent, request } from 'node:http';

export interface Latencies {
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** Asks the paths in turn, so that all of them meet the same minute. Returns figures by path. */
export async function measureLatencies(url: string, paths: readonly string[], rounds: number): Promise<ReadonlyMap<string, Latencies>> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const samples = new Map<string, number[]>(paths.map((path) => [path, []]));
  for (let round = -50; round < rounds; round++) {
    for (const path of paths) {
      const startedAt = performance.now();
      await read(url, path, agent);
      if (round >= 0) samples.get(path)?.push(performance.now() - startedAt);
    }
  }
  agent.destroy();
  return new Map([...samples].map(([path, values]) => [path, { medianMs: quantile(values, 0.5), p99Ms: quantile(values, 0.99) }]));
}

/** The number of bytes of the answer's body, which is read and dropped. */
export function read(url: string, path: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    request(new URL(path, url), { agent }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => (bytes += chunk.length));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(bytes);
        else reject(new Error(`${path} answers ${response.statusCode ?? '?'}`));
      });
    })
      .on('error', reject)
      .end();
  });
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? Number.NaN;
}

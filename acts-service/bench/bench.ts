// `make bench`, the Acts service's part: what the service promises, as ratios to peers run in the same minute on the same PostgreSQL.
// `make bench ONLY=listing` runs one part; a part that is not ours is none of our business.
import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { benchCount } from './count.bench.ts';
import { startDurablePostgres, type DurablePostgres } from './durable-postgres.ts';
import { benchListing } from './listing.bench.ts';
import { benchMemory } from './memory.bench.ts';
import { benchRanges } from './ranges.bench.ts';
import { startPeer, startReplica } from './replica.ts';
import { benchVotes } from './votes.bench.ts';
import type { MeasuredProcess } from './measured-process.ts';

type Part = (postgres: DurablePostgres, replica: MeasuredProcess) => Promise<void>;

const parts: Readonly<Record<string, Part>> = {
  async listing(postgres, replica) {
    const bare = await startPeer('bare-server.ts', postgres.address, '/');
    for (const { title, servicePerSecond, barePerSecond, serviceCpuUs, bareCpuUs } of await benchListing(postgres, replica, bare)) {
      const ratio = servicePerSecond / barePerSecond;
      tell(`listing 20 acts, ${title}, 32 clients: ${rate(servicePerSecond)}; bare node:http + pg, same SQL: ${rate(barePerSecond)}`);
      tell(`  ratio ${ratio.toFixed(2)} (must: at least 0.7); CPU a request: ${us(serviceCpuUs)}, bare ${us(bareCpuUs)}`);
    }
    await bare.stop();
  },
  async votes(postgres, replica) {
    const { votesPerSecond, pgbenchPerSecond, replicaCpuUs, postgresCpuUs, failures, stored, answered } = await benchVotes(
      postgres,
      replica,
    );
    tell(`upvotes, 32 clients: ${rate(votesPerSecond)}; pgbench, same statement: ${rate(pgbenchPerSecond)}`);
    tell(
      `  ratio ${(pgbenchPerSecond / votesPerSecond).toFixed(2)} (must: at most 2); CPU a vote: replica ${us(replicaCpuUs)}, PostgreSQL ${us(postgresCpuUs)}`,
    );
    tell(`  ${answered} answered, ${failures} of them no 200, ${stored} stored (wrk hangs up on up to 32 a round)`);
  },
  async count(postgres, replica) {
    const uncounted = await startPeer('uncounted-replica.mjs', postgres.address);
    const { countedPerSecond, uncountedPerSecond, answered, counted } = await benchCount(postgres, replica, uncounted);
    tell(`listing with _count: ${rate(countedPerSecond)}; without: ${rate(uncountedPerSecond)}`);
    tell(
      `  costs ${((1 - countedPerSecond / uncountedPerSecond) * 100).toFixed(1)} % (must: at most 15); ${answered} answered, ${counted} counted`,
    );
    await uncounted.stop();
  },
  async ranges(postgres, replica) {
    const { ranges, categories } = await benchRanges(postgres, replica);
    for (const { start, medianMs, p99Ms } of ranges)
      tell(`20 of 100,000 acts from ${start}: p99 ${ms(p99Ms)}, median ${ms(medianMs)} (must: p99 at most 15 ms)`);
    const p99s = ranges.map(({ p99Ms }) => p99Ms);
    tell(`  slowest p99 over quickest: ${(Math.max(...p99s) / Math.min(...p99s)).toFixed(2)} (must: at most 3)`);
    tell(
      `100 categories with 100,000 acts, listed: p99 ${ms(categories.p99Ms)}, median ${ms(categories.medianMs)} (must: p99 at most 5 ms)`,
    );
  },
  async memory(postgres, replica) {
    const { restMb, peakMb, seconds, answeredMb } = await benchMemory(postgres, replica);
    tell(
      `100 acts of 6 MB listed by 4 clients at once: replica ${restMb.toFixed(0)} MB before, ${peakMb.toFixed(0)} MB at most (must: below 256)`,
    );
    tell(`  ${answeredMb.toFixed(0)} MB answered in ${seconds.toFixed(1)} s`);
  },
};

const only = process.argv[2] ?? '';
const wanted = Object.entries(parts).filter(([name]) => only === '' || only === name);
if (wanted.length > 0) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  tell(
    `machine: ${cpus().length} x ${cpus()[0]?.model ?? '?'}, ${Math.round(totalmem() / 2 ** 30)} GB; node ${process.version}; commit ${commit}`,
  );
}
for (const [, part] of wanted) {
  // Each part has its own server and replica: none meets what another left behind.
  const postgres = await startDurablePostgres();
  const replica = await startReplica(postgres.address);
  try {
    await part(postgres, replica);
  } finally {
    await replica.stop();
    await postgres.stop();
  }
}
process.exit();

function tell(line: string): void {
  console.log(line);
}

function rate(perSecond: number): string {
  return `${perSecond.toFixed(0)}/s`;
}

function us(value: number): string {
  return `${value.toFixed(0)} us`;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

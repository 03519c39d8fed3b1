// Upvotes over HTTP against pgbench running the same statement, 32 clients each, acts picked at random.
import type { DurablePostgres } from './durable-postgres.ts';
import { fillCategory, settle } from './fill.ts';
import { pgbench, wrk } from './load-generators.ts';
import { cpuMs, type MeasuredProcess } from './measured-process.ts';
import { median } from './latencies.ts';

const acts = 10_000;
const seconds = 5;

export interface VoteFigures {
  readonly votesPerSecond: number;
  readonly pgbenchPerSecond: number;
  readonly replicaCpuUs: number;
  readonly postgresCpuUs: number;
  readonly failures: number;
  /** What the database counts, to be equal to what was answered 200. */
  readonly stored: number;
  readonly answered: number;
}

export async function benchVotes(postgres: DurablePostgres, replica: MeasuredProcess): Promise<VoteFigures> {
  const first = await fillCategory(postgres, 'voted on', { acts, imageBytes: 300 });
  await settle(postgres);
  const lua = `
    math.randomseed(os.time())
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    request = function() return wrk.format(nil, nil, nil, "[" .. (${first} + math.random(0, ${acts - 1})) .. "]") end`;
  const sql = `\\set id random(${first}, ${first + acts - 1})\nUPDATE acts SET upvotes = upvotes + 1 WHERE act_id = (:id)::text;\n`;
  const url = `${replica.url}/api/v1/acts/upvote`;
  await wrk(url, 2, lua);

  const votes: number[] = [];
  const peers: number[] = [];
  let [replicaCpu, postgresCpu, answered, failures] = [0, 0, 0, 0];
  const storedBefore = await stored(postgres);
  let byPgbench = 0;
  for (let round = 0; round < 3; round++) {
    const before = [cpuMs(replica.pid), cpuMs(postgres.pid)] as const;
    const load = await wrk(url, seconds, lua);
    replicaCpu += cpuMs(replica.pid) - before[0];
    postgresCpu += cpuMs(postgres.pid) - before[1];
    votes.push(load.requestsPerSecond);
    answered += load.requests;
    failures += load.failures;
    const storedByHttp = await stored(postgres);
    peers.push(await pgbench(postgres.address, sql, seconds));
    byPgbench += (await stored(postgres)) - storedByHttp;
  }
  return {
    votesPerSecond: median(votes),
    pgbenchPerSecond: median(peers),
    replicaCpuUs: (replicaCpu / answered) * 1000,
    postgresCpuUs: (postgresCpu / answered) * 1000,
    failures,
    stored: (await stored(postgres)) - storedBefore - byPgbench,
    answered,
  };
}

async function stored(postgres: DurablePostgres): Promise<number> {
  return Number((await postgres.query<{ total: string }>('SELECT coalesce(sum(upvotes), 0) AS total FROM acts'))[0]?.total);
}

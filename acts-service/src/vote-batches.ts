// Votes, many in a statement. A vote is answered only after its batch is committed, and counted exactly once or, when the batch failed,
// not at all.
import type { Knex } from 'knex';
import { Batches } from './batches.ts';
import { limits } from './limits.ts';
import { runPrepared, type Prepared } from './prepared.ts';

// The rows are locked in the order everyone takes them (act-repository.ts), so two batches never wait for each other in a circle.
const vote: Prepared = {
  name: 'vote',
  text: `
WITH asked AS (SELECT act_id, votes FROM unnest($1::text[], $2::bigint[]) AS asked (act_id, votes)),
     held AS MATERIALIZED (SELECT seq, votes FROM acts JOIN asked USING (act_id) ORDER BY seq FOR NO KEY UPDATE OF acts)
UPDATE acts SET upvotes = upvotes + votes FROM held WHERE acts.seq = held.seq RETURNING act_id`,
};

export class VoteBatches {
  readonly #knex: Knex;
  /** Votes by act; the result is the acts that exist. */
  readonly #batches: Batches<Map<string, number>, ReadonlySet<string>>;

  constructor(knex: Knex) {
    this.#knex = knex;
    this.#batches = new Batches(
      limits.voteLanes,
      () => new Map<string, number>(),
      (votes) => this.#write(votes),
    );
  }

  /** False when there is no such act. Rejects when the vote was not stored. */
  async add(actId: string): Promise<boolean> {
    const { content: votes, result } = this.#batches.join();
    votes.set(actId, (votes.get(actId) ?? 0) + 1);
    if (votes.size >= limits.votedActsPerBatch) this.#batches.seal();
    return (await result).has(actId);
  }

  async #write(votes: ReadonlyMap<string, number>): Promise<ReadonlySet<string>> {
    const rows = await runPrepared<{ act_id: string }>(this.#knex, vote, [[...votes.keys()], [...votes.values()]]);
    return new Set(rows.map((row) => row.act_id));
  }
}

// Votes that meet while a statement is under way share the next one: a commit each would cost most of the throughput. A vote is answered
// only after its batch is committed, and counted exactly once or, when the batch failed, not at all.
import type { Knex } from 'knex';
import { limits } from './limits.ts';
import { runPrepared, type Prepared } from './prepared.ts';

interface Batch {
  readonly votes: Map<string, number>;
  /** Resolves with the ids that exist. */
  readonly known: Promise<ReadonlySet<string>>;
}

// The rows are locked in the order everyone takes them (act-repository.ts), so two batches never wait for each other.
const vote: Prepared = {
  name: 'vote',
  text: `
WITH asked AS (SELECT act_id, votes FROM unnest($1::text[], $2::bigint[]) AS asked (act_id, votes)),
     held AS MATERIALIZED (SELECT seq, votes FROM acts JOIN asked USING (act_id) ORDER BY seq FOR NO KEY UPDATE OF acts)
UPDATE acts SET upvotes = upvotes + votes FROM held WHERE acts.seq = held.seq RETURNING act_id`,
};

export class VoteBatches {
  readonly #knex: Knex;
  /** The batch that still gathers. */
  #next: Batch | undefined;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(knex: Knex) {
    this.#knex = knex;
  }

  /** False when there is no such act. Rejects when the vote was not stored. */
  async add(actId: string): Promise<boolean> {
    const batch = this.#gathering();
    batch.votes.set(actId, (batch.votes.get(actId) ?? 0) + 1);
    return (await batch.known).has(actId);
  }

  #gathering(): Batch {
    if (this.#next !== undefined && this.#next.votes.size < limits.votedActsPerBatch) return this.#next;
    const votes = new Map<string, number>();
    const known = this.#writing.then(() => {
      if (this.#next === batch) this.#next = undefined;
      return this.#write(votes);
    });
    const batch = { votes, known };
    this.#next = batch;
    this.#writing = known.catch(() => undefined);
    return batch;
  }

  async #write(votes: ReadonlyMap<string, number>): Promise<ReadonlySet<string>> {
    const rows = await runPrepared<{ act_id: string }>(this.#knex, vote, [[...votes.keys()], [...votes.values()]]);
    return new Set(rows.map((row) => row.act_id));
  }
}

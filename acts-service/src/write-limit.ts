// Writes per client and minute, over all replicas. A statement per write would halve the throughput of votes, so a replica takes points
// from the shared table in leases and spends them by itself. No client gets more than the limit; one whose writes go to several replicas
// may be refused early, by what lies unspent in the leases: at most replicas x 1 % of the limit.
// Never a failure of its own: without the database each replica counts for itself.
import type { Knex } from 'knex';
import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { Role } from './config.ts';
import { limits } from './limits.ts';
import { withinTime } from './within-time.ts';

interface Budget {
  points: number;
  /** Epoch milliseconds: when the points are void, and until when the client is refused. */
  endsAt: number;
  refusedUntil: number;
  leasing: Promise<void> | undefined;
}

export class WriteLimit {
  readonly #shared: RateLimiterPostgres;
  readonly #local: RateLimiterMemory;
  readonly #lease: number;
  readonly #onTrouble: (error: unknown) => void;
  readonly #budgets = new Map<string, Budget>();
  #localUntil = 0;
  #isTroubled = false;

  constructor(knex: Knex, role: Role, writesPerMinute: number, onTrouble: (error: unknown) => void) {
    this.#lease = Math.max(1, Math.min(limits.leasePoints, Math.floor(writesPerMinute / 100)));
    // Whole leases, or the last one would be refused with points to spare.
    const points = Math.ceil(writesPerMinute / this.#lease) * this.#lease;
    const options = { points, duration: 60, keyPrefix: role };
    this.#shared = new RateLimiterPostgres({
      ...options,
      storeClient: knex,
      storeType: 'knex',
      tableName: `${role}_write_limits`,
      tableCreated: true,
    });
    this.#local = new RateLimiterMemory(options);
    this.#onTrouble = onTrouble;
  }

  /** Undefined when the write may go ahead, else the milliseconds until it is worth asking again. */
  async admit(client: string): Promise<number | undefined> {
    const budget = this.#budgetOf(client);
    for (;;) {
      const now = Date.now();
      if (budget.refusedUntil > now) return budget.refusedUntil - now;
      if (budget.points > 0 && budget.endsAt > now) {
        budget.points--;
        return undefined;
      }
      // Writes that meet share a lease; who comes away empty-handed asks for the next.
      budget.leasing ??= this.#takeLease(client, budget).finally(() => (budget.leasing = undefined));
      await budget.leasing;
    }
  }

  #budgetOf(client: string): Budget {
    const known = this.#budgets.get(client);
    if (known !== undefined) return known;
    // The one that came first goes first; at worst its client loses what was left of a lease.
    if (this.#budgets.size >= limits.leaseClients) {
      const oldest = this.#budgets.keys().next();
      if (oldest.done !== true) this.#budgets.delete(oldest.value);
    }
    const budget: Budget = { points: 0, endsAt: 0, refusedUntil: 0, leasing: undefined };
    this.#budgets.set(client, budget);
    return budget;
  }

  async #takeLease(client: string, budget: Budget): Promise<void> {
    try {
      const { msBeforeNext } = await this.#consume(client);
      budget.points = this.#lease;
      budget.endsAt = Date.now() + Math.max(1, msBeforeNext);
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      budget.points = 0;
      budget.refusedUntil = Date.now() + Math.max(1, refusal.msBeforeNext);
    }
  }

  async #consume(client: string): Promise<RateLimiterRes> {
    if (Date.now() >= this.#localUntil) {
      try {
        const late = (): Error => new Error('the shared write limit did not answer in time');
        const lease = await withinTime(limits.leaseTimeoutMs, this.#shared.consume(client, this.#lease), late);
        this.#isTroubled = false;
        return lease;
      } catch (error) {
        if (error instanceof RateLimiterRes) throw error;
        this.#localUntil = Date.now() + limits.leaseRetryMs;
        // Once an outage, not every few seconds.
        if (!this.#isTroubled) this.#onTrouble(error);
        this.#isTroubled = true;
      }
    }
    return this.#local.consume(client, this.#lease);
  }
}

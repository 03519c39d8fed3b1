// Can this process read and write its database right now? A connection of its own, so that neither a busy pool nor a query that hangs
// on a frozen server stands in the way; a connection that failed once is thrown away, so a server that returns is seen at once.
import pg from 'pg';
import type { DatabaseAddress, Role } from './config.ts';
import { limits } from './limits.ts';
import { withinTime } from './within-time.ts';

export class ProbeTimeout extends Error {
  override readonly name = 'ProbeTimeout';
}

export class DatabaseProbe {
  readonly #address: DatabaseAddress;
  readonly #statements: string;
  #client: pg.Client | undefined;
  #underWay: Promise<void> | undefined;

  constructor(address: DatabaseAddress, role: Role) {
    this.#address = address;
    // One round trip. The row is new each time and no index is involved: replicas never wait for each other.
    this.#statements =
      `BEGIN; SELECT total FROM ${role}_request_count; ` + `INSERT INTO ${role}_health_probe (probe) VALUES (gen_random_uuid()); ROLLBACK`;
  }

  /** Resolves when a read and a write have worked, rejects at the latest after the health timeout. Callers that meet share one check. */
  check(): Promise<void> {
    this.#underWay ??= this.#checkOnce().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  close(): void {
    this.#discard();
  }

  async #checkOnce(): Promise<void> {
    try {
      await withinTime(limits.healthTimeoutMs, this.#readAndWrite(), () => new ProbeTimeout('the database did not answer in time'));
    } catch (error) {
      this.#discard();
      throw error;
    }
  }

  async #readAndWrite(): Promise<void> {
    let client = this.#client;
    if (client === undefined) {
      client = new pg.Client({
        ...this.#address,
        statement_timeout: limits.healthTimeoutMs,
      });
      this.#client = client;
      client.on('error', () => this.#discard(client));
      await client.connect();
    }
    await client.query(this.#statements);
  }

  #discard(client = this.#client): void {
    if (client === undefined) return;
    if (client === this.#client) this.#client = undefined;
    // Not client.end(): that says goodbye and waits for an answer, which a frozen server never gives.
    client.connection.stream.destroy();
  }
}

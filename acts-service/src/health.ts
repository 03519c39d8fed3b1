// Can this process serve? Answers within the health timeout, and says in the log once what changed, however often it is asked.
import type { Logger } from 'pino';
import type { DatabaseProbe } from './database-probe.ts';
import { databaseReason, type HealthCode } from './health-reason.ts';
import { limits } from './limits.ts';
import type { PoolWatch } from './pool-watch.ts';
import type { Telemetry } from './telemetry.ts';

export interface HealthParts {
  readonly probe: DatabaseProbe;
  readonly pool: PoolWatch;
  readonly memoryPressure: () => string | undefined;
  readonly isStopping: () => boolean;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
}

export interface HealthState {
  readonly code: HealthCode;
  readonly cause?: unknown;
}

export class Health {
  readonly #parts: HealthParts;
  #underWay: Promise<HealthState> | undefined;
  #code: HealthCode = 'ok';
  #since = performance.now();

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  /** Never rejects. Callers that meet share one check. */
  check(): Promise<HealthState> {
    this.#underWay ??= this.#look().then((state) => {
      this.#underWay = undefined;
      this.#note(state);
      return state;
    });
    return this.#underWay;
  }

  async #look(): Promise<HealthState> {
    const { isStopping, memoryPressure, probe, pool } = this.#parts;
    if (isStopping()) return { code: 'stopping' };
    const pressure = memoryPressure();
    if (pressure !== undefined) return { code: 'out-of-memory', cause: pressure };
    // Side by side, for both may need all the time there is. What the database says of itself explains a stuck pool.
    const results = await Promise.allSettled([probe.check(), pool.check(limits.healthTimeoutMs)]);
    const failed = results.find((result) => result.status === 'rejected');
    return failed === undefined ? { code: 'ok' } : { code: databaseReason(failed.reason), cause: failed.reason };
  }

  #note({ code, cause }: HealthState): void {
    if (code === this.#code) return;
    const { logger, telemetry, pool } = this.#parts;
    const previous = { previous: this.#code, previousForMs: Math.round(performance.now() - this.#since) };
    if (code === 'ok') logger.info({ code, ...previous }, 'can serve again');
    else if (code === 'stopping') logger.info({ code, ...previous }, 'stopping');
    else logger.warn({ code, ...previous, ...(cause === undefined ? {} : { err: cause }) }, 'cannot serve');
    // Sessions opened meanwhile stay read-only for as long as they live.
    if (this.#code === 'database-read-only') pool.retireConnections();
    this.#code = code;
    this.#since = performance.now();
    telemetry.health = code;
  }
}

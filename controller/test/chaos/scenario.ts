/** One fault, what is promised under it, and what came of it. The runner asserts the promise from the outcome; a scenario only reports. */

export interface ChaosContext {
  /** The first of 30 ports that scenarios may use; they run one after the other. */
  readonly basePort: number;
  /** In CI: few tries. */
  readonly isQuick: boolean;
  readonly print: (line: string) => void;
}

export interface ChaosScenario {
  /** kebab-case: `make chaos ONLY=name`. */
  readonly name: string;
  readonly fault: string;
  readonly promise: string;
  readonly bounds: ChaosBounds;
  /** Also runs in CI: well under half a minute in all. */
  readonly isQuick?: boolean;
  run(context: ChaosContext): Promise<ChaosOutcome>;
}

/** The promise in numbers. What is left out is 0. */
export interface ChaosBounds {
  readonly requestsFailed?: number;
  readonly containersRestarted?: number;
  readonly thingsLost?: number;
  /** Longest time to converge of any try. */
  readonly convergeMs: number;
}

export interface ChaosOutcome {
  readonly tried: number;
  readonly survived: number;
  readonly requestsSent: number;
  /** Requests that may be repeated and were answered by an error, cut, refused or not answered in time. */
  readonly requestsFailed: number;
  /** Requests that were open in the very process that was killed (a replica: whose answer had begun): nobody can save them; not counted as failed. */
  readonly requestsCutInKilledProcess?: number;
  /** Containers that were stopped or replaced without the fault itself, or the change under way, calling for it. */
  readonly containersRestarted: number;
  /** Declared objects, scales, ports, passwords, data that were gone afterwards. */
  readonly thingsLost: number;
  /** From the fault until all is as declared again, one for each try. */
  readonly convergeMs: readonly number[];
  /** The longest time in which nobody was answered, one for each try: the downtime as clients see it. */
  readonly silenceMs?: readonly number[];
  /** What went wrong, in words: the reasons of tries that did not survive, the first requests that failed. */
  readonly failures?: readonly string[];
  /** Goes into the table. */
  readonly note?: string;
}

/** What of the promise was broken, in words. */
export function brokenPromises({ bounds }: ChaosScenario, outcome: ChaosOutcome): readonly string[] {
  const slowestMs = Math.max(0, ...outcome.convergeMs);
  const checks: readonly (readonly [boolean, string])[] = [
    [outcome.tried === 0, 'nothing was tried'],
    [outcome.survived < outcome.tried, `${outcome.survived} of ${outcome.tried} survived`],
    [
      outcome.requestsFailed > (bounds.requestsFailed ?? 0),
      `${outcome.requestsFailed} requests failed, at most ${bounds.requestsFailed ?? 0} may`,
    ],
    [
      outcome.containersRestarted > (bounds.containersRestarted ?? 0),
      `${outcome.containersRestarted} containers restarted, at most ${bounds.containersRestarted ?? 0} may`,
    ],
    [outcome.thingsLost > (bounds.thingsLost ?? 0), `${outcome.thingsLost} things lost, at most ${bounds.thingsLost ?? 0} may`],
    [slowestMs > bounds.convergeMs, `${Math.round(slowestMs)} ms to converge, at most ${bounds.convergeMs} allowed`],
  ];
  return checks.filter(([isBroken]) => isBroken).map(([, text]) => text);
}

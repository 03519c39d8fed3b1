/** The common course of a scenario: load, faults one after the other, and the account of what came of them. */
import { performance } from 'node:perf_hooks';
import type { System } from '../e2e/system.ts';
import { Load } from '../e2e/load.ts';
import type { LoadFailure, LoadOptions, LoadResult } from '../e2e/load.ts';
import { holdings, lost, runningIds, untilConverged } from './converged.ts';
import type { ObservedSystem } from './converged.ts';
import type { ChaosOutcome } from './scenario.ts';

/** Any system that can be asked and looked at. */
export interface DisturbedSystem extends ObservedSystem {
  readonly ingressPort: number;
  /** Where load cannot come from this process. */
  load?(options: LoadOptions): Promise<{ stop(): Promise<LoadResult> }>;
}

export interface Disturbance<S extends DisturbedSystem = System> {
  readonly name: string;
  /** What must be so before, without load and outside of the account. */
  readonly prepare?: (system: S) => Promise<void>;
  /** Makes the fault; resolves once it is made. Returns ids of the containers that the fault itself takes. */
  readonly make: (system: S) => Promise<readonly string[]>;
  /** The failed requests that nobody could have saved. */
  readonly isUnsavable?: (failure: LoadFailure) => boolean;
  /** Of what is declared, what the disturbance itself changes: names as `holdings` has them. */
  readonly changed?: readonly string[];
  /** Instead of "as declared, and nothing left to do". */
  readonly until?: (system: S) => Promise<void>;
}

export interface DisturbOptions<S extends DisturbedSystem = System> {
  readonly system: S;
  readonly load: LoadOptions;
  /** More, beside that. */
  readonly otherLoads?: readonly LoadOptions[];
  readonly disturbances: readonly Disturbance<S>[];
  readonly deadlineMs: number;
  readonly print: (line: string) => void;
}

/** Each disturbance is made under load on a converged system; the load goes on until it has converged again, and a moment longer. */
export async function disturb<S extends DisturbedSystem>(options: DisturbOptions<S>): Promise<ChaosOutcome> {
  const { system, disturbances, deadlineMs, print } = options;
  await untilConverged(system, 60_000);
  const outcome = { tried: 0, survived: 0, requestsSent: 0, requestsFailed: 0, requestsCut: 0, containersRestarted: 0, thingsLost: 0 };
  const convergeMs: number[] = [];
  const silenceMs: number[] = [];
  const failures: string[] = [];
  for (const { name, prepare, make, isUnsavable = () => false, changed = [], until } of disturbances) {
    outcome.tried++;
    await prepare?.(system);
    const idsBefore = await runningIds(system);
    const heldBefore = new Map([...(await holdings(system))].filter(([held]) => !changed.includes(held)));
    const loads = await Promise.all(
      [options.load, ...(options.otherLoads ?? [])].map(async (load) => (await system.load?.(load)) ?? new Load(system, load)),
    );
    await pause(300);
    const startedAtMs = performance.now();
    let problem: string | undefined;
    let taken: readonly string[] = [];
    try {
      taken = await make(system);
      await until?.(system);
      const convergedAtMs = until === undefined ? await untilConverged(system, deadlineMs) : performance.now();
      convergeMs.push(Math.round(convergedAtMs - startedAtMs));
      outcome.survived++;
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
      await untilConverged(system, 60_000).catch(() => undefined);
    }
    await pause(300);
    const results = await Promise.all(loads.map((load) => load.stop()));
    const sent = results.reduce((sum, result) => sum + result.sent, 0);
    silenceMs.push(Math.max(...results.map(({ longestSilenceMs }) => longestSilenceMs)));
    const failed = results.flatMap((result) => result.failed);
    const unsaved = failed.filter((failure) => !isUnsavable(failure));
    const idsAfter = await runningIds(system);
    const restarted = [...idsBefore].filter((id) => !idsAfter.has(id) && !taken.includes(id));
    const gone = await holdings(system).then((after) => lost(heldBefore, after));
    outcome.requestsSent += sent;
    outcome.requestsFailed += unsaved.length;
    outcome.requestsCut += failed.length - unsaved.length;
    outcome.containersRestarted += restarted.length;
    outcome.thingsLost += gone.length;
    const wrong = [
      ...(problem === undefined ? [] : [problem]),
      ...unsaved.slice(0, 3).map(({ kind, text, sentAtMs, endedAtMs }) => {
        const at = `sent ${Math.round(sentAtMs - startedAtMs)} ms, ended ${Math.round(endedAtMs - startedAtMs)} ms after the fault`;
        return `a request failed (${kind}: ${text}; ${at})`;
      }),
      ...restarted.map((id) => `container ${id.slice(0, 12)} is gone`),
      ...gone,
    ];
    failures.push(...wrong.map((text) => `${name}: ${text}`));
    print(
      `${wrong.length === 0 ? 'ok  ' : 'FAIL'} ${name}: ${convergeMs.at(-1) ?? '-'} ms, ${sent} requests, ${failed.length} failed or cut, nobody answered for ${silenceMs.at(-1) ?? 0} ms`,
    );
  }
  const { requestsCut, ...counts } = outcome;
  const hasUnsavable = disturbances.some(({ isUnsavable }) => isUnsavable !== undefined);
  return { ...counts, ...(hasUnsavable && { requestsCutInKilledProcess: requestsCut }), convergeMs, silenceMs, failures };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

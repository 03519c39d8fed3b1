/**
 * The control plane killed at one step of a change, and what became of the change. The steps are recorded from undisturbed runs of the same
 * change; then each of them is tried: change, death at that step, restart by the supervisor, convergence.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { System } from '../e2e/system.ts';
import { Load } from '../e2e/load.ts';
import { eventually } from '../eventually.ts';
import { holdings, lost, runningIds, untilConverged } from './converged.ts';
import { pause } from './disturb.ts';

/** A change of the system and the one that takes it back; the two are tried in turn. */
export interface Change {
  readonly name: string;
  /** A request for it that was not answered is repeated until it is: nobody was told that it was taken. */
  readonly make: (system: System) => Promise<void>;
  /** The change has been taken in. */
  readonly isMade: (system: System) => Promise<boolean>;
}

export interface ChangePair {
  readonly forward: Change;
  readonly back: Change;
}

/** "the second time that this step comes". */
interface Step {
  readonly name: string;
  readonly occurrence: number;
}

interface Course {
  readonly steps: readonly Step[];
  /** Containers started, and containers gone, in an undisturbed run. */
  readonly started: number;
  readonly gone: number;
  readonly held: ReadonlyMap<string, string>;
}

export interface StepTally {
  tried: number;
  survived: number;
  notReached: number;
  requestsSent: number;
  requestsFailed: number;
  containersRestarted: number;
  thingsLost: number;
  readonly convergeMs: number[];
  readonly failures: string[];
}

const DEADLINE_MS = 30_000;
const PATH_TO_ASK = '/';

export class StepTrials {
  readonly tally: StepTally = {
    tried: 0,
    survived: 0,
    notReached: 0,
    requestsSent: 0,
    requestsFailed: 0,
    containersRestarted: 0,
    thingsLost: 0,
    convergeMs: [],
    failures: [],
  };
  readonly #system: System;
  readonly #killFile: string;
  readonly #print: (line: string) => void;

  constructor(system: System, killFile: string, print: (line: string) => void) {
    this.#system = system;
    this.#killFile = killFile;
    this.#print = print;
  }

  /** Every step of both changes, each occurrence up to `occurrencesMost`, as far as `isWanted`. */
  async tryAll({ forward, back }: ChangePair, occurrencesMost: number, isWanted: (step: string) => boolean = () => true): Promise<void> {
    const courses = { forward: await this.#record(forward), back: await this.#record(back) };
    const wanted = ({ steps }: Course): Step[] => steps.filter(({ name, occurrence }) => occurrence <= occurrencesMost && isWanted(name));
    const isSame = forward.name === back.name;
    const all = wanted(courses.forward);
    const queues = isSame
      ? { forward: all.filter((_, index) => index % 2 === 0), back: all.filter((_, index) => index % 2 === 1) }
      : { forward: all, back: wanted(courses.back) };
    this.#print(
      `${isSame ? forward.name : `${forward.name} (${all.length}), ${back.name}`}: ${queues.forward.length + queues.back.length} steps`,
    );
    while (queues.forward.length + queues.back.length > 0) {
      await this.#try(forward, courses.forward, queues.forward.shift());
      await this.#try(back, courses.back, queues.back.shift());
    }
  }

  async #record(change: Change): Promise<Course> {
    const offset = this.#notedSteps().length;
    const before = await runningIds(this.#system);
    await this.#carryOut(change);
    await untilConverged(this.#system, DEADLINE_MS);
    // What is written to the state follows a moment later.
    await pause(1_000);
    const after = await runningIds(this.#system);
    const names = this.#notedSteps().slice(offset);
    const seen = new Map<string, number>();
    const steps = names.map((name) => {
      seen.set(name, (seen.get(name) ?? 0) + 1);
      return { name, occurrence: seen.get(name) ?? 1 };
    });
    const started = names.filter((name) => name === 'after StartContainer').length;
    return { steps, started, gone: missing(before, after).length, held: await holdings(this.#system) };
  }

  /** Without a step the change is made undisturbed, for the way back. */
  async #try(change: Change, course: Course, step: Step | undefined): Promise<void> {
    const system = this.#system;
    if (step === undefined) {
      await this.#carryOut(change);
      await untilConverged(system, DEADLINE_MS);
      return;
    }
    const title = `${change.name}, killed at "${step.name}" (${step.occurrence})`;
    const offset = this.#notedSteps().length;
    const before = await runningIds(system);
    const load = new Load(system, { path: PATH_TO_ASK, perSecond: 100, connections: 'new' });
    writeFileSync(this.#killFile, `${step.occurrence} ${step.name}`);
    const problems: string[] = [];
    const killed = this.#untilKilled();
    try {
      await this.#carryOut(change);
      const killedAtMs = await killed;
      if (killedAtMs === undefined) this.tally.notReached++;
      else this.tally.tried++;
      const convergedAtMs = await untilConverged(system, DEADLINE_MS);
      if (killedAtMs !== undefined) {
        this.tally.convergeMs.push(Math.round(convergedAtMs - killedAtMs));
        this.tally.survived++;
      }
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
      await untilConverged(system, 60_000);
    }
    await pause(200);
    const { sent, failures } = await load.stop();
    const started = this.#notedSteps()
      .slice(offset)
      .filter((name) => name === 'after StartContainer').length;
    const gone = missing(before, await runningIds(system)).length;
    const restarted = Math.max(0, started - course.started, gone - course.gone);
    const notHeld = lost(course.held, await holdings(system));
    this.tally.requestsSent += sent;
    this.tally.requestsFailed += failures.length;
    this.tally.containersRestarted += restarted;
    this.tally.thingsLost += notHeld.length;
    problems.push(...failures.slice(0, 3).map((text) => `a request failed: ${text}`), ...notHeld);
    if (restarted > 0) problems.push(`${started} containers started, not ${course.started}; ${gone} gone, not ${course.gone}`);
    this.tally.failures.push(...problems.map((text) => `${title}: ${text}`));
    if (problems.length > 0) this.#print(`FAIL ${title}: ${problems.join('; ')}`);
  }

  async #carryOut(change: Change): Promise<void> {
    await eventually(async () => {
      await change.make(this.#system);
    }, DEADLINE_MS);
    await eventually(() => change.isMade(this.#system), DEADLINE_MS);
  }

  /** When the process was killed; undefined when it did not come to that step. */
  async #untilKilled(): Promise<number | undefined> {
    try {
      await eventually(() => !existsSync(this.#killFile), 8_000);
      return performance.now();
    } catch {
      rmSync(this.#killFile, { force: true });
      return undefined;
    }
  }

  #notedSteps(): readonly string[] {
    return existsSync(`${this.#killFile}.steps`) ? readFileSync(`${this.#killFile}.steps`, 'utf8').trimEnd().split('\n') : [];
  }
}

function missing(before: ReadonlySet<string>, after: ReadonlySet<string>): readonly string[] {
  return [...before].filter((id) => !after.has(id));
}

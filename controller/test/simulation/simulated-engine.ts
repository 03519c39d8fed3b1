/**
 * The engine as the control planes of a run see it: the fake Docker behind a connection with latency, faults, lost and late events, and answers
 * that were true a moment ago. A connection ends with its control plane; what that had asked for may still happen.
 */
import { setMaxListeners } from 'node:events';
import { LABEL } from '../../src/model/annotations.ts';
import type { ContainerSpec } from '../../src/model/operation.ts';
import type { ProbeRequest } from '../../src/observe/probe-request.ts';
import { RuntimeError } from '../../src/runtime/container-runtime.ts';
import type { ContainerRuntime, RuntimeEvent } from '../../src/runtime/container-runtime.ts';
import type { FakeContainer, FakeProgram } from '../runtime/fake-container.ts';
import { FakeRuntime } from '../runtime/fake-runtime.ts';
import type { Random } from './random.ts';
import type { Trace } from './trace.ts';
import { CALM } from './weather.ts';
import type { Weather } from './weather.ts';

/** What a container of the simulation does from one start on. */
interface SimulatedProgram extends FakeProgram {
  readonly readyAtMs: number;
  /** "namespace/name" of a Deployment without which it answers nothing. */
  readonly dependsOn: string | undefined;
  /** It fails its probes until then. */
  brokenUntilMs: number;
}

/** Calls that change nothing. */
const LOOKS = /^(describe|list|inspect|find|read|exec|watch)/;

export function isLook(callName: string): boolean {
  return LOOKS.test(callName);
}

export interface EngineWatch {
  /** A control plane asks for a change; before anything else happens. */
  onCall(callName: string, args: readonly unknown[], life: EngineLife): void;
  /** Just before it takes effect. */
  onEffect(callName: string, args: readonly unknown[], life: EngineLife): void;
  onAnswer(callName: string, args: readonly unknown[], life: EngineLife): void;
  onProbe(container: FakeContainer, isPassing: boolean): void;
}

/** What a connection knows of the control plane that holds it. */
export interface EngineLife {
  readonly isDead: boolean;
}

export interface SimulatedEngineOptions {
  readonly random: Random;
  readonly trace: Trace;
  readonly nowMs: () => number;
  readonly watch: EngineWatch;
  readonly images: readonly string[];
  readonly registry: readonly string[];
}

export class SimulatedEngine {
  readonly docker: FakeRuntime;
  weather: Weather = CALM;
  isDown = false;
  calls = 0;
  changes = 0;
  readonly #options: SimulatedEngineOptions;
  readonly #forever = new AbortController().signal;
  /** Ends what hangs. */
  #hanging: (() => void)[] = [];

  constructor(options: SimulatedEngineOptions) {
    this.#options = options;
    // Every call under way listens to it.
    setMaxListeners(0, this.#forever);
    const { images, registry } = options;
    this.docker = new FakeRuntime({ images, registry, program: (spec) => this.#program(spec) });
  }

  /** The engine for one control plane. */
  connect(life: EngineLife): ContainerRuntime {
    return new Proxy(this.docker, {
      get: (_docker, name: string) => {
        if (name === 'watchEvents') {
          return (...args: Parameters<ContainerRuntime['watchEvents']>) => this.#watchEvents(life, ...args);
        }
        return (...args: unknown[]) => this.#call(life, name, args.slice(0, -1), args.at(-1) as AbortSignal);
      },
    });
  }

  /** What hangs is let go, as after a restart of the engine. */
  releaseHanging(): void {
    for (const release of this.#hanging.splice(0)) release();
  }

  /** Whether it would answer a request now. */
  isServing(container: FakeContainer): boolean {
    if (container.phase !== 'running') return false;
    const nowMs = this.#options.nowMs();
    const { readyAtMs, brokenUntilMs, dependsOn } = container.program as SimulatedProgram;
    if (nowMs < readyAtMs || nowMs < brokenUntilMs) return false;
    if (dependsOn === undefined) return true;
    for (const other of this.docker.containers.values()) {
      const { labels } = other.spec;
      if (`${labels[LABEL.namespace] ?? ''}/${labels[LABEL.owner] ?? ''}` === dependsOn && this.isServing(other)) return true;
    }
    return false;
  }

  /** Its probes fail for a while. */
  breakFor(container: FakeContainer, durationMs: number): void {
    (container.program as SimulatedProgram).brokenUntilMs = this.#options.nowMs() + durationMs;
  }

  async probe(request: ProbeRequest, timeoutMs: number): Promise<string> {
    const container = this.#probed(request);
    await sleep(this.#options.random.int(0, 3));
    if (container?.isAlive !== true) return 'connection refused';
    if (container.phase === 'paused') {
      await sleep(timeoutMs);
      this.#options.watch.onProbe(container, false);
      return `timeout after ${timeoutMs / 1000} s`;
    }
    const isPassing = this.isServing(container);
    this.#options.watch.onProbe(container, isPassing);
    return isPassing ? '' : 'HTTP 500';
  }

  #probed(request: ProbeRequest): FakeContainer | undefined {
    if (request.type === 'exec') return this.docker.containers.get(request.containerId);
    if (request.type === 'unresolved') return undefined;
    for (const container of this.docker.containers.values()) {
      if (Object.values(container.inspect().networks).includes(request.address)) return container;
    }
    return undefined;
  }

  #program({ image, env, labels }: ContainerSpec): SimulatedProgram {
    const { random, nowMs } = this.#options;
    const of = (name: string): string | undefined => env.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
    const bootMs = image.startsWith('slow') ? random.int(1_000, 3_000) : random.int(20, 500);
    const dependsOn = of('DEPENDS_ON');
    const ends = image.startsWith('crash')
      ? { exitAfterMs: random.int(50, 1_500), exitCode: 1 }
      : image.startsWith('job')
        ? { exitAfterMs: 700, exitCode: 0 }
        : {};
    return {
      readyAtMs: nowMs() + bootMs,
      brokenUntilMs: 0,
      dependsOn: dependsOn === undefined ? undefined : `${labels[LABEL.namespace] ?? ''}/Deployment/${dependsOn}`,
      isIgnoringStop: image.startsWith('deaf'),
      stopAfterMs: random.int(0, 400),
      logs: ['started'],
      ...ends,
    };
  }

  async #call(life: EngineLife, name: string, args: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    const { watch, trace } = this.#options;
    this.calls++;
    const isChange = !isLook(name);
    if (isChange) {
      this.changes++;
      trace.add('call', `${name} ${describe(args[0])}`);
      watch.onCall(name, args, life);
    }
    let giveUp = (): void => undefined;
    const aborted = new Promise<never>((_resolve, reject) => {
      giveUp = () => reject(new RuntimeError('Timeout', 0, `${name}: no answer in time`));
      if (signal.aborted) giveUp();
      else signal.addEventListener('abort', giveUp, { once: true });
    });
    try {
      return await Promise.race([this.#perform(life, name, args, isChange), aborted]);
    } finally {
      signal.removeEventListener('abort', giveUp);
      // A dead process hears no answer.
      if (life.isDead) await new Promise(() => undefined);
      if (isChange) watch.onAnswer(name, args, life);
    }
  }

  async #perform(life: EngineLife, name: string, args: readonly unknown[], isChange: boolean): Promise<unknown> {
    const { random, watch, trace } = this.#options;
    const { before, after, hang, slow } = this.weather;
    const fault = random.chance(before) ? 'before' : random.chance(after) ? 'after' : random.chance(hang) ? 'hang' : 'none';
    const isSlow = random.chance(slow);
    const latencyMs = (): number => (isSlow ? random.int(50, 1_500) : random.int(0, 4));
    await sleep(latencyMs());
    // The request of a control plane that died may have reached the engine, or not.
    if (life.isDead && random.chance(0.5)) await new Promise(() => undefined);
    if (fault !== 'none') trace.add('fault', `${name} ${describe(args[0])}: ${fault}`);
    if (fault === 'hang') {
      await new Promise<void>((resolve) => this.#hanging.push(resolve));
      throw new RuntimeError('Unreachable', 0, `${name}: the connection was cut`);
    }
    if (this.isDown) throw new RuntimeError('Unreachable', 0, 'the engine is down');
    if (fault === 'before') throw new RuntimeError('EngineFailure', 500, `${name}: injected failure`);
    if (isChange) watch.onEffect(name, args, life);
    const method = Reflect.get(this.docker, name) as (...all: unknown[]) => Promise<unknown>;
    const answer = await method.call(this.docker, ...args, this.#forever);
    // An answer on its way is old when it arrives.
    await sleep(latencyMs());
    if (fault === 'after') throw new RuntimeError('Unreachable', 0, `${name}: the answer was lost`);
    return answer;
  }

  #watchEvents(
    life: EngineLife,
    labels: readonly string[],
    onEvent: (event: RuntimeEvent) => void,
    onConnect: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { random } = this.#options;
    const tell = (event: RuntimeEvent): void => {
      if (!life.isDead) onEvent(event);
    };
    const pass = (event: RuntimeEvent): void => {
      const { eventLost, eventTwice, eventLate } = this.weather;
      if (random.chance(eventLost)) return;
      const times = random.chance(eventTwice) ? 2 : 1;
      for (let time = 0; time < times; time++) {
        if (random.chance(eventLate)) setTimeout(() => tell(event), random.int(1, 800));
        else tell(event);
      }
    };
    return this.docker.watchEvents(labels, pass, () => !life.isDead && onConnect(), signal);
  }
}

function describe(subject: unknown): string {
  if (typeof subject === 'object' && subject !== null && 'name' in subject) return String(subject.name);
  const text = String(subject);
  return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text;
}

export function sleep(delayMs: number): Promise<void> {
  return delayMs <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, delayMs));
}

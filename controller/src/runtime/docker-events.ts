/**
 * The engine's event stream, kept open: reconnects with backoff. Events are hints that wake the loop, never facts; whatever was missed
 * while disconnected is found by the relist that `onConnect` asks for.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import type { RuntimeEvent } from './container-runtime.ts';
import { readJsonLines } from './docker-streams.ts';

const BACKOFF_MIN_MS = 50;
const BACKOFF_MAX_MS = 2000;
/** A connection that held this long was good: the next one is tried at once. */
const STABLE_MS = 2000;
const EVENT_LINE_BYTES = 256 * 1024;

/**
 * What is asked for. Without the list every exec probe would come as three events. Labels are compared here because Docker compares them
 * with the event's attributes, which for networks, volumes and images hold no labels.
 */
const FILTERS = {
  type: ['container', 'network', 'volume', 'image'],
  event: [
    ...['create', 'start', 'die', 'oom', 'stop', 'kill', 'pause', 'unpause', 'restart', 'rename', 'update', 'destroy'],
    ...['connect', 'disconnect', 'remove'],
    ...['pull', 'import', 'load', 'tag', 'untag', 'delete'],
  ],
};

type EventStream = AsyncIterable<Buffer> & { destroy(): unknown };

interface EngineEvent {
  readonly Type: RuntimeEvent['type'];
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes?: Readonly<Record<string, string>> | null };
}

export async function watchDockerEvents(
  docker: Dockerode,
  labels: readonly string[],
  onEvent: (event: RuntimeEvent) => void,
  onConnect: () => void,
  signal: AbortSignal,
): Promise<void> {
  const wanted = labels.map((label) => label.split(/=(.*)/s, 2) as [string, string | undefined]);
  let backoffMs = BACKOFF_MIN_MS;
  while (!signal.aborted) {
    const request = { filters: FILTERS, abortSignal: signal };
    const stream = await docker.getEvents(request as Dockerode.GetEventsOptions).catch(() => undefined);
    if (stream !== undefined) {
      const connectedAtMs = performance.now();
      onConnect();
      await deliver(stream as unknown as EventStream, wanted, onEvent, signal);
      if (performance.now() - connectedAtMs > STABLE_MS) backoffMs = BACKOFF_MIN_MS;
    }
    await sleep(backoffMs, undefined, { signal }).catch(() => undefined);
    backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
  }
}

/** Until the stream ends, for whatever reason. Errors of `onEvent` are the caller's: they are not taken for a broken stream. */
async function deliver(
  stream: EventStream,
  wanted: readonly (readonly [string, string | undefined])[],
  onEvent: (event: RuntimeEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const lines = readJsonLines(stream, EVENT_LINE_BYTES);
  try {
    for (;;) {
      const line = await lines.next().catch(() => undefined);
      if (line === undefined || line.done === true || signal.aborted) return;
      const { Type: type, Action: action, Actor: actor } = line.value as EngineEvent;
      const isWanted = type !== 'container' || wanted.every(([key, value]) => isMatching(actor.Attributes?.[key], value));
      if (!isWanted) continue;
      const containerId = type === 'network' ? actor.Attributes?.['container'] : undefined;
      onEvent({ type, action, id: actor.ID, ...(containerId !== undefined && { containerId }) });
    }
  } finally {
    stream.destroy();
  }
}

function isMatching(present: string | undefined, wanted: string | undefined): boolean {
  return present !== undefined && (wanted === undefined || present === wanted);
}

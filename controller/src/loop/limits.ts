/** The bounds and periods of the control plane, in one place. Milliseconds unless the name says otherwise. */
export const CONTROL_LIMITS = {
  /** A pass at least this often, whatever happens or does not. */
  resyncMs: 1_000,
  /** One operation. */
  callTimeoutMs: 30_000,
  /** One look at the engine, all its calls together: then another one is begun, on new connections. */
  lookTimeoutMs: 5_000,
  /** A pass waits this long for a look; then it goes on with what was seen last. */
  lookPatienceMs: 2_000,
  pullTimeoutMs: 600_000,
  /** A container is asked for a generated secret that was lost. */
  environmentTimeoutMs: 5_000,
  /** Operations at once: more than a scale-up of one Deployment to ten, few enough that Docker is not the queue. */
  concurrency: 16,
  /** After a start, adopted containers are probed before the first table is published, at most this long. */
  settleMs: 3_000,
  /** Counted requests are saved this long after they were reported. */
  countSaveMs: 500,
  eventsPerPassMost: 200,
  /** What is told of a container that ended: lines and bytes of each, how many containers are remembered and read at once. */
  crashLogLines: 5,
  crashLogBytes: 1_024,
  crashLogsMost: 500,
  crashLogNotesMost: 10_000,
  crashLogReadsMost: 4,
  crashLogTimeoutMs: 2_000,
  /** `down` gives up after this: graces are over by then, and what is left is held by something else. */
  teardownMs: 120_000,
} as const;

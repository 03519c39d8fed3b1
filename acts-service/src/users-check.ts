// Asks the users role whether a user exists, at every upload. Docker's DNS also names replicas that are paused or dying, so every
// address gets its chance: the next one is asked when one fails, and also when one is merely slow.
import { lookup } from 'node:dns/promises';
import { get, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { limits } from './limits.ts';
import { type Problem, unavailable } from './problem.ts';
import type { Telemetry } from './telemetry.ts';
import { withinTime } from './within-time.ts';

/** The request id goes along, so that one upload has one id in both roles' logs. */
export type UsersCheck = (username: string, requestId: string) => Promise<boolean>;

export function usersCheck(usersUrl: string, serviceOrigin: string, telemetry: Telemetry): UsersCheck {
  const url = new URL('/api/v1/users', usersUrl);
  return async (username, requestId) => {
    const headers = { Host: url.host, Origin: serviceOrigin, Accept: 'application/json', 'X-Request-Id': requestId };
    try {
      // Bounds the resolver too, which takes no signal.
      const names = await withinTime(limits.usersTotalMs, userNames(url, headers), () => unreachable('too late'));
      // The whole name: user `x` does not exist because `xyz` does.
      const isKnown = names.includes(username);
      telemetry.emit('usersCheck', isKnown ? 'known' : 'unknown');
      return isKnown;
    } catch (error) {
      telemetry.emit('usersCheck', 'failed');
      throw error;
    }
  };
}

function unreachable(cause: unknown): Problem {
  return unavailable('users-unavailable', 'the users service cannot be reached; nothing was stored', limits.retryAfterSeconds, cause);
}

async function userNames(url: URL, headers: OutgoingHttpHeaders): Promise<readonly string[]> {
  const startedAt = performance.now();
  let lastError: unknown;
  do {
    try {
      return await firstAnswer(await addresses(url.hostname), (address, signal) => ask(url, address, headers, signal));
    } catch (error) {
      lastError = error;
    }
    await delay(limits.usersRoundPauseMs);
  } while (performance.now() - startedAt < limits.usersRoundsMs);
  throw unreachable(lastError);
}

async function addresses(hostname: string): Promise<readonly string[]> {
  // Resolved on every call: replicas come and go. The resolver rotates the order, so the load spreads by itself.
  const found = await lookup(hostname.replace(/^\[|\]$/g, ''), { all: true, verbatim: true });
  return found.map(({ address }) => address);
}

/** The first success; a further address is tried after each failure and after each stagger. Rejects when all have failed. */
export function firstAnswer<T>(
  candidates: readonly string[],
  attempt: (address: string, signal: AbortSignal) => Promise<T>,
  staggerMs: number = limits.usersStaggerMs,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = new AbortController();
    const waiting = [...candidates];
    let running = 0;
    let timer: NodeJS.Timeout | undefined;
    let lastError = new Error('no address');

    const next = (): void => {
      clearTimeout(timer);
      const address = waiting.shift();
      if (address === undefined) {
        if (running === 0) reject(lastError);
        return;
      }
      running++;
      attempt(address, abort.signal).then(
        (answer) => {
          clearTimeout(timer);
          waiting.length = 0;
          resolve(answer);
          abort.abort();
        },
        (error: unknown) => {
          running--;
          lastError = error instanceof Error ? error : new Error('failed', { cause: error });
          next();
        },
      );
      if (waiting.length > 0) timer = setTimeout(next, staggerMs);
    };
    next();
  });
}

function ask(url: URL, address: string, headers: OutgoingHttpHeaders, stop: AbortSignal): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(limits.usersAttemptTimeoutMs)]);
    const options = { host: address, port: url.port === '' ? 80 : Number(url.port), path: url.pathname, signal };
    get({ ...options, headers }, (response) => {
      readNames(response).then(resolve, reject);
    }).on('error', reject);
  });
}

async function readNames(response: IncomingMessage): Promise<readonly string[]> {
  if (response.statusCode === 204) {
    response.resume();
    return [];
  }
  if (response.statusCode !== 200) {
    response.resume();
    throw new Error(`the users service answered ${String(response.statusCode)}`);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limits.usersAnswerBytes) throw new Error('the list of users is too long');
    chunks.push(chunk);
  }
  const names = jsonOf(Buffer.concat(chunks).toString('utf8'));
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string'))
    throw new Error('the users service did not answer with names');
  return names;
}

/** Undefined when it is none. JSON.parse's own error quotes the text, which is names, and would end in the log. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Open-loop load, run as a process of its own (in a network namespace perhaps, and never held up by the test that watches):
 * PORT PER_SECOND PATH... GETs at a constant rate, whatever the answers do, each on a connection of its own and never repeated.
 * SIGTERM ends it; it then waits for what is under way and prints a LoadReport.
 */
import { request } from 'node:http';

export interface LoadReport {
  readonly sent: number;
  /** Anything but an answer below 400: "ECONNREFUSED", "503", ... and how often. */
  readonly failures: Readonly<Record<string, number>>;
  /** From the planned time of arrival to the end of the answer, of those that were answered well. */
  readonly slowestMs: number;
  readonly p99Ms: number;
  /** The longest time in which no request was answered well. */
  readonly longestGapMs: number;
}

const TIMEOUT_MS = 20_000;
const TICK_MS = 2;

function main(): void {
  const [portText, rateText, ...paths] = process.argv.slice(2);
  const port = Number(portText);
  const periodMs = 1000 / Number(rateText);
  const startedAt = performance.now();
  const failures: Record<string, number> = {};
  const latencies: number[] = [];
  let sent = 0;
  let underWay = 0;
  let lastGoodMs = startedAt;
  let longestGapMs = 0;
  let isStopping = false;

  const settle = (failure: string | undefined, plannedMs: number): void => {
    underWay--;
    const now = performance.now();
    if (failure === undefined) {
      latencies.push(now - plannedMs);
      longestGapMs = Math.max(longestGapMs, now - lastGoodMs);
      lastGoodMs = now;
    } else failures[failure] = (failures[failure] ?? 0) + 1;
    if (isStopping && underWay === 0) report();
  };

  const send = (plannedMs: number): void => {
    const path = paths[sent % paths.length] ?? '/';
    sent++;
    underWay++;
    let isSettled = false;
    const once = (failure: string | undefined): void => {
      if (isSettled) return;
      isSettled = true;
      settle(failure, plannedMs);
    };
    const call = request({ host: '127.0.0.1', port, path, agent: false, timeout: TIMEOUT_MS }, (response) => {
      response.resume();
      response.on('end', () => once((response.statusCode ?? 0) < 400 ? undefined : String(response.statusCode)));
      response.on('error', (error: NodeJS.ErrnoException) => once(`cut: ${error.code ?? error.message}`));
      response.on('close', () => once('cut'));
    });
    call.on('timeout', () => {
      once('timeout');
      call.destroy();
    });
    call.on('error', (error: NodeJS.ErrnoException) => once(error.code ?? error.message));
    call.end();
  };

  const timer = setInterval(() => {
    // What a late tick missed is sent now: the rate holds.
    while (startedAt + sent * periodMs <= performance.now()) send(startedAt + sent * periodMs);
  }, TICK_MS);

  function report(): void {
    latencies.sort((a, b) => a - b);
    const result: LoadReport = {
      sent,
      failures,
      slowestMs: Math.round(latencies.at(-1) ?? 0),
      p99Ms: Math.round(latencies[Math.floor(latencies.length * 0.99)] ?? 0),
      longestGapMs: Math.round(longestGapMs),
    };
    process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
  }

  process.on('SIGTERM', () => {
    if (isStopping) return;
    isStopping = true;
    clearInterval(timer);
    if (underWay === 0) report();
  });
  process.stdout.write('started\n');
}

main();

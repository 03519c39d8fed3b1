import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { EXIT_FATAL } from '../../src/supervisor/exit-codes.ts';
import { bindPublicSocket } from '../../src/supervisor/public-socket.ts';
import { INHERITED_FD, supervise } from '../../src/supervisor/supervisor.ts';
import type { SupervisedProcess } from '../../src/supervisor/supervisor.ts';
import { eventually } from '../eventually.ts';

const PORT = 18_821;

/** Each child notes its starts in `<name>.starts`: "<pid> <milliseconds>". */
const NOTE = `
  import { appendFileSync } from 'node:fs';
  const [name, home] = process.argv.slice(2);
  appendFileSync(home + '/' + name + '.starts', process.pid + ' ' + Date.now() + '\\n');
`;
const STAYS = `${NOTE} setInterval(() => undefined, 1000);`;
const ENDS = `${NOTE} process.exit(3);`;
const CANNOT_RUN = `${NOTE} process.exit(${EXIT_FATAL});`;
const TALKS = `${NOTE} console.log('out'); console.error('err'); console.log(process.env.GREETING); setInterval(() => undefined, 1000);`;
const ENDS_ORDERLY = `${NOTE}
  process.on('SIGTERM', () => { appendFileSync(home + '/' + name + '.stopped', 'orderly'); process.exit(0); });
  setInterval(() => undefined, 1000);`;
const IGNORES_STOP = `process.on('SIGTERM', () => undefined); ${NOTE} setInterval(() => undefined, 1000);`;

describe('supervise', () => {
  let home: string;
  let stopping: AbortController;
  let running: Promise<number> | undefined;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'coxswain-supervisor-'));
    stopping = new AbortController();
    running = undefined;
  });
  afterEach(async function () {
    this.timeout(30_000);
    stopping.abort();
    await running;
    rmSync(home, { recursive: true, force: true });
  });

  function child(name: string, program: string): SupervisedProcess {
    const script = join(home, `${name}.mjs`);
    writeFileSync(script, program);
    return { name, command: process.execPath, args: [script, name, home] };
  }

  function start(...processes: readonly SupervisedProcess[]): Promise<number> {
    running = supervise({
      processes,
      home,
      logDirectory: home,
      environment: { ...process.env, GREETING: 'hello' },
      signal: stopping.signal,
    });
    return running;
  }

  function startsOf(name: string): readonly { readonly pid: number; readonly atMs: number }[] {
    const path = join(home, `${name}.starts`);
    if (!existsSync(path)) return [];
    // What follows the last line's end is still being written.
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => line.split(' ').map(Number)).map(([pid = 0, atMs = 0]) => ({ pid, atMs }));
  }

  function started(name: string, times = 1): Promise<number> {
    return eventually(() => {
      const starts = startsOf(name);
      expect(starts).to.have.length.at.least(times);
      return starts.at(-1)!.pid;
    }, 8_000);
  }

  function isRunning(pid: number): boolean {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  }

  const pidFile = (name: string): number | undefined => {
    const path = join(home, `${name}.pid`);
    return existsSync(path) ? Number(readFileSync(path, 'utf8')) : undefined;
  };

  it('starts every process and notes its pid, and its own', async () => {
    void start(child('one', STAYS), child('two', STAYS));
    const [one, two] = [await started('one'), await started('two')];
    expect(one).to.not.equal(two);
    expect([pidFile('one'), pidFile('two'), pidFile('supervisor')]).to.deep.equal([one, two, process.pid]);
  });

  it('restarts a process that was killed, and leaves the other alone', async () => {
    void start(child('one', STAYS), child('two', STAYS));
    const [one, two] = [await started('one'), await started('two')];
    const killedAt = Date.now();
    process.kill(one, 'SIGKILL');
    const next = await started('one', 2);
    expect(startsOf('one')[1]!.atMs - killedAt, 'milliseconds until the restart').to.be.lessThan(1_000);
    expect(isRunning(next)).to.equal(true);
    await eventually(() => expect(pidFile('one')).to.equal(next));
    expect(startsOf('two').map(({ pid }) => pid)).to.deep.equal([two]);
    expect(isRunning(two)).to.equal(true);
  });

  it('restarts a process that ends in good order too: it is meant to stay', async () => {
    void start(child('one', `${NOTE} process.exit(0);`));
    await started('one', 2);
  });

  it('waits longer each time before it restarts a process that keeps ending', async () => {
    void start(child('one', ENDS));
    await started('one', 5);
    const at = startsOf('one').map(({ atMs }) => atMs);
    const pauses = at.slice(1).map((atMs, index) => atMs - at[index]!);
    // Each pause is the delay and the time node needs to start: never shorter than the delay.
    for (const [index, delayMs] of [100, 200, 400, 800].entries()) expect(pauses[index]).to.be.at.least(delayMs - 5);
    expect(pauses[0]).to.be.lessThan(800);
  });

  it('restarts a process that had run for a second at once, however often', async () => {
    const program = `${NOTE} setTimeout(() => process.exit(3), 1_100);`;
    void start(child('one', program));
    await started('one', 4);
    const at = startsOf('one').map(({ atMs }) => atMs);
    const pauses = at.slice(1).map((atMs, index) => atMs - at[index]! - 1_100);
    // With a back-off the third would be 400 ms and more; the median leaves room for one slow start of node.
    expect(pauses.sort((a, b) => a - b)[1]).to.be.lessThan(400);
  }).timeout(20_000);

  it('gives a process the open file that it is to inherit, each time anew', async () => {
    const socket = await bindPublicSocket('127.0.0.1', PORT);
    expect(socket).not.to.equal(undefined);
    const program = `${NOTE}
      import { createServer } from 'node:http';
      createServer((request, response) => response.end(String(process.pid))).listen({ fd: ${INHERITED_FD} });`;
    try {
      void start({ ...child('one', program), inheritedFd: socket!.fd });
      const first = await started('one');
      await eventually(async () => expect(await (await fetch(`http://127.0.0.1:${PORT}`)).text()).to.equal(String(first)), 5_000);
      process.kill(first, 'SIGKILL');
      // Nobody is there for a moment, and yet nobody is refused.
      const answers = Array.from({ length: 20 }, async () => {
        const answer = await fetch(`http://127.0.0.1:${PORT}`, { headers: { connection: 'close' } });
        return await answer.text();
      });
      const second = await started('one', 2);
      expect(new Set(await Promise.all(answers))).to.deep.equal(new Set([String(second)]));
    } finally {
      stopping.abort();
      await running;
      socket!.close();
    }
  });

  it('stops every process when asked to, and returns 0', async () => {
    const ended = start(child('one', ENDS_ORDERLY), child('two', ENDS_ORDERLY));
    const pids = [await started('one'), await started('two')];
    stopping.abort();
    expect(await ended).to.equal(0);
    expect(pids.map(isRunning)).to.deep.equal([false, false]);
    for (const name of ['one', 'two']) expect(readFileSync(join(home, `${name}.stopped`), 'utf8')).to.equal('orderly');
    expect([pidFile('one'), pidFile('two'), pidFile('supervisor')], 'no pid file stays').to.deep.equal([undefined, undefined, undefined]);
    expect(startsOf('one'), 'and none was started again').to.have.length(1);
  });

  it('does not wait out a back-off when asked to stop during it', async () => {
    const ended = start(child('one', ENDS));
    await started('one', 5);
    // The next pause is 1.6 s.
    await eventually(() => expect(pidFile('one')).to.equal(undefined));
    const askedAt = performance.now();
    stopping.abort();
    expect(await ended).to.equal(0);
    expect(performance.now() - askedAt).to.be.lessThan(500);
  });

  it('does not wait out a back-off after the process it stopped has ended', async () => {
    const program = `${NOTE} import { readFileSync } from 'node:fs';
      if (readFileSync(home + '/' + name + '.starts', 'utf8').split('\\n').length < 6) process.exit(3);
      appendFileSync(home + '/' + name + '.ready', 'x');
      process.on('SIGTERM', () => process.exit(0));
      setInterval(() => undefined, 1000);`;
    const ended = start(child('one', program));
    await eventually(() => expect(existsSync(join(home, 'one.ready'))).to.equal(true), 8_000);
    const askedAt = performance.now();
    stopping.abort();
    expect(await ended).to.equal(0);
    expect(performance.now() - askedAt, 'milliseconds to stop').to.be.lessThan(800);
  });

  it('a process that says it cannot run ends everything, with its code', async () => {
    const ended = start(child('one', STAYS), child('two', CANNOT_RUN));
    expect(await ended).to.equal(EXIT_FATAL);
    expect(startsOf('two')).to.have.length(1);
    for (const { pid } of startsOf('one')) expect(isRunning(pid)).to.equal(false);
    expect([pidFile('one'), pidFile('two'), pidFile('supervisor')]).to.deep.equal([undefined, undefined, undefined]);
  });

  it('a command that is not there is tried again, and does not keep the others from running', async () => {
    const ended = start({ name: 'absent', command: join(home, 'absent'), args: [] }, child('one', STAYS));
    await started('one');
    expect(pidFile('absent')).to.equal(undefined);
    stopping.abort();
    expect(await ended).to.equal(0);
  });

  it('a process that ignores SIGTERM is killed after the grace period', async () => {
    const ended = start(child('one', IGNORES_STOP));
    const pid = await started('one');
    const askedAt = performance.now();
    stopping.abort();
    expect(await ended).to.equal(0);
    expect(isRunning(pid)).to.equal(false);
    expect(performance.now() - askedAt).to.be.within(14_500, 20_000);
  }).timeout(30_000);

  it('asked to stop before it began, it starts nothing', async () => {
    stopping.abort();
    expect(await start(child('one', STAYS))).to.equal(0);
    expect(startsOf('one')).to.deep.equal([]);
  });

  describe('logs', () => {
    it('what a process writes is appended to its log, for its owner only; it gets the environment', async () => {
      writeFileSync(join(home, 'one.log'), 'before\n', { mode: 0o600 });
      void start(child('one', TALKS));
      await eventually(() => expect(readFileSync(join(home, 'one.log'), 'utf8')).to.equal('before\nout\nerr\nhello\n'), 5_000);
    });

    it('a new log is readable by its owner only', async () => {
      void start(child('one', TALKS));
      await eventually(() => expect((statSync(join(home, 'one.log')).mode & 0o777).toString(8)).to.equal('600'));
    });

    it('a large one is turned over at a start, and one older is kept', async () => {
      const path = join(home, 'one.log');
      writeFileSync(`${path}.1`, 'oldest');
      writeFileSync(path, 'older');
      truncateSync(path, 10 * 1024 * 1024 + 1);
      void start(child('one', TALKS));
      await eventually(() => expect(readFileSync(path, 'utf8')).to.equal('out\nerr\nhello\n'), 5_000);
      expect(statSync(`${path}.1`).size).to.equal(10 * 1024 * 1024 + 1);
    });
  });

  it('restarts many times without piling up listeners', async () => {
    const warnings: string[] = [];
    const note = (warning: Error): void => void warnings.push(`${warning.name}: ${warning.message}`);
    process.on('warning', note);
    try {
      // Commands that are not there end at once: many restarts of many processes in a short time.
      const absent = Array.from({ length: 4 }, (_, index) => ({ name: `absent-${index}`, command: join(home, 'absent'), args: [] }));
      void start(...absent, child('one', ENDS));
      await started('one', 5);
      expect(warnings).to.deep.equal([]);
    } finally {
      process.off('warning', note);
    }
  });
});

// The small parts of set-up: hashing, ports, disk space, programs, ldd, and how an engine that is not there is seen.
import { expect } from 'chai';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { parseLdd } from '../../src/setup/base-image.ts';
import { hashInputs, readInputs } from '../../src/setup/content-hash.ts';
import { diagnoseDiskFull } from '../../src/setup/disk-space.ts';
import { EngineApi, EngineApiError } from '../../src/setup/engine-api.ts';
import { observeEngine } from '../../src/setup/engine.ts';
import { checkPortFree, listeningInodes, portTakenMessage } from '../../src/setup/port.ts';
import { CommandFailed, runCommand, streamCommand } from '../../src/setup/run-command.ts';
import type { SetUpError } from '../../src/setup/set-up-error.ts';

const never = new AbortController().signal;

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('it should have failed');
}

describe('set-up parts', () => {
  let dir: string;
  beforeEach(async () => (dir = await mkdtemp(join(tmpdir(), 'coxswain-setup-'))));
  afterEach(() => rm(dir, { recursive: true, force: true }));

  describe('hashing', () => {
    it('follows content and names, not order or times of change', async () => {
      await mkdir(join(dir, 'dist/deep'), { recursive: true });
      await writeFile(join(dir, 'dist/a.js'), '1');
      await writeFile(join(dir, 'dist/deep/b.js'), '2');
      const before = hashInputs(await readInputs(dir, 'dist'));
      await utimes(join(dir, 'dist/a.js'), 1, 1);
      expect(hashInputs([...(await readInputs(dir, 'dist'))].reverse())).to.equal(before);
      await writeFile(join(dir, 'dist/deep/b.js'), '3');
      expect(hashInputs(await readInputs(dir, 'dist'))).not.to.equal(before);
    });

    it('tells where one input ends and the next begins', () => {
      const one = hashInputs([{ name: 'a', content: 'bc' }]);
      expect(hashInputs([{ name: 'ab', content: 'c' }])).not.to.equal(one);
      const two = hashInputs([
        { name: 'a', content: '1' },
        { name: 'b', content: '' },
      ]);
      expect(two).not.to.equal(hashInputs([{ name: 'a', content: '1b0:' }]));
    });

    it('takes a file, ignores what it is told to, and a missing path is no input', async () => {
      await writeFile(join(dir, 'one'), 'x');
      await writeFile(join(dir, '.tsbuildinfo'), 'y');
      expect((await readInputs(dir, 'one')).map(({ name }) => name)).to.deep.equal(['one']);
      expect((await readInputs(dir, '.', (name) => name === '.tsbuildinfo')).map(({ name }) => name)).to.deep.equal(['one']);
      expect(await readInputs(dir, 'none')).to.deep.equal([]);
    });
  });

  describe('the port check', () => {
    let holder: Server;
    afterEach(() => holder.close());

    it('passes a free port and names the process that holds a taken one', async () => {
      holder = createServer().listen(0, '127.0.0.1');
      await once(holder, 'listening');
      const { port } = holder.address() as { readonly port: number };
      const refusal = (await failureOf(checkPortFree('127.0.0.1', port))) as SetUpError;
      expect(refusal.code).to.equal('PortTaken');
      expect(refusal.message).to.contain(`process ${process.pid} (`).and.to.contain('make up INGRESS_PORT=8080');
      holder.close();
      await once(holder, 'close');
      await checkPortFree('127.0.0.1', port);
    });

    it('proposes a port other than the one that is taken', () => {
      expect(portTakenMessage('0.0.0.0', 8080, undefined)).to.equal(
        "Port 8080 on 0.0.0.0 is taken by another program (to see which, as root: ss -ltnp 'sport = :8080'), so the ingress cannot listen there. " +
          'Stop that program, or choose another port: make up INGRESS_PORT=8081',
      );
    });

    it('reads listeners, and only listeners, from /proc/net/tcp', () => {
      const table = [
        '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
        '   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0',
        '   1: 0100007F:0050 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0',
        '   2: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0',
      ].join('\n');
      expect(listeningInodes(table, 80)).to.deep.equal(['111']);
    });
  });

  it('reads libraries from ldd, without the loader and the kernel object', () => {
    const output = [
      '\tlinux-vdso.so.1 (0x00007f5f)',
      '\tlibstdc++.so.6 => /lib/x/libstdc++.so.6 (0x00007f5f)',
      '\t/lib64/ld-linux-x86-64.so.2 (0x00007f5f)',
    ];
    expect(parseLdd(output.join('\n'))).to.deep.equal([{ name: 'libstdc++.so.6', path: '/lib/x/libstdc++.so.6' }]);
  });

  describe('programs', () => {
    it('fail with their exit code and last words', async () => {
      const options = { signal: never, deadlineMs: 5_000 };
      const failure = (await failureOf(runCommand('sh', ['-c', 'echo one; echo two >&2; exit 3'], options))) as CommandFailed;
      expect(failure.exitCode).to.equal(3);
      expect(failure.tail.split('\n').sort()).to.deep.equal(['one', 'two']);
    });

    it('are stopped with everything they started at the deadline, and by the signal', async () => {
      const startedAt = performance.now();
      const late = await failureOf(runCommand('sh', ['-c', 'sleep 30; true'], { signal: never, deadlineMs: 100 }));
      expect(late).to.be.instanceOf(CommandFailed);
      const stop = new AbortController();
      const stopped = failureOf(runCommand('sh', ['-c', 'sleep 30; true'], { signal: stop.signal, deadlineMs: 30_000 }));
      const reason = new Error('stop');
      stop.abort(reason);
      expect(await stopped).to.equal(reason);
      expect(performance.now() - startedAt).to.be.below(5_000);
    });

    it('that do not exist fail without an exit code', async () => {
      const failure = (await failureOf(runCommand('coxswain-no-such-program', [], { signal: never, deadlineMs: 5_000 }))) as CommandFailed;
      expect(failure).to.be.instanceOf(CommandFailed);
      expect(failure.exitCode).to.equal(null);
    });
  });

  it('calls a failure a full disk by errno, keeping the cause, and nothing else by its text', async () => {
    const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
    const diagnosed = (await diagnoseDiskFull(full, [dir])) as SetUpError;
    expect(diagnosed.code).to.equal('DiskFull');
    expect(diagnosed.cause).to.equal(full);
    const other = new Error('no space left on device, says a liar');
    expect(await diagnoseDiskFull(other, [dir])).to.equal(other);
  });

  describe('the engine', () => {
    it('that has no socket, or a socket nobody listens on, is not reachable', async () => {
      expect(await observeEngine(join(dir, 'none.sock'), never)).to.be.oneOf(['stopped', 'absent']);
    });

    it('that does not answer is unreachable, within seconds', async () => {
      const mute = createServer().listen(join(dir, 'mute.sock'));
      await once(mute, 'listening');
      try {
        const refusal = (await failureOf(observeEngine(join(dir, 'mute.sock'), never))) as SetUpError;
        expect(refusal.code).to.equal('EngineUnreachable');
      } finally {
        mute.close();
      }
    });

    describe('answering', () => {
      let status = 200;
      let lines: readonly string[] = [];
      let engine: ReturnType<typeof createHttpServer>;
      let api: EngineApi;
      beforeEach(async () => {
        engine = createHttpServer((request, response) => {
          // As Docker: it answers when it has what was sent. Sooner, the connection may close under what is still being sent.
          request.resume().once('end', () => {
            response.writeHead(status);
            if (lines.length === 0) response.flushHeaders();
            else response.end(lines.join('\r\n'));
          });
        }).listen(join(dir, 'engine.sock'));
        await once(engine, 'listening');
        api = new EngineApi(join(dir, 'engine.sock'));
      });
      afterEach(() => {
        engine.closeAllConnections();
        engine.close();
      });

      const body = () => streamCommand('sh', ['-c', 'head -c 300000 /dev/zero'], { signal: never, deadlineMs: 5_000 });
      const options = { tags: ['t'], labels: {}, buildArgs: {}, signal: never };

      it('reports a failed build with the lines before it', async () => {
        [status, lines] = [200, ['{"stream":"Step 1\\n"}', '{"error":"COPY failed"}']];
        const failure = (await failureOf(api.buildImage(body(), options))) as EngineApiError;
        expect(failure.message).to.equal('COPY failed');
        expect(failure.log).to.deep.equal(['Step 1']);
      });

      it('reports the status of a refused upload', async () => {
        [status, lines] = [400, ['{"message":"bad"}']];
        const failure = (await failureOf(api.buildImage(body(), options))) as EngineApiError;
        expect([failure.statusCode, failure.message]).to.deep.equal([400, 'bad']);
      });

      it('is not told that half a context is a whole one', async () => {
        [status, lines] = [200, ['{"stream":"ok"}']];
        const broken = streamCommand('sh', ['-c', 'echo half; exit 2'], { signal: never, deadlineMs: 5_000 });
        expect(await failureOf(api.buildImage(broken, options))).to.be.instanceOf(CommandFailed);
      });

      it('takes a registry that says nothing for none, in the time given', async () => {
        [status, lines] = [200, []];
        const startedAt = performance.now();
        await failureOf(api.pullImage('node:22-slim', 200, never));
        expect(performance.now() - startedAt).to.be.below(2_000);
      });

      it('counts an image that is gone or in use as removed', async () => {
        for (const answer of [404, 409]) {
          [status, lines] = [answer, ['{"message":"whatever"}']];
          await api.removeImageIfUnused('sha256:x', never);
        }
        [status, lines] = [500, ['{"message":"whatever"}']];
        expect(await failureOf(api.removeImageIfUnused('sha256:x', never))).to.be.instanceOf(EngineApiError);
      });
    });
  });
});

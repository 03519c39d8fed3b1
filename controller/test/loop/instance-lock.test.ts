import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { InstanceLocked, lockInstance } from '../../src/loop/instance-lock.ts';
import { eventually } from '../eventually.ts';

const LOCK_MODULE = new URL('../../src/loop/instance-lock.ts', import.meta.url).href;
const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));
const HOLDER = { pid: 4711, home: '/home/one', since: '2026-01-31T10:15:00.000Z' };

describe('lockInstance', () => {
  /** Abstract sockets are shared by all processes of this host. */
  const engine = `test-${process.pid}-${Date.now()}`;
  const held: Server[] = [];
  afterEach(async () => {
    await Promise.all(held.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  });

  async function lock(instance = 'default', engineId = engine): Promise<Server> {
    const server = await lockInstance(instance, engineId, HOLDER);
    held.push(server);
    return server;
  }

  async function refusal(instance = 'default', engineId = engine): Promise<InstanceLocked> {
    try {
      await lock(instance, engineId);
    } catch (error) {
      expect(error).to.be.instanceOf(InstanceLocked);
      return error as InstanceLocked;
    }
    throw new Error('the lock was given twice');
  }

  it('the second one is told who holds it', async () => {
    await lock();
    const { message, code } = await refusal();
    expect(code).to.equal('InstanceLocked');
    expect(message).to.equal(
      'instance "default" is already run by process 4711 (home /home/one, since 2026-01-31T10:15:00.000Z); ' +
        'stop it with "make down" there, or choose another COXSWAIN_INSTANCE',
    );
    expect((await refusal()).message, 'and asking does not free it').to.equal(message);
  });

  it('other instances and other engines are free', async () => {
    await lock();
    await lock('other');
    await lock('default', `${engine}-2`);
  });

  it('is free once it was closed', async () => {
    const server = await lock();
    await new Promise((resolve) => server.close(resolve));
    held.splice(0);
    await lock();
  });

  it('takes the longest instance name and the longest engine id', async () => {
    await lock('i'.repeat(40), `${engine}-`.padEnd(59, 'X'));
    await refusal('i'.repeat(40), `${engine}-`.padEnd(59, 'X'));
  });

  it('a holder that talks nonsense is another process', async () => {
    const stranger = createServer((socket) => socket.end('who are you?'));
    stranger.listen(`\0coxswain/${engine}/strange`);
    await once(stranger, 'listening');
    held.push(stranger);
    expect((await refusal('strange')).message).to.include('is already run by another process;');
  });

  it('a holder that does not answer is another process', async () => {
    const sockets: { destroy(): void }[] = [];
    const stranger = createServer((socket) => sockets.push(socket));
    stranger.listen(`\0coxswain/${engine}/mute`);
    await once(stranger, 'listening');
    held.push(stranger);
    expect((await refusal('mute')).message).to.include('is already run by another process;');
    for (const socket of sockets) socket.destroy();
  });

  describe('held by another process', () => {
    let directory: string;
    let child: ChildProcess;
    beforeEach(async () => {
      directory = mkdtempSync(join(tmpdir(), 'coxswain-lock-'));
      const script = join(directory, 'hold.mjs');
      writeFileSync(
        script,
        `import { lockInstance } from ${JSON.stringify(LOCK_MODULE)};
         await lockInstance('default', ${JSON.stringify(engine)}, { pid: process.pid, home: '/home/child', since: 'now' });
         process.stdout.write('held');
         setInterval(() => undefined, 1000);`,
      );
      child = spawn(process.execPath, ['--import', 'tsx', script], { cwd: REPOSITORY, stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout!, 'data');
    });
    afterEach(() => {
      child.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    });

    it('is refused with its pid, and free as soon as that was killed with SIGKILL', async () => {
      expect((await refusal()).message).to.include(`process ${child.pid ?? 0} (home /home/child, since now)`);
      child.kill('SIGKILL');
      await once(child, 'exit');
      await eventually(() => lock().then(() => true));
    });

    it('a holder that is stopped with SIGSTOP still holds it', async () => {
      child.kill('SIGSTOP');
      expect((await refusal()).message).to.include('already run by another process');
    });
  });
});

// The PostgreSQL image on the real engine: what it promises about data, passwords and interrupted starts.
import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import Docker from 'dockerode';
import { setUp } from '../../src/setup/set-up.ts';
import { STANDARD_ENGINE } from '../../src/setup/engine.ts';

const LABEL = { 'coxswain.dev/instance': `test-setup-${process.pid}` };
const DATA_DIR = '/var/lib/postgresql/data';
const IMAGE = 'postgres:coxswain';
const repositoryDir = resolve(import.meta.dirname, '../../..');
const docker = new Docker({ socketPath: STANDARD_ENGINE.socketPath });

interface Start {
  readonly volume: string;
  readonly password?: string;
  readonly environment?: readonly string[];
  readonly command?: readonly string[];
}

async function start({ volume, password = 'secret', environment = [], command = [] }: Start): Promise<Docker.Container> {
  const container = await docker.createContainer({
    Image: IMAGE,
    Labels: LABEL,
    Env: [`POSTGRES_PASSWORD=${password}`, 'POSTGRES_USER=app', 'POSTGRES_DB=shop', ...environment],
    Cmd: [...command],
    HostConfig: { Binds: [`${volume}:${DATA_DIR}`] },
  });
  await container.start();
  return container;
}

async function newVolume(): Promise<string> {
  const name = `coxswain-test-setup-${process.pid}-${randomUUID().slice(0, 8)}`;
  await docker.createVolume({ Name: name, Labels: LABEL });
  return name;
}

async function query(container: Docker.Container, sql: string, password = 'secret'): Promise<readonly unknown[]> {
  const { NetworkSettings } = await container.inspect();
  const host = NetworkSettings.Networks['bridge']!.IPAddress;
  const client = new pg.Client({ host, user: 'app', password, database: 'shop', connectionTimeoutMillis: 1_000 });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function eventually<T>(check: () => Promise<T>, deadlineMs = 10_000): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await delay(20);
  }
}

async function logOf(container: Docker.Container): Promise<string> {
  return (await container.logs({ stdout: true, stderr: true })).toString('latin1');
}

async function removeOurs(): Promise<void> {
  const filters = { label: Object.entries(LABEL).map(([name, value]) => `${name}=${value}`) };
  const containers = await docker.listContainers({ all: true, filters });
  await Promise.all(containers.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true })));
  const { Volumes } = await docker.listVolumes({ filters });
  await Promise.all(Volumes.map(({ Name }) => docker.getVolume(Name).remove()));
}

describe('the PostgreSQL image', function () {
  this.timeout(60_000);

  before(async function () {
    this.timeout(300_000);
    const cacheDir = await mkdtemp(join(tmpdir(), 'coxswain-setup-'));
    try {
      const { socketPath } = STANDARD_ENGINE;
      await setUp({ repositoryDir, cacheDir, socketPath, progress: () => undefined, signal: AbortSignal.timeout(290_000) });
    } finally {
      await rm(cacheDir, { recursive: true, force: true });
    }
  });
  after(removeOurs);

  it('makes the role and the database, and lets in those with the password only', async () => {
    const container = await start({ volume: await newVolume(), password: `it's "a" \\ $1 p\u00e4ss` });
    const rows = await eventually(() =>
      query(container, 'SELECT current_user AS who, current_database() AS what', `it's "a" \\ $1 p\u00e4ss`),
    );
    expect(rows).to.deep.equal([{ who: 'app', what: 'shop' }]);
    const refusal: unknown = await query(container, 'SELECT 1', 'wrong').catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(pg.DatabaseError);
    expect((refusal as pg.DatabaseError).code).to.equal('28P01');
  });

  it('runs as the postgres user, with durable writes and room for 200 clients', async () => {
    const container = await start({ volume: await newVolume() });
    const settings = "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'max_connections', 'server_encoding') ORDER BY name";
    expect(await eventually(() => query(container, settings))).to.deep.equal([
      { name: 'fsync', setting: 'on' },
      { name: 'max_connections', setting: '200' },
      { name: 'server_encoding', setting: 'UTF8' },
    ]);
    const top = (await container.top({ ps_args: '-eo uid,pid,args' })) as { readonly Processes: readonly (readonly string[])[] };
    expect(new Set(top.Processes.map(([uid]) => uid))).to.deep.equal(new Set(['999']));
  });

  it('keeps committed data through SIGKILL', async () => {
    const container = await start({ volume: await newVolume() });
    await eventually(() => query(container, 'CREATE TABLE kept AS SELECT 42 AS answer'));
    await container.kill({ signal: 'SIGKILL' });
    await container.start();
    expect(await eventually(() => query(container, 'SELECT answer FROM kept'))).to.deep.equal([{ answer: 42 }]);
  });

  it('ends cleanly and soon on its stop signal, with a client connected', async () => {
    const container = await start({ volume: await newVolume() });
    await eventually(() => query(container, 'SELECT 1'));
    const idle = query(container, 'SELECT pg_sleep(60)').catch(() => undefined);
    const startedAt = performance.now();
    await container.stop({ t: 20 });
    await idle;
    expect(performance.now() - startedAt).to.be.below(5_000);
    expect((await container.inspect()).State.ExitCode).to.equal(0);
  });

  it('takes a new password for old data', async () => {
    const volume = await newVolume();
    const first = await start({ volume, password: 'old' });
    await eventually(() => query(first, 'CREATE TABLE kept AS SELECT 42 AS answer', 'old'));
    await first.remove({ force: true });
    const second = await start({ volume, password: "new 'one'" });
    expect(await eventually(() => query(second, 'SELECT answer FROM kept', "new 'one'"))).to.deep.equal([{ answer: 42 }]);
    const refusal: unknown = await query(second, 'SELECT 1', 'old').catch((error: unknown) => error);
    expect((refusal as pg.DatabaseError).code).to.equal('28P01');
    expect(await logOf(second)).not.to.contain("new 'one'");
  });

  it('recovers from a first start that was killed at any point', async () => {
    for (const killAfterMs of [50, 300, 600, 850, 1_050, 1_250]) {
      const volume = await newVolume();
      const killed = await start({ volume });
      await delay(killAfterMs);
      await killed.remove({ force: true });
      const next = await start({ volume });
      const rows = await eventually(() => query(next, 'SELECT 1 AS one')).catch(async (error: unknown) => {
        throw new Error(`killed after ${killAfterMs} ms:\n${await logOf(next)}`, { cause: error });
      });
      expect(rows, `killed after ${killAfterMs} ms`).to.deep.equal([{ one: 1 }]);
      await next.remove({ force: true });
    }
  });

  it('goes on with a first start that was killed while its files were moved', async () => {
    const volume = await newVolume();
    const first = await start({ volume });
    await eventually(() => query(first, 'SELECT 1'));
    await first.stop();
    // The state in between: everything was complete, some entries are already in place, PG_VERSION is not.
    const back =
      'cd "$PGDATA" && mkdir -p .first-start/data && touch .first-start/complete && mv base global PG_VERSION .first-start/data/';
    const undo = await start({ volume, command: ['sh', '-c', back] });
    await undo.wait();
    const next = await start({ volume, password: 'another' });
    expect(await eventually(() => query(next, 'SELECT 1 AS one', 'another'))).to.deep.equal([{ one: 1 }]);
  });

  it('never deletes what is not its own', async () => {
    const volume = await newVolume();
    const writer = await start({ volume, command: ['sh', '-c', 'echo precious > "$PGDATA/theirs"'] });
    await writer.wait();
    const container = await start({ volume });
    expect(((await container.wait()) as { readonly StatusCode: number }).StatusCode).to.equal(1);
    expect(await logOf(container)).to.contain('holds theirs but no PostgreSQL data; refusing to mix');
    const reader = await start({ volume, command: ['cat', `${DATA_DIR}/theirs`] });
    await reader.wait();
    expect(await logOf(reader)).to.contain('precious');
  });

  it('waits for a container that still uses the data', async () => {
    const volume = await newVolume();
    const first = await start({ volume });
    await eventually(() => query(first, 'SELECT 1'));
    const second = await start({ volume });
    await eventually(async () => expect(await logOf(second)).to.contain('another container is still using this data'));
    expect(await query(first, 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }]);
    await first.kill();
    expect(await eventually(() => query(second, 'SELECT 1 AS one'))).to.deep.equal([{ one: 1 }]);
  });

  it('works with PGDATA in a directory below the volume', async () => {
    const container = await start({ volume: await newVolume(), environment: [`PGDATA=${DATA_DIR}/pgdata`] });
    expect(await eventually(() => query(container, 'SELECT 1 AS one'))).to.deep.equal([{ one: 1 }]);
  });
});

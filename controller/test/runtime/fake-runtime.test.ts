import { expect } from 'chai';
import type { FakeProgram } from './fake-container.ts';
import { EXIT_WITH, expectRejection, PROGRAM_LABEL, type Program } from './contract-world.ts';
import { describeContract } from './contract.ts';
import { FakeRuntime, type Fault } from './fake-runtime.ts';

const IMAGE = 'coxswain-test/busybox:latest';

/** The scripts of the contract, as the fake is told them. */
const PROGRAMS: Readonly<Record<Program, FakeProgram>> = {
  sleeper: { logs: ['first', 'second', 'third'] },
  deaf: { logs: ['deaf'], isIgnoringStop: true },
  polite: { logs: ['polite'], stopExitCode: 3 },
  brief: { logs: ['first', 'second', 'third'], exitAfterMs: 1, exitCode: 7 },
};

function exec(command: readonly string[]): { exitCode: number; output: string } {
  const isBroken = command.join(' ') === EXIT_WITH(5, 'broken').join(' ');
  return isBroken ? { exitCode: 5, output: 'broken\n' } : { exitCode: 0, output: 'fine\n' };
}

describeContract('FakeRuntime', () =>
  Promise.resolve({
    runtime: new FakeRuntime({
      images: [IMAGE],
      program: (spec) => ({ ...PROGRAMS[spec.labels[PROGRAM_LABEL] as Program], exec }),
    }),
    image: IMAGE,
    instanceLabel: 'coxswain.dev/instance=test-fake',
    prefix: 'fake',
    hostPorts: [8000, 8001, 8002],
    patienceMs: 10_000,
  }),
);

describe('FakeRuntime faults', () => {
  const signal = (): AbortSignal => AbortSignal.timeout(2000);

  function makeRuntime(fault: Fault): FakeRuntime {
    return new FakeRuntime({ fault: (callName) => (callName === 'createVolume' ? fault : 'none') });
  }

  it('an error before the effect has no effect', async () => {
    const runtime = makeRuntime('before');
    await expectRejection(runtime.createVolume('data', {}, signal()), 'EngineFailure', 500);
    expect([...runtime.volumes.keys()]).to.deep.equal([]);
  });

  it('a lost reply has had its effect', async () => {
    const runtime = makeRuntime('after');
    await expectRejection(runtime.createVolume('data', {}, signal()), 'Unreachable', 0);
    expect([...runtime.volumes.keys()]).to.deep.equal(['data']);
  });

  it('a hanging call ends with its signal only', async () => {
    const runtime = makeRuntime('hang');
    await expectRejection(runtime.createVolume('data', {}, AbortSignal.timeout(30)), 'Timeout', 0);
    expect([...runtime.volumes.keys()]).to.deep.equal([]);
  });
});

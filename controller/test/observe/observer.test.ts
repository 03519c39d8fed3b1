/** What is known of containers while lists and inspections overtake each other. */
import { expect } from 'chai';
import { LABEL } from '../../src/model/annotations.ts';
import type { ObservedContainer } from '../../src/model/observed.ts';
import { Observer } from '../../src/observe/observer.ts';
import { RuntimeError } from '../../src/runtime/container-runtime.ts';
import type { ContainerRuntime, ListedContainer } from '../../src/runtime/container-runtime.ts';
import { silent } from '../state/fixtures.ts';

describe('Observer', () => {
  const { signal } = new AbortController();
  const present = new Set<string>();
  let answerList: ((listed: readonly ListedContainer[]) => void) | undefined;
  const describe = (id: string): ObservedContainer =>
    ({ id, name: id, phase: 'running', networks: {}, labels: { [LABEL.instance]: 'test' } }) as unknown as ObservedContainer;
  const runtime = {
    listContainers: () => new Promise((resolve) => (answerList = resolve)),
    listNetworks: () => Promise.resolve([]),
    listVolumes: () => Promise.resolve([]),
    inspectContainer: (id: string) =>
      present.has(id) ? Promise.resolve(describe(id)) : Promise.reject(new RuntimeError('NotFound', 404, 'no such container')),
  } as unknown as ContainerRuntime;

  it('a list that was on its way while a container was made does not make it unknown, and it goes when it is gone', async () => {
    const observer = new Observer({ runtime, instance: 'test', callTimeoutMs: 1_000, logger: silent, onEvent: () => undefined });
    const first = observer.refresh([], signal);
    const answerOld = answerList!;
    present.add('made');
    observer.expect('made');
    await observer.refresh([], signal);
    expect([...observer.containers.keys()]).to.deep.equal(['made']);
    answerOld([]);
    await first;
    expect([...observer.containers.keys()]).to.deep.equal(['made']);

    present.delete('made');
    observer.resyncDue();
    const second = observer.refresh([], signal);
    answerList!([]);
    await second;
    expect([...observer.containers.keys()]).to.deep.equal([]);
  });

  it('a container that is told of before it can be inspected is known once it can', async () => {
    const list = (): Promise<readonly ListedContainer[]> => Promise.resolve([{ ...describe('early'), status: 'Created' }]);
    const early = { ...runtime, listContainers: list } as unknown as ContainerRuntime;
    const observer = new Observer({ runtime: early, instance: 'test', callTimeoutMs: 1_000, logger: silent, onEvent: () => undefined });
    await observer.refresh([], signal);
    expect([...observer.containers.keys()]).to.deep.equal([]);
    present.add('early');
    observer.resyncDue();
    await observer.refresh([], signal);
    expect([...observer.containers.keys()]).to.deep.equal(['early']);
    present.delete('early');
  });

  it('an inspection that is answered after its container is gone does not bring it back', async () => {
    let answer: ((container: ObservedContainer) => void) | undefined;
    const isSlow = { is: true };
    const slow = {
      ...runtime,
      listContainers: () => Promise.resolve([]),
      inspectContainer: (id: string) => (isSlow.is ? new Promise((resolve) => (answer = resolve)) : runtime.inspectContainer(id, signal)),
    } as unknown as ContainerRuntime;
    const observer = new Observer({ runtime: slow, instance: 'test', callTimeoutMs: 5_000, logger: silent, onEvent: () => undefined });
    observer.expect('late');
    const first = observer.refresh([], signal);
    while (answer === undefined) await Promise.resolve();
    isSlow.is = false;
    observer.touch('container:late');
    await observer.refresh([], signal);
    answer(describe('late'));
    await first;
    expect([...observer.containers.keys()]).to.deep.equal([]);
  });
});

import { expect } from 'chai';
import type { OperationOutcome } from '../../src/execute/executor.ts';
import { PulledImages } from '../../src/loop/pulled-images.ts';
import type { Operation } from '../../src/model/operation.ts';

const base = { subject: 'image:app:1', resource: 'pod/web-0', cause: 'test', image: 'app:1' };
const pull = (wasPresent: boolean): Operation => ({ ...base, verb: 'PullImage', forContainer: 'u/0', wasPresent, isFirst: true });
const failure = { verb: 'PullImage', code: 'EngineFailure', message: 'no', count: 1, lastAtMs: 0 };
const outcome = (operation: Operation, hasFailed = false): OperationOutcome => ({
  operation,
  containerId: undefined,
  failure: hasFailed ? failure : undefined,
  durationMs: 1,
});
const seen = (id: string): ReadonlyMap<string, { id: string; user: string; isBuiltHere: boolean }> =>
  new Map([['app:1', { id, user: '', isBuiltHere: false }]]);
const LOOKED = new Set(['app:1']);

describe('PulledImages', () => {
  let record: unknown;
  const store = { getRecord: () => record, putRecord: (_name: string, value: unknown) => (record = value) as undefined };
  beforeEach(() => (record = undefined));

  it('remembers what was pulled, over a restart, once its id was seen', () => {
    const own = new PulledImages(store);
    own.note(outcome(pull(false)));
    own.learn(LOOKED, seen('a'));
    expect([...new PulledImages(store).ids]).to.deep.equal([['app:1', 'a']]);
  });

  const not: readonly { readonly name: string; readonly happens: (own: PulledImages) => void }[] = [
    { name: 'what was here before', happens: (own) => own.note(outcome(pull(true))) },
    { name: 'what could not be pulled', happens: (own) => own.note(outcome(pull(false), true)) },
    {
      name: 'what was removed',
      happens: (own) => {
        own.note(outcome(pull(false)));
        own.note(outcome({ ...base, verb: 'RemoveImage' }));
      },
    },
    {
      name: 'what is gone',
      happens: (own) => {
        own.note(outcome(pull(false)));
        own.learn(LOOKED, new Map());
      },
    },
    {
      name: 'what means another image by now',
      happens: (own) => {
        own.note(outcome(pull(false)));
        own.learn(LOOKED, seen('a'));
        own.learn(LOOKED, seen('b'));
      },
    },
  ];
  for (const { name, happens } of not) {
    it(`does not remember ${name}`, () => {
      const own = new PulledImages(store);
      happens(own);
      expect([...own.ids]).to.deep.equal([]);
      expect(record).to.equal(undefined);
    });
  }

  it('keeps what nobody has looked for yet', () => {
    const own = new PulledImages(store);
    own.note(outcome(pull(false)));
    own.learn(new Set(), new Map());
    expect([...own.ids]).to.deep.equal([['app:1', '']]);
  });
});

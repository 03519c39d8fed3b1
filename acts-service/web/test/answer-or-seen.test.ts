// What the service worker shows when the service answers, fails or hangs.
import { expect } from 'chai';
import { answerOrSeen } from '../service-worker/answer-or-seen.ts';

describe('an answer or what was seen before', () => {
  const before = (): Promise<string> => Promise.resolve('seen');
  const nothing = (): Promise<undefined> => Promise.resolve(undefined);
  const failed = (): Promise<string> => Promise.reject(new Error('no connection'));
  const after = (ms: number): Promise<string> => new Promise((resolve) => setTimeout(() => resolve('answer'), ms));
  const outcome = (promise: Promise<string>): Promise<string> => promise.catch((error: unknown) => (error as Error).message);

  for (const { name, answer, seen, shown } of [
    { name: 'the answer in time is shown', answer: () => after(0), seen: before, shown: 'answer' },
    { name: 'without an answer it is what was seen', answer: failed, seen: before, shown: 'seen' },
    { name: 'without either it is an error', answer: failed, seen: nothing, shown: 'no connection' },
    { name: 'when the answer hangs it is what was seen', answer: () => new Promise<string>(() => undefined), seen: before, shown: 'seen' },
    { name: 'a late answer is waited for when nothing was seen', answer: () => after(60), seen: nothing, shown: 'answer' },
  ]) {
    it(name, async () => expect(await outcome(answerOrSeen(answer(), seen, 20))).to.equal(shown));
  }
});

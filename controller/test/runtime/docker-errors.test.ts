import { expect } from 'chai';
import { RuntimeError } from '../../src/runtime/container-runtime.ts';
import { toRuntimeError } from '../../src/runtime/docker-errors.ts';

const ID = '0123456789abcdef'.repeat(4);

describe('toRuntimeError', () => {
  const rows: readonly (readonly [status: number, text: string, is: string])[] = [
    [
      500,
      `driver failed programming external connectivity on endpoint web-0.1 (${ID}): Bind for 127.0.0.1:8000 failed: port is already allocated`,
      'start container: driver failed programming external connectivity on the container: Bind for 127.0.0.1:8000 failed: port is already allocated',
    ],
    [404, `No such container: ${ID}`, 'start container: No such container'],
    [
      409,
      `You cannot remove a running container ${ID}. Stop it first`,
      'start container: You cannot remove a running container. Stop it first',
    ],
    [400, 'exec: "/nope": no such file or directory', 'start container: exec: "/nope": no such file or directory'],
  ];
  for (const [status, text, is] of rows) {
    it(`says the same for every container: ${is.slice('start container: '.length, 70)}`, () => {
      const error = toRuntimeError('start container', { statusCode: status, json: { message: text } }, new AbortController().signal);
      expect(error).to.be.instanceOf(RuntimeError);
      expect((error as RuntimeError).message).to.equal(is);
    });
  }
});

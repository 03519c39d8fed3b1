import { expect } from 'chai';
import { HoldQueue } from '../../src/ingress/hold-queue.ts';
import type { HeldRequest } from '../../src/ingress/hold-queue.ts';
import { DEFAULT_LIMITS, HELD_BURST } from '../../src/ingress/limits.ts';
import { eventually } from '../eventually.ts';

describe('hold queue', () => {
  const COUNT = 5 * HELD_BURST;

  function fill(): { readonly queue: HoldQueue; readonly held: readonly HeldRequest[]; readonly released: number[] } {
    const queue = new HoldQueue(DEFAULT_LIMITS);
    const released: number[] = [];
    const held = Array.from({ length: COUNT }, (_, index) => {
      const holdable = { onRelease: () => void released.push(index), onHoldExpired: () => undefined };
      const entry = queue.add('svc', holdable, 10_000, false);
      if (entry === undefined) throw new Error('the queue is full');
      return entry;
    });
    return { queue, held, released };
  }

  it('gives an endpoint that is there again a few requests at once, and the others soon, in order', async () => {
    const { queue, released } = fill();
    queue.releaseGently('svc', 1);
    expect(released).to.have.length(HELD_BURST);
    await eventually(() => expect(released).to.have.length(COUNT));
    expect(released).to.deep.equal([...released].sort((a, b) => a - b));
    expect(queue.size).to.equal(0);
  });

  it('gives several endpoints as many more', () => {
    const { queue, released } = fill();
    queue.releaseGently('svc', 3);
    expect(released).to.have.length(3 * HELD_BURST);
    queue.release('svc');
  });

  it('leaves out who has gone meanwhile, and releases nobody twice', async () => {
    const { queue, held, released } = fill();
    queue.releaseGently('svc', 1);
    const gone = held.at(-1);
    if (gone !== undefined) queue.remove(gone);
    queue.releaseGently('svc', 1);
    await eventually(() => expect(queue.size).to.equal(0));
    expect(released).to.have.length(COUNT - 1);
    expect(new Set(released).size).to.equal(COUNT - 1);
  });
});

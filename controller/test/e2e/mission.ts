/**
 * The mission's scenario, on real Docker through the shipped manifests: one replica; 20 requests in a window make two; requests alternate;
 * a crashed replica comes back on its port; a quiet window makes one again. The window is the test's to choose.
 */
import { connect } from 'node:net';
import { expect } from 'chai';
import { eventually } from '../eventually.ts';
import { postAct, prepare } from './acts.ts';
import { System, withWindow } from './system.ts';

/** A GET whose target goes out byte for byte. Resolves with the answer's head. */
function rawGet(port: number, target: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`));
    socket.setEncoding('utf8');
    socket.once('data', (head: string) => {
      socket.destroy();
      resolve(head);
    });
    socket.once('error', reject);
  });
}

export function describeMission(
  title: string,
  options: { readonly name: string; readonly basePort: number; readonly windowSeconds: number },
): void {
  const { windowSeconds } = options;
  describe(title, function () {
    this.timeout((windowSeconds * 3 + 120) * 1000);
    let system: System;
    let hasFailed = false;

    before(async () => {
      system = new System({ ...options, edit: withWindow(windowSeconds) });
      await system.up();
    });
    afterEach(function () {
      hasFailed ||= this.currentTest?.state === 'failed';
    });
    after(async () => {
      await system.remove(hasFailed);
    });

    it('starts with one replica, on the first port', async () => {
      expect((await system.replicas()).map(({ port }) => port)).to.deep.equal([system.basePort]);
    });

    it('scales to two when 20 requests came within a window, and not for 19', async () => {
      // The requests of the preparation count as well: they start the clock, which is then reset.
      await prepare(system);
      await system.command('reset-autoscaler', 'acts');
      for (let index = 0; index < 20; index++) expect((await system.http('GET', '/api/v1/categories')).status).to.equal(200);
      expect((await system.http('GET', '/api/v1/_count')).status, 'operators are not counted').to.equal(200);
      const { status } = await system.status();
      expect(status.autoscalers[0]).to.include({ isArmed: true, countSoFar: 20 });
      await system.untilReplicas(2, (windowSeconds + 15) * 1000);
      expect((await system.replicas()).map(({ port }) => port)).to.deep.equal([system.basePort, system.basePort + 1]);
      const events = await system.events();
      expect(events.filter(({ reason }) => reason === 'SuccessfulRescale').map(({ message }) => message)).to.deep.equal([
        `Scaled acts from 1 to 2: 20 requests in ${windowSeconds} s at 19.99 per replica need 2 replicas`,
      ]);
    });

    it('splits six requests three and three', async () => {
      const before = await system.requestsByPod('acts');
      for (let index = 0; index < 6; index++) await system.http('GET', '/api/v1/categories');
      await eventually(async () => {
        const after = await system.requestsByPod('acts');
        const split = Object.keys(after)
          .sort()
          .map((pod) => (after[pod] ?? 0) - (before[pod] ?? 0));
        expect(split).to.deep.equal([3, 3]);
      }, 3_000);
    });

    it('reads a picture back through the other replica', async () => {
      const picture = Buffer.from('a picture that only one replica was given').toString('base64');
      const actId = await postAct(system, picture);
      for (const index of [0, 1]) {
        const list = await system.replica(index, 'GET', '/api/v1/categories/kindness/acts');
        expect(JSON.parse(list.body)).to.deep.include.members([
          {
            actId,
            username: 'ada',
            timestamp: '10-10-2019:45-23-03',
            caption: 'carried the bags',
            categoryName: 'kindness',
            imgB64: picture,
            upvotes: 0,
          },
        ]);
      }
    });

    it('takes a raw category name in the URL, as the first mobile app sends it, through the ingress and directly', async () => {
      expect((await system.http('POST', '/api/v1/categories', ['good deeds \u00e9'])).status).to.equal(201);
      const target = '/api/v1/categories/good deeds \u00e9/acts/size';
      for (const port of [system.ingressPort, system.basePort]) expect(await rawGet(port, target)).to.match(/^HTTP\/1\.1 204 /);
    });

    it('replaces a crashed replica on its port with a new container', async () => {
      const [first, second] = await system.replicas();
      expect((await system.replica(0, 'POST', '/api/v1/_crash')).status).to.equal(200);
      expect((await system.replica(0, 'GET', '/api/v1/_health')).status).to.equal(500);
      await eventually(async () => {
        const [healed] = await system.replicas();
        expect(healed?.port).to.equal(system.basePort);
        expect(healed?.id).not.to.equal(first?.id);
        expect((await system.replica(0, 'GET', '/api/v1/_health')).status).to.equal(200);
      }, 15_000);
      expect((await system.replicas())[1]?.id, 'its neighbour is left alone').to.equal(second?.id);
    });

    it('goes back to one replica after a quiet window', async () => {
      await system.untilReplicas(1, (windowSeconds * 2 + 20) * 1000);
      expect(
        (await system.replicas()).map(({ port }) => port),
        'the highest port went',
      ).to.deep.equal([system.basePort]);
    });
  });
}

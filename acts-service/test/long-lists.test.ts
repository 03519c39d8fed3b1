import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { addCategory } from './support/fixtures.ts';
import { freshDatabase, sql } from './support/postgres.ts';
import { isReady, startProcess } from './support/process.ts';
import { testEnv } from './support/replicas.ts';

describe('a list of 8 MB pictures', () => {
  it('is streamed in bounded memory, also to a client that reads slowly', async function () {
    this.timeout(60_000);
    const pictures = 40;
    const database = await freshDatabase();
    const replica = await startProcess(testEnv('acts', database));
    try {
      await isReady(replica);
      await addCategory(replica.url, 'big');
      await sql(
        database,
        `INSERT INTO acts (act_id, category_id, username, performed_at, caption, image, image_tail, image_digest)
         SELECT k::text, c.id, 'alice', '2019-01-01', 'c', decode(repeat('00', 6000000), 'hex'), 'AAAA', ''
           FROM generate_series(1, $1::int) k, categories c`,
        [pictures],
      );
      const peakMb = async (): Promise<number> =>
        Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${String(replica.child.pid)}/status`, 'utf8'))?.[1]) / 1024;
      const before = await peakMb();
      const read = new Promise<{ bytes: number; acts: number }>((resolve, reject) => {
        request(`${replica.url}/api/v1/categories/big/acts`, (response) => {
          let bytes = 0;
          let acts = 0;
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (chunk.includes('"imgB64"')) acts++;
            // Stops now and then, so that the server has to wait for its reader.
            if (bytes % 5 === 0) {
              response.pause();
              setImmediate(() => response.resume());
            }
          });
          response.on('end', () => resolve({ bytes, acts }));
          response.on('error', reject);
        })
          .on('error', reject)
          .end();
      });
      const { bytes } = await read;
      expect(bytes).to.be.within(pictures * 8_000_000, pictures * 8_000_200);
      // 320 MB went through; a few rows, their hex and their base64 were there at once.
      expect((await peakMb()) - before).to.be.below(200);
    } finally {
      replica.child.kill('SIGKILL');
      await replica.exited;
    }
  });
});

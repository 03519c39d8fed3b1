// Brings a demo into an Acts system: what is missing of it, some calls at a time.
import { createHash } from 'node:crypto';
import { type ActsClient, type Answer, SeedError } from './acts-client.ts';
import { categories, missingActs, usernames, type DemoAct } from './demo.ts';
import { Gallery } from './gallery.ts';

export interface Fill {
  readonly acts: number;
  readonly seed: number;
  readonly today: Date;
  /** Told after every act. */
  readonly onProgress: (done: number, total: number) => void;
}

export interface Filled {
  readonly users: number;
  readonly categories: number;
  readonly acts: number;
  /** Acts of this demo that were there before. */
  readonly existing: number;
  readonly votes: number;
}

const callsAtOnce = 6;
/** The service's own limit. */
const actsPerList = 100;

export async function fill(client: ActsClient, { acts: count, seed, today, onProgress }: Fill): Promise<Filled> {
  const filled = { users: 0, categories: 0, votes: 0 };
  for (const username of usernames) {
    const password = createHash('sha1').update(`${username}'s password`).digest('hex');
    if (await added(client, 'users', { username, password }, 'user-exists')) filled.users++;
  }
  const existing = new Set<number>();
  for (const { name } of categories) {
    if (await added(client, 'categories', [name], 'category-exists')) filled.categories++;
    else for (const actId of await actIds(client, name)) existing.add(actId);
  }
  const missing = missingActs(seed, count, today, existing);
  const gallery = new Gallery();
  let done = 0;
  let acts = 0;
  await inParallel(missing, async (act) => {
    if (await addAct(client, gallery, act)) {
      acts++;
      const given = await vote(client, act);
      filled.votes += given;
    }
    onProgress(++done, missing.length);
  });
  return { ...filled, acts, existing: count - acts };
}

async function addAct(client: ActsClient, gallery: Gallery, act: DemoAct): Promise<boolean> {
  const { actId, username, timestamp, caption, categoryName } = act;
  const imgB64 = await gallery.picture(act);
  return added(client, 'acts', { actId, username, timestamp, caption, categoryName, imgB64 }, 'act-exists');
}

/** How many were given. An act that somebody deletes meanwhile takes no more. */
async function vote(client: ActsClient, { actId, votes }: DemoAct): Promise<number> {
  for (let given = 0; given < votes; given++) {
    const answer = await client.call('POST', 'acts/upvote', [actId]);
    if (answer.code === 'unknown-act') return given;
    if (answer.status !== 200) throw refused('a vote', answer);
  }
  return votes;
}

/** False when it was there before. */
async function added(client: ActsClient, path: string, body: unknown, existsCode: string): Promise<boolean> {
  const answer = await client.call('POST', path, body);
  if (answer.status === 201) return true;
  if (answer.status === 400 && answer.code === existsCode) return false;
  throw refused(path, answer);
}

/** Of every act in the category, read list by list. */
async function actIds(client: ActsClient, categoryName: string): Promise<number[]> {
  const path = `categories/${encodeURIComponent(categoryName)}/acts`;
  const size = await client.call('GET', `${path}/size`);
  if (size.status === 204) return [];
  if (size.status !== 200) throw refused(`${path}/size`, size);
  const [total = 0] = JSON.parse(size.text) as number[];
  const ids: number[] = [];
  for (let start = 1; start <= total; start += actsPerList) {
    const end = Math.min(start + actsPerList - 1, total);
    const list = await client.call('GET', `${path}?start=${start}&end=${end}&images=none`);
    // Acts were deleted meanwhile: what is not seen here is refused as taken later.
    if (list.status !== 200) break;
    ids.push(...(JSON.parse(list.text) as { actId: number }[]).map(({ actId }) => actId));
  }
  return ids;
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  let hasFailed = false;
  // One iterator for all of them: each takes the next item when it is done with its last.
  const worker = async (): Promise<void> => {
    for (const item of rest) {
      if (hasFailed) return;
      await work(item).catch((error: unknown) => {
        hasFailed = true;
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: callsAtOnce }, worker));
}

function refused(what: string, { status, code, text }: Answer): SeedError {
  return new SeedError(`${what} was refused: ${status} ${code === '' ? text.slice(0, 200) : code}`);
}

// The acts of one category as the screens see them: an anchored list behind signals, with votes laid over it. Kept while the reader is in the
// app, so that coming back finds the list as it was left.
import { batch, signal, type Signal } from '@preact/signals';
import { shownVotes, tallyOf, voteAccepted, voteRefused, voteSent, votesListed, type VoteTally } from '../acts/vote-tally.ts';
import { explain } from '../api/explain.ts';
import { ServiceError } from '../api/request.ts';
import { countActs, deleteAct, listActs, thumbnailUrl, upvote, type Act, type ListedAct } from '../api/service.ts';
import { say } from '../messages/messages.ts';
import { AnchoredList } from './anchored-list.ts';
import { categories } from './categories.ts';

const feedsKept = 6;
const pollMs = 10_000;
/** More than this many are not worth waiting for together. */
const firstThumbnails = 20;
/** Every so many polls what is known is read again: changes in the middle may not show in the number of acts. */
const pollsPerResync = 6;

export type FeedState = 'loading' | 'ready' | 'gone' | 'failed';

export class CategoryFeed {
  readonly category: string;
  readonly acts = signal<readonly Act[]>([]);
  readonly waiting = signal(0);
  readonly total = signal(0);
  readonly isAtEnd = signal(false);
  readonly state = signal<FeedState>('loading');
  readonly problem = signal('');
  /** How often the reader asked for the newest: the list then shows its top. */
  readonly reveals = signal(0);
  readonly #votes = new Map<string, Signal<VoteTally>>();
  readonly #thumbnails = new Map<string, string>();
  readonly #list: AnchoredList<Act>;
  #running: Promise<void> | undefined;
  #polls = 0;

  constructor(category: string) {
    this.category = category;
    this.#list = new AnchoredList<Act>({
      size: () => countActs(category),
      expectedSize: () => expectedSize(category),
      range: async (start, end) => {
        const askedAt = performance.now();
        // A request for each thumbnail would be four round trips more, on the way to the first thing the reader sees.
        const isFirst = this.acts.peek().length === 0 && end - start < firstThumbnails;
        const acts = await listActs(category, start, end, isFirst ? 'thumbnails' : 'none');
        for (const act of acts ?? []) this.#noteVotes(act, askedAt);
        return acts?.map((act) => this.#keepThumbnail(act));
      },
    });
  }

  /** Reads on; does nothing while a read is under way. */
  more(isFar = false): Promise<void> {
    return this.#run(() => this.#list.more(isFar));
  }

  reveal(): void {
    this.#list.reveal();
    this.reveals.value++;
    this.#publish();
  }

  /** Shows the newest acts now, the reader's own new one among them. */
  async showNewest(): Promise<void> {
    await this.#running;
    await this.#run(() => this.#list.refreshTop());
    this.reveal();
  }

  /** Looks for changes every ten seconds while the page is looked at, and when it is looked at again; ends with the returned function. */
  follow(): () => void {
    const poll = (): void => {
      if (document.visibilityState === 'visible' && this.state.value !== 'loading') void this.#poll();
    };
    const timer = setInterval(poll, pollMs);
    document.addEventListener('visibilitychange', poll);
    addEventListener('online', poll);
    if (this.acts.value.length > 0) poll();
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', poll);
      removeEventListener('online', poll);
    };
  }

  /** Reads on until the act is there, a bounded number of pages. */
  async find(actId: string): Promise<Act | undefined> {
    for (let pages = 0; pages < 100; pages++) {
      const found = this.acts.value.find((act) => act.actId === actId);
      if (found !== undefined || this.isAtEnd.value || this.state.value === 'gone') return found;
      await (this.#running ?? this.more(true));
      if (this.state.value === 'failed') throw new Error(this.problem.value);
    }
    return undefined;
  }

  /** Where the act's thumbnail is: here already, or at the service. */
  thumbnail(actId: string): string {
    return this.#thumbnails.get(actId) ?? thumbnailUrl(actId);
  }

  votes(act: Act): number {
    return shownVotes(this.#tally(act).value);
  }

  /** Whether this reader's vote is among them. */
  hasVoted(act: Act): boolean {
    return this.#tally(act).value.own > 0;
  }

  async vote(act: Act): Promise<void> {
    const tally = this.#tally(act);
    tally.value = voteSent(tally.value);
    try {
      await upvote(act.actId);
      tally.value = voteAccepted(tally.value, performance.now());
    } catch (error) {
      tally.value = voteRefused(tally.value, performance.now());
      if (error instanceof ServiceError && error.code === 'unknown-act') this.#forget(act.actId);
      say('problem', `Your vote was not counted. ${explain(error)}`);
    }
  }

  async delete(act: Act): Promise<void> {
    await deleteAct(act.actId);
    this.#forget(act.actId);
  }

  async #poll(): Promise<void> {
    await this.#run(async () => {
      await this.#list.refreshTop();
      if (this.#list.isOutdated || ++this.#polls % pollsPerResync === 0) await this.#list.resync();
    });
  }

  /** One thing at a time: the list's calls are not meant to overlap. */
  #run(work: () => Promise<void>): Promise<void> {
    this.#running ??= this.#report(work).finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #report(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.state.value = 'ready';
    } catch (error) {
      this.problem.value = explain(error);
      this.state.value = error instanceof ServiceError && error.code === 'unknown-category' ? 'gone' : 'failed';
    }
    this.#publish();
  }

  #publish(): void {
    const { shown, waiting, total, isAtEnd } = this.#list;
    batch(() => {
      this.acts.value = shown;
      this.waiting.value = waiting;
      this.total.value = total;
      this.isAtEnd.value = isAtEnd;
    });
  }

  #forget(actId: string): void {
    this.#list.remove(actId);
    this.#votes.delete(actId);
    this.#thumbnails.delete(actId);
    this.#publish();
  }

  #keepThumbnail({ imgB64, ...act }: ListedAct): Act {
    if (imgB64 !== undefined && imgB64 !== '') this.#thumbnails.set(act.actId, `data:image/webp;base64,${imgB64}`);
    return act;
  }

  #tally(act: Act): Signal<VoteTally> {
    let tally = this.#votes.get(act.actId);
    if (tally === undefined) this.#votes.set(act.actId, (tally = signal(tallyOf(act.upvotes))));
    return tally;
  }

  #noteVotes(act: Act, askedAt: number): void {
    const tally = this.#votes.get(act.actId);
    if (tally !== undefined) tally.value = votesListed(tally.value, act.upvotes, askedAt);
  }
}

/** From the list of categories, which the page asks for before this script runs. 0 is as good as unknown: it may have changed. */
async function expectedSize(category: string): Promise<number | undefined> {
  if (categories.value.peek() === undefined) await categories.load();
  const count = categories.value.peek()?.find(({ name }) => name === category)?.acts;
  return count === 0 ? undefined : count;
}

const feeds = new Map<string, CategoryFeed>();

export function feedOf(category: string): CategoryFeed {
  const feed = feeds.get(category) ?? new CategoryFeed(category);
  // The latest used last; the one unused for longest goes.
  feeds.delete(category);
  feeds.set(category, feed);
  const oldest = feeds.keys().next().value;
  if (feeds.size > feedsKept && oldest !== undefined) feeds.delete(oldest);
  return feed;
}

/** After a category is deleted: one of the same name is another one. */
export function forgetFeed(category: string): void {
  feeds.delete(category);
}

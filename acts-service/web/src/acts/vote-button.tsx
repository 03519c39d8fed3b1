// Upvotes an act; the count moves at once.
import type { Act } from '../api/service.ts';
import type { CategoryFeed } from '../list/category-feed.ts';
import { Icon } from '../parts/icon.tsx';

/** Made when the first long number appears: it is slow to make. */
let shortNumber: Intl.NumberFormat | undefined;

function shortened(votes: number): string {
  if (votes < 1000) return String(votes);
  shortNumber ??= new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
  return shortNumber.format(votes);
}

export function VoteButton({ act, feed, size = 'small' }: { act: Act; feed: CategoryFeed; size?: 'small' | 'large' }) {
  const votes = feed.votes(act);
  return (
    <button
      type="button"
      class={`vote ${size} ${feed.hasVoted(act) ? 'voted' : ''}`}
      aria-label={`Upvote, ${votes} ${votes === 1 ? 'vote' : 'votes'}`}
      // A double click is meant as one.
      onClick={(event) => event.detail < 2 && void feed.vote(act)}
    >
      <Icon name="heart" />
      <span>{shortened(votes)}</span>
    </button>
  );
}

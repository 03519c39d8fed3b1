// One act in a category's grid. All cards are equally high: the grid reckons with it.
import type { Act } from '../api/service.ts';
import type { CategoryFeed } from '../list/category-feed.ts';
import { routeHash } from '../navigation/route.ts';
import { describeTime } from './act-time.ts';
import { Picture } from './picture.tsx';
import { VoteButton } from './vote-button.tsx';

/** Longer texts may have megabytes; two lines hold less than this. */
const shownChars = 240;

interface ActCardProps {
  readonly act: Act;
  readonly feed: CategoryFeed;
  readonly position: number;
  readonly total: number;
  readonly isPassing: boolean;
}

export function ActCard({ act, feed, position, total, isPassing }: ActCardProps) {
  const caption = act.caption.slice(0, shownChars).trim();
  return (
    <li class="card" aria-posinset={position} aria-setsize={total}>
      <a class="card-link" href={routeHash({ screen: 'act', category: feed.category, actId: act.actId })}>
        <Picture src={feed.thumbnail(act.actId)} alt="" kind="thumbnail" isPassing={isPassing} />
        <span class="caption" dir="auto">
          {caption === '' ? 'No caption' : caption}
        </span>
      </a>
      <div class="card-foot">
        <span class="byline">
          <bdi class="name">{act.username.slice(0, shownChars)}</bdi>
          <span class="date">{describeTime(act.timestamp, 'short')}</span>
        </span>
        <VoteButton act={act} feed={feed} />
      </div>
    </li>
  );
}

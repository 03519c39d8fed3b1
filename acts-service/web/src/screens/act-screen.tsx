// One act, large.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { describeTime } from '../acts/act-time.ts';
import { Picture } from '../acts/picture.tsx';
import { VoteButton } from '../acts/vote-button.tsx';
import { explain } from '../api/explain.ts';
import { imageUrl, type Act } from '../api/service.ts';
import { feedOf, type CategoryFeed } from '../list/category-feed.ts';
import { say } from '../messages/messages.ts';
import { goBack } from '../navigation/navigation.ts';
import { routeHash, type Route } from '../navigation/route.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { Screen, useUsableWhen } from '../parts/screen.tsx';
import { Empty, Failed } from '../parts/states.tsx';

/** Captions may have megabytes. */
const shownChars = 5000;

type Found = { readonly state: 'looking' | 'missing' } | { readonly state: 'failed'; readonly problem: string };

export function ActScreen({ category, actId }: { category: string; actId: string }) {
  const feed = useMemo(() => feedOf(category), [category]);
  const list: Route = { screen: 'category', category };
  const [act, setAct] = useState<Act | undefined>(() => feed.acts.peek().find((each) => each.actId === actId));
  const [found, setFound] = useState<Found>({ state: 'looking' });

  async function look(): Promise<void> {
    setFound({ state: 'looking' });
    try {
      const there = await feed.find(actId);
      if (there === undefined) setFound({ state: 'missing' });
      else setAct(there);
    } catch (error) {
      setFound({ state: 'failed', problem: explain(error) });
    }
  }
  useEffect(() => {
    if (act === undefined) void look();
    return feed.follow();
  }, []);
  useUsableWhen(act !== undefined || found.state !== 'looking');

  if (act !== undefined) return <FoundAct act={act} feed={feed} list={list} />;
  return (
    <Screen name="act" title="Act" back={{ to: list, label: category.slice(0, 80) }}>
      {found.state === 'looking' && (
        <>
          {/* Its address is known already: it travels while the act is looked for. */}
          <Picture src={imageUrl(actId)} alt="" kind="large" />
          <p role="status">Loading…</p>
        </>
      )}
      {found.state === 'failed' && <Failed problem={found.problem} onRetry={() => void look()} />}
      {found.state === 'missing' && (
        <Empty icon="heart" title="This act is gone">
          <p>Somebody deleted it, or the link is not right.</p>
          <a class="button primary" href={routeHash(list)}>
            See the other acts
          </a>
        </Empty>
      )}
    </Screen>
  );
}

function FoundAct({ act, feed, list }: { act: Act; feed: CategoryFeed; list: Route }) {
  const [isDeleting, setDeleting] = useState(false);
  const caption = act.caption.trim() === '' ? 'No caption' : act.caption;
  const shown = caption.length > shownChars ? `${caption.slice(0, shownChars)}…` : caption;
  return (
    <Screen
      name="act"
      title={shown.slice(0, 200)}
      heading={<span class={shown.length > 90 ? 'long' : ''}>{shown}</span>}
      back={{ to: list, label: act.categoryName.slice(0, 80) }}
    >
      <Picture src={imageUrl(act.actId)} alt={`Picture: ${shown.slice(0, 200)}`} kind="large" />
      <div class="act-details">
        <dl>
          <div>
            <dt>Shared by</dt>
            <dd dir="auto">{act.username.slice(0, 400)}</dd>
          </div>
          <div>
            <dt>When</dt>
            <dd>{describeTime(act.timestamp, 'full')}</dd>
          </div>
          <div>
            <dt>Category</dt>
            <dd dir="auto">
              <a href={routeHash(list)}>{act.categoryName.slice(0, 400)}</a>
            </dd>
          </div>
        </dl>
        <div class="act-buttons">
          <VoteButton act={act} feed={feed} size="large" />
          <button type="button" class="button quiet" onClick={() => setDeleting(true)}>
            <Icon name="trash" />
            Delete act
          </button>
        </div>
      </div>
      {isDeleting && (
        <Dialog
          title="Delete this act?"
          confirmLabel="Delete act"
          tone="danger"
          onClose={() => setDeleting(false)}
          onConfirm={async () => {
            await feed.delete(act);
            say('done', 'The act is deleted.');
            setTimeout(() => goBack(list));
          }}
        >
          <p>It will be gone for everyone, with its votes. This cannot be undone.</p>
        </Dialog>
      )}
    </Screen>
  );
}

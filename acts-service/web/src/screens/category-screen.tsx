// One category: its acts, newest first.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { deleteCategory } from '../api/service.ts';
import { ActGrid } from '../list/act-grid.tsx';
import { categories } from '../list/categories.ts';
import { feedOf, forgetFeed, type CategoryFeed } from '../list/category-feed.ts';
import { say } from '../messages/messages.ts';
import { go } from '../navigation/navigation.ts';
import { routeHash } from '../navigation/route.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { focusHeading, Screen, useUsableWhen } from '../parts/screen.tsx';
import { Empty, Failed, Skeletons } from '../parts/states.tsx';

export function CategoryScreen({ category }: { category: string }) {
  const feed = useMemo(() => feedOf(category), [category]);
  const [isDeleting, setDeleting] = useState(false);
  useEffect(() => {
    if (feed.acts.peek().length === 0) void feed.more();
    return feed.follow();
  }, [feed]);
  const state = feed.state.value;
  useUsableWhen(state !== 'loading');
  const canDelete = state !== 'gone';
  return (
    <Screen
      name="category"
      title={category}
      heading={<span class="clamp">{category.slice(0, 400)}</span>}
      back={{ to: { screen: 'categories' }, label: 'Categories' }}
      tools={
        canDelete && (
          <button type="button" class="icon-button" aria-label="Delete category" title="Delete category" onClick={() => setDeleting(true)}>
            <Icon name="trash" />
          </button>
        )
      }
    >
      <FeedContent feed={feed} />
      {isDeleting && (
        <Dialog
          title="Delete this category?"
          confirmLabel="Delete category"
          tone="danger"
          onClose={() => setDeleting(false)}
          onConfirm={async () => {
            await deleteCategory(category);
            forgetFeed(category);
            say('done', 'The category is deleted.');
            setTimeout(() => go({ screen: 'categories' }, 'replace'));
            await categories.load();
          }}
        >
          <p>
            <bdi>“{category.slice(0, 200)}”</bdi> and all its acts will be gone for everyone. This cannot be undone.
          </p>
        </Dialog>
      )}
    </Screen>
  );
}

function FeedContent({ feed }: { feed: CategoryFeed }) {
  const state = feed.state.value;
  const count = feed.acts.value.length;
  const share = routeHash({ screen: 'share', category: feed.category });
  if (state === 'gone') {
    return (
      <Empty icon="home" title="This category is gone">
        <p>Somebody deleted it, or the link is not right.</p>
        <a class="button primary" href="#/">
          See the categories
        </a>
      </Empty>
    );
  }
  if (state === 'loading') {
    return (
      <>
        <p class="lead" aria-hidden="true">
          Loading…
        </p>
        <Skeletons count={6} shape="card" />
      </>
    );
  }
  return (
    <>
      {count > 0 && <p class="lead">{feed.total.value === 1 ? '1 act' : `${feed.total.value.toLocaleString()} acts`}, newest first</p>}
      <div class="feed">
        <NewActs feed={feed} />
        {count > 0 && <ActGrid feed={feed} />}
      </div>
      {count === 0 && state === 'ready' && (
        <Empty icon="heart" title="No acts yet">
          <p>Be the first to share one here.</p>
          <a class="button primary" href={share}>
            Share an act
          </a>
        </Empty>
      )}
      {state === 'failed' && <Failed problem={feed.problem.value} onRetry={() => void feed.more()} />}
      {state === 'ready' && count > 0 && <p class="list-end">{feed.isAtEnd.value ? 'That is all of them.' : 'Loading more…'}</p>}
    </>
  );
}

function NewActs({ feed }: { feed: CategoryFeed }) {
  const waiting = feed.waiting.value;
  return (
    <div class="new-acts" role="status">
      {waiting > 0 && (
        <button
          type="button"
          class="pill"
          onClick={() => {
            feed.reveal();
            focusHeading();
          }}
        >
          <Icon name="up" />
          {waiting === 1 ? '1 new act' : `${waiting} new acts`}
        </button>
      )}
    </div>
  );
}
